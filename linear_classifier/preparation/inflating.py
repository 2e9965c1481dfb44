"""Compressed files read in a stream, with limits on what they may grow to, and every kind of damage as a ValueError."""

import bz2
import errno
import gzip
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

FORMATS = {  # what the first bytes of a file say
    b"PK\3\4": "zip",
    b"PK\5\6": "zip",
    b"\x1f\x8b": "gz",
    b"BZh": "bz2",
    b"\xfd7zXZ\0": "xz",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"Rar!": "rar",
    b"\x28\xb5\x2f\xfd": "zstd",
}
FREE, MAX_RATIO = 100 * 10**6, 200  # inflated bytes that are never a bomb; beyond them, at most so many a packed byte
XZ_MEMORY = 128 * 2**20  # bytes; `xz -9` needs 65 MiB to inflate, and a hostile file may name 4 GiB
_CHUNK = 2**16


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def is_bomb(inflated: int, packed: int) -> bool:
    return inflated > max(FREE, MAX_RATIO * packed)


def check_inflated(path: Path, inflated: int, packed: int) -> None:
    if is_bomb(inflated, packed):
        raise ValueError(
            f"{path}: grows from {packed} to {inflated} bytes or more, as a bomb does; expected at most "
            f"{MAX_RATIO} times its size; pack its files without compression"
        )


@contextmanager
def open_inflated(file: BinaryIO, compression: str) -> Iterator["Inflated"]:
    """`file`, open at its start, as a stream of its inflated bytes; `compression` is gz, bz2, xz, or else none."""
    if compression == "gz":
        with gzip.GzipFile(fileobj=file) as unzipped:
            yield Inflated(unzipped, file)
    elif compression == "bz2":
        with bz2.BZ2File(file) as unzipped:
            yield Inflated(unzipped, file)
    else:
        yield Inflated(_Xz(file) if compression == "xz" else file, file)


@contextmanager
def damage_as_value_error(path: Path) -> Iterator[None]:
    """Raise a ValueError that names `path` for what a damaged, truncated or hostile archive makes its readers raise."""
    try:
        yield
    except OSError as error:
        if error.errno not in (None, errno.EINVAL):  # of the disk; not of gzip or bz2, or of a jump to nowhere
            raise
        raise _damaged(path, error) from None
    except UnicodeDecodeError:
        raise ValueError(f"{path}: damaged, or has a name that is not UTF-8; pack it again") from None
    except RecursionError:
        raise ValueError(f"{path}: damaged (too many headers in a row); pack it again") from None
    except ValueError as error:
        if path.name in str(error):  # one of ours
            raise
        raise _damaged(path, error) from None
    except (
        *(tarfile.TarError, zipfile.BadZipFile, lzma.LZMAError, zlib.error, struct.error),
        *(EOFError, NotImplementedError, OverflowError, IndexError),
    ) as error:
        raise _damaged(path, error) from None


def _damaged(path: Path, error: Exception) -> ValueError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return ValueError(f"{path}: damaged or truncated ({reason}); fetch or pack it again")


class Inflated:
    """The bytes of `stream`, which inflates `packed`, as long as they are not far more than were read of that."""

    def __init__(self, stream: Readable, packed: BinaryIO) -> None:
        self._stream, self._packed, self._size = stream, packed, 0

    def read(self, size: int, /) -> bytes:
        content = self._stream.read(size)
        self._size += len(content)
        if is_bomb(self._size, self._packed.tell()):
            check_inflated(Path(self._packed.name), self._size, self._packed.tell())
        return content


class _Xz:
    """What `lzma.LZMAFile` does, with a limit on memory, which that lacks."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._given = file, b""
        self._inflater = lzma.LZMADecompressor(memlimit=XZ_MEMORY)

    def read(self, size: int, /) -> bytes:
        while True:
            if self._inflater.eof and not self._start_next():
                return b""
            if self._inflater.needs_input and not self._given:
                self._given = self._file.read(_CHUNK)
                if not self._given:
                    raise EOFError("the compressed data end too early")
            content = self._inflater.decompress(self._given, size)
            self._given = b""
            if content:
                return content

    def _start_next(self) -> bool:
        """Whether another stream follows the one that has ended."""
        self._given = self._inflater.unused_data.lstrip(b"\0") or self._file.read(_CHUNK).lstrip(b"\0")
        self._inflater = lzma.LZMADecompressor(memlimit=XZ_MEMORY) if self._given else self._inflater
        return bool(self._given)
