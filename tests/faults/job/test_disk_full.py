"""A disk that fills up: a real, tiny one."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.faults.job.workspace import JOB, Workspace


@contextmanager
def tiny_disk(folder: Path, megabytes: float, keep: bool = True) -> Iterator[None]:
    """A tmpfs of that size in place of `folder`, with its content."""
    aside = folder.with_name(folder.name + ".aside")
    folder.rename(aside)
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={int(megabytes * 1024)}k", "tiny", folder], check=True)
    try:
        if keep:
            subprocess.run(["cp", "-a", f"{aside}/.", folder], check=True)
        yield
    finally:
        subprocess.run(["umount", folder], check=True)
        folder.rmdir()
        aside.rename(folder)


def test_fault_39_disk_full_in_a_stage(workspace: Workspace, needs_root: None) -> None:
    """disk full while a stage writes"""
    with tiny_disk(workspace.path / "data/prepared", 54):  # 53 MB of content: a second copy does not fit
        old = workspace.read("data/prepared/train/images.npy")
        message = workspace.refused(1, "python", "-m", "stages", "prepare")
        assert message == (
            "prepare: error: data/prepared/train/images.npy: No space left on device; fix that and run it again\n"
        )
        assert workspace.read("data/prepared/train/images.npy") == old
        assert not workspace.leftovers()


def test_fault_40_disk_full_while_dvc_commits(workspace: Workspace, needs_root: None) -> None:
    """disk full while DVC commits"""
    workspace.set_params(num_mistakes=23)
    lock = workspace.read("dvc.lock")
    with tiny_disk(workspace.path / ".dvc", 60):  # the cache as it is, and not five megabytes of pictures more
        done = workspace.run("dvc", "repro", check=False)
        assert done.returncode != 0 and "No space left on device" in done.stderr
        assert workspace.read("dvc.lock") == lock
    workspace.run(*JOB)
    assert workspace.read("dvc.lock") != lock


CUT = r"""
from pathlib import Path
from tools.dvc_project import LOCK, open_project
from tools.job.environment import private_folder
from tools.job.snapshot import Snapshot

def take():
    with open_project() as repo:
        return Snapshot(repo, private_folder())

whole = LOCK.read_bytes()
ends = [place + 1 for place, byte in enumerate(whole) if byte == ord("\n")]
cuts = [0, 1, 70, len(whole) - 1, *ends[:-1:7]]  # no entry has seven lines, so that each line of one is met
for known, places in ((True, cuts), (False, cuts[:3])):
    for cut in places:
        LOCK.write_bytes(whole)
        if not known:
            LOCK.unlink()
        snapshot = take()
        LOCK.write_bytes(whole[:cut])
        before = whole if known else None
        if not (snapshot.restore_cut_records() and (LOCK.read_bytes() if LOCK.exists() else None) == before):
            print(known, cut, whole[:cut][-60:])
LOCK.write_bytes(whole)
snapshot = take()
LOCK.write_bytes(whole.replace(b"size: 1", b"size: 2"))
print("restored a whole one" if snapshot.restore_cut_records() else "whole")
"""


def test_fault_40_lock_file_cut_short(workspace: Workspace) -> None:
    """disk full while DVC commits (its write of dvc.lock cut at every seventh line, and in the middle of some)"""
    lines = workspace.run("python", "-c", CUT).stdout.splitlines()
    assert lines == ["whole"]


def test_fault_40_no_room_to_begin_with(workspace: Workspace, needs_root: None) -> None:
    """disk full while DVC commits"""
    with tiny_disk(workspace.path / ".dvc", 10, keep=False):
        (workspace.path / ".dvc/config").touch()
        message = workspace.refused(1, *JOB)
        assert "MB free, this run needs" in message and "dvc gc" in message
