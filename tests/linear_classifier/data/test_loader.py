from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, RandomSampler, SequentialSampler

from linear_classifier.data.loader import Batch, apply_table, build_loader
from linear_classifier.data.splits import Split
from linear_classifier.params import Params

CPU = torch.device("cpu")
TABLE = np.linspace(-1, 1, 256, dtype=np.float32)[np.newaxis]


def batches_of(loader: DataLoader[Batch]) -> list[tuple[list[float], list[int]]]:
    return [(images.flatten().tolist(), labels.tolist()) for images, labels in loader]


def test_apply_table_looks_every_pixel_up_in_its_channel() -> None:
    images = np.random.default_rng(0).integers(0, 256, (250, 3, 2, 2), dtype=np.uint8)
    table = np.random.default_rng(1).random((3, 256), dtype=np.float32)
    expected = [[[[table[c, p] for p in row] for row in image[c]] for c in range(3)] for image in images]
    looked_up = apply_table(images, table)
    assert looked_up.dtype == torch.float32
    np.testing.assert_array_equal(looked_up.numpy(), np.array(expected))


def test_build_loader_gives_every_image_once_in_order_and_a_short_last_batch(split: Split, params: Params) -> None:
    loader = build_loader(split, TABLE, 3, params.runtime, CPU)
    assert isinstance(loader, DataLoader) and isinstance(loader.sampler, SequentialSampler) and loader.batch_size == 3
    batches = list(loader)
    assert [tuple(images.shape) for images, _ in batches] == [(3, 1, 4, 5), (3, 1, 4, 5), (1, 1, 4, 5)]
    assert [labels.tolist() for _, labels in batches] == [[0, 1, 2], [0, 1, 2], [0]]
    np.testing.assert_array_equal(torch.cat([images for images, _ in batches]).numpy(), TABLE[0][split.images])


def test_build_loader_shuffles_anew_each_epoch_and_alike_for_a_seed(split: Split, params: Params) -> None:
    def two_epochs(seed: int) -> list[list[tuple[list[float], list[int]]]]:
        loader = build_loader(split, TABLE, 3, params.runtime, CPU, shuffle_seed=seed)
        assert isinstance(loader.sampler, RandomSampler)
        return [batches_of(loader), batches_of(loader)]

    first, second = two_epochs(5)
    assert first != second and [first, second] == two_epochs(5) != two_epochs(6)
    seen = [label for _, labels in first for label in labels]
    assert sorted(seen) == sorted(split.labels.tolist())


def test_build_loader_keeps_each_image_with_its_label(split: Split, params: Params) -> None:
    by_image = {
        tuple(TABLE[0][i].flatten().tolist()): label for i, label in zip(split.images, split.labels, strict=True)
    }
    for images, labels in build_loader(split, TABLE, 2, params.runtime, CPU, shuffle_seed=1):
        assert [by_image[tuple(image.flatten().tolist())] for image in images] == labels.tolist()


def test_build_loader_gives_the_same_batches_with_workers(split: Split, params: Params) -> None:
    plain = build_loader(split, TABLE, 2, params.runtime, CPU, shuffle_seed=3)
    workers = build_loader(split, TABLE, 2, replace(params.runtime, num_workers=2), CPU, shuffle_seed=3)
    assert workers.num_workers == 2
    for _ in range(2):
        assert batches_of(plain) == batches_of(workers)


def test_next_iter_looks_at_one_batch(split: Split, params: Params) -> None:
    images, labels = next(iter(build_loader(split, TABLE, 4, params.runtime, CPU)))
    assert images.shape == (4, 1, 4, 5) and labels.tolist() == [0, 1, 2, 0]


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
