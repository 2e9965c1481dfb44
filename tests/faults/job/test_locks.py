"""Two runs in one workspace, and what a killed one leaves."""

import errno
import json
import os

import pytest

from tests.faults.job.workspace import JOB, Workspace, wait_for_training, wait_until

# process 1 of a process-id namespace of its own, as in a container: the other run's processes cannot be seen
CONTAINER = ("unshare", "--mount", "--pid", "--fork", "--mount-proc")


def test_fault_41_second_run(workspace: Workspace) -> None:
    """a second run in the same workspace, same host"""
    workspace.set_params(epochs=5000)
    with workspace.running(*JOB) as first:
        wait_for_training(workspace)
        message = workspace.refused(75, *JOB)
        assert message.startswith(f"job: error: .dvc/tmp/job.lock: held by process {first.pid} on ")
        assert first.poll() is None


def test_fault_41_second_run_beside_plain_dvc(workspace: Workspace) -> None:
    """a second run in the same workspace, same host"""
    workspace.set_params(epochs=5000)
    with workspace.running("dvc", "repro") as first:
        wait_for_training(workspace)
        rwlock = workspace.read(".dvc/tmp/rwlock")
        message = workspace.refused(75, *JOB)
        assert message.startswith(f"job: error: .dvc/tmp/rwlock: held by process {first.pid}: ")
        assert workspace.read(".dvc/tmp/rwlock") == rwlock


@pytest.mark.parametrize("second", [JOB, (*CONTAINER, *JOB)], ids=["host", "container"])
def test_fault_42_second_container(workspace: Workspace, needs_root: None, second: tuple[str, ...]) -> None:
    """a second container in the same workspace (both are process 1)"""
    workspace.set_params(epochs=5000)
    with workspace.running(*CONTAINER, *JOB) as first:
        wait_for_training(workspace)
        assert workspace.refused(75, *second).startswith("job: error: .dvc/tmp/job.lock: held by process 1 on ")
        assert first.poll() is None


@pytest.mark.parametrize(
    "left", [b"damaged", b"", None, b"[]", b'{"write": 3}'], ids=["text", "empty", "stale", "list", "number"]
)
def test_fault_43_stale_dvc_lock(workspace: Workspace, left: bytes | None) -> None:
    """a stale or damaged DVC lock file after a killed container"""
    entry = {"pid": os.getpid(), "cmd": "dvc repro"}  # the id lives, but is not a dvc in this workspace
    stale = json.dumps({"write": {str(workspace.path / "models/model.pkl"): entry}, "read": {}}).encode()
    rwlock = workspace.path / ".dvc/tmp/rwlock"
    rwlock.write_bytes(stale if left is None else left)
    (workspace.path / ".dvc/tmp/lock").write_text("  1 \0 not a process id")
    assert workspace.run("dvc", "repro", "-f", check=False).returncode != 0
    done = workspace.run(*JOB, "-f", "-s", "prepare")
    assert "job: .dvc/tmp/rwlock: left by a run that was ended or killed; removed" in done.stdout
    assert json.loads(rwlock.read_bytes()) == {}


def test_fault_43_empty_dvc_lock_is_no_fault(workspace: Workspace) -> None:
    """a stale or damaged DVC lock file after a killed container"""
    (workspace.path / ".dvc/tmp/rwlock").write_text('{"write": {}}')  # as some dvc commands leave it
    assert "rwlock" not in workspace.run(*JOB, "-s", "prepare").stdout


def test_fault_70_hardlink_lock_left_behind(workspace: Workspace) -> None:
    """a leftover DVC lock of the other kind (`core.hardlink_lock`)"""
    workspace.run("dvc", "config", "--local", "core.hardlink_lock", "true")
    code = (
        "import os, signal\nfrom dvc.repo import Repo\n"
        "with Repo() as repo:\n    repo.lock.lock()\n    os.kill(os.getpid(), signal.SIGKILL)"
    )
    workspace.run("python", "-c", code, check=False)
    assert workspace.run("dvc", "repro", check=False).returncode != 0
    workspace.run(*JOB)
    workspace.run("dvc", "repro")


def test_fault_70_hardlink_lock_of_a_living_dvc(workspace: Workspace) -> None:
    """a DVC lock of the other kind that is no leftover"""
    workspace.run("dvc", "config", "--local", "core.hardlink_lock", "true")
    code = "import time\nfrom dvc.repo import Repo\nwith Repo() as repo:\n    repo.lock.lock()\n    time.sleep(600)"
    (workspace.path / ".dvc/tmp/dvc").write_text(code)
    lock = workspace.path / ".dvc/tmp/lock"
    lock.unlink(missing_ok=True)
    with workspace.running("python", ".dvc/tmp/dvc"):
        wait_until(lock.exists)
        assert workspace.refused(75, *JOB).startswith("job: error: .dvc/tmp/lock: held by a running `dvc`")


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_fault_69_no_flock(workspace: Workspace, number: int) -> None:
    """a disk without flock"""
    code = (
        f"import fcntl, os\ndef flock(*arguments): raise OSError({number}, os.strerror({number}))\n"
        "fcntl.flock = flock\nfrom tools.job.workspace import clear_dvc_locks, job_lock\n"
        "with job_lock(): clear_dvc_locks(hardlink=True)"
    )
    lines = workspace.run("python", "-c", code).stdout.splitlines()
    assert len(lines) == 1 and lines[0].startswith(
        "job: warning: .dvc/tmp/job.lock: this disk has no `flock`: a second"
    )


def test_fault_69_free_space_unknown(workspace: Workspace) -> None:
    """a disk that does not tell its free space"""
    code = (
        "import shutil\nfrom tools.dvc_project import open_project\nfrom tools.job.workspace import check_project\n"
        "shutil.disk_usage = lambda path: (0, 0, 0)\nwith open_project() as repo: check_project(repo)"
    )
    workspace.run("python", "-c", code)
