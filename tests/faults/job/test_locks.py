"""Two runs in one workspace, and what a killed one leaves."""

import json
import os

import pytest

from tests.faults.job.workspace import JOB, Workspace, wait_for_training

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
