"""Hashes of files that were read in this process, so that no file is read twice while it stays as it is."""

import os
import stat
import time
from collections.abc import Iterable, Iterator
from typing import Any

from dvc_data.hashfile.hash_info import HashInfo
from dvc_data.hashfile.meta import Meta
from dvc_data.hashfile.state import StateNoop
from dvc_objects.fs.base import FileSystem

Version = tuple[int, ...]
SETTLED = 2 * 10**9  # nanoseconds since its last change after which another one shows in a file's times


class FileHashes(StateNoop):
    """What DVC asks before it reads a file, in place of its notes on disk, which go by the time that anybody can set.

    A version is a file's inode, size and times, that of the last change of its inode included, which nobody can set. So
    two hard links are one, and a file that was changed is read again, whatever its time says.
    """

    def __init__(self) -> None:
        self._known: dict[Version, HashInfo] = {}
        self._asked: dict[str, Version] = {}

    def get(
        self, path: str, fs: FileSystem, info: dict[str, Any] | None = None
    ) -> tuple[Meta, HashInfo] | tuple[None, None]:
        status = os.stat(path)  # noqa: PTH116
        if not stat.S_ISREG(status.st_mode):
            raise cannot_hash(path, "a FIFO, socket or device")
        try:
            path.encode()
        except UnicodeEncodeError:
            raise ValueError(f"{_show(path)}: its name is not UTF-8, as DVC needs; rename it") from None
        version = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        if version in self._known:
            return Meta(size=status.st_size), self._known[version]
        if time.time_ns() - status.st_ctime_ns > SETTLED:
            self._asked[path] = version
        return None, None

    def save(self, path: str, fs: FileSystem, hash_info: HashInfo, info: dict[str, Any] | None = None) -> None:
        if version := self._asked.pop(path, None):  # as the file was before it was read
            self._known[version] = hash_info

    def get_many(
        self, items: Iterable[str], fs: FileSystem, infos: dict[str, dict[str, Any]]
    ) -> Iterator[tuple[str, Meta, HashInfo] | tuple[str, None, None]]:
        for path in items:
            yield path, *self.get(path, fs)

    def save_many(self, items: Iterable[tuple[str, HashInfo, dict[str, Any] | None]], fs: FileSystem) -> None:
        for path, hash_info, _ in items:
            self.save(path, fs, hash_info)


def cannot_hash(path: str, kind: str) -> ValueError:
    """Of something else than a file, at which DVC fails in words of its own, or waits without an end."""
    return ValueError(f"{_show(path)}: {kind}, which DVC cannot hash; remove it, or name it in .dvcignore")


def _show(path: str) -> str:
    # Here, since it imports NumPy, which a job needs for such names alone.
    from linear_classifier.preparation.source_names import show

    return show(os.path.relpath(path))
