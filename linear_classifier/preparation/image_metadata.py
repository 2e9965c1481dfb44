"""Images in a tree, labelled by tables in it: Hugging Face's imagefolder with metadata.csv, .jsonl or .parquet.

A folder or archive with a manifest is read in the same way. A tar comes in its own order, so that a table is kept in
memory while the tree is walked: 12 bytes a row.
"""

from array import array
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, get_args

import numpy as np

from linear_classifier.data.splits import SplitName
from linear_classifier.preparation.class_names import MAX_CLASSES, check_classes
from linear_classifier.preparation.manifest_rows import Row, read_rows
from linear_classifier.preparation.repeats import key_of
from linear_classifier.preparation.source_image import Found, PassedOver, SourceImage, Unusable
from linear_classifier.preparation.source_names import split_named, why_no_image
from linear_classifier.preparation.source_tree import SourceFile, SourceFolder, Tree

_SPLITS: tuple[SplitName | None, ...] = (None, *get_args(SplitName))


class _Listed(NamedTuple):
    label: str
    split: SplitName | None
    is_repeated: bool


class _Table:
    """Label and split by path; rows are added, then it is sealed, then paths are looked up."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._keys, self._labels, self._splits = array("Q"), array("H"), array("B")
        self._codes: dict[str, int] = {}
        self._counts: Counter[str] = Counter()

    def add(self, path: str, label: str, split: SplitName | None) -> None:
        self._counts[label] += 1
        if len(self._counts) > MAX_CLASSES:
            check_classes(self._counts, self._where)
        self._keys.append(key_of(path))
        self._labels.append(self._codes.setdefault(label, len(self._codes)))
        self._splits.append(_SPLITS.index(split))

    def seal(self) -> None:
        """Sort the rows by key.

        Raises:
            ValueError: the classes cannot be used.
        """
        check_classes(self._counts, self._where)
        keys = np.array(self._keys, np.uint64)
        order = np.argsort(keys)
        self._sorted = keys[order]
        self._values = np.array(self._labels, np.uint16)[order], np.array(self._splits, np.uint8)[order]
        self._seen = np.zeros(len(order), np.bool_)
        self._names = list(self._codes)
        del self._keys, self._labels, self._splits

    def find(self, path: str) -> _Listed | None:
        """What is listed of `path`, which counts as seen from now on."""
        place, end = self._places(path)
        if place == end:
            return None
        self._seen[place:end] = True
        labels, splits = self._values
        return _Listed(self._names[labels[place]], _SPLITS[splits[place]], end - place > 1)

    def is_seen(self, path: str) -> bool:
        return bool(self._seen[self._places(path)[0]])

    @property
    def all_seen(self) -> bool:
        return bool(self._seen.all())

    def _places(self, path: str) -> tuple[int, int]:
        key = np.uint64(key_of(path))
        return int(self._sorted.searchsorted(key)), int(self._sorted.searchsorted(key, "right"))


def find_listed_images(tree: Tree, tables: list[str], is_manifest: bool) -> Iterator[Found]:
    """Every image of `tree` with the label and split that one of `tables`, files in it, lists for it.

    A path in a table is below the table's folder. A manifest says all: what it does not list is passed over. Else an
    image that is not listed is unusable, and where a row has no split, the image's first folder may be one.

    Raises:
        ValueError: a table is damaged or lacks a column, or the classes cannot be used.
    """
    rows = _Table(str(tree.source))
    for row in _read_tables(tree, tables):
        if isinstance(row, Unusable):
            yield row
        else:
            rows.add(row.path, row.label, row.split or (None if is_manifest else _split_of(row.path)))
    rows.seal()
    for entry in tree.walk():
        if isinstance(entry, SourceFile):
            yield from _place(entry, rows, tables, PassedOver if is_manifest else Unusable)
        elif not isinstance(entry, SourceFolder):
            yield entry
    if not rows.all_seen:
        for row in _read_tables(tree, tables):
            if isinstance(row, Row) and not rows.is_seen(row.path):
                yield Unusable(row.path, f"listed in {' or '.join(tables)}, and no file that can be used")


def _place(file: SourceFile, rows: _Table, tables: list[str], unlisted: type[Unusable | PassedOver]) -> Iterator[Found]:
    listed = rows.find(file.path)
    if listed and listed.is_repeated:
        yield Unusable(file.shown, f"listed more than once in {' or '.join(tables)}; keep one row")
    elif listed:
        yield SourceImage(file.shown, listed.label, listed.split, file.load())
    elif file.path not in tables:
        reason = why_no_image(file.path)
        kind = PassedOver if reason else unlisted
        yield kind(file.shown, reason or f"not listed in {' or '.join(tables)}")


def _read_tables(tree: Tree, tables: list[str]) -> Iterator[Row | Unusable]:
    """The rows of all `tables`, their paths below the tree."""
    for entry in tree.walk():
        if isinstance(entry, SourceFile) and entry.path in tables:
            folder = entry.path.rpartition("/")[0]
            content = entry.load()
            for row in read_rows(Path(content) if isinstance(content, str) else content, entry.shown):
                yield row._replace(path=f"{folder}/{row.path}") if folder and isinstance(row, Row) else row


def _split_of(path: str) -> SplitName | None:
    folder, slash, _ = path.partition("/")
    return split_named(folder) if slash else None
