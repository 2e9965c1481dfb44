"""A split and a pixel table → a `DataLoader` of batches, for training and evaluation alike."""

import math
import signal
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from linear_classifier.data.image_file import ImageFile
from linear_classifier.data.order import BatchOrder, Blocks, cut_into_blocks
from linear_classifier.data.pixel_table import look_up
from linear_classifier.data.splits import Split
from linear_classifier.devices import fits_on_gpu
from linear_classifier.params import RuntimeParams

Batch = tuple[Tensor, Tensor]

ABSENT = -(2**62)  # added to any index, it gives a row below 0
WORKER_TIMEOUT = 60  # seconds for a batch, which takes milliseconds: then the run ends, and does not wait for ever


class Images(Dataset[Batch]):
    """A split, indexed by the indices of a whole batch: one look-up a batch and not one an image.

    `images` gives uint8 `(batch, channels, height, width)` for the indices of a batch; `labels` are int64 `(n,)`,
    `table` is floats `(channels, 256)`.
    """

    def __init__(self, images: "InMemory | OnDisk", labels: Tensor, table: Tensor | None) -> None:
        self.images, self.labels, self.table = images, labels, table

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, indices: Tensor) -> Batch:
        """Images `(batch, channels, height, width)` through the table, if there is one, and labels `(batch,)`."""
        images, labels = self.images.take(indices), self.labels.index_select(0, indices)
        return images if self.table is None else look_up(self.table, images), labels


class InMemory:
    """Images that lie in memory, or on the GPU, as they are: uint8 `(n, channels, height, width)`."""

    def __init__(self, images: Tensor) -> None:
        self.images = images

    def take(self, indices: Tensor) -> Tensor:
        return self.images.index_select(0, indices)


class OnDisk:
    """Images of which the blocks of as many windows lie in memory as a batch can have images of."""

    def __init__(self, images: ImageFile, blocks: Blocks, batch_size: int) -> None:
        self.images, self.blocks = images, blocks
        windows = 2 + batch_size // (blocks.per_window * blocks.size)
        slots = min(windows * blocks.per_window, blocks.count)
        self.memory = torch.empty((slots * blocks.size, *images.shape[1:]), dtype=torch.uint8)
        self.block_in: list[int | None] = [None] * slots
        self.shift_of = torch.full((blocks.count,), ABSENT)  # from the index of a block's image to its row in memory
        self.oldest = 0

    def take(self, indices: Tensor) -> Tensor:
        blocks = torch.div(indices, self.blocks.size, rounding_mode="floor")
        rows = indices + self.shift_of[blocks]
        if len(rows) and int(rows.min()) < 0:
            keep = set((rows[rows >= 0] // self.blocks.size).tolist())
            for block in blocks[rows < 0].unique().tolist():
                keep.add(self._load(block, keep))
            rows = indices + self.shift_of[blocks]
        return self.memory.index_select(0, rows)

    def read_ahead(self, blocks: list[int]) -> None:
        for block in blocks:
            self.images.read_ahead(*self.blocks.bounds(block))

    def _load(self, block: int, keep: set[int]) -> int:
        """Read `block` over the one that was read first, of those whose slots are not in `keep`; give its slot."""
        slot, size = self.oldest, self.blocks.size
        while slot in keep:
            slot = (slot + 1) % len(self.block_in)
        if (replaced := self.block_in[slot]) is not None:
            self.shift_of[replaced] = ABSENT
        start, stop = self.blocks.bounds(block)
        self.images.read_into(self.memory[slot * size : slot * size + stop - start].numpy(), start)
        self.shift_of[block], self.block_in[slot] = slot * size - start, block
        self.oldest = (slot + 1) % len(self.block_in)
        return slot


class WorkerLoader(DataLoader[Batch]):
    """A loader whose worker processes hand their batches over as arrays of bytes, through a pipe, to be looked up here.

    As tensors they would be handed over in shared memory, of which a container has little, and by file descriptors that
    die with their worker.
    """

    def __init__(self, dataset: Images, table: Tensor, order: BatchOrder, num_workers: int, pin_memory: bool) -> None:
        super().__init__(
            dataset,
            sampler=order,
            batch_size=None,
            collate_fn=_to_arrays,
            num_workers=num_workers,
            timeout=WORKER_TIMEOUT,
            worker_init_fn=_end_at_sigterm,
        )
        self.table, self.pins = table, pin_memory

    def __iter__(self) -> Any:
        for arrays in super().__iter__():
            pixels, labels = map(torch.from_numpy, arrays)
            images = look_up(self.table, pixels)
            yield (images.pin_memory(), labels.pin_memory()) if self.pins else (images, labels)


def build_loader(
    split: Split,
    table: Tensor,
    batch_size: int,
    runtime: RuntimeParams,
    device: torch.device,
    shuffle_seed: int | None = None,
) -> DataLoader[Batch]:
    """Batches of `split`, shuffled with `shuffle_seed` or, if it is None, as they stand; see `BatchOrder`.

    A batch is images `(batch, channels, height, width)`, looked up in `table` `(channels, 256)` as the batch is drawn
    and of its dtype, and int64 labels `(batch,)`; the last one may be short. The images lie on the GPU if they fit,
    else in memory if they are few, else they are read in blocks; then batches come from pinned memory on CUDA,
    loaded by `runtime.num_workers` processes.
    """
    on_gpu = fits_on_gpu(split.images.nbytes, device)
    home = device if on_gpu else torch.device("cpu")
    blocks = cut_into_blocks(len(split), math.prod(split.images.shape[1:]))  # by the split alone: one order everywhere
    order = BatchOrder(blocks, batch_size, shuffle_seed, home)
    images: InMemory | OnDisk
    if isinstance(split.images, ImageFile) and blocks.count > 1 and not on_gpu:
        images = OnDisk(split.images, blocks, batch_size)
        order.read_ahead = images.read_ahead
    else:
        images = InMemory(torch.from_numpy(np.array(split.images)).to(home))
    labels, table = torch.from_numpy(np.array(split.labels)).to(home), table.to(home)
    pin_memory = device.type == "cuda" and not on_gpu
    if runtime.num_workers and not on_gpu:  # a worker process cannot index what lies on the GPU
        return WorkerLoader(Images(images, labels, None), table, order, runtime.num_workers, pin_memory)
    # The sampler gives the indices of a whole batch, and the dataset a batch for them: there is nothing to collate.
    dataset = Images(images, labels, table)
    return DataLoader(dataset, sampler=order, batch_size=None, collate_fn=_as_it_is, pin_memory=pin_memory)


def evaluation_batch_size(image_shape: Sequence[int]) -> int:
    """Images per batch where nothing is trained: changes speed and memory (8 MB a batch in float64), never a result."""
    return max(1, min(1000, 2**20 // math.prod(image_shape)))


def _end_at_sigterm(worker: int) -> None:
    """Let SIGTERM end this worker at once: the stage's own handler would wait for locks that a dead worker holds."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _as_it_is(batch: Any) -> Any:
    return batch


def _to_arrays(batch: Any) -> Any:
    return tuple(tensor.numpy() for tensor in batch)
