"""A tar or zip as a tree of files. Nothing of it is unpacked to disk; what it may take is limited."""

import io
import os
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from linear_classifier.io.files import open_regular
from linear_classifier.preparation.inflating import (
    FORMATS,
    check_inflated,
    damage_as_value_error,
    is_bomb,
    open_inflated,
)
from linear_classifier.preparation.repeats import Repeats, key_of
from linear_classifier.preparation.source_image import PassedOver, Unusable
from linear_classifier.preparation.source_names import (
    ARCHIVE_SUFFIXES,
    normalise,
    show,
    suffix_of,
    why_hidden,
    why_unsafe,
)
from linear_classifier.preparation.source_tree import Entry, SourceFile, SourceFolder, Tree
from linear_classifier.preparation.strict_tar import StrictTarInfo, is_tar_header

MAX_MEMBER = 100 * 10**6  # bytes of a file in an archive, which is read whole
MAX_IN_TAR = 20_000_000  # members; a tar is read in a stream
MAX_IN_ZIP = 300_000  # members; a zip's list of them is kept, some 600 bytes each
MAX_ZIP_LIST = 100 * MAX_IN_ZIP  # bytes of that list


class Member(NamedTuple):
    """What an archive says of one of its members; `kind` is of the file system's, as `stat.S_IFREG`."""

    path: str
    kind: int
    size: int
    read: Callable[[], bytes]


def is_archive(path: Path) -> bool:
    """Whether the content of the file `path`, not its name, is that of an archive, compressed or not."""
    with open_regular(path) as file:
        start = file.read(tarfile.BLOCKSIZE)
    return start.startswith(tuple(FORMATS)) or is_tar_header(start)


def open_archive(path: Path, prefix: str) -> Tree:
    """The tree of what is in the archive `path`; what messages show begins with `prefix`.

    Raises:
        ValueError: it is no archive that is read, or, while it is walked, it is damaged or over a limit.
    """
    with open_regular(path) as file:
        start = file.read(tarfile.BLOCKSIZE)
    if not start:
        raise ValueError(f"{path}: the archive is empty (0 bytes); fetch or pack it again")
    kind = next((kind for magic, kind in FORMATS.items() if start.startswith(magic)), "tar")
    if kind in ("7z", "rar", "zstd"):
        raise ValueError(f"{path}: a {kind} file, expected tar, tar.gz, tar.bz2, tar.xz or zip; pack it again")
    list_members = _list_zip if kind == "zip" else lambda path: _list_tar(path, kind)
    return Tree(path, _Walk(path, f"{prefix}/", list_members))


class _Walk:
    """Walks an archive; the first walk finds which names come twice, and those after it refuse them."""

    def __init__(self, path: Path, prefix: str, list_members: Callable[[Path], Iterator[Member]]) -> None:
        self._path, self._prefix, self._list = path, prefix, list_members
        self._repeated: frozenset[int] | None = None

    def __call__(self) -> Iterator[Entry]:
        repeats = Repeats()
        with damage_as_value_error(self._path):
            for member in self._list(self._path):
                if self._repeated is None and member.kind == stat.S_IFREG:
                    repeats.add(normalise(member.path))
                yield self._entry_of(member)
        if self._repeated is None:
            self._repeated = repeats.find()

    def _entry_of(self, member: Member) -> Entry:
        path = normalise(member.path)
        if not path and member.path.startswith("."):
            return SourceFolder("")  # the archive's own ./
        if reason := why_unsafe(member.path.rstrip("/") if member.kind == stat.S_IFDIR else member.path):
            return Unusable(show(self._prefix + member.path), reason)
        shown = self._prefix + path
        if hidden := next(filter(None, map(why_hidden, path.split("/"))), None):
            return PassedOver(shown, hidden)
        if member.kind == stat.S_IFDIR:
            return SourceFolder(path)
        if reason := _why_refused(member):
            return Unusable(shown, reason)
        if self._repeated and key_of(path) in self._repeated:
            return Unusable(shown, "more than once in the archive")
        return SourceFile(path, shown, lambda: self._read(member))

    def _read(self, member: Member) -> bytes:
        with damage_as_value_error(self._path):
            return member.read()


def _why_refused(member: Member) -> str | None:
    if member.kind != stat.S_IFREG:
        return "a link" if member.kind == stat.S_IFLNK else "a FIFO, socket or device, or a file with holes"
    if suffix_of(member.path) in ARCHIVE_SUFFIXES:
        return "an archive in an archive; unpack it"
    return f"it has {member.size} bytes, expected at most {MAX_MEMBER}" if member.size > MAX_MEMBER else None


def _list_tar(path: Path, compression: str) -> Iterator[Member]:
    """Each member in turn, in one pass."""
    with open_regular(path) as file, open_inflated(file, compression) as stream:
        source = cast("BinaryIO", stream)  # of which tarfile only reads
        tar = tarfile.open(fileobj=source, mode="r|", tarinfo=StrictTarInfo, encoding="utf-8")  # noqa: SIM115
        count = 0
        while (info := tar.next()) is not None:
            tar.members.clear()  # type: ignore[attr-defined]  # tarfile keeps every one
            count += 1
            if count > MAX_IN_TAR:
                raise ValueError(f"{path}: more than {MAX_IN_TAR} members; split it into several")
            yield Member(info.name, _kind_of(info), info.size, _reader_of(tar, info))
        while stream.read(2**16):  # to its end, where a compressed file has its checksum
            pass


def _reader_of(tar: tarfile.TarFile, info: tarfile.TarInfo) -> Callable[[], bytes]:
    def read() -> bytes:
        file = tar.extractfile(info)
        return file.read() if file else b""

    return read


def _kind_of(info: tarfile.TarInfo) -> int:
    if info.isreg() and not info.issparse():
        return stat.S_IFREG
    if info.isdir():
        return stat.S_IFDIR
    return stat.S_IFLNK if info.issym() or info.islnk() else stat.S_IFIFO


def _list_zip(path: Path) -> Iterator[Member]:
    """Each member in the order of the archive's list, after a look at all of them."""
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
