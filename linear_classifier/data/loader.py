"""A split and a pixel table → a `DataLoader` of float batches, for train and evaluate alike."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from linear_classifier.data.splits import Split
from linear_classifier.devices import fits_on_gpu
from linear_classifier.params import RuntimeParams

Batch = tuple[Tensor, Tensor]

EVALUATION_BATCH_SIZE = 1000  # images per batch where nothing is trained: changes speed, never a result
_CHUNK = 100  # images looked up at a time: the look-up's 8-byte indices stay in the CPU's cache


class Images(TorchDataset[Batch]):
    """A split as float32 images `(n, channels, height, width)` and int64 labels `(n,)`, indexed by whole batches.

    A `DataLoader` calls `__getitems__` once a batch where it would call `__getitem__` once an image.
    """

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        self.images = images
        self.labels = labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> Batch:
        return self.images[index], self.labels[index]

    def __getitems__(self, indices: list[int]) -> Batch:
        chosen = torch.from_numpy(np.array(indices)).to(self.images.device)  # NumPy reads a list 4 times as fast
        return self.images.index_select(0, chosen), self.labels.index_select(0, chosen)


def build_loader(
    split: Split,
    table: NDArray[np.float32],
    batch_size: int,
    runtime: RuntimeParams,
    device: torch.device,
    shuffle_seed: int | None = None,
) -> DataLoader[Batch]:
    """Batches of `split`, in an order drawn from `shuffle_seed` anew each epoch, or as they stand if it is None.

    A batch is float32 images `(batch, channels, height, width)` through `table` (see `apply_table`) and int64 labels
    `(batch,)`; the last one may be short. The split is looked up once, here. It lies on the GPU if it fits there;
    else batches come from pinned memory on CUDA, loaded by `runtime.num_workers` processes.
    """
    images, labels = apply_table(split.images, table), torch.from_numpy(np.array(split.labels))
    on_gpu = fits_on_gpu(images.nbytes, device)
    if on_gpu:
        images, labels = images.to(device), labels.to(device)
    return DataLoader(
        Images(images, labels),
        batch_size=batch_size,
        shuffle=shuffle_seed is not None,
        generator=None if shuffle_seed is None else torch.Generator().manual_seed(shuffle_seed),
        num_workers=0 if on_gpu else runtime.num_workers,  # a worker process cannot index what lies on the GPU
        pin_memory=device.type == "cuda" and not on_gpu,
        collate_fn=_as_it_is,
    )


def apply_table(images: NDArray[np.uint8], table: NDArray[np.float32]) -> Tensor:
    """The images as float32, same shape: value `p` of channel `c` is `table[c, p]`. `table` is `(channels, 256)`."""
    looked_up = np.empty(images.shape, np.float32)
    for start in range(0, len(images), _CHUNK):
        for channel, row in enumerate(table):
            part = images[start : start + _CHUNK, channel]
            looked_up[start : start + _CHUNK, channel] = np.take(row, part, mode="clip")  # no value is outside: uint8
    return torch.from_numpy(looked_up)


def _as_it_is(batch: Sequence[Batch]) -> Sequence[Batch]:
    """What `__getitems__` gave is a batch already; there is nothing to collate."""
    return batch
