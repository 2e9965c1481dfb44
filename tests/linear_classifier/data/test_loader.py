import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from linear_classifier.data.loader import Batch, Images, build_loader, evaluation_batch_size
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
    assert isinstance(loader.dataset, Images) and loader.dataset.images.dtype == torch.uint8


def test_build_loader_keeps_each_image_with_its_label(split: Split, params: Params) -> None:
    by_image = {
        tuple(TABLE[0].numpy()[i].flatten().tolist()): label
        for i, label in zip(split.images, split.labels, strict=True)
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


def test_build_loader_refuses_workers_whose_batches_do_not_fit_into_shared_memory(
    split: Split, params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A small /dev/shm needs a container (tests/faults has one): here only what it reports is made up.
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(2**20, 2**20, 0))
    build_loader(split, TABLE, 3, params.runtime, CPU)
    with pytest.raises(RuntimeError, match=r"0 MB free, but 2 workers need .*; set runtime\.num_workers to 0"):
        build_loader(split, TABLE, 3, replace(params.runtime, num_workers=2), CPU)


@pytest.mark.parametrize(("shape", "expected"), [([1, 28, 28], 1000), ([3, 224, 224], 6), ([3, 4096, 4096], 1)])
def test_evaluation_batch_size_keeps_a_batch_small(shape: list[int], expected: int) -> None:
    assert evaluation_batch_size(shape) == expected


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no usable CUDA GPU")
def test_build_loader_puts_a_split_that_fits_on_the_gpu(split: Split, params: Params) -> None:
    loader = build_loader(split, TABLE, 3, replace(params.runtime, num_workers=2), torch.device("cuda"))
    assert loader.num_workers == 0 and not loader.pin_memory
    assert all(images.is_cuda and labels.is_cuda for images, labels in loader)


def test_build_loader_pins_memory_where_the_gpu_is_too_small(
    split: Split, params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    # There is no GPU here: only what free memory it would report is made up, and the loader is built, not iterated.
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (100, 200))
    loader = build_loader(split, TABLE, 3, replace(params.runtime, num_workers=2), torch.device("cuda"))
    assert loader.pin_memory and loader.num_workers == 2
