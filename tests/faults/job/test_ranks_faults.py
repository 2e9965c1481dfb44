"""A training on several ranks, of which one process ends."""

import os
import re
import signal
import time
from pathlib import Path

import pytest

from tests.faults.job.workspace import Workspace, wait_for_training, wait_until


def find_rank(workspace: Workspace, rank: int) -> int:
    """The process of this rank."""
    for pid in workspace.processes("stages train"):
        variables = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
        if f"RANK={rank}" in variables:
            return pid
    raise AssertionError(f"no rank {rank}")


def find(workspace: Workspace, victim: str) -> int:
    if victim.startswith("rank"):
        return find_rank(workspace, int(victim[-1]))
    if victim == "dvc":
        return workspace.processes("dvc repro")[0]
    return int(Path(f"/proc/{find_rank(workspace, 0)}/stat").read_text().rpartition(")")[2].split()[1])  # its parent


@pytest.mark.parametrize("victim", ["rank 0", "rank 1", "launcher", "dvc"])
def test_fault_85_killed_process_of_several(workspace: Workspace, victim: str) -> None:
    """SIGKILL of any process of a training on several ranks"""
    model = workspace.read("models/model.pkl")
    workspace.set_params(epochs=5000, processes=2)
    with workspace.running("dvc", "repro") as dvc:
        wait_for_training(workspace)
        os.kill(find(workspace, victim), signal.SIGKILL)
        started = time.monotonic()
        assert dvc.wait(10) != 0
        wait_until(lambda: not workspace.processes())
        assert time.monotonic() - started < 10
    assert "Traceback" not in workspace.output
    if victim.startswith("rank"):
        [line] = re.findall(r"(?m)^train: error: .*", workspace.output)
        assert line.startswith(f"train: error: {victim} of this host was ended by SIGKILL")
    workspace.set_params(epochs=1)
    workspace.run("dvc", "repro")
    assert workspace.read("models/model.pkl") == model


@pytest.mark.parametrize(("before", "after"), [(1, 2), (2, 1)])
def test_fault_85_resumed_with_another_number_of_ranks(workspace: Workspace, before: int, after: int) -> None:
    """SIGKILL of any process of a training on several ranks"""
    workspace.set_params(epochs=4)
    workspace.run("dvc", "repro")
    lock, model = workspace.read("dvc.lock"), workspace.read("models/model.pkl")
    workspace.run("git", "checkout", "dvc.lock")
    workspace.set_params(processes=before)
    with workspace.running("dvc", "repro", "--force"):
        wait_for_training(workspace)
        for pid in workspace.processes():
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not workspace.processes())
    workspace.set_params(processes=after, threads=2)
    assert "train: goes on after" in workspace.run("dvc", "repro", "--force", "train").stdout
    workspace.run("dvc", "repro")
    assert workspace.read("models/model.pkl") == model and workspace.read("dvc.lock") == lock


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_fault_86_signal_to_ranks(workspace: Workspace, signum: signal.Signals, code: int) -> None:
    """a signal, or an error in one rank, while several train"""
    workspace.set_params(epochs=5000, processes=2)
    with workspace.running("python", "-m", "tools.job") as job:
        wait_for_training(workspace)
        os.killpg(job.pid, signum)
        assert job.wait(10) == code
        assert not workspace.processes() and not workspace.leftovers()
    assert "Traceback" not in workspace.output


def test_fault_86_one_rank_fails(workspace: Workspace) -> None:
    """a signal, or an error in one rank, while several train"""
    code = workspace.path / "linear_classifier/training/loop.py"
    failing = "    if this_rank() == 1 and len(state.history) == 1:\n        raise ValueError('rank 1 fails here')\n"
    before = "    state.set_lr(lr)\n"
    assert before in code.read_text()
    code.write_text(code.read_text().replace(before, before + failing))
    workspace.set_params(epochs=3, processes=2)
    started = time.monotonic()
    message = workspace.refused(2, "python", "-m", "stages", "train")
    assert message == "train: error: rank 1 fails here\n" and time.monotonic() - started < 60
    assert not workspace.processes()
