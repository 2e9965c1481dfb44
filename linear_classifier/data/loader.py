"""A split and a pixel table → a `DataLoader` of batches, for training and evaluation alike."""

import math
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from linear_classifier.data.image_file import ImageFile
from linear_classifier.data.order import BatchOrder, Blocks, cut_into_blocks
from linear_classifier.data.pixel_table import look_up
from linear_classifier.data.splits import ImageArray, Split, chunks_of
from linear_classifier.devices import fits_on_gpu
from linear_classifier.params import RuntimeParams

Batch = tuple[Tensor, Tensor]
Group = tuple[Tensor, Tensor, list[int]]  # images and labels of some batches, one after the other, and each one's size

GROUP_VALUES = 2**19  # of pixels of the small batches that are looked up together, at most
MAX_AHEAD_VALUES = 2**20  # of a batch that is made ahead: of larger ones two are more than the caches hold
WORKER_TIMEOUT = 60  # seconds for a batch, which takes milliseconds: then the run ends, and does not wait for ever


class Images(Dataset[Group]):
    """A split, indexed by a group of batches, each as its indices.

    `images` gives uint8 `(n, channels, height, width)` for the indices of images; `labels` are int32 `(n,)`, half the
    memory of the int64 that a batch has.
    """

    def __init__(self, images: "InMemory | OnDisk", labels: Tensor) -> None:
        self.images, self.labels = images, labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, batches: list[Tensor]) -> Group:
        """The pixels and labels of all `batches`, one after the other, and how many images each batch has."""
        indices = torch.cat(batches)
        labels = self.labels.index_select(0, indices).long()
        return self.images.take(indices), labels, [len(batch) for batch in batches]


class InMemory:
    """Images that lie in memory, or on the GPU, as they are: uint8 `(n, channels, height, width)`."""

    def __init__(self, images: Tensor) -> None:
        self.images = images

    def take(self, indices: Tensor) -> Tensor:
        return self.images.index_select(0, indices)


