import gzip
import hashlib
import os
import shutil
import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from linear_classifier.preparation import fashion_mnist as sources
from linear_classifier.preparation.fashion_mnist import FILES, load_raw_file, load_raw_files


@pytest.fixture
def nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """No place but folders has the files, as on a machine without a network and without Debian's package."""

    def unavailable(_: Path) -> Path:
        raise sources._UnavailableError("not asked in this test")

    monkeypatch.setattr(sources, "_download_with_torchvision", unavailable)
    monkeypatch.setattr(sources, "_find_or_download_debian", unavailable)


def test_files_are_those_that_torchvision_knows(raw_folder: Path) -> None:
    for file, content in zip(FILES, load_raw_files(raw_folder, "").values(), strict=True):
        assert (len(content), hashlib.sha256(content).hexdigest()) == (file.size, file.sha256)


@pytest.mark.usefixtures("nowhere_else")
def test_load_raw_files_takes_each_file_from_the_first_place_that_has_it(raw_folder: Path, tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    shutil.copytree(raw_folder, there)
    name = FILES[3].name
    shutil.move(there / f"{name}.gz", here / f"{name}.gz")
    (here / "stray.txt").write_text("ignored")
    assert load_raw_files(here, str(there)).keys() == {file.name for file in FILES}


@pytest.mark.usefixtures("nowhere_else")
def test_load_raw_files_reads_plain_files(raw_folder: Path, tmp_path: Path) -> None:
    for name, content in load_raw_files(raw_folder, "").items():
        (tmp_path / name).write_bytes(content)
    assert len(load_raw_files(tmp_path, "")) == 4


@pytest.mark.usefixtures("nowhere_else")
def test_load_raw_files_lists_every_missing_file_and_every_place(tmp_path: Path) -> None:
    (tmp_path / "named").mkdir()
    with pytest.raises(ValueError) as caught:
        load_raw_files(tmp_path / "raw", str(tmp_path / "named"))
    message = str(caught.value)
    assert all(file.name in message for file in FILES)
    assert all(place in message for place in ("raw", "prepare.source", "named", "TorchVision: not", "Debian: not"))


def label_file(edit: Callable[[bytearray], object], raw_folder: Path) -> bytes:
    content = bytearray(load_raw_files(raw_folder, "")[FILES[3].name])
    edit(content)
    return bytes(content)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda c: c.__setitem__(11, 255), "label 255 at index 3, expected 0 to 9"),
        (lambda c: c.__setitem__(11, (c[11] + 1) % 10), "SHA-256 .* expected 0402a96d.*content was changed"),
        (lambda c: c.pop(), "truncated: 10007 bytes, expected 10008"),
        (lambda c: c.append(0), "more than the expected 10008 bytes"),
        (lambda c: c.__setitem__(slice(4, 8), b"\0\0\x4e\x20"), "its dimensions are 20000, expected 10000"),
        (lambda c: c.__setitem__(slice(0, 5), b"<html"), "not an IDX file"),
    ],
)
def test_load_raw_file_says_what_is_wrong(
    edit: Callable[[bytearray], object], message: str, raw_folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / FILES[3].name
    path.write_bytes(label_file(edit, raw_folder))
    with pytest.raises(ValueError, match=f"{path.name}: {message}.*; delete .* and run again"):
        load_raw_file(path, FILES[3])


def test_load_raw_file_says_which_file_this_really_is(raw_folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "t10k-labels-idx1-ubyte.gz"
    shutil.copy(raw_folder / "train-labels-idx1-ubyte.gz", path)
    with pytest.raises(ValueError, match="really train-labels-idx1-ubyte, expected t10k-labels-idx1-ubyte"):
        load_raw_file(path, FILES[3])


def test_load_raw_file_takes_another_compression_and_refuses_a_truncated_one(raw_folder: Path, tmp_path: Path) -> None:
    path = tmp_path / f"{FILES[3].name}.gz"
    content = load_raw_files(raw_folder, "")[FILES[3].name]
    path.write_bytes(gzip.compress(content, 1))
    assert load_raw_file(path, FILES[3]) == content
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ValueError, match="truncated gzip"):
        load_raw_file(path, FILES[3])


@pytest.mark.skipif(shutil.which("apt-get") is None, reason="there is no apt-get here")
def test_load_raw_files_fetches_debians_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.environ.get("CI") != "true":
        pytest.skip("downloads 30 MB; runs in CI")
    monkeypatch.setattr(sources, "_download_with_torchvision", lambda _: tmp_path)
    assert len(load_raw_files(tmp_path, "")) == 4


@pytest.mark.parametrize(("name", "found"), [("gone", "no such folder"), ("file", "not a folder")])
def test_load_raw_files_checks_the_named_folder_also_where_no_file_is_missing(
    name: str, found: str, raw_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match=rf"prepare\.source .*{name}: {found}; name the folder .* or write \"\""):
        load_raw_files(raw_folder, str(tmp_path / name))


@pytest.mark.usefixtures("nowhere_else")
def test_fault_77_home_folder_in_a_path(raw_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`~` in a path of params.yaml"""
    shutil.copytree(raw_folder, tmp_path / "home/data")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert len(load_raw_files(tmp_path / "raw", "~/data")) == 4


@pytest.mark.usefixtures("nowhere_else")
@pytest.mark.parametrize(
    "place",
    [
        "raw/{name}.gz",
        "raw/FashionMNIST/raw/{stem}.gz",
        "raw/{stem} (1).gz",
        "raw/{stem}.gz.download",
        "raw/{stem}-folder/data",
        "named/{name}.gz",
    ],
)
def test_fault_78_raw_files_under_other_names(place: str, raw_folder: Path, tmp_path: Path) -> None:
    """raw files under the names that other tools give them"""
    (tmp_path / "named").mkdir()
    (tmp_path / "raw").mkdir()
    for file in FILES:
        path = tmp_path / place.format(name=file.name.replace("-idx", ".idx"), stem=file.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(raw_folder / f"{file.name}.gz", path)
    with pytest.raises(ValueError) as caught:
        load_raw_files(tmp_path / "raw", str(tmp_path / "named"))
    for file in FILES:
        path = tmp_path / place.format(name=file.name.replace("-idx", ".idx"), stem=file.name)
        assert f"{path} is by its header {file.name}: move it to {tmp_path / place.split('/')[0]}" in str(caught.value)


@pytest.mark.usefixtures("nowhere_else")
@pytest.mark.parametrize(
    ("name", "start", "hint"),
    [
        ("fashion-mnist_train.csv", b"label,pixel1\n", "a CSV, which is not read"),
        ("archive.zip", b"PK\3\4", "a zip archive: unpack it"),
        ("train-00000-of-00001.parquet", b"PAR1", "a Parquet file"),
    ],
)
def test_fault_78_data_in_other_formats(name: str, start: bytes, hint: str, tmp_path: Path) -> None:
    """raw files under the names that other tools give them"""
    (tmp_path / name).write_bytes(start + bytes(100))
    with pytest.raises(ValueError, match=f"missing, but .*{name} is {hint}"):
        load_raw_files(tmp_path, "")


def test_fault_78_folder_of_the_files_name(raw_folder: Path, tmp_path: Path) -> None:
    """raw files under the names that other tools give them"""
    folder = tmp_path / FILES[0].name
    folder.mkdir()
    shutil.copy(raw_folder / f"{FILES[0].name}.gz", folder / FILES[0].name)
    with pytest.raises(
        ValueError, match=f"a folder stands where a file is expected; {folder}/{FILES[0].name} is by its"
    ):
        load_raw_files(tmp_path, "")


def test_download_with_torchvision_ends_though_the_server_never_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It sends a byte now and then, so that no time-out of a socket ever comes."""
    ended = threading.Event()

    class Trickle(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "26421880")
            self.end_headers()
            with suppress(OSError):
                while not ended.wait(0.1):
                    self.wfile.write(b"x")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Trickle) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setattr(sources, "LIMIT", 10)
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.server_port}")
        with pytest.raises(sources._UnavailableError, match=r"download failed .did not end in 10 seconds"):
            sources._download_with_torchvision(tmp_path)
        ended.set()
        server.shutdown()
