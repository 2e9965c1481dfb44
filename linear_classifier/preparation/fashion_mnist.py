"""Where the four raw files of Fashion-MNIST come from, and whether they are the real ones.

A file is accepted only when its decompressed SHA-256 is the known one, so it does not matter where it was found.
"""

import gzip
import hashlib
import http.client
import math
import os
import shutil
import socket
import subprocess
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from linear_classifier.io.files import open_regular, replacing
from linear_classifier.preparation.idx import build_header, check_labels, header_size, parse_idx

NAME = "fashion-mnist"
CLASS_NAMES = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]
DEBIAN_PACKAGE = "dataset-fashion-mnist"
DEBIAN_FOLDER = Path("usr/share/datasets/fashion-mnist")  # below / where the package is installed
TIMEOUT = 20  # seconds without a byte after which a download has failed


@dataclass(frozen=True)
class RawFile:
    """A raw file's name, its shape (images `(n, height, width)`, labels `(n,)`) and its SHA-256, decompressed."""

    name: str
    shape: tuple[int, ...]
    sha256: str

    @property
    def size(self) -> int:
        """Bytes, decompressed: the header's and one a value."""
        return header_size(self.shape) + math.prod(self.shape)


# The hashes are of the files that https://github.com/zalandoresearch/fashion-mnist publishes, decompressed: with their
# gzip headers put back, the files have the MD5s that TorchVision knows.
FILES = [
    RawFile(name, shape, sha256)
    for name, shape, sha256 in (
        (
            "train-images-idx3-ubyte",
            (60000, 28, 28),
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        ),
        ("train-labels-idx1-ubyte", (60000,), "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"),
        ("t10k-images-idx3-ubyte", (10000, 28, 28), "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"),
        ("t10k-labels-idx1-ubyte", (10000,), "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"),
    )
]


def load_raw_files(raw_folder: Path, named_folder: str) -> dict[str, bytes]:
    """The content of each of `FILES`, decompressed and checked, by its name.

    Each file is looked for in `raw_folder`, in `named_folder` (unless it is ""), in TorchVision's download and in
    Debian's package, in this order; what is downloaded is kept in `raw_folder`. A place that lacks a file leads to
    the next place; a file that is there and is not the real one is an error, since somebody should know.

    Raises:
        ValueError: a file is damaged, or no place has it; then the message lists every place and why it failed.
    """
    places: list[tuple[str, Callable[[], Path]]] = [(str(raw_folder), lambda: raw_folder)]
    if named_folder:
        places.append((f"prepare.source {named_folder}", lambda: Path(named_folder)))
    places += [
        ("TorchVision", lambda: _download_with_torchvision(raw_folder)),
        ("Debian", lambda: _find_or_download_debian(raw_folder)),
    ]

    contents: dict[str, bytes] = {}
    failures = []
    for place, find_folder in places:
        try:
            folder = find_folder()
        except _UnavailableError as reason:
            failures.append(f"{place}: {reason}")
            continue
        contents |= {
            file.name: load_raw_file(path, file) for file, path in _present(folder) if file.name not in contents
        }
        missing = [file.name for file in FILES if file.name not in contents]
        if not missing:
            return contents
        failures.append(f"{place}: no {', '.join(missing)}" if folder.is_dir() else f"{place}: no such folder")
    raise ValueError(
        f"{raw_folder}: {', '.join(missing)} missing, and no place has it: {'; '.join(failures)}; "
        f"put the files there (plain or .gz), or name their folder in params.yaml as prepare.source"
    )


def load_raw_file(path: Path, file: RawFile) -> bytes:
    """The decompressed content of `path`, which is exactly that of `file`.

    Raises:
        ValueError: it is not; the message says what is wrong with it.
    """
    try:
        with _open(path) as stream:
            content = stream.read(file.size + 1)
    except FileNotFoundError:
        raise ValueError(f"{path}: a link to a file that is not there; {_mend(path)}") from None
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        kind = "truncated gzip" if isinstance(error, EOFError) else f"damaged gzip ({error})"
        raise ValueError(f"{path}: {kind}; {_mend(path)}") from None
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise ValueError(f"{path}: {_what_is_wrong(content, file)}; {_mend(path)}")
    return content


class _UnavailableError(Exception):
    """A place that cannot be asked for files now; its message says why."""


def _present(folder: Path) -> Iterator[tuple[RawFile, Path]]:
    for file in FILES:
        for path in (folder / file.name, folder / f"{file.name}.gz"):
            if os.path.lexists(path):  # a broken link too: somebody meant a file to be there
                yield file, path
                break


