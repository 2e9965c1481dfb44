"""A source as a stream of its files, be it a folder or an archive: no link out, nothing hidden, nothing that waits."""

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from linear_classifier.preparation.source_image import PassedOver, Unusable
from linear_classifier.preparation.source_names import MAX_DEPTH, is_utf8, show, why_hidden


class SourceFile(NamedTuple):
    """A regular file, not opened yet.

    `path` is below its tree, `shown` what messages say, `content` where it lies; or it reads it from an archive, and is
    to do so before the next file is asked for.
    """

    path: str
    shown: str
    content: str | Callable[[], bytes]

    def load(self) -> str | bytes:
        """The path of the file where it lies in a folder, else what is in it."""
        return self.content if isinstance(self.content, str) else self.content()


class SourceFolder(NamedTuple):
    path: str


Entry = SourceFile | SourceFolder | Unusable | PassedOver


@dataclass(frozen=True)
class Tree:
    """Files that can be walked again and again."""

    source: Path
    walk: Callable[[], Iterator[Entry]]

    def below(self, folder: str) -> "Tree":
        """The files below `folder`, as a tree of their own; what is beside it is passed over or unusable already."""
        start = f"{folder}/"

        def walk() -> Iterator[Entry]:
            for entry in self.walk():
                if isinstance(entry, Unusable | PassedOver):
                    yield entry
                elif entry.path.startswith(start):
                    yield entry._replace(path=entry.path[len(start) :])

        return Tree(self.source, walk)


def open_folder(folder: Path) -> Tree:
    """The tree of the files below `folder`."""
    root = os.fspath(folder)
    return Tree(folder, lambda: _walk(root, "", os.path.realpath(root)))


def why_not_regular(path: str, root: str) -> str | None:
    """Why `path` is no regular file below `root`, which has no link in it, or None; it is not opened.

    Raises:
        OSError: it is not there, or is not to be looked at.
    """
    mode = os.lstat(path).st_mode
    if stat.S_ISREG(mode):
        return None
    if stat.S_ISDIR(mode):
        return "a folder, expected a file"
    return _why_bad_link(path, root) if stat.S_ISLNK(mode) else "a FIFO, socket or device"


def lies_below(path: str, root: str) -> bool:
    """Whether `path` lies below `root`; both are without links."""
    return os.path.commonpath((path, root)) == root


def _walk(root: str, below: str, real_root: str) -> Iterator[Entry]:
    """Every entry of the folder `below` in the order of its names, the files of a folder where its name stands.

    Of a regular file only the name is kept until its turn: a folder of a million takes some 70 MB.
    """
    folder = f"{root}/{below}"
    try:
        names, others = _list_folder(folder)
    except OSError as error:
        yield Unusable(show(below) or root, error.strerror or str(error))
        return
    for name in names:
        path = f"{below}{name}"
        if reason := why_hidden(name):
            yield PassedOver(show(path), reason)
        elif name not in others:
            yield (
                SourceFile(path, path, f"{root}/{path}") if is_utf8(path) else Unusable(show(path), "name is not UTF-8")
            )
        elif not others[name]:
            yield from _look_at(root, path, real_root)
        elif path.count("/") >= MAX_DEPTH:
            yield Unusable(show(path), f"more than {MAX_DEPTH} folders deep")
        else:
            yield SourceFolder(path)
            yield from _walk(root, f"{path}/", real_root)


def _list_folder(folder: str) -> tuple[list[str], dict[str, bool]]:
    """The sorted names in `folder`; of those that are no regular files, whether each is a folder."""
    names, others = [], {}
    with os.scandir(folder) as entries:
        for entry in entries:
            names.append(entry.name)
            if not entry.is_file(follow_symlinks=False):
                others[entry.name] = entry.is_dir(follow_symlinks=False)
    names.sort()
    return names, others


def _look_at(root: str, path: str, real_root: str) -> Iterator[Entry]:
    """A link or a special file."""
    full = f"{root}/{path}"
    try:
        reason = why_not_regular(full, real_root)
    except OSError as error:
        reason = error.strerror or str(error)
    if not reason and not is_utf8(path):
        reason = "name is not UTF-8"
    yield Unusable(show(path), reason) if reason else SourceFile(path, path, full)


def _why_bad_link(path: str, root: str) -> str | None:
    try:
        target = os.path.realpath(path, strict=True)
    except FileNotFoundError:
        return "a link to nothing"
    except OSError as error:
        return "a link in a circle" if "symbolic links" in str(error) else f"a link to nothing ({error.strerror})"
    if not lies_below(target, root):
        return "a link that leads out of the source; put the file itself there"
    mode = Path(target).stat().st_mode
    if stat.S_ISREG(mode):
        return None
    kind = "a folder" if stat.S_ISDIR(mode) else "a FIFO, socket or device"
    return f"a link to {kind}, which is not followed; put the images themselves there"