class OnDisk:
    """Images of which the windows lie in memory that a batch can have images of, and the next one; see `BatchOrder`."""

    def __init__(self, images: ImageFile, blocks: Blocks, batch_size: int) -> None:
        self.images, self.blocks = images, blocks
        self.window_size = blocks.per_window * blocks.size
        spanned = 2 + (batch_size + blocks.size) // self.window_size  # a window with the short block is that smaller
        self.num_windows = min(spanned, -(-blocks.count // blocks.per_window))
        self.memory = torch.empty((self.num_windows * self.window_size, *images.shape[1:]), dtype=torch.uint8)
        self.shift_of = torch.empty(blocks.count, dtype=torch.int64)  # from the index of a block's image to its row

    def take(self, indices: Tensor) -> Tensor:
        blocks = torch.div(indices, self.blocks.size, rounding_mode="floor")
        return self.memory.index_select(0, indices + self.shift_of.index_select(0, blocks))

    def load(self, window: int, blocks: list[int]) -> None:
        """Read `blocks` over those of a window that is no longer needed."""
        bounds = [self.blocks.bounds(block) for block in blocks]
        self.images.read_ahead(bounds)
        row = window % self.num_windows * self.window_size
        for block, (start, stop) in zip(blocks, bounds, strict=True):
            self.images.read_into(self.memory[row : row + stop - start].numpy(), start)
            self.shift_of[block] = row - start
            row += stop - start


class BatchLoader(DataLoader[Batch]):
    """Batches, whose pixels are looked up in `table`: of small ones a group at a time, since each step of Python costs.

    A thread does it for the next group while one is in use, if `ahead`. Worker processes hand the pixels of
    a group over as arrays of bytes, through a pipe: as tensors they would be handed over in shared memory, of which a
    container has little, and by file descriptors that die with their worker.
    """

    def __init__(
        self, dataset: Images, table: Tensor, order: BatchOrder, *, num_workers: int, ahead: bool, pin_memory: bool
    ) -> None:
        super().__init__(
            dataset,  # type: ignore[arg-type]  # it gives groups, and `__iter__` makes batches of them
            sampler=order,
            batch_size=None,
            collate_fn=_to_arrays if num_workers else _as_it_is,
            num_workers=num_workers,
            timeout=WORKER_TIMEOUT if num_workers else 0,
            worker_init_fn=_end_at_sigterm,
        )
        self.table, self.ahead, self.pins = table, ahead, pin_memory

    def __iter__(self) -> Any:
        groups = map(self._look_up, super().__iter__())
        for images, labels, sizes in _one_ahead(groups) if self.ahead else groups:
            yield from zip(images.split(sizes), labels.split(sizes), strict=True)

    def _look_up(self, group: Any) -> Group:
        pixels, labels, sizes = group
        images, labels = look_up(self.table, torch.as_tensor(pixels)), torch.as_tensor(labels)
        return (images.pin_memory(), labels.pin_memory(), sizes) if self.pins else (images, labels, sizes)


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
    else in memory if they are few, else they are read in blocks by a thread; then batches come from pinned memory on
    CUDA. Those in memory are loaded by `runtime.num_workers` processes.
    """
    on_gpu = fits_on_gpu(split.images.nbytes, device)
    home = device if on_gpu else torch.device("cpu")
    num_values = math.prod(split.images.shape[1:])
    blocks = cut_into_blocks(len(split), num_values)  # by the split alone: one order everywhere
    batch_values = batch_size * num_values
    group_size = max(1, GROUP_VALUES // batch_values)
    order = BatchOrder(blocks, batch_size, shuffle_seed, home, group_size)
    images: InMemory | OnDisk
    if isinstance(split.images, ImageFile) and blocks.count > 1 and not on_gpu:
        images = OnDisk(split.images, blocks, batch_size)
        order.load = images.load
    else:
        images = InMemory(_copy_to(home, split.images))
    # A process has neither a GPU nor the thread that reads.
    num_workers = runtime.num_workers if isinstance(images, InMemory) and not on_gpu else 0
    return BatchLoader(
        Images(images, torch.from_numpy(split.labels.astype(np.int32)).to(home)),
        table.to(home),
        order,
        num_workers=num_workers,
        ahead=batch_values <= MAX_AHEAD_VALUES and not (num_workers or on_gpu),
        pin_memory=device.type == "cuda" and not on_gpu,
    )


def evaluation_batch_size(image_shape: Sequence[int]) -> int:
    """Images per batch where nothing is trained: changes speed and memory (32 MB a batch in float64), never a result.

    Fewer would be slow where images are large: the logits of a batch are summed in a step of Python a pixel.
    """
    return max(1, min(1000, 2**22 // math.prod(image_shape)))


def _copy_to(home: torch.device, images: ImageArray) -> Tensor:
    """All `images` on `home`, a part at a time: a GPU may have more memory than the machine it is in."""
    copy = left = torch.empty(images.shape, dtype=torch.uint8, device=home)
    for chunk in chunks_of(images):
        part, left = left.tensor_split([len(chunk)])
        part.copy_(torch.from_numpy(np.array(chunk)))
    return copy


def _end_at_sigterm(worker: int) -> None:
    """Let SIGTERM end this worker at once: the stage's own handler would wait for locks that a dead worker holds."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _one_ahead(groups: Iterator[Group]) -> Iterator[Group]:
    """The same `groups`, each made by a thread while the one before is in use; a look at the first starts no thread."""
    if first := next(groups, None):
        yield first
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, groups, None)
        while group := coming.result():
            coming = thread.submit(next, groups, None)
            yield group


def _as_it_is(group: Any) -> Any:
    return group


def _to_arrays(group: Any) -> Any:
    pixels, labels, sizes = group
    return pixels.numpy(), labels.numpy(), sizes
