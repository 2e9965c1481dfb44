"""A tar or zip as a tree of files. Nothing of it is unpacked to disk; what it may take is limited."""

import stat
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

from linear_classifier.io.files import open_regular
from linear_classifier.preparation.archive_member import MAX_MEMBER, Member
from linear_classifier.preparation.inflating import FORMATS, damage_as_value_error
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
from linear_classifier.preparation.tar_members import is_tar_header, list_tar
from linear_classifier.preparation.zip_members import list_zip


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
    list_members = list_zip if kind == "zip" else lambda path: list_tar(path, kind)
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
