"""A training that is killed again and again, whose checkpoint is spoilt, or whose checkpoint has no room."""

import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import yaml

from tests.faults.job.test_disk_full import tiny_disk
from tests.faults.job.workspace import JOB, TIMEOUT, Workspace, wait_for_training, wait_until


def use_fashion_mnist(workspace: Workspace) -> None:
    """So many epochs that the training takes some seconds, in batches so large that a file is written within one."""
    set_params(workspace, train={"epochs": 15})


def use_own_images(workspace: Workspace) -> None:
    """2,000 images of 64 x 64 x 3 in place of Fashion-MNIST."""
    generator = np.random.default_rng(0)
    labels = np.arange(2000) % 4
    means = generator.integers(90, 160, (4, 64, 64, 3))
    images = np.clip(generator.normal(means[labels], 60), 0, 255).astype(np.uint8)
    np.savez(workspace.path / "own.npz", x_train=images, y_train=labels, x_test=images[:200] ^ 1, y_test=labels[:200])
    own = {"dataset": "npz", "source": "own.npz", "image_size": [64, 64], "channels": 3}
    set_params(workspace, prepare=own, train={"epochs": 40, "min_steps": 0, "batch_size": 100})


def set_params(workspace: Workspace, **sections: dict[str, object]) -> None:
    path = workspace.path / "params.yaml"
    params = yaml.safe_load(path.read_text())
    for section, values in sections.items():
        params[section] |= values
    path.write_text(yaml.safe_dump(params, sort_keys=False))


def is_mid_epoch(workspace: Workspace) -> bool:
    begun = any(word in workspace.output for word in ("train: epoch", "train: goes on"))
    if begun:
        time.sleep(random.uniform(0, 1.5))
    return begun


def is_writing_a_checkpoint(workspace: Workspace) -> bool:
    return any((workspace.path / "checkpoints").glob(".train-*.tmp"))


def is_committing(workspace: Workspace) -> bool:
    done = "train:" in workspace.output and (workspace.path / "reports/train/metrics.json").exists()
    return done and not workspace.processes("stages train")


def kill_when(workspace: Workspace, moment: Callable[[Workspace], bool], victims: str) -> float | None:
    """Run `dvc repro`, and kill the `victims` of its processes at the `moment`; None if it ended before.

    Returns the seconds of work that are lost: since the training began, or since the checkpoint that it left.
    """
    begun = None
    with workspace.running("dvc", "repro") as dvc:
        deadline = time.monotonic() + TIMEOUT
        while True:
            if begun is None and "train: " in workspace.output:
                begun = time.time()
            if moment(workspace):
                break
            if dvc.poll() is not None:
                assert dvc.returncode == 0, workspace.output
                return None
            assert time.monotonic() < deadline, workspace.output
            time.sleep(0.0005)
        for pid in workspace.processes(victims):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        killed = time.time()
        wait_until(lambda: not workspace.processes())
    if is_cut(workspace.read("dvc.lock")):
        workspace.run("git", "checkout", "dvc.lock")
    kept = [path.stat().st_mtime for path in (workspace.path / "checkpoints").glob("train-*")]
    return killed - max([begun or killed, *kept])


def start_over(workspace: Workspace, lock: bytes) -> None:
    """As in a fresh clone with `lock`, where nothing of the training is left."""
    for folder in (".dvc/cache", "checkpoints", "models", "reports/train", "reports/evaluate"):
        shutil.rmtree(workspace.path / folder, ignore_errors=True)
    (workspace.path / "dvc.lock").write_bytes(lock)


@pytest.mark.parametrize(
    ("use", "kills"), [(use_fashion_mnist, 20), (use_own_images, 10)], ids=["fashion-mnist", "own-images"]
)
def test_fault_82_killed_thirty_times(workspace: Workspace, use: Callable[[Workspace], None], kills: int) -> None:
    """a training killed again and again (SIGKILL), also while it writes its checkpoint and while DVC commits"""
    random.seed(0)
    use(workspace)
    workspace.run("dvc", "repro", "prepare")
    before = workspace.read("dvc.lock")
    workspace.run("dvc", "repro")
    committed, model = workspace.read("dvc.lock"), workspace.read("models/model.pkl")
    start_over(workspace, before)
    kept: list[Path] = []
    for number in range(kills):
        moment = (is_mid_epoch, is_mid_epoch, is_writing_a_checkpoint, is_committing)[number % 4]
        victims = "" if moment is is_committing else random.choice(["", "dvc repro", "stages train"])
        lost = kill_when(workspace, moment, victims)
        if lost is not None:
            assert not kept or "train: goes on after" in workspace.output
        else:  # it had come to its end: one more, as where nothing of the training is left
            start_over(workspace, random.choice([before, committed]))
            lost = kill_when(workspace, moment, victims)
        assert lost is not None and lost < 10, workspace.output
        kept = list((workspace.path / "checkpoints").glob("train-*"))
    workspace.run("dvc", "repro")
    assert workspace.read("dvc.lock") == committed and workspace.read("models/model.pkl") == model
    assert not list((workspace.path / "checkpoints").iterdir()), "success removes it"


def kill_as_dvc_writes_its_lock_file(workspace: Workspace) -> None:
    lock = workspace.path / "dvc.lock"
    size = lock.stat().st_size
    with workspace.running(*JOB):
        wait_for_training(workspace)
        # DVC first, which the job's end would end
        pids = [*workspace.processes("dvc repro"), *workspace.processes(r"tools\.job")]
        deadline = time.monotonic() + TIMEOUT
        while lock.stat().st_size == size:
            assert time.monotonic() < deadline, workspace.output
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not workspace.processes())


