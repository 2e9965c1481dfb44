"""One random order of images that follows from their pixels, labels and a seed: not from files, names or layout."""

import hashlib
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from linear_classifier.preparation.spool import Spool

_GOLDEN = 0x9E3779B97F4A7C15  # of SplitMix64


class ContentOrder(NamedTuple):
    """Images sorted by their keys, which are random; pixel-equal ones side by side, sorted by label and split.

    `indices` number the images in the spool, uint32 `(n,)`, `keys` are uint64 `(n,)`; `is_repeat` is true where an
    image has the pixels of the one before it, bool `(n,)`.
    """

    indices: NDArray[np.uint32]
    keys: NDArray[np.uint64]
    is_repeat: NDArray[np.bool_]

    def select(self, kept: NDArray[np.bool_]) -> "ContentOrder":
        """The images for which `kept` `(n,)` is true, at most one of each group of pixel-equal ones."""
        return ContentOrder(self.indices[kept], self.keys[kept], np.zeros(int(kept.sum()), np.bool_))


def sort_by_content(spool: Spool) -> ContentOrder:
    """The images of `spool` in the order of their keys, which it takes from it."""
    keys = spool.take_keys()
    indices = np.argsort(keys).astype(np.uint32)
    keys = keys[indices]
    is_repeat = np.zeros(len(keys), np.bool_)
    np.equal(keys[1:], keys[:-1], out=is_repeat[1:])
    order = ContentOrder(indices, keys, is_repeat)
    for start, end in find_groups(is_repeat):
        _sort_group(spool, order, start, end)
    return order


def find_groups(is_repeat: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Where each group of pixel-equal images starts and ends in the order, the end excluded, `(groups, 2)`."""
    edges = np.flatnonzero(np.diff(is_repeat, prepend=False, append=False)).reshape(-1, 2)
    edges[:, 0] -= 1  # the first of a group repeats nothing
    return edges


def spread_repeats(order: ContentOrder) -> NDArray[np.int64]:
    """The order `(n,)` in which pixel-equal images of `order` lie apart: no batch is to hold a run of them."""
    groups = find_groups(order.is_repeat)
    repeats = np.flatnonzero(order.is_repeat)
    occurrences = repeats - np.repeat(groups[:, 0], groups[:, 1] - groups[:, 0] - 1)
    places = order.keys.copy()
    places[repeats] = _mix(order.keys[repeats] + occurrences.astype(np.uint64) * np.uint64(_GOLDEN))
    return np.argsort(places, kind="stable")


def _sort_group(spool: Spool, order: ContentOrder, start: int, end: int) -> None:
    """Sort images with one key by their pixels' SHA-256, label and split; one whose pixels differ repeats nothing."""
    members = order.indices[start:end]
    labels, splits = spool.labels[members].tolist(), spool.splits[members].tolist()
    rows = sorted(zip(map(_sha256, spool.read(members)), labels, splits, members.tolist(), strict=True))
    members[:] = [row[-1] for row in rows]
    order.is_repeat[start + 1 : end] = [row[0] == before[0] for before, row in pairwise(rows)]


def _sha256(pixels: bytes) -> bytes:
    return hashlib.sha256(pixels).digest()


def _mix(keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """A random number for each key, equal ones for equal keys.

    The finalizer of SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
    """
    keys = (keys ^ (keys >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    keys = (keys ^ (keys >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return keys ^ (keys >> np.uint64(31))
