"""Arithmetic whose every bit is the same in PyTorch, NumPy, plain Python and JavaScript (docs/reproducibility.md).

A product of two float32 is exact in float64, so that of a logit's sum only the order matters; and an `exp` of sums and
products alone is rounded alike everywhere, which the one of no library is.
"""

import math
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from linear_classifier.model.model_file import SavedModel

if TYPE_CHECKING:
    from torch import Tensor

Floats = NDArray[np.float64]
Array = TypeVar("Array", Floats, "Tensor")

LOG2_E = 1.4426950408889634
# ln 2 in two parts; a whole number of 11 bits times the first is exact. Source: FreeBSD's e_exp.c.
LN2_HIGH, LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
TAYLOR = [1 / math.factorial(power) for power in range(13, 1, -1)]  # down to that of r squared
SMALLEST = -700.0  # below it `exp` is 0: a share of 1e-304 of any sum


class ExactModel:
    """The numbers of a saved model, in float64."""

    def __init__(self, saved: SavedModel) -> None:
        self._table, self.weight, self.bias = (
            np.frombuffer(data, "<f4").astype(np.float64) for data in (saved.pixel_table, saved.weight, saved.bias)
        )
        self.weight = self.weight.reshape(len(self.bias), -1)

    def logits(self, images: NDArray[np.uint8]) -> Floats:
        """Of `images` uint8 `(n, channels, height, width)`, `(n, classes)`."""
        channels = 256 * np.arange(images.shape[1], dtype=np.int32)[:, None, None]
        entries = (images + channels).reshape(len(images), self.weight.shape[1]).T
        return compute_logits(self.weight, self.bias, self._table[np.ascontiguousarray(entries)])


def compute_logits(weight: Array, bias: Array, inputs: Array) -> Array:
    """Logits `(n, classes)`: the bias, then pixel after pixel in the order of their indices, each rounded.

    All in float64: `weight` `(classes, pixels)`, `bias` `(classes,)`, `inputs` `(pixels, n)`, contiguous for speed.
    """
    logits = bias[:, None] + weight[:, :1] * inputs[:1]
    for pixel in range(1, len(inputs)):
        logits += weight[:, pixel, None] * inputs[pixel]
    return logits.T


def softmax(logits: Floats) -> Floats:
    """Probabilities `(n, classes)` of `logits` `(n, classes)`."""
    exps = exp_from_largest(logits)
    return exps / sum_classes(exps)


def exp_from_largest(logits: Floats) -> Floats:
    """The `exp` of what lies between each logit and the largest of its image, `(n, classes)`."""
    return exp(logits - logits.max(axis=1, keepdims=True))


def sum_classes(values: Floats) -> Floats:
    """The sums of `values` `(n, classes)`, class after class, `(n, 1)`: `sum` would add in pairs."""
    return np.cumsum(values, axis=1)[:, -1:]


def exp(values: Floats) -> Floats:
    """e to the power of `values`, which are at most 0, to within one unit in the last place.

    By 2^k * e^r with r in ±ln 2 / 2, and Taylor's polynomial of degree 13 for e^r; 1 + r is added last, as most of it.
    """
    values_in_range = np.maximum(values, SMALLEST)
    k = np.floor(values_in_range * LOG2_E + 0.5)
    r = (values_in_range - k * LN2_HIGH) - k * LN2_LOW
    result = np.full_like(r, TAYLOR[0])
    for coefficient in TAYLOR[1:]:
        result *= r
        result += coefficient
    return np.where(values < SMALLEST, 0.0, np.ldexp(1 + (r + r * r * result), k.astype(np.int32)))
