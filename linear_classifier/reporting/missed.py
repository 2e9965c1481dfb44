"""What the two signs of an unusual image mark and what they miss, measured on test images that were changed."""

import math
from dataclasses import dataclass

import numpy as np

from linear_classifier.data.splits import Split
from linear_classifier.evaluation.usual_inputs import (
    UNUSUAL,
    Pixels,
    UsualInputs,
    describe_look,
    farther_than,
    measure_signs,
)

MAX_IMAGES, MAX_BYTES = 1000, 2**24


@dataclass(frozen=True)
class Marked:
    """In which way images were changed, and which share of them is marked as unusual."""

    name: str
    share: float


@dataclass(frozen=True)
class Missed:
    """Which share of `num_images` test images is marked as they are, and in which ways they were changed."""

    num_images: int
    unchanged: float
    rows: list[Marked]


def measure_missed(test: Split, usual: UsualInputs) -> Missed:
    """The shares of the first test images, which stand in a random order."""
    count = min(MAX_IMAGES, len(test), max(1, MAX_BYTES // math.prod(test.images.shape[1:])))
    images = test.images[:count]
    changed = change(images, usual.background).items()
    return Missed(
        count, share_marked(images, usual), [Marked(name, share_marked(each, usual)) for name, each in changed]
    )


def share_marked(images: Pixels, usual: UsualInputs) -> float:
    """Which share of `images` `(n, channels, height, width)` at least one of the signs marks."""
    signs = measure_signs(images, usual.class_means, usual.background)
    looks_unusual = np.array(describe_look(signs, usual)) != "usual"
    return float(((farther_than(signs.distances, usual) >= UNUSUAL) | looks_unusual).mean())


def change(images: Pixels, background: Pixels) -> dict[str, Pixels]:
    """`images` changed in several ways, each by its name; what is then free is filled with `background`."""
    empty = np.broadcast_to(background[:, None, None], images.shape)
    step, (height, width) = max(1, images.shape[3] * 3 // 14), images.shape[2:]
    moved, small = empty.copy(), empty.copy()
    moved[..., step:] = images[..., :-step]
    top, left = height // 4, width // 4
    small[..., top : top + height // 2, left : left + width // 2] = _halve(images)
    noise = np.random.default_rng(0).integers(0, 256, images.shape, np.uint8)
    return {
        "noise": noise,
        "light for dark": 255 - images,
        "half as large": small,
        f"moved by {step} of {width} pixels": moved,
        "mirrored": images[..., ::-1],
        "upside down": images[..., ::-1, :],
        **({"turned by 90 degrees": np.rot90(images, axes=(2, 3))} if height == width else {}),
    }


def _halve(images: Pixels) -> Pixels:
    """The means of blocks of 2 x 2 pixels, rounded."""
    count, channels, height, width = images.shape
    blocks = images[..., : height // 2 * 2, : width // 2 * 2].reshape(count, channels, height // 2, 2, width // 2, 2)
    means: Pixels = ((blocks.sum(axis=(3, 5), dtype=np.int64) + 2) // 4).astype(np.uint8)
    return means
