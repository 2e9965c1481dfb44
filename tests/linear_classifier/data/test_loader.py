from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from linear_classifier.data.image_file import ImageFile
from linear_classifier.data.loader import (
    Batch,
    BatchLoader,
    Images,
    InMemory,
    OnDisk,
    build_loader,
    evaluation_batch_size,
)
from linear_classifier.data.splits import Split
from linear_classifier.params import Params

CPU = torch.device("cpu")
TABLE = torch.linspace(-1, 1, 256, dtype=torch.float64)[None]


def batches_of(loader: DataLoader[Batch]) -> list[tuple[list[float], list[int]]]:
    return [(images.flatten().tolist(), labels.tolist()) for images, labels in loader]


def test_build_loader_gives_every_image_once_in_order_and_a_short_last_batch(split: Split, params: Params) -> None:
    loader = build_loader(split, TABLE, 3, params.runtime, CPU)
    assert isinstance(loader, DataLoader) and len(loader) == 3
    batches = list(loader)
    assert [tuple(images.shape) for images, _ in batches] == [(3, 1, 4, 5), (3, 1, 4, 5), (1, 1, 4, 5)]
    assert [labels.tolist() for _, labels in batches] == [[0, 1, 2], [0, 1, 2], [0]]
    looked_up = torch.cat([images for images, _ in batches])
    assert looked_up.dtype == TABLE.dtype
    np.testing.assert_array_equal(looked_up.numpy(), TABLE[0].numpy()[split.images])


def test_build_loader_keeps_images_as_bytes(split: Split, params: Params) -> None:
    loader = build_loader(split, TABLE, 3, params.runtime, CPU)
    assert isinstance(loader.dataset, Images) and isinstance(loader.dataset.images, InMemory)
    assert loader.dataset.images.images.dtype == torch.uint8


def test_build_loader_keeps_each_image_with_its_label(split: Split, params: Params) -> None:
    by_image = {
        tuple(TABLE[0].numpy()[i].flatten().tolist()): label
        for i, label in zip(np.asarray(split.images), split.labels, strict=True)
    }
    for images, labels in build_loader(split, TABLE, 2, params.runtime, CPU, shuffle_seed=1):
        assert [by_image[tuple(image.flatten().tolist())] for image in images] == labels.tolist()


def test_build_loader_gives_the_same_batches_with_workers(split: Split, params: Params) -> None:
    plain = build_loader(split, TABLE, 2, params.runtime, CPU, shuffle_seed=3)
    workers = build_loader(split, TABLE, 2, replace(params.runtime, num_workers=2), CPU, shuffle_seed=3)
    assert workers.num_workers == 2 and workers.timeout > 0
    for _ in range(2):
        assert batches_of(plain) == batches_of(workers)


def test_next_iter_looks_at_one_batch_and_changes_nothing(split: Split, params: Params) -> None:
    loader = build_loader(split, TABLE, 4, params.runtime, CPU, shuffle_seed=0)
    before = batches_of(build_loader(split, TABLE, 4, params.runtime, CPU, shuffle_seed=0))
    images, labels = next(iter(loader))
    assert (images.flatten().tolist(), labels.tolist()) == before[0]
    assert batches_of(loader) == before


@pytest.mark.parametrize(("shape", "expected"), [([1, 28, 28], 1000), ([3, 224, 224], 27), ([3, 4096, 4096], 1)])
def test_evaluation_batch_size_keeps_a_batch_small(shape: list[int], expected: int) -> None:
    assert evaluation_batch_size(shape) == expected


@pytest.fixture
def on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Split, Split]:
    """A split of 1,003 images that is larger than the window, and the same in memory."""
    generator = np.random.default_rng(0)
    in_memory = Split(generator.integers(0, 256, (1003, 1, 4, 5), np.uint8), generator.integers(0, 3, 1003))
    path = tmp_path / "images.npy"
    np.save(path, in_memory.images)
    monkeypatch.setattr("linear_classifier.data.order.BLOCK_BYTES", 200)
    monkeypatch.setattr("linear_classifier.data.order.WINDOW_BYTES", 2000)
    return Split(ImageFile(path, (1003, 1, 4, 5), 128), in_memory.labels), in_memory


@pytest.mark.parametrize("num_workers", [0, 2])
@pytest.mark.parametrize("seed", [None, 3])
@pytest.mark.parametrize("batch_size", [7, 64, 500])
def test_build_loader_gives_the_same_batches_from_disk_and_from_memory(
    batch_size: int, seed: int | None, num_workers: int, on_disk: tuple[Split, Split], params: Params
) -> None:
    runtime = replace(params.runtime, num_workers=num_workers)
    read, kept = (build_loader(split, TABLE, batch_size, runtime, CPU, shuffle_seed=seed) for split in on_disk)
    assert isinstance(read.dataset, Images) and isinstance(read.dataset.images, OnDisk)
    for _ in range(2):
        assert batches_of(read) == batches_of(kept)


class AtOnce:
    """An executor that is as fast as can be: what it reads over too early is lost."""

    def __init__(self, max_workers: int) -> None: ...

    def __enter__(self) -> "AtOnce":
        return self

    def __exit__(self, *_: object) -> None: ...

    def submit(self, work: Callable[..., None], *arguments: Any) -> "Future[None]":
        work(*arguments)
        done: Future[None] = Future()
        done.set_result(None)
        return done


@pytest.mark.parametrize("seed", range(3))
def test_on_disk_reads_over_no_image_that_is_still_to_be_drawn(
    seed: int, on_disk: tuple[Split, Split], params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("linear_classifier.data.order.ThreadPoolExecutor", AtOnce)
    for batch_size in range(60, 260):  # a window has 100 images, the one with the short block 93
        read, kept = (build_loader(split, TABLE, batch_size, params.runtime, CPU, seed) for split in on_disk)
        assert all(torch.equal(*pair) for pair in zip(map(first, read), map(first, kept), strict=True)), batch_size


def first(batch: Batch) -> Tensor:
    return batch[0]


def test_on_disk_reads_each_block_once_an_epoch(
    on_disk: tuple[Split, Split], params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts: list[int] = []
    read_into = ImageFile.read_into

    def noted(self: ImageFile, images: NDArray[np.uint8], start: int) -> None:
        starts.append(start)
        read_into(self, images, start)

    monkeypatch.setattr(ImageFile, "read_into", noted)
    for _ in build_loader(on_disk[0], TABLE, 32, params.runtime, CPU, shuffle_seed=0):
        pass
    assert sorted(starts) == list(range(0, 1003, 10))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no usable CUDA GPU")
def test_build_loader_puts_a_split_that_fits_on_the_gpu(split: Split, params: Params) -> None:
    loader = build_loader(split, TABLE, 3, replace(params.runtime, num_workers=2), torch.device("cuda"))
    assert isinstance(loader, BatchLoader) and loader.num_workers == 0 and not loader.pins
    assert all(images.is_cuda and labels.is_cuda for images, labels in loader)


def test_build_loader_pins_memory_where_the_gpu_is_too_small(
    split: Split, params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    # There is no GPU here: only what free memory it would report is made up, and the loader is built, not iterated.
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (100, 200))
    loader = build_loader(split, TABLE, 3, replace(params.runtime, num_workers=2), torch.device("cuda"))
    assert isinstance(loader, BatchLoader) and loader.pins and loader.num_workers == 2
