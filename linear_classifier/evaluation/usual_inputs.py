"""What training images are like, and two signs that an image is not like them. All of it in whole numbers.

A model's confidence is no such sign: it is sure of noise, and of nothing at all. One sign is how far an image is from
the nearest of the classes' mean images, the other how large and how clear what it shows is, and where.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import compress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from linear_classifier.data.splits import Split
from linear_classifier.io.files import open_regular
from linear_classifier.model.model_file import SavedModel

Pixels = NDArray[np.uint8]
Ints = NDArray[np.int64]

TOLERANCE = 5  # percent of the range of a pixel by which it may differ from the background and belong to it
MAX_BYTES, MAX_IMAGES = 2**30, 2**16  # of training images that are looked at: they stand in a random order
MAX_MEASURED = 10_000  # of these, images whose signs are measured
UNUSUAL = 99  # percent of the training images


@dataclass(frozen=True, kw_only=True)
class UsualInputs:
    """`class_means` are uint8 `(classes, channels, height, width)`, `background` uint8 `(channels,)`.

    `background` is the median along the images' borders; it `is_plain` if most of the border is like it. The rest are
    int64 `(101,)`: of the signs of training images, the percentiles from 0 to 100; see `Signs`.
    """

    class_means: Pixels
    background: Pixels
    is_plain: bool
    distances: Ints
    extents: Ints
    shifts: Ints
    areas: Ints
    contrasts: Ints


class Signs(NamedTuple):
    """For each image, all int64 `(n,)`.

    `distances` is the sum of the squared differences from the nearest class mean. `areas` is how much of the image is
    not background, in thousandths, and `contrasts` how far the pixel that differs most is from it, 0 to 255. Of the box
    around what is not background, `extents` is the longer side, in thousandths of the image's, and `shifts` how far its
    middle is from the image's, in thousandths of half a side.
    """

    distances: Ints
    extents: Ints
    shifts: Ints
    areas: Ints
    contrasts: Ints


def measure_usual_inputs(train: Split, num_classes: int) -> UsualInputs:
    """The facts of the training images, of the first of them where there are many."""
    size = math.prod(train.images.shape[1:])
    count = min(len(train), MAX_IMAGES, max(1, MAX_BYTES // size))
    class_means, borders = _average(train, count, num_classes)
    background = np.array([_median(row) for row in borders], np.uint8)
    values = np.arange(256)[np.newaxis] - background[:, np.newaxis].astype(np.int64)
    near = np.where(_is_ink(values), 0, borders).sum()
    measured = min(count, MAX_MEASURED)
    parts = [measure_signs(images, class_means, background) for images in _batches(train, measured)]
    signs = (np.concatenate(column) for column in zip(*parts, strict=True))
    return UsualInputs(
        class_means=class_means,
        background=background,
        is_plain=bool(2 * near > borders.sum()),
        **dict(zip(Signs._fields, map(_percentiles, signs), strict=True)),
    )


def measure_signs(images: Pixels, class_means: Pixels, background: Pixels) -> Signs:
    """The signs of `images` uint8 `(n, channels, height, width)`."""
    means = class_means.reshape(len(class_means), -1).astype(np.float64)
    inputs = images.reshape(len(images), means.shape[1]).astype(np.float64)
    # Whole numbers below 2^53: a sum is exact in any order.
    squares = (inputs * inputs).sum(axis=1, keepdims=True) + (means * means).sum(axis=1)
    distances = (squares - 2 * (inputs @ means.T)).min(axis=1).astype(np.int64)
    ink = find_ink(images, background)
    (top, bottom), (left, right) = (_ends(np.logical_or.reduce(ink, axis)) for axis in (2, 1))
    height, width = images.shape[2:]
    return Signs(
        distances,
        np.maximum((bottom - top) * 1000 // height, (right - left) * 1000 // width),
        np.maximum(abs(top + bottom - height) * 1000 // height, abs(left + right - width) * 1000 // width),
        ink.sum(axis=(1, 2)) * 1000 // (height * width),
        abs(_differences(images, background)).max(axis=(1, 2, 3)).astype(np.int64),
    )


def find_ink(images: Pixels, background: Pixels, tolerance: int = TOLERANCE) -> NDArray[np.bool_]:
    """Which pixels of `images` `(..., channels, height, width)` are no background, `(..., height, width)`."""
    ink: NDArray[np.bool_] = np.logical_or.reduce(_is_ink(_differences(images, background), tolerance), axis=-3)
    return ink


def farther_than(distances: Ints, usual: UsualInputs) -> Ints:
    """Than how many percent of the training images each is farther from the nearest class mean, 0 to 100."""
    return np.maximum(np.searchsorted(usual.distances, distances) - 1, 0)


def describe_look(signs: Signs, usual: UsualInputs) -> list[str]:
    """For each image `usual`, or what is unusual about the size, the position and the contrast of what it shows."""
    rarely = 100 - UNUSUAL
    marks = {
        "small": signs.extents < usual.extents[rarely],
        "off-centre": signs.shifts > usual.shifts[UNUSUAL],
        "filling": signs.areas > usual.areas[UNUSUAL],
        "faint": 2 * signs.contrasts < usual.contrasts[rarely],  # half: many sets are stretched to full contrast
    }
    rows = zip(*(mark.tolist() for mark in marks.values()), strict=True)
    return [", ".join(compress(marks, row)) or "usual" for row in rows]


def format_usual_inputs(usual: UsualInputs) -> bytes:
    """The file `models/usual_inputs.safetensors`."""
    return save({name: np.atleast_1d(np.asarray(value)) for name, value in vars(usual).items()})


def read_usual_inputs(path: Path, saved: SavedModel) -> UsualInputs:
    """What `path` holds, which `evaluate` wrote for the model `saved`.

    Raises:
        ValueError: it is missing, damaged, or of another model.
    """
    advice = "run `dvc repro`, or `dvc pull` where a remote has it"
    try:
        with open_regular(path) as file:
            tensors = load(file.read())
    except FileNotFoundError:
        raise ValueError(f"{path}: not found; {advice}") from None
    except (SafetensorError, KeyError, ValueError) as error:
        raise ValueError(f"{path}: damaged ({' '.join(str(error).split())[:100]}); {advice}") from None
    found = {name: (tensor.dtype.str, tensor.shape) for name, tensor in tensors.items()}
    expected = {
        "class_means": ("|u1", (len(saved.class_names), *saved.image_shape)),
        "background": ("|u1", (saved.image_shape[0],)),
        "is_plain": ("|b1", (1,)),
        **dict.fromkeys(Signs._fields, ("<i8", (101,))),
    }
    if found != expected:
        raise ValueError(f"{path}: not of this model (found {found}, expected {expected}); {advice}")
    is_plain = bool(tensors.pop("is_plain")[0])
    return UsualInputs(is_plain=is_plain, **tensors)


def median_of_border(plane: Pixels) -> int:
    """The lower median of the values along the border of `plane` `(height, width)`."""
    return _median(np.bincount(_border_of(plane), minlength=256))


def _batches(split: Split, count: int) -> Iterator[Pixels]:
    size = max(1, 2**22 // math.prod(split.images.shape[1:]))
    for start in range(0, count, size):
        yield split.images[start : min(start + size, count)]


def _average(train: Split, count: int, num_classes: int) -> tuple[Pixels, Ints]:
    """The mean image of each class, rounded, and how often each value stands on a border, `(channels, 256)`."""
    sums = np.zeros((num_classes, *train.images.shape[1:]), np.int64)
    borders = np.zeros((train.images.shape[1], 256), np.int64)
    labels = iter(train.labels[:count].tolist())
    for images in _batches(train, count):
        for image in images:
            sums[next(labels)] += image
        for channel, row in enumerate(borders):
            row += np.bincount(_border_of(images[:, channel]), minlength=256)
    counts = np.maximum(np.bincount(train.labels[:count], minlength=num_classes), 1)[:, None, None, None]
    return ((2 * sums + counts) // (2 * counts)).astype(np.uint8), borders


def _border_of(planes: Pixels) -> Pixels:
    """The values along the borders of `planes` `(..., height, width)`, each once, flat."""
    edges = [planes[..., 0, :], planes[..., 1:, -1], planes[..., 1:, 0], planes[..., -1, 1:-1]]
    height, width = planes.shape[-2:]
    return np.concatenate([edge.ravel() for edge in edges[: 4 if min(height, width) > 1 else 2]])


def _differences(images: Pixels, background: Pixels) -> NDArray[np.int16]:
    """How far each value of `images` `(..., channels, height, width)` is from its channel's background."""
    return images.astype(np.int16) - background.astype(np.int16)[:, None, None]


def _is_ink(differences: NDArray[np.signedinteger[Any]], tolerance: int = TOLERANCE) -> NDArray[np.bool_]:
    return abs(differences) * 100 > tolerance * 255


def _ends(lines: NDArray[np.bool_]) -> tuple[Ints, Ints]:
    """The first True of each row of `lines` `(n, length)`, and the place after the last; 0 and 0 without one."""
    first = lines.argmax(axis=1)
    after = lines.shape[1] - lines[:, ::-1].argmax(axis=1)
    return first, np.where(lines.any(axis=1), after, 0)


def _median(counts: Ints) -> int:
    """The lower median of values 0, 1, ... that occur `counts` times."""
    return int(np.searchsorted(counts.cumsum(), (counts.sum() + 1) // 2))


def _percentiles(values: Ints) -> Ints:
    """For each whole percentage from 0 to 100 the least value that so many of `values` do not exceed."""
    ordered = np.sort(values) if len(values) else np.zeros(1, np.int64)
    places = np.maximum(-(-np.arange(101) * len(ordered) // 100) - 1, 0)
    return ordered[places].astype(np.int64)
