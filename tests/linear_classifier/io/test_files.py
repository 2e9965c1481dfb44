import fcntl
import json
import os
from pathlib import Path

import pytest

from linear_classifier.io.files import replacing, write_bytes, write_json


def test_write_bytes_makes_folders_and_replaces_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a/b/file"
    write_bytes(path, b"old")
    write_bytes(path, b"new")
    assert path.read_bytes() == b"new" and list(path.parent.iterdir()) == [path]


def test_write_bytes_gives_the_usual_permissions(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_bytes(tmp_path / "file", b"")
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640


def test_replacing_keeps_the_old_file_when_the_block_fails(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), replacing(path) as file:
        file.write(b"half")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_replacing_sweeps_what_a_killed_writer_left_and_not_what_a_living_one_writes(tmp_path: Path) -> None:
    dead, living = tmp_path / ".file.dead.tmp", tmp_path / ".file.living.tmp"
    dead.touch()
    with living.open("wb") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        write_bytes(tmp_path / "file", b"")
    assert not dead.exists() and living.exists()


def test_replacing_refuses_a_folder(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(ValueError, match=r"out: a folder stands where a file is to be written"):
        write_bytes(tmp_path / "out", b"")
    assert list(tmp_path.iterdir()) == [tmp_path / "out"]


def test_replacing_names_the_target_and_not_the_temporary_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError) as caught:
        write_bytes(tmp_path / "file" / "below", b"")
    assert caught.value.filename == str(tmp_path / "file" / "below")


def test_write_json_keeps_order_and_refuses_nan(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    write_json(path, {"b": 1, "a": "ä"})
    assert path.read_text() == '{\n  "b": 1,\n  "a": "ä"\n}\n' and list(json.loads(path.read_text())) == ["b", "a"]
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"loss": float("nan")})
    assert json.loads(path.read_text())["b"] == 1
