"""The one way a file is written, whole or not at all, and the one way a file from elsewhere is opened."""

import errno
import fcntl
import json
import os
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any, BinaryIO

# What a file system answers where it lacks flock, fchmod or fsync: NFS, Lustre, CIFS, FUSE mounts of object stores.
LACKING = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EPERM, errno.EACCES, errno.EINVAL)
_warned: list[str] = []


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A binary file to write; when the block ends well it stands at `path`, else `path` is as it was.

    The bytes go to a temporary file beside `path` and reach the disk before they take its name, so that a kill, a full
    disk or a power cut leaves the old file or the new one, never a part. Temporary files that killed runs left are
    swept. On a file system that lacks a call for this, the rest is done, and a warning says what is not promised.

    Raises:
        ValueError: `path` is a folder.
        OSError: the disk is full or the folder cannot be written; its `filename` is `path`.
    """
    if path.is_dir():
        raise ValueError(f"{path}: a folder stands where a file is to be written; move it away")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path)
        with _temporary_beside(path) as file:
            yield file
            file.flush()
            with _where_possible(path, "set modes"):
                os.fchmod(file.fileno(), 0o666 & ~_umask())
            with _where_possible(path, "force files to the disk"):
                os.fsync(file.fileno())
            Path(file.name).replace(path)
        with _where_possible(path, "force folders to the disk"):
            _sync_folder(path.parent)
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error  # NumPy's have no errno


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path`, whole or not at all; see `replacing`."""
    write_chunks(path, [content])


def write_chunks(path: Path, chunks: Iterable[bytes]) -> None:
    """Write `chunks` to `path`, one after the other, whole or not at all; see `replacing`."""
    with replacing(path) as file:
        file.writelines(chunks)


def write_json(path: Path, value: Any) -> None:
    """Write `value` to `path` as JSON, keys in the order given.

    Raises:
        ValueError: a number in `value` is NaN or infinite, which JSON cannot hold.
    """
    write_bytes(path, (json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False) + "\n").encode())


def open_regular(path: Path) -> BinaryIO:
    """`path`, opened to read without ever waiting.

    Raises:
        ValueError: it is a folder, or a FIFO, socket or device, which may hang, never end or act when opened.
        OSError: it is missing or cannot be read.
    """
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "a FIFO, socket or device"
        raise ValueError(f"{path}: {kind} stands where a file is expected; move it away")
    return open(path, "rb", opener=_open_without_waiting)


def _open_without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


@contextmanager
def _temporary_beside(path: Path) -> Iterator[IO[bytes]]:
    with NamedTemporaryFile(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent, delete=False) as file:
        try:
            with _where_possible(path, "lock files"):
                fcntl.flock(file, fcntl.LOCK_EX)  # says to a sweep that its writer lives
            yield file
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise


def _sweep(path: Path) -> None:
    """Remove what killed writers of `path` left; a living writer's file is locked and stays."""
    for leftover in path.parent.glob(f".{path.name}.*.tmp"):
        with suppress(OSError), leftover.open("rb") as file:  # in use, gone, another user's, or no locks on this disk
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            leftover.unlink()


@contextmanager
def _where_possible(path: Path, what: str) -> Iterator[None]:
    """Leave out what only adds safety where the file system of `path` lacks it, and say so, once a process."""
    try:
        yield
    except OSError as error:
        if error.errno not in LACKING:
            raise
        _warn_once(
            f"{path.parent}: this file system cannot {what} ({error.strerror}); files are still written whole, but not "
            "promised here: that they outlast a power cut, have the usual modes and leave no .tmp file after a kill"
        )


def _warn_once(message: str) -> None:
    if not _warned:
        _warned.append(message)
        print(f"warning: {message}", file=sys.stderr, flush=True)


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
