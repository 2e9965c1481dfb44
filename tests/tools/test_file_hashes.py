import hashlib
import os
import time
from pathlib import Path
from typing import Any

import pytest
from dvc.repo import Repo
from dvc_data.hashfile import build

from tools.dvc_project import hash_path, open_project

HOUR = 3600 * 10**9


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths of the files that were read."""
    paths: list[str] = []
    hash_file = build.__dict__["hash_file"]

    def noted(path: str, *rest: Any, **named: Any) -> Any:
        paths.append(path)
        return hash_file(path, *rest, **named)

    monkeypatch.setattr(build, "hash_file", noted)
    return paths


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of two files and a hard link to one of them, in a DVC project, which are an hour old."""
    monkeypatch.chdir(tmp_path)
    Repo.init(no_scm=True).close()
    (tmp_path / "out").mkdir()
    (tmp_path / "out/a").write_bytes(b"a")
    (tmp_path / "out/b").write_bytes(b"b")
    os.link("out/a", "link")
    now = time.time_ns
    monkeypatch.setattr("tools.file_hashes.time.time_ns", lambda: now() + HOUR)
    return tmp_path / "out"


def test_hash_path_reads_no_version_of_a_file_twice(old: Path, read: list[str]) -> None:
    with open_project() as repo:
        first = hash_path(repo, str(old))
        assert hash_path(repo, str(old)) == first and len(read) == 2
        assert hash_path(repo, str(old.parent / "link"))[0] == hashlib.md5(b"a").hexdigest()
    assert len(read) == 2, "a hard link is the same file"


def test_hash_path_reads_a_file_again_that_was_changed_whatever_its_time_says(old: Path, read: list[str]) -> None:
    with open_project() as repo:
        hash_path(repo, str(old / "a"))
        stamp = (old / "a").stat()
        (old / "a").write_bytes(b"c")
        os.utime(old / "a", ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
        assert hash_path(repo, str(old / "a"))[0] == hashlib.md5(b"c").hexdigest() and len(read) == 2


def test_hash_path_reads_a_file_again_that_has_just_been_changed(
    old: Path, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock of a file system may be too coarse to tell two changes apart."""
    monkeypatch.undo()
    os.chdir(old.parent)
    with open_project() as repo:
        assert hash_path(repo, str(old / "b")) == hash_path(repo, str(old / "b"))
