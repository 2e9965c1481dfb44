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
        message = workspace.refused(1, "python", "-m", "stages.prepare")
        assert message == (
            "prepare: error: data/prepared/train/images.npy: No space left on device; mend that and run it again\n"
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


def test_fault_40_lock_file_cut_short(workspace: Workspace, needs_root: None) -> None:
    """disk full while DVC commits"""
    code = (
        "from pathlib import Path\nfrom tools.record import Record\nrecord = Record(Path('.dvc/cache'))\n"
        "Path('dvc.lock').write_bytes(Path('dvc.lock').read_bytes()[:70] + b'- {')\nprint(record.mend_lock())"
    )
    lock = workspace.read("dvc.lock")
    assert workspace.run("python", "-c", code).stdout == "True\n"
    assert workspace.read("dvc.lock") == lock


def test_fault_40_no_room_to_begin_with(workspace: Workspace, needs_root: None) -> None:
    """disk full while DVC commits"""
    with tiny_disk(workspace.path / ".dvc", 10, keep=False):
        (workspace.path / ".dvc/config").touch()
        message = workspace.refused(1, *JOB)
        assert "MB free, this run needs" in message and "dvc gc" in message