def is_cut(lock: bytes) -> bool:
    """DVC writes its lock file in place, and in pieces: see "After a kill" in docs/operating.md."""
    return not lock.endswith(b"\n")


def test_fault_82_job_killed_while_dvc_writes_its_lock_file(workspace: Workspace) -> None:
    """a training killed again and again (SIGKILL), also while it writes its checkpoint and while DVC commits"""
    workspace.set_params(epochs=3)
    before = workspace.read("dvc.lock")
    for _ in range(5):  # the write takes 30 ms, which a busy machine may miss
        start_over(workspace, before)
        kill_as_dvc_writes_its_lock_file(workspace)
        if is_cut(workspace.read("dvc.lock")):
            break
    else:
        pytest.fail("each kill came when DVC had written its lock file")
    done = workspace.run(*JOB)
    assert "job: dvc.lock: was left half written; it is now as it was before the run" in done.stderr
    assert "train: epoch 1/3" not in done.stdout, "DVC has the model, by its run-cache"
    assert not list((workspace.path / "checkpoints").iterdir())
    assert not list((workspace.path / ".dvc/tmp/job").glob("*/before")), "of a run that ended"


LEFT = r"""
from pathlib import Path
from tools.dvc_project import LOCK, open_project
from tools.job.environment import private_folder
from tools.job.snapshot import Snapshot, restore_after_kill

ADDED = Path("added.dvc")
before = {path: path.read_bytes() for path in (LOCK, ADDED)}
lock, added = before.values()
LEFT = {
    "emptied": (b"", b"", True),
    "cut": (lock[:8191], added, True),
    "conflict": (b"<<<<<<< HEAD\n" + lock, added, False),
    "edited": (lock, added + b"desc: mine", False),
    "mistyped": (lock, added + b"desc: [\n", False),
    "removed": (None, None, False),
}
for name, (*now, restored) in LEFT.items():
    with open_project() as repo:
        Snapshot(repo, private_folder())
    for path, content in zip(before, now):
        path.unlink() if content is None else path.write_bytes(content)
    found = restore_after_kill(private_folder())
    after = [path.read_bytes() if path.exists() else None for path in before]
    if bool(found) != restored or after != ([lock, added] if restored else now):
        print(name, found)
    for path, content in before.items():
        path.write_bytes(content)
with open_project() as repo:
    Snapshot(repo, private_folder())
LOCK.write_bytes(b"")
(private_folder() / "before/paths.json").write_bytes(b"")
print(restore_after_kill(private_folder()))
"""


def test_fault_82_only_what_a_kill_left_is_put_back(workspace: Workspace) -> None:
    """a training killed again and again (SIGKILL), also while it writes its checkpoint and while DVC commits"""
    (workspace.path / "added").write_text("own\n")
    workspace.run("dvc", "add", "added")
    assert workspace.run("python", "-c", LEFT).stdout == "[]\n"


def stop_training(workspace: Workspace) -> Path:
    """Kill a training after its first epoch, and give its checkpoint."""
    workspace.set_params(epochs=15)
    with workspace.running("dvc", "repro"):
        os.kill(wait_for_training(workspace), signal.SIGKILL)
        wait_until(lambda: not workspace.processes())
    [path] = (workspace.path / "checkpoints").glob("train-*")
    return path


@pytest.mark.parametrize("fault", ["damaged", "stale", "foreign"])
def test_fault_83_checkpoint_spoilt(workspace: Workspace, fault: str) -> None:
    """a checkpoint that is damaged, stale or foreign"""
    path = stop_training(workspace)
    if fault == "damaged":
        path.write_bytes(path.read_bytes()[:-1000])
    elif fault == "stale":
        code = workspace.path / "linear_classifier/training/loop.py"
        code.write_text(code.read_text() + "# edited\n")
    else:
        path.rename(path.with_name("train-0.safetensors"))
    done = workspace.run("dvc", "repro")
    [line] = [line for line in done.stderr.splitlines() if "warning" in line]
    assert line.startswith("train: warning: checkpoints/train-") and "ignored" in line
    assert "train: epoch 1/15" in done.stdout


def test_fault_84_checkpoint_cannot_be_written(workspace: Workspace, needs_root: None) -> None:
    """no room for a checkpoint"""
    (workspace.path / "checkpoints").mkdir(exist_ok=True)
    with tiny_disk(workspace.path / "checkpoints", 0.1):
        done = workspace.run("dvc", "repro", "--force")
    [line] = [line for line in done.stderr.splitlines() if "warning" in line]
    assert line.startswith("train: warning: no checkpoint is kept") and "No space left on device" in line
    assert workspace.run("git", "status", "--porcelain").stdout == ""


def test_fault_82_force_computes_a_finished_run_again(workspace: Workspace) -> None:
    """a training killed again and again (SIGKILL), also while it writes its checkpoint and while DVC commits"""
    workspace.set_params(epochs=3)
    for command in (("repro", "train"), ("repro", "--force", "train"), ("repro", "--force")):
        assert "train: epoch 1/3" in workspace.run("dvc", *command).stdout, command
    assert not list((workspace.path / "checkpoints").iterdir())
