"""Where the four raw files of Fashion-MNIST come from, and whether they are the real ones.

A file is accepted only when its decompressed SHA-256 is the known one, so it does not matter where it was found.
"""

import gzip
import hashlib
import math
import os
import shutil
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from linear_classifier.io.files import open_regular, replacing
from linear_classifier.preparation.idx import build_header, check_labels, header_size, parse_idx

NAME = "fashion-mnist"
CLASS_NAMES = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]
DEBIAN_PACKAGE = "dataset-fashion-mnist"
DEBIAN_FOLDER = Path("usr/share/datasets/fashion-mnist")  # below / where the package is installed
SILENCE, LIMIT = 20, 1800  # seconds without a byte, and in all, after which a download of 30 MB has failed
OTHER_FORMATS = {  # by how a file begins: other forms in which people have the data
    b"PK": "a zip archive: unpack it",
    b"label,": "a CSV, which is not read: get the four files instead",
    b"PAR1": "a Parquet file, which is not read: get the four files instead",
}


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
        ValueError: `named_folder` is no folder; a file is damaged; or no place has it, and then the message lists
        every place and why it failed, and what was found there under other names.
    """
    named = _check_named_folder(named_folder)
    places: list[tuple[str, Callable[[], Path]]] = [(str(raw_folder), lambda: raw_folder)]
    if named:
        places.append((f"prepare.source {named_folder}", lambda: named))
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
    folders = [folder for folder in (raw_folder, named) if folder]
    found = [f", but {hint}" for folder in folders for hint in _find_strays(folder, missing, folder)]
    raise ValueError(
        f"{raw_folder}: {', '.join(missing)} missing{''.join(found)}, and no place has it: {'; '.join(failures)}; "
        f"put the files there (plain or .gz), or name their folder in params.yaml as prepare.source"
    )


def load_raw_file(path: Path, file: RawFile) -> bytes:
    """The decompressed content of `path`, which is exactly that of `file`.

    Raises:
        ValueError: it is not; the message says what is wrong with it.
    """
    if path.is_dir() and (found := [*_find_strays(path, [file.name], path.parent)]):
        raise ValueError(f"{path}: a folder stands where a file is expected; {'; '.join(found)}")
    try:
        with _open(path) as stream:
            content = stream.read(file.size + 1)
    except FileNotFoundError:
        raise ValueError(f"{path}: a link to a file that is not there; {_what_to_do(path)}") from None
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        kind = "truncated gzip" if isinstance(error, EOFError) else f"damaged gzip ({error})"
        raise ValueError(f"{path}: {kind}; {_what_to_do(path)}") from None
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise ValueError(f"{path}: {_what_is_wrong(content, file)}; {_what_to_do(path)}")
    return content


class _UnavailableError(Exception):
    """A place that cannot be asked for files now; its message says why."""


def _check_named_folder(name: str) -> Path | None:
    """The folder that prepare.source names, `~` as in a shell; None for ""."""
    folder = Path(os.path.expanduser(name))  # noqa: PTH111 - pathlib's raises where there is no home
    if name and not folder.is_dir():
        found = "not a folder" if folder.exists() else "no such folder"
        raise ValueError(
            f"params.yaml: prepare.source {name}: {found}; name the folder with the four raw files, "
            f'or write "" for none'
        )
    return folder if name else None


def _find_strays(folder: Path, missing: list[str], to: Path) -> Iterator[str]:
    """What lies in `folder` or below and holds one of the `missing` files by how it begins; it belongs into `to`."""
    for path in sorted(islice(folder.rglob("*"), 1000)):  # it may be somebody's home
        start = _read_start(path)
        for file in FILES:
            if file.name in missing and start.startswith(build_header(file.shape)):
                yield f"{path} is by its header {file.name}: move it to {to}, under that name"
        for magic, hint in OTHER_FORMATS.items():
            if start.startswith(magic):
                yield f"{path} is {hint}"


def _read_start(path: Path) -> bytes:
    """The first bytes of the file `path`, decompressed; none where it is no file or cannot be read."""
    try:
        with _open(path) as stream:
            return stream.read(16)
    except (OSError, ValueError, EOFError, zlib.error):
        return b""


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
    """Why `content` is not that of `file`, as exactly as can be found out; it is at most one byte too long."""
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


def _what_to_do(path: Path) -> str:
    return f"delete {path} and run again to fetch it"


def _download_with_torchvision(raw_folder: Path) -> Path:
    """`raw_folder`, now with the files that TorchVision downloaded.

    In a process of its own, which can be ended: its download has no limit of time, and a server may send a byte a
    second for ever.
    """
    print(f"fetching {NAME} with TorchVision, 30 MB, {LIMIT // 60} minutes at most", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        code = (
            f"import socket, sys; socket.setdefaulttimeout({SILENCE})\n"
            f"try: from torchvision.datasets import FashionMNIST; FashionMNIST({folder!r}, download=True)\n"
            "except Exception as error: sys.exit(' '.join(f'{error}'.split()))"
        )
        _run([sys.executable, "-c", code], Path(folder), "download")
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
        f"Acquire::http::Timeout={SILENCE}",
        "-o",
        f"Acquire::https::Timeout={SILENCE}",
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


def _run(command: list[str], folder: Path, what: str = "") -> None:
    """Run `command` in `folder`; `what` names it where it fails.

    Raises:
        _UnavailableError: it failed, or did not end in time.
    """
    what = what or f"`{command[0]}`"
    try:
        subprocess.run(command, cwd=folder, capture_output=True, check=True, stdin=subprocess.DEVNULL, timeout=LIMIT)
    except subprocess.CalledProcessError as error:
        lines = error.stderr.decode(errors="replace").strip().splitlines()
        reason = next((line for line in lines if line.startswith("E:")), " ".join(lines[-1:]) or error.returncode)
        raise _UnavailableError(f"{what} failed ({reason})") from None
    except subprocess.TimeoutExpired:
        raise _UnavailableError(f"{what} failed (did not end in {LIMIT} seconds)") from None
    except OSError as error:
        raise _UnavailableError(f"{what} failed ({error})") from None


def _keep(found: Path, raw_folder: Path) -> Path:
    """`raw_folder`, now with a copy of each file of `found` that it lacks."""
    have = {file for file, _ in _present(raw_folder)}
    for file, path in _present(found):
        if file not in have:
            with path.open("rb") as source, replacing(raw_folder / path.name) as copy:
                shutil.copyfileobj(source, copy)
    return raw_folder
