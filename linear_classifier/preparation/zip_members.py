"""The members of a zip, in the order of its list, after a look at all of that."""

import io
import os
import stat
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO

from linear_classifier.io.files import open_regular
from linear_classifier.preparation.archive_member import MAX_MEMBER, Member
from linear_classifier.preparation.inflating import check_inflated, is_bomb
from linear_classifier.preparation.source_names import show

MAX_IN_ZIP = 300_000  # members; a zip's list of them is kept, some 600 bytes each
MAX_ZIP_LIST = 100 * MAX_IN_ZIP  # bytes of that list


def list_zip(path: Path) -> Iterator[Member]:
    """Each member of the zip `path`."""
    with open_regular(path) as raw, _open_zip(path, raw) as archive:
        infos = archive.infolist()
        check_inflated(path, sum(info.file_size for info in infos), os.fstat(raw.fileno()).st_size)
        for info in infos:
            check_zip_member(path, info)
        for info in infos:
            yield Member(_name_of(info), _zip_kind_of(info), info.file_size, partial(archive.read, info))


def _open_zip(path: Path, raw: BinaryIO) -> zipfile.ZipFile:
    file = _BoundedFile(raw.fileno(), closefd=False)
    archive = zipfile.ZipFile(file)
    file.limit = MAX_MEMBER
    if len(archive.infolist()) > MAX_IN_ZIP:
        raise ValueError(f"{path}: {len(archive.infolist())} members, expected at most {MAX_IN_ZIP}; pack it as tar")
    return archive


class _BoundedFile(io.FileIO):
    """A file of which no more than `limit` bytes are read at once: zipfile reads an archive's list whole."""

    limit = MAX_ZIP_LIST

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > self.limit:
            raise zipfile.BadZipFile(f"a list of {size} bytes, expected at most {self.limit}; pack it as tar")
        return super().read(size) or b""


def check_zip_member(path: Path, info: zipfile.ZipInfo) -> None:
    """Raise a ValueError that names the member of the zip `path` if it is not to be read."""
    if info.flag_bits & 1:
        raise ValueError(f"{path}: {show(info.filename)!r} is encrypted; pack it again without a password")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(
            f"{path}: {show(info.filename)!r} is compressed by method {info.compress_type}, "
            "expected 0 (stored) or 8 (deflated); pack it again"
        )
    if is_bomb(info.file_size, info.compress_size):
        check_inflated(path / info.filename, info.file_size, info.compress_size)


def _name_of(info: zipfile.ZipInfo) -> str:
    """The name of a member; where its encoding is not said, UTF-8 if it can be, as macOS writes it."""
    name = info.orig_filename
    if info.flag_bits & 0x800:
        return name
    try:
        return name.encode("cp437").decode()
    except UnicodeError:
        return name


def _zip_kind_of(info: zipfile.ZipInfo) -> int:
    kind = stat.S_IFMT(info.external_attr >> 16)  # as Unix writes it, else 0
    if kind in (0, stat.S_IFREG, stat.S_IFDIR):
        return stat.S_IFDIR if info.is_dir() else stat.S_IFREG
    return kind
