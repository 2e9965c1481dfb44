"""`cache.type`: outs that are links to DVC's cache, or it to them."""

import os
from pathlib import Path

import pytest

from tests.faults.job.test_cache import object_of
from tests.faults.job.workspace import JOB, Workspace

MODEL = "models/model.pkl"


def link_outs(workspace: Workspace, kind: str) -> Path:
    """Let DVC link all outs; gives the object of the model."""
    workspace.run("dvc", "config", "--local", "cache.type", kind)
    workspace.run("dvc", "checkout", "--relink", "--quiet")
    return object_of(workspace, MODEL)


@pytest.mark.parametrize("kind", ["hardlink", "symlink"])
def test_job_verifies_and_makes_linked_outs(workspace: Workspace, kind: str) -> None:
    lock = workspace.read("dvc.lock")
    model = link_outs(workspace, kind)
    assert model.samefile(workspace.path / MODEL)
    assert "outs are, byte for byte, those of dvc.lock" in workspace.run(*JOB).stdout
    assert "Running stage" in workspace.run(*JOB, "--force").stdout and workspace.read("dvc.lock") == lock
    assert model.samefile(workspace.path / MODEL) and not model.stat().st_mode & 0o222
    assert model.stat().st_nlink == (2 if kind == "hardlink" else 1)


@pytest.mark.parametrize("kind", ["hardlink", "symlink"])
def test_job_names_the_object_that_an_edit_of_a_linked_out_has_damaged(workspace: Workspace, kind: str) -> None:
    whole, model = workspace.read(MODEL), link_outs(workspace, kind)
    stamp = model.stat()
    (workspace.path / MODEL).chmod(0o644)
    with (workspace.path / MODEL).open("r+b") as file:
        file.write(b"edited")
    os.utime(model, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    model.chmod(0o444)
    message = workspace.refused(2, *JOB)
    name = model.relative_to(workspace.path)
    assert f"{MODEL}: its object in the DVC cache, {name}, is corrupt; run `rm -f {name}` and then" in message
    workspace.run("rm", "-f", str(name))
    workspace.run("dvc", "repro", "-f", "-s", "train")
    workspace.run(*JOB)
    assert workspace.read(MODEL) == whole == model.read_bytes()


CHECK = """
import collections, shutil
from tools.dvc_project import open_project
from tools.job.workspace import SPARE, check_project
usage = collections.namedtuple("usage", "total used free")
shutil.disk_usage = lambda folder: usage(10**12, 0, SPARE + {free})
with open_project() as repo:
    check_project(repo)
"""


@pytest.mark.parametrize(("kind", "times"), [("hardlink", 1), ("symlink", 2), ("copy", 2)])
def test_job_wants_the_room_that_outs_take_as_they_are_cached(workspace: Workspace, kind: str, times: int) -> None:
    workspace.run("dvc", "config", "--local", "cache.type", kind)
    size = sum(path.stat().st_size for path in (workspace.path / "data/prepared").rglob("*") if path.is_file())
    workspace.run("rm", "-r", "data/prepared")  # the other outs stay
    workspace.run("python", "-c", CHECK.format(free=times * size))
    errors = workspace.run("python", "-c", CHECK.format(free=times * size - 1), check=False).stderr
    assert "MB free, this run needs" in errors and f"{(times * size + 2**24) // 2**20} MB" in errors
