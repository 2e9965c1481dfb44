"""A picture of any size → the pixels that the model takes, made like its training images. All in whole numbers.

Where training images have a plain background, what a picture shows is cut out of its own, negated if that is lighter or
darker than theirs, fitted and centred. The page's `fitting.js` does the very same, to the bit.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from linear_classifier.evaluation.usual_inputs import (
    TOLERANCE,
    Pixels,
    UsualInputs,
    find_ink,
    median_of_border,
)
from linear_classifier.preparation.decoding import Content, load_picture

Whole = NDArray[np.int64]

DETAIL = 8  # pixels of the picture for one of the model's: more are averaged at once, which takes noise away
EMPTY = "nothing stands out from the background"


class Cut(NamedTuple):
    """How much of each side is cut off, in percent."""

    left: int = 0
    right: int = 0
    top: int = 0
    bottom: int = 0


class Fitting(NamedTuple):
    """How a picture is brought to the model's `shape` `(channels, height, width)`.

    `background` is that of the training images, one value a channel, or None where theirs is not plain; `extent` is how
    much of the longer side they fill, in thousandths.
    """

    shape: tuple[int, int, int]
    background: tuple[int, ...] | None
    extent: int
    tolerance: int = TOLERANCE
    invert: Literal["auto", "yes", "no"] = "auto"
    cut: Cut = Cut()

    @classmethod
    def like(cls, usual: UsualInputs) -> "Fitting":
        """What makes a picture like the training images."""
        channels, height, width = usual.class_means.shape[1:]
        background = tuple(usual.background.tolist()) if usual.is_plain else None
        return cls((channels, height, width), background, int(usual.extents[50]))

    @property
    def num_bytes(self) -> int:
        channels, height, width = self.shape
        return channels * height * width

    def decode(self, content: Content) -> bytes:
        """The pixels of the image file `content`, uint8 `(channels, height, width)` row by row.

        Raises:
            ValueError: it is no image, or nothing is to be seen on it.
        """
        picture = load_picture(content, "L" if self.shape[0] == 1 else "RGB")
        planes = np.asarray(picture).reshape(picture.height, picture.width, -1).transpose(2, 0, 1)
        return fit_picture(planes, self).tobytes()

    def fits(self, pixels: Pixels) -> bool:
        """No picture is taken as it is."""
        return False


def fit_picture(planes: Pixels, fitting: Fitting) -> Pixels:
    """`planes` uint8 `(channels, height, width)` of a picture as `fitting` says, uint8 of its shape.

    Raises:
        ValueError: nothing stands out from the picture's background.
    """
    planes = _shrink(_cut_off(planes, fitting.cut), fitting.shape)
    own = np.array([median_of_border(plane) for plane in planes], np.uint8)
    ink = find_ink(planes, own, fitting.tolerance)
    if not ink.any():
        raise ValueError(EMPTY)
    if fitting.background is None:
        whole, around = (255 - planes, 255 - own) if fitting.invert == "yes" else (planes, own)
        return _paste(whole.astype(np.int64), around.tolist(), fitting)
    rows, columns = np.nonzero(ink)
    box = planes[:, rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    levels = _make_levels(own.tolist(), fitting)
    return _paste(
        np.stack([table[plane] for table, plane in zip(levels, box, strict=True)]), fitting.background, fitting
    )


def _cut_off(planes: Pixels, cut: Cut) -> Pixels:
    height, width = planes.shape[1:]
    rows = slice(height * cut.top // 100, height - height * cut.bottom // 100)
    kept = planes[:, rows, width * cut.left // 100 : width - width * cut.right // 100]
    if not kept.size:
        raise ValueError(EMPTY)
    return kept


def _shrink(planes: Pixels, shape: tuple[int, int, int]) -> Pixels:
    """Averages of squares of pixels, as large as `DETAIL` allows; what is left at the right and below is dropped."""
    channels, height, width = planes.shape
    side = max(1, max(height, width) // (DETAIL * max(shape[1:])))
    down, across = min(side, height), min(side, width)
    rows, columns = height // down, width // across
    squares = planes[:, : rows * down, : columns * across].reshape(channels, rows, down, columns * across)
    sums = squares.sum(axis=2, dtype=np.uint32).reshape(channels, rows, columns, across).sum(axis=3)
    means: Pixels = ((sums + down * across // 2) // (down * across)).astype(np.uint8)
    return means


def _make_levels(own: list[int], fitting: Fitting) -> list[Whole]:
    """A table of 256 values for each plane that brings its background, `own`, to that of the training images."""
    theirs = fitting.background or ()
    is_opposite = _differ(own, theirs) > _differ([255 - value for value in own], theirs)
    is_inverted = fitting.invert == "yes" or (fitting.invert == "auto" and is_opposite)
    values = np.arange(255, -1, -1) if is_inverted else np.arange(256)
    backgrounds = [255 - value for value in own] if is_inverted else own
    return [_level(values, *pair, fitting.tolerance) for pair in zip(backgrounds, theirs, strict=True)]


def _differ(one: list[int], other: tuple[int, ...]) -> int:
    return sum(abs(a - b) for a, b in zip(one, other, strict=True))


def _level(values: Whole, own: int, theirs: int, tolerance: int) -> Whole:
    """`values` with `own` and all within `tolerance` as `theirs`; 0 and 255 stay, and what lies between is scaled."""
    below = (2 * values * theirs + own) // max(2 * own, 1)
    above = 255 - (2 * (255 - values) * (255 - theirs) + (255 - own)) // max(2 * (255 - own), 1)
    levelled = np.where(values <= own, below, above)
    return np.where(abs(values - own) * 100 <= tolerance * 255, theirs, levelled)


def _paste(box: Whole, background: Sequence[int], fitting: Fitting) -> Pixels:
    """`box` `(channels, height, width)` as large as it may be, in the middle of `background`."""
    height, width = fitting.shape[1:]
    room = max(1, height * fitting.extent // 1000), max(1, width * fitting.extent // 1000)
    rows, columns = fit_into(box.shape[1:], room)
    image = np.empty(fitting.shape, np.uint8)
    image[:] = np.array(background)[:, None, None]
    top, left = (height - rows) // 2, (width - columns) // 2
    image[:, top : top + rows, left : left + columns] = _average(box, rows, columns)
    return image


def fit_into(size: Sequence[int], room: tuple[int, int]) -> tuple[int, int]:
    """Height and width that are in proportion to those of `size`, rounded, and as large as `room` has place for."""
    (height, width), (rows, columns) = size, room
    if width * rows >= height * columns:
        return max(1, (2 * height * columns + width) // (2 * width)), columns
    return rows, max(1, (2 * width * rows + height) // (2 * height))


def _average(box: Whole, rows: int, columns: int) -> Whole:
    """Means of `box` over the areas of `rows` x `columns` equal parts of it, each pixel by what of it lies there."""
    area = box.shape[1] * box.shape[2]
    sums = _sum_parts(_sum_parts(box, columns).swapaxes(1, 2), rows).swapaxes(1, 2)
    means: Whole = (sums + area // 2) // area
    return means


def _sum_parts(values: Whole, parts: int) -> Whole:
    """Sums of `values` `(..., length)` over `parts` equal parts of the length, times `parts`, `(..., parts)`."""
    length = values.shape[-1]
    whole, rest = np.divmod(np.arange(parts + 1) * length, parts)  # where parts end: after so many values, and a rest
    zero = np.zeros((*values.shape[:-1], 1), np.int64)
    before = np.concatenate([zero, values.cumsum(axis=-1)], axis=-1)
    up_to_end = parts * before[..., whole] + rest * np.concatenate([values, zero], axis=-1)[..., whole]
    sums: Whole = np.diff(up_to_end, axis=-1)
    return sums
