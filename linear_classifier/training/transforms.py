"""TorchVision's pointwise transforms, applied once to each of the 256 values a pixel can have: the pixel table."""

import math
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.transforms import v2

from linear_classifier.data.splits import ImageArray, chunks_of

SQUARED_NORM = 28 * 28  # that of an image of 28 x 28 values with the standard deviation 1


def build_pixel_table(images: ImageArray, gamma: float) -> NDArray[np.float32]:
    """A table `(channels, 256)`: what scaling to [0, 1], gamma and normalising make of each value of each channel.

    Each channel gets the mean 0, and a standard deviation with which an image has the mean squared norm
    `SQUARED_NORM`, whatever its size: the loss curves with that norm, so that one `lr` is right for all sizes. Mean and
    deviation are those of `images` `(n, channels, height, width)` after gamma, from their exact histogram. Computed in
    float64 and rounded once: vectorised float32 powers differ between CPUs.
    """
    values = torch.arange(256, dtype=torch.uint8).expand(images.shape[1], 1, 256)
    brighten = v2.Compose([v2.ToDtype(torch.float64, scale=True), v2.Lambda(partial(_raise_to, gamma=gamma))])
    mean, std = _mean_and_std(brighten(values), _histogram(images))
    size = math.sqrt(math.prod(images.shape[1:]) / SQUARED_NORM)
    transform = v2.Compose([brighten, v2.Normalize(mean, [size * each for each in std])])
    table: NDArray[np.float32] = transform(values).squeeze(1).to(torch.float32).numpy()
    return table


def _raise_to(image: Tensor, gamma: float) -> Tensor:
    raised: Tensor = v2.functional.adjust_gamma(image, gamma)
    return raised


def _histogram(images: ImageArray) -> NDArray[np.int64]:
    """How often each value occurs in each channel, `(channels, 256)`."""
    counts = np.zeros((images.shape[1], 256), np.int64)
    for part in chunks_of(images):
        for channel, row in enumerate(counts):
            row += np.bincount(part[:, channel].ravel(), minlength=256)
    return counts


def _mean_and_std(values: Tensor, counts: NDArray[np.int64]) -> tuple[list[float], list[float]]:
    """Per channel, of `values` `(channels, 1, 256)` that occur `counts` times; `fsum` is exact, whatever the order."""
    means, stds = [], []
    for row, count in zip(values.squeeze(1).tolist(), counts.tolist(), strict=True):
        total = sum(count)
        mean = math.fsum(n * value for value, n in zip(row, count, strict=True)) / total
        variance = math.fsum(n * (value - mean) ** 2 for value, n in zip(row, count, strict=True)) / total
        means.append(mean)
        stds.append(math.sqrt(variance) or 1.0)  # a channel of one value only: centred, not scaled
    return means, stds