def _open(path: Path) -> gzip.GzipFile | BinaryIO:
    """`path` as a stream of its decompressed bytes, whatever its name says."""
    with open_regular(path) as file:
        is_gzip = file.read(2) == b"\x1f\x8b"
    return gzip.open(path) if is_gzip else path.open("rb")


def _what_is_wrong(content: bytes, file: RawFile) -> str:
    """Why `content` is not that of `file`, as exactly as can be told; it is at most one byte too long."""
    for other in FILES:
        if hashlib.sha256(content[: other.size]).hexdigest() == other.sha256:
            extra = " with bytes after its end" if len(content) > other.size else ""
            return (
                f"this is really {other.name}{extra}, expected {file.name}"
                if other != file
                else f"more than the expected {file.size} bytes"
            )
    if len(content) > file.size:  # then it was not read to its end, and the header must do
        for other in FILES:
            if content.startswith(build_header(other.shape)) and other != file:
                return f"by its header this is really {other.name}, expected {file.name}"
    try:
        values = parse_idx(content, file.shape)
        if len(file.shape) == 1:
            check_labels(values, len(CLASS_NAMES))
    except ValueError as error:
        return str(error)
    return f"SHA-256 {hashlib.sha256(content).hexdigest()}, expected {file.sha256}: its content was changed"


def _mend(path: Path) -> str:
    return f"delete {path} and run again to fetch it anew"


def _download_with_torchvision(raw_folder: Path) -> Path:
    """`raw_folder`, now with the files that TorchVision downloaded; it shows its own progress bar."""
    try:
        from torchvision.datasets import FashionMNIST  # here, since it takes seconds to import and is seldom needed
    except ImportError as error:
        raise _UnavailableError(f"not installed ({error})") from None
    with tempfile.TemporaryDirectory() as folder, _network_timeout():
        try:
            FashionMNIST(folder, download=True)
        except (OSError, RuntimeError, http.client.HTTPException) as error:
            raise _UnavailableError(f"download failed ({' '.join(str(error).split())})") from None
        return _keep(Path(folder) / "FashionMNIST" / "raw", raw_folder)


def _find_or_download_debian(raw_folder: Path) -> Path:
    """Debian's package: its folder where it is installed, else `raw_folder` with its files, downloaded."""
    installed = Path("/") / DEBIAN_FOLDER
    if installed.is_dir():
        return installed
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise _UnavailableError(f"package {DEBIAN_PACKAGE} is not installed, and there is no apt-get here to fetch it")
    with tempfile.TemporaryDirectory() as folder:
        _apt_download(Path(folder))
        for package in Path(folder).glob("*.deb"):
            _run(["dpkg-deb", "--extract", str(package), folder], Path(folder))
        return _keep(Path(folder) / DEBIAN_FOLDER, raw_folder)


def _apt_download(folder: Path) -> None:
    """Fetch the package into `folder` without root: with the system's package lists, else with own ones."""
    options = [
        "-o",
        f"Acquire::http::Timeout={TIMEOUT}",
        "-o",
        f"Acquire::https::Timeout={TIMEOUT}",
        "-o",
        "Acquire::Retries=0",
    ]
    lists, cache = folder / "lists", folder / "cache"
    own_lists = ["-o", f"Dir::State::Lists={lists}", "-o", f"Dir::Cache={cache}", "-o", "APT::Sandbox::User="]
    try:
        _run(["apt-get", *options, "download", DEBIAN_PACKAGE], folder)
    except _UnavailableError:
        for part in (lists / "partial", cache / "archives" / "partial"):
            part.mkdir(parents=True)
        _run(["apt-get", *options, *own_lists, "update"], folder)
        _run(["apt-get", *options, *own_lists, "download", DEBIAN_PACKAGE], folder)


def _run(command: list[str], folder: Path) -> None:
    try:
        subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL, timeout=600
        )
    except subprocess.CalledProcessError as error:
        lines = [line for line in error.stderr.splitlines() if line.startswith("E:")] or error.stderr.splitlines()
        raise _UnavailableError(f"`{command[0]}` failed ({' '.join(lines[:1]) or error.returncode})") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _UnavailableError(f"`{command[0]}` failed ({error})") from None


def _keep(found: Path, raw_folder: Path) -> Path:
    """`raw_folder`, now with a copy of each file of `found` that it lacks."""
    have = {file for file, _ in _present(raw_folder)}
    for file, path in _present(found):
        if file not in have:
            with path.open("rb") as source, replacing(raw_folder / path.name) as copy:
                shutil.copyfileobj(source, copy)
    return raw_folder


@contextmanager
def _network_timeout() -> Iterator[None]:
    """TorchVision's download sets no time limit of its own and would wait for ever on a silent network."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIMEOUT)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
