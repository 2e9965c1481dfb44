"""A run that ends before its end, by signal or by kill."""

import os
import signal
from pathlib import Path

import pytest

from tests.faults.job.workspace import JOB, Workspace, wait_for_training, wait_until

TRAIN = ("python", "-m", "stages", "train")


def test_fault_34_stage_killed(workspace: Workspace) -> None:
    """a stage is killed (SIGKILL, out of memory)"""
    before, lock = workspace.read("models/model.pkl"), workspace.read("dvc.lock")
    md5 = workspace.run("md5sum", "models/model.pkl").stdout[:32]
    workspace.set_params(epochs=5000)
    with workspace.running("dvc", "repro") as dvc:
        os.kill(wait_for_training(workspace), signal.SIGKILL)
        assert dvc.wait(60) != 0
    assert workspace.read("dvc.lock") == lock
    assert not (workspace.path / "models/model.pkl").exists()
    assert workspace.read(f".dvc/cache/files/md5/{md5[:2]}/{md5[2:]}") == before
    workspace.set_params(epochs=1)
    workspace.run("dvc", "repro", "-f")
    assert workspace.read("models/model.pkl") == before and workspace.read("dvc.lock") == lock
    assert not workspace.leftovers()


@pytest.mark.parametrize("command", [TRAIN, JOB], ids=["stage", "job"])
def test_fault_35_sigterm(workspace: Workspace, command: tuple[str, ...]) -> None:
    """SIGTERM, `docker stop`"""
    workspace.set_params(epochs=5000)
    with workspace.running(*command) as process:
        wait_for_training(workspace)
        process.terminate()
        # 2 seconds are promised, on a machine with nothing else to do
        assert process.wait(10) == 143, workspace.output
        assert not workspace.processes() and not workspace.leftovers()
    assert "Traceback" not in workspace.output


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)], ids=["SIGTERM", "SIGINT"])
def test_fault_35_signal_while_it_imports(workspace: Workspace, signum: int, code: int) -> None:
    """SIGTERM, `docker stop`"""
    with workspace.running(*TRAIN) as process:
        wait_until(lambda: "libtorch" in _maps(process.pid))
        process.send_signal(signum)
        assert process.wait(10) == code
    assert "Traceback" not in workspace.output


@pytest.mark.parametrize(("command", "who"), [(TRAIN, "train"), (JOB, "job")], ids=["stage", "job"])
def test_fault_36_ctrl_c(workspace: Workspace, command: tuple[str, ...], who: str) -> None:
    """Ctrl-C"""
    workspace.set_params(epochs=5000)
    with workspace.running(*command) as process:
        wait_for_training(workspace)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does, to all in its foreground
        assert process.wait(10) == 130
        assert not workspace.processes()
    last = workspace.output.rpartition("epoch ")[2].splitlines()[1:]
    assert last == [f"{who}: error: interrupted; nothing is lost, run it again"]


@pytest.mark.parametrize(
    ("command", "victim"), [(("dvc", "repro"), "dvc repro"), (JOB, r"tools\.job"), (JOB, "dvc repro")]
)
@pytest.mark.parametrize("shell", ["/bin/sh", "/bin/bash"])
def test_fault_37_dvc_dies(workspace: Workspace, command: tuple[str, ...], victim: str, shell: str) -> None:
    """dvc dies and leaves its stage behind"""
    workspace.env["SHELL"] = shell
    workspace.set_params(epochs=5000)
    with workspace.running(*command):
        wait_for_training(workspace)
        for pid in workspace.processes(victim):
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not workspace.processes())


@pytest.mark.parametrize("victim", ["stages train", "dvc repro"])
def test_fault_34_job_says_that_something_was_killed(workspace: Workspace, victim: str) -> None:
    """a stage is killed (SIGKILL, out of memory)"""
    workspace.set_params(epochs=5000)
    with workspace.running(*JOB) as job:
        wait_for_training(workspace)
        [pid] = workspace.processes(victim)
        os.kill(pid, signal.SIGKILL)
        assert job.wait(60) == 137
        assert not workspace.processes()
    *_, last = workspace.output.splitlines()
    assert last.startswith("job: error: a stage or DVC was ended by SIGKILL") and "it goes on" in last


def test_fault_38_leftover_swept(workspace: Workspace) -> None:
    """a temporary file left by SIGKILL"""
    code = (
        "import os, signal\nfrom pathlib import Path\nfrom linear_classifier.io.files import replacing\n"
        "with replacing(Path('models/model.pkl')) as file:\n"
        "    file.write(b'half')\n    file.flush()\n    os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert workspace.run("python", "-c", code, check=False).returncode == -signal.SIGKILL
    assert len(workspace.leftovers()) == 1
    workspace.run(*TRAIN)
    assert not workspace.leftovers()


def _maps(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/maps").read_text()
    except OSError:
        return ""
