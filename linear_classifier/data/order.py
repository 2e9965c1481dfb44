"""The order of the images in an epoch: a function of the seed and the epoch, whatever was looked at before."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Sampler

WINDOW_BYTES = 44 * 2**20  # of images in memory: a split that has no more is shuffled as a whole
BLOCK_BYTES = 200_000  # that are read at a time: less, and a disk spends its time between the reads


@dataclass(frozen=True)
class Blocks:
    """A split cut into blocks of `size` images, the last may be short; `per_window` of them are shuffled together."""

    num_images: int
    size: int
    per_window: int

    @property
    def count(self) -> int:
        return -(-self.num_images // self.size)

    def bounds(self, block: int) -> tuple[int, int]:
        """The first image of `block`, and the first after it."""
        return block * self.size, min((block + 1) * self.size, self.num_images)


def cut_into_blocks(num_images: int, image_bytes: int) -> Blocks:
    """One block in one window for a split that fits into `WINDOW_BYTES`, else blocks of about `BLOCK_BYTES`."""
    if num_images * image_bytes <= WINDOW_BYTES:
        return Blocks(num_images, num_images, 1)
    size = max(1, BLOCK_BYTES // image_bytes)
    return Blocks(num_images, size, max(1, WINDOW_BYTES // (size * image_bytes)))


class BatchOrder(Sampler[list[Tensor]]):
    """The batches of an epoch, each as its indices, int64 `(batch,)` on `device`; the last batch may be short.

    They come in groups of at most `group_size` batches, which are drawn at once. With a `seed` the images are
    shuffled, in another order each epoch, see `set_epoch`: the blocks, and the images of each window of blocks. Without
    one they come as they stand. `load` is called, in a thread, with the number of each window and its blocks before any
    of its indices are given, and while the window before is drawn. To iterate changes nothing else, so that a look at
    one batch leaves the training as it is.
    """

    def __init__(
        self,
        blocks: Blocks,
        batch_size: int,
        seed: int | None,
        device: torch.device,
        group_size: int = 1,
        load: Callable[[int, list[int]], None] = lambda window, blocks: None,
    ) -> None:
        self.blocks, self.batch_size, self.seed, self.device = blocks, batch_size, seed, device
        self.group_size, self.load = group_size, load
        self.epoch, self.first, self.part, self.num_parts = 1, 0, 0, 1

    def set_epoch(self, epoch: int, first: int = 0) -> None:
        """Make the next iteration that of `epoch`, counted from 1, without the batches before `first`."""
        self.epoch, self.first = epoch, first

    def set_part(self, part: int, num_parts: int) -> None:
        """Give of each batch only this part of `num_parts`, counted from 0; a small batch has empty ones."""
        self.part, self.num_parts = part, num_parts

    def sizes(self) -> Iterator[int]:
        """The images of each batch that the next iteration gives, all parts of it counted."""
        starts = range(self.first * self.batch_size, self.blocks.num_images, self.batch_size)
        return (min(self.batch_size, self.blocks.num_images - start) for start in starts)

    def __len__(self) -> int:
        """The number of batches, not of groups."""
        return -(-self.blocks.num_images // self.batch_size)

    def __iter__(self) -> Iterator[list[Tensor]]:
        skip = self.first
        for group in self._groups():
            kept = group[skip:]
            skip -= len(group) - len(kept)
            if kept:
                yield [batch.tensor_split(self.num_parts)[self.part] for batch in kept]

    def _groups(self) -> Iterator[list[Tensor]]:
        windows = [window.tolist() for window in self._order(self.blocks.count, 0).split(self.blocks.per_window)]
        needed = self._find_needed(windows)
        left = torch.empty(0, dtype=torch.int64, device=self.device)
        with ThreadPoolExecutor(1) as reader:
            loaded = reader.submit(self._load_if, needed[0], 0, windows[0])
            for number, blocks in enumerate(windows, start=1):
                loaded.result()
                # Sent once a window, and cut there: a GPU is not waited for.
                left = torch.cat([left, self._mix(blocks, number).to(self.device, non_blocking=True)])
                *whole, left = left.split(self.batch_size)
                yield whole[:1]
                if number < len(windows):  # now that the last images of the window before are drawn
                    loaded = reader.submit(self._load_if, needed[number], number, windows[number])
                for start in range(1, len(whole), self.group_size):
                    yield whole[start : start + self.group_size]
        yield [left]

    def _find_needed(self, windows: list[list[int]]) -> list[bool]:
        """Of which of `windows` an image is given: not of those that lie before the batch `first`."""
        sizes = [sum(stop - start for start, stop in map(self.blocks.bounds, blocks)) for blocks in windows]
        return [end > self.first * self.batch_size for end in accumulate(sizes)]

    def _load_if(self, is_needed: bool, window: int, blocks: list[int]) -> None:
        if is_needed:
            self.load(window, blocks)

    def _mix(self, blocks: list[int], window: int) -> Tensor:
        """The indices of the images of `blocks`, in their order in `window`, which is counted from 1."""
        indices = torch.cat([torch.arange(*self.blocks.bounds(block)) for block in blocks])
        return indices[self._order(len(indices), window)]

    def _order(self, count: int, window: int) -> Tensor:
        """0 to `count` - 1, shuffled if there is a seed: the blocks, if `window` is 0, or the images of one."""
        return torch.arange(count) if self.seed is None else shuffle(count, self.seed, self.epoch, window)


def shuffle(count: int, seed: int, epoch: int, window: int) -> Tensor:
    """The numbers 0 to `count` - 1 in random order, int64 `(count,)`: the same on every machine."""
    return torch.from_numpy(np.random.default_rng((seed, epoch, window)).permutation(count))
