"""The order of the images in an epoch: a function of the seed and the epoch, whatever was looked at before."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Sampler


class BatchOrder(Sampler[Tensor]):
    """The indices of each batch of an epoch, int64 `(batch,)` on `device`; the last batch may be short.

    With a `seed` the images are shuffled, in another order each epoch, see `set_epoch`; without one they come as they
    stand. To iterate changes nothing, so that a look at one batch leaves the training as it is.
    """

    def __init__(self, num_images: int, batch_size: int, seed: int | None, device: torch.device) -> None:
        self.num_images, self.batch_size, self.seed, self.device = num_images, batch_size, seed, device
        self.epoch = 1

    def set_epoch(self, epoch: int) -> None:
        """Make the next iteration that of `epoch`, counted from 1."""
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-self.num_images // self.batch_size)

    def __iter__(self) -> Iterator[Tensor]:
        order = torch.arange(self.num_images) if self.seed is None else shuffle(self.num_images, self.seed, self.epoch)
        return iter(order.to(self.device).split(self.batch_size))  # sent once an epoch and cut there


def shuffle(num_images: int, seed: int, epoch: int) -> Tensor:
    """The indices 0 to `num_images` - 1 in random order, int64 `(num_images,)`: the same on every machine."""
    return torch.from_numpy(np.random.default_rng((seed, epoch)).permutation(num_images))
