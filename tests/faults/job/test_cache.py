"""Objects of the DVC cache and of a remote that are damaged or gone."""

import re
import shutil
import socket
from pathlib import Path

import pytest

from tests.faults.job.workspace import JOB, Workspace


def object_of(workspace: Workspace, path: str, cache: str = ".dvc/cache") -> Path:
    """The object of a file in the workspace, in the cache or on a remote."""
    md5 = workspace.run("md5sum", path).stdout[:32]
    return workspace.path / cache / "files/md5" / md5[:2] / md5[2:]


def damage(path: Path) -> None:
    """Flip a bit, as a failing disk does: the mode stays, by which DVC takes an object for sound."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    mode = path.stat().st_mode
    path.chmod(0o644)
    path.write_bytes(content)
    path.chmod(mode)


def use_remote(workspace: Workspace) -> Path:
    """A remote in a folder, with all that the cache has; then neither cache nor workspace has any of it."""
    remote = workspace.path / ".dvc/remote"
    workspace.run("dvc", "remote", "add", "--default", "store", str(remote))
    workspace.run("dvc", "remote", "modify", "store", "verify", "true")
    workspace.run("dvc", "push")
    shutil.rmtree(workspace.path / ".dvc/cache")
    shutil.rmtree(workspace.path / "data/prepared")
    for name in ("models", "reports"):
        shutil.rmtree(workspace.path / name)
    workspace.run("git", "checkout", "reports")
    return remote


@pytest.mark.parametrize("path", ["models/model.pkl", "data/prepared/test/images.npy"])
def test_fault_31_corrupt_cache_object(workspace: Workspace, path: str) -> None:
    """a DVC cache object is corrupt, then `dvc checkout` (DVC accepts it silently)"""
    lock, whole = workspace.read("dvc.lock"), workspace.read(path)
    corrupt = object_of(workspace, path)
    damage(corrupt)
    out = "data/prepared" if path.startswith("data") else path
    workspace.run("rm", "-r", out)
    workspace.run("dvc", "checkout", out)
    assert workspace.run("dvc", "status").stdout == "Data and pipelines are up to date.\n"  # so DVC says

    message = workspace.refused(2, *JOB)
    stage = "prepare" if path.startswith("data") else "train"
    name = corrupt.relative_to(workspace.path)
    assert message == (
        f"job: error: {path}: its object in the DVC cache, {name}, is corrupt; "
        f"run `rm -f {name}` and then `dvc repro -f -s {stage}`\n"
    )
    workspace.run("rm", "-f", str(name))
    workspace.run("dvc", "repro", "-f", "-s", stage)
    workspace.run(*JOB)
    assert workspace.read(path) == whole and workspace.read("dvc.lock") == lock


def test_fault_31_corrupt_object_restored_from_the_run_cache(workspace: Workspace) -> None:
    """a DVC cache object is corrupt, then a run-cache restore (DVC accepts it silently)"""
    corrupt = object_of(workspace, "models/model.pkl")
    workspace.set_params(epochs=2)
    workspace.run("dvc", "repro")
    lock = workspace.read("dvc.lock")
    runs = sorted(workspace.path.glob(".dvc/cache/runs/*/*/*"))
    damage(corrupt)  # dvc.lock names another one now
    workspace.set_params(epochs=1)
    message = workspace.refused(2, *JOB)
    assert str(corrupt.relative_to(workspace.path)) in message and "`dvc repro -f -s train`" in message
    assert workspace.read("dvc.lock") == lock and sorted(workspace.path.glob(".dvc/cache/runs/*/*/*")) == runs


def test_fault_31_damaged_out(workspace: Workspace) -> None:
    """an out in the workspace is damaged in a way that DVC does not look for"""
    whole = workspace.read("models/model.pkl")
    path = workspace.path / "models/model.pkl"
    workspace.run("dvc", "status")
    stamp = path.stat()
    damage(path)
    import os

    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert workspace.run("dvc", "status").stdout == "Data and pipelines are up to date.\n"
    workspace.run(*JOB)
    assert workspace.read("models/model.pkl") == whole


def test_fault_32_corrupt_remote_object(workspace: Workspace) -> None:
    """an object on the remote is corrupt"""
    corrupt = object_of(workspace, "models/model.pkl")
    remote = use_remote(workspace)
    damage(remote / corrupt.relative_to(workspace.path / ".dvc/cache"))
    done = workspace.run("dvc", "pull", check=False)
    assert done.returncode != 0 and not (workspace.path / "models/model.pkl").exists()
    assert "is corrupted" in done.stderr or "failed to" in done.stderr


def test_fault_33_missing_remote_object(workspace: Workspace) -> None:
    """an object is missing on the remote"""
    whole, lock = workspace.read("models/model.pkl"), workspace.read("dvc.lock")
    missing = object_of(workspace, "models/model.pkl")
    remote = use_remote(workspace)
    (remote / missing.relative_to(workspace.path / ".dvc/cache")).unlink()
    done = workspace.run(*JOB)
    assert "job: remote store does not have all of" in done.stdout and "is made again" in done.stdout
    assert "Running stage 'train'" in done.stdout and "Running stage 'prepare'" not in done.stdout
    assert workspace.read("models/model.pkl") == whole and workspace.read("dvc.lock") == lock


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("s3://bucket/path", "requires 'dvc-s3' to be installed"),
        ("http://127.0.0.1:9/store", "Cannot connect to host 127.0.0.1:9"),
        ("/nowhere/to/be/found", "/nowhere/to/be/found: no such folder"),
    ],
    ids=["no client", "no network", "not mounted"],
)
def test_fault_79_remote_that_cannot_be_asked(workspace: Workspace, url: str, reason: str) -> None:
    """a remote that cannot be asked (extra missing, no credentials, no network)"""
    lock = workspace.read("dvc.lock")
    use_remote(workspace)
    workspace.run("dvc", "remote", "modify", "store", "url", url)
    done = workspace.run(*JOB)
    assert re.search(rf"job: remote store cannot be asked: .*{re.escape(reason)}.*; what is missing is", done.stdout)
    assert "does not have" not in done.stdout and "Traceback" not in done.stderr
    assert "Running stage 'train'" in done.stdout and workspace.read("dvc.lock") == lock


def test_fault_79_remote_that_never_answers(workspace: Workspace) -> None:
    """a remote that cannot be asked (a host that takes the connection and is silent)"""
    use_remote(workspace)
    with socket.create_server(("127.0.0.1", 0)) as server:
        workspace.run("dvc", "remote", "modify", "store", "url", f"http://127.0.0.1:{server.getsockname()[1]}/")
        code = (
            "import tools.job.remote as remote\nfrom tools.dvc_project import open_project\nremote.ANSWER = 2.0\n"
            "with open_project() as repo: remote.pull_missing(repo)"
        )
        done = workspace.run("python", "-c", code)
    assert done.stdout == (
        "job: remote store cannot be asked: no answer within 2 seconds; what is missing is made again\n"
    )
