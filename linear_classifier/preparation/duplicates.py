"""Pixel-equal images: which of them stand in two splits or under two labels, and which stay where they are dropped."""

import numpy as np
from numpy.typing import NDArray

from linear_classifier.data.splits import SPLITS
from linear_classifier.preparation.content_order import ContentOrder, find_groups
from linear_classifier.preparation.spool import Spool

MAX_LISTED = 1000  # groups, so that a message ends
MAX_PATHS = 20  # of each


def keep_one(order: ContentOrder, labels: NDArray[np.uint16]) -> NDArray[np.bool_]:
    """True for one of each group of pixel-equal images, bool `(n,)`: the one in test, else in val, else in train.

    None is kept of images with two labels, since nobody can say which is right. `labels` `(n,)` are in this order.
    """
    kept = np.ones(len(labels), np.bool_)
    kept[:-1] = ~order.is_repeat[1:]  # the last one, as they are sorted by split
    groups = find_groups(order.is_repeat)
    for start, end in groups[find_clashes(order.is_repeat, groups, labels)].tolist():
        kept[start:end] = False
    return kept


def find_clashes(
    is_repeat: NDArray[np.bool_], groups: NDArray[np.int64], values: NDArray[np.uint16] | NDArray[np.int8]
) -> NDArray[np.int64]:
    """The indices of those `groups` in which `values` `(n,)` are not all the same."""
    differs = np.flatnonzero(is_repeat[1:] & (values[1:] != values[:-1])) + 1
    return np.unique(np.searchsorted(groups[:, 0], differs, side="right") - 1)


def describe_clashes(
    spool: Spool, order: ContentOrder, groups: NDArray[np.int64], splits: NDArray[np.int8]
) -> list[str]:
    """A line for each of `groups`, with every path, its label and its split `(n,)`, of so many groups and paths."""
    listed = [range(start, min(end, start + MAX_PATHS)) for start, end in groups[:MAX_LISTED].tolist()]
    paths = spool.find_paths(int(order.indices[place]) for places in listed for place in places)
    names = spool.class_names

    def describe(place: int) -> str:
        index = int(order.indices[place])
        return f"{paths[index]} ({SPLITS[splits[place]]}, {names[spool.labels[index]]})"

    lines = [f"the same pixels: {', '.join(map(describe, places))}" for places in listed]
    lines = [
        f"{line}, and {end - start - MAX_PATHS} more" if end - start > MAX_PATHS else line
        for line, (start, end) in zip(lines, groups.tolist(), strict=False)
    ]
    return [*lines, f"and {len(groups) - MAX_LISTED} groups more"] if len(groups) > MAX_LISTED else lines
