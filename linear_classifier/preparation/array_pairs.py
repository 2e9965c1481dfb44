"""Arrays of images and of labels, read side by side in pieces."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linear_classifier.data.splits import SplitName
from linear_classifier.preparation.source_image import SourceImage

PIECE = 2**20  # bytes of images that are read at once, or one image
MAX_IMAGE = 100 * 10**6  # bytes


@dataclass(frozen=True)
class ArrayStream:
    """An array whose values are read in order; `read` gives exactly so many bytes, or raises a ValueError.

    `name` is what messages show.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    read: Callable[[int], bytes]

    def __len__(self) -> int:
        return self.shape[0]

    def read_rows(self, count: int) -> NDArray[Any]:
        shape = (count, *self.shape[1:])
        return np.frombuffer(self.read(math.prod(shape) * self.dtype.itemsize), self.dtype).reshape(shape)


def check_pair(images: ArrayStream, labels: ArrayStream) -> None:
    """Raise a ValueError that names the array unless the two are images, and a label for each."""
    shape = images.shape
    is_images = len(shape) == 3 or (len(shape) == 4 and shape[3] in (1, 3, 4))
    if not is_images or images.dtype != np.uint8 or min(shape[1:]) < 1:
        raise ValueError(
            f"{images.name}: {images.dtype} {shape}, expected uint8 (images, height, width) or (images, height, width, "
            "channels) with 1, 3 or 4 channels"
        )
    if math.prod(shape[1:]) > MAX_IMAGE:
        raise ValueError(f"{images.name}: images of {math.prod(shape[1:])} bytes, expected at most {MAX_IMAGE}")
    if labels.dtype.kind not in "iuU" or labels.shape not in ((len(labels),), (len(labels), 1)):
        raise ValueError(f"{labels.name}: {labels.dtype} {labels.shape}, expected one whole number or name an image")
    if len(labels) != len(images):
        raise ValueError(f"{labels.name}: {len(labels)} labels, expected {len(images)}, one for each of {images.name}")


def pair_images(
    images: ArrayStream,
    labels: ArrayStream,
    split: SplitName | None,
    name_class: Callable[[Any], str] = str,
    transposed: bool = False,
) -> Iterator[SourceImage]:
    """Each of `images` with its label, in order; `transposed` ones are turned back."""
    rows = max(1, PIECE // math.prod(images.shape[1:]))
    for start in range(0, len(images), rows):
        count = min(rows, len(images) - start)
        pixels = images.read_rows(count)
        names = [name_class(value) for value in labels.read_rows(count).reshape(-1).tolist()]
        for index, (image, name) in enumerate(zip(pixels, names, strict=True), start):
            upright = np.ascontiguousarray(image.swapaxes(0, 1)) if transposed else image
            yield SourceImage(f"{images.name}[{index}]", name, split, upright)
