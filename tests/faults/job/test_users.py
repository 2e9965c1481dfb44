"""Who runs it, and on what file system: other users, read-only places, no git."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.job.workspace import JOB, STRANGER, Workspace


@contextmanager
def read_only(path: Path) -> Iterator[None]:
    """`path` mounted read-only over itself."""
    subprocess.run(["mount", "--bind", path, path], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", path], check=True)
        yield
    finally:
        subprocess.run(["umount", path], check=True)


def give_away(workspace: Workspace) -> None:
    subprocess.run(["chown", "-R", f"{STRANGER}:{STRANGER}", workspace.path], check=True)


@pytest.mark.parametrize("name", ["dvc.lock", ".dvc/cache", "models", "."])
def test_fault_44_not_writable(workspace: Workspace, needs_root: None, name: str) -> None:
    """workspace, cache or dvc.lock not writable"""
    workspace.set_params(epochs=2)
    with read_only(workspace.path / name):
        message = workspace.refused(1, *JOB)
    path = "." if name == "." else name
    assert message.startswith(f"job: error: {path}: cannot be written by user 0 ")


def test_fault_44_files_of_another_user(workspace: Workspace, as_stranger: list[str]) -> None:
    """workspace, cache or dvc.lock not writable"""
    message = workspace.refused(1, *as_stranger, *JOB)
    assert message.startswith(f"job: error: .: cannot be written by user {STRANGER} (it belongs to 0); ")
    (workspace.path).chmod(0o777)
    message = workspace.refused(1, *as_stranger, *JOB)
    assert message.startswith(f"job: error: .dvc: cannot be written by user {STRANGER} ")


def test_fault_45_read_only_root(workspace: Workspace, needs_root: None) -> None:
    """read-only root file system"""
    script = (
        f"mount --bind {workspace.path} {workspace.path} && mount -o remount,bind,ro / && "
        f'(touch /tmp/x /var/tmp/x 2>/dev/null && exit 9; cd {workspace.path} && exec "$@")'
    )
    before = workspace.read("dvc.lock")
    done = workspace.run("unshare", "--mount", "sh", "-c", script, "sh", *JOB, "-f", "-s", "train")
    assert "Running stage 'train'" in done.stdout and workspace.read("dvc.lock") == before


def test_fault_46_user_without_a_name(workspace: Workspace, as_stranger: list[str]) -> None:
    """a user id with no passwd entry (`--user 12345:12345`)"""
    give_away(workspace)
    before = workspace.read("dvc.lock")
    done = workspace.run(*as_stranger, *JOB, "-f", "-s", "train")
    assert "Running stage 'train'" in done.stdout and workspace.read("dvc.lock") == before
    assert (workspace.path / "models/model.pkl").stat().st_uid == STRANGER


def test_fault_47_repo_of_another_user(workspace: Workspace, as_stranger: list[str]) -> None:
    """the repo is owned by another user"""
    subprocess.run(["chmod", "-R", "a+rwX", workspace.path], check=True)
    workspace.set_params(num_mistakes=23)
    workspace.run(*as_stranger, *JOB)
    assert workspace.run(*as_stranger, "git", "status", check=False).returncode != 0
    metrics = workspace.path / "reports/evaluate/metrics.json"
    metrics.write_text(metrics.read_text().replace('"accuracy": 0.8', '"accuracy": 0.9'))
    done = workspace.run(*as_stranger, *JOB, "--exec", "dvc", "metrics", "diff")
    assert "reports/evaluate/metrics.json" in done.stdout and "0.1" in done.stdout


def test_fault_48_no_git(workspace: Workspace) -> None:
    """no .git"""
    shutil.rmtree(workspace.path / ".git")
    message = workspace.refused(1, *JOB)
    assert message.startswith("job: error: .git: not found") and "`dvc config --local core.no_scm true`" in message
    workspace.run("python", "-m", "stages", "evaluate")
    workspace.run("dvc", "config", "--local", "core.no_scm", "true")
    before = workspace.read("dvc.lock")
    done = workspace.run(*JOB, "-f", "-s", "prepare")
    assert "job: no .git here" in done.stdout and workspace.read("dvc.lock") == before
    assert os.path.lexists(workspace.path / "models/model.pkl")
