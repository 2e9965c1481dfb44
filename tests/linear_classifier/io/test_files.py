import fcntl
import json
import os
from pathlib import Path

import pytest

from linear_classifier.io.files import replacing, write_bytes, write_json
from tests.lacking import lacking
from tests.processes import ROOT, run


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


@pytest.mark.parametrize(
    "calls",
    ["flock=38", "flock=37", "flock=95", "fchmod=1", "fchmod=95", "fsync_folder=22", "fsync_file=22",
     "flock=38,fchmod=1,fsync_file=95,fsync_folder=38"],
)  # fmt: skip
def test_fault_69_write_bytes_where_the_file_system_lacks_a_call(calls: str, tmp_path: Path) -> None:
    code = (
        "from pathlib import Path\nfrom linear_classifier.io.files import write_bytes\n"
        "for number in range(3): write_bytes(Path('out/file'), b'content')"
    )
    environment = {"PYTHONPATH": str(ROOT), **lacking(tmp_path, calls)}
    done = run("python", "-c", code, cwd=tmp_path, environment=environment)
    assert [path.read_bytes() for path in (tmp_path / "out").iterdir()] == [b"content"]
    assert done.stderr.startswith("warning: out: this file system cannot ") and done.stderr.count("\n") == 1


def test_fault_69_write_bytes_still_fails_where_the_disk_does(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path\nfrom linear_classifier.io.files import write_bytes\nwrite_bytes(Path('file'), b'')"
    )
    environment = {"PYTHONPATH": str(ROOT), **lacking(tmp_path, "fsync_file=5")}
    done = run("python", "-c", code, cwd=tmp_path, environment=environment, check=False)
    assert "Input/output error: 'file'" in done.stderr and not list(tmp_path.glob("*file*"))
