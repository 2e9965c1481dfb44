"""What may lie in a folder: links, special files, hidden ones, odd names, folders too deep."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from linear_classifier.preparation.source_names import MAX_DEPTH
from tests.faults.job.workspace import STRANGER
from tests.linear_classifier.preparation.sources import find_all, images, passed_over, unusable, write_files

GOOD = {"cat/1.png": b"x", "dog/1.png": b"y"}


def test_open_folder_follows_no_link_out_or_in_a_circle(tmp_path: Path) -> None:
    source = write_files(tmp_path / "source", GOOD)
    write_files(tmp_path, {"outside/1.png": b"z", "source-2/1.png": b"z"})
    links = {
        "cat/inside.png": "1.png",
        "cat/other.png": "../dog/1.png",
        "cat/absolute.png": str(source / "dog/1.png"),
        "cat/out.png": "../../outside/1.png",
        "cat/begins_alike.png": "../../source-2/1.png",
        "cat/nothing.png": "gone.png",
        "cat/self.png": "self.png",
        "cat/up": "..",
        "cat/ping": "pong",
        "cat/pong": "ping",
        "cat/through.png": "1.png/x",
        "out": "../outside",
        "again": "cat",
    }
    for name, target in links.items():
        (source / name).symlink_to(target)
    os.link(source / "dog/1.png", source / "dog/hard.png")
    found = unusable(source)
    for name in ("cat/out.png", "cat/begins_alike.png", "out"):
        assert found.pop(name).startswith("a link that leads out of the source")
    for name in ("cat/self.png", "cat/ping", "cat/pong"):
        assert found.pop(name) == "a link in a circle"
    for name in ("cat/nothing.png", "cat/through.png"):
        assert found.pop(name).startswith("a link to nothing")
    for name in ("cat/up", "again"):
        assert found.pop(name).startswith("a link to a folder, which is not followed")
    assert not found
    assert {path for path, _, _ in images(source)} == {
        *GOOD,
        *("cat/inside.png", "cat/other.png", "cat/absolute.png", "dog/hard.png"),
    }


def test_open_folder_opens_no_special_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_files(tmp_path, GOOD)
    os.mkfifo(tmp_path / "cat/fifo.png")
    (tmp_path / "cat/link.png").symlink_to("fifo.png")
    monkeypatch.chdir(tmp_path)  # a socket's path is short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("cat/socket.png")
        found = unusable(tmp_path)
    kind = "a FIFO, socket or device"
    assert found["cat/fifo.png"] == found["cat/socket.png"] == kind
    assert found["cat/link.png"].startswith(f"a link to {kind}")


def test_open_folder_passes_over_what_is_hidden_and_what_systems_leave(tmp_path: Path) -> None:
    stray = {
        **dict.fromkeys((".DS_Store", ".git/config", ".hidden/1.png", "cat/.1.png", "__MACOSX/cat/._1.png"), b"x"),
        **dict.fromkeys(("cat/Thumbs.db", "cat/desktop.ini", "@eaDir/1.png", ".dvcignore"), b"x"),
    }
    write_files(tmp_path, {**GOOD, **stray})
    expected = {name.split("/")[0] if name[0] in ".@_" else name for name in stray}
    assert passed_over(tmp_path).keys() == expected
    assert {path for path, _, _ in images(tmp_path)} == set(GOOD)


def test_open_folder_names_names_that_are_not_utf8(tmp_path: Path) -> None:
    write_files(tmp_path, GOOD)
    try:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/cat/\xff.png")).touch()
    except OSError:
        pytest.skip("the file system takes UTF-8 only")
    assert unusable(tmp_path) == {"cat/\\xff.png": "name is not UTF-8"}
    bad = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xe9t\xe9"))
    bad.mkdir()
    (bad / "1.png").touch()
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"'empty' is empty.*xe9t.*xe9' has a name that is not printable"):
        find_all(tmp_path)


def test_open_folder_refuses_folders_too_deep(tmp_path: Path) -> None:
    deep = "cat/" + "d/" * (MAX_DEPTH - 1)
    write_files(tmp_path, {**GOOD, f"{deep}1.png": b"x", f"{deep}e/2.png": b"x"})
    assert unusable(tmp_path) == {f"{deep}e": f"more than {MAX_DEPTH} folders deep"}
    assert f"{deep}1.png" in {path for path, _, _ in images(tmp_path)}


def test_open_folder_names_a_folder_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_files(tmp_path, {**GOOD, "cat/locked/1.png": b"x"})
    (tmp_path / "cat/locked").chmod(0)
    tmp_path.chmod(0o755)
    monkeypatch.chdir(tmp_path)  # another user cannot get here by the whole path: pytest's folders are closed
    with not_as_root():
        found = unusable(Path())
    assert found == {"cat/locked/": "Permission denied"}


@contextmanager
def not_as_root() -> Iterator[None]:
    """This process as another user, if it is root, who may read everything."""
    user = os.geteuid()
    os.seteuid(user or STRANGER)
    try:
        yield
    finally:
        os.seteuid(user)
