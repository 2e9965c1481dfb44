"""The images that a manifest lists, which lie below its folder; its rows are read twice and never kept."""

import os
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from linear_classifier.preparation.class_names import MAX_CLASSES, check_classes
from linear_classifier.preparation.manifest_rows import Row, read_rows
from linear_classifier.preparation.repeats import Repeats, key_of
from linear_classifier.preparation.source_image import Found, SourceImage, Unusable
from linear_classifier.preparation.source_tree import lies_below, why_not_regular


def find_manifest_images(manifest: Path) -> Iterator[Found]:
    """Every image that `manifest` lists, by paths below its folder.

    Raises:
        ValueError: the manifest is damaged or lacks a column, or the classes cannot be used.
    """
    repeated = _look_through(manifest)
    folder = os.fspath(manifest.parent)
    root = os.path.realpath(folder)
    for row in read_rows(manifest, manifest.name):
        if isinstance(row, Unusable):
            yield row
        elif repeated and key_of(row.path) in repeated:
            yield Unusable(row.path, f"listed more than once in {manifest.name}; keep one row")
        elif reason := _why_unusable(folder, row.path, root):
            yield Unusable(row.path, reason)
        else:
            yield SourceImage(row.path, row.label, row.split, f"{folder}/{row.path}")


def _look_through(manifest: Path) -> frozenset[int]:
    """The keys of the paths that are listed more than once, after a look at every row and the classes."""
    repeats, counts, num_rows = Repeats(), Counter[str](), 0
    for row in read_rows(manifest, manifest.name):
        num_rows += 1
        if isinstance(row, Row):
            repeats.add(row.path)
            counts[row.label] += 1
            if len(counts) > MAX_CLASSES:
                break
    if not num_rows:
        raise ValueError(f"{manifest}: no rows; expected one for each image, with path and label")
    check_classes(counts, str(manifest))
    return repeats.find()


def _why_unusable(folder: str, path: str, root: str) -> str | None:
    full = f"{folder}/{path}"
    try:
        if not lies_below(_real_folder(full.rpartition("/")[0]), root):
            return "its folder is a link that leads out of the manifest's folder"
        return why_not_regular(full, root)
    except (FileNotFoundError, NotADirectoryError):
        return "listed, and not there"
    except OSError as error:
        return error.strerror or str(error)


@lru_cache(maxsize=1000)
def _real_folder(folder: str) -> str:
    return os.path.realpath(folder)
