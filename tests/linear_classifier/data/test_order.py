import pytest
import torch
from torch import Tensor

from linear_classifier.data.order import WINDOW_BYTES, BatchOrder, Blocks, cut_into_blocks, shuffle

CPU = torch.device("cpu")


def batches_of(order: BatchOrder) -> list[Tensor]:
    return [batch for group in order for batch in group]


def test_shuffle_is_a_function_of_seed_and_epoch() -> None:
    assert torch.equal(shuffle(1000, 5, 2, 1), shuffle(1000, 5, 2, 1))
    orders = {tuple(shuffle(1000, seed, epoch, 1).tolist()) for seed in (5, 6) for epoch in (1, 2, 3)}
    assert len(orders) == 6 and all(sorted(order) == list(range(1000)) for order in orders)


def test_shuffle_gives_the_order_that_the_committed_model_was_trained_in() -> None:
    assert shuffle(10, 0, 1, 1).tolist() == [2, 7, 0, 4, 1, 6, 8, 9, 3, 5]


@pytest.mark.parametrize("seed", [None, 3])
def test_batch_order_gives_every_index_once_and_a_short_last_batch(seed: int | None) -> None:
    order = BatchOrder(Blocks(10, 10, 1), 4, seed, CPU)
    batches = batches_of(order)
    assert [len(batch) for batch in batches] == [4, 4, 2] and len(order) == 3
    indices = torch.cat(batches).tolist()
    assert sorted(indices) == list(range(10)) and (indices == list(range(10))) == (seed is None)


def test_batch_order_changes_with_the_epoch_alone() -> None:
    order = BatchOrder(Blocks(50, 50, 1), 7, 3, CPU)
    first = torch.cat(batches_of(order)).tolist()
    next(iter(order))
    assert torch.cat(batches_of(order)).tolist() == first, "a look changes nothing"
    order.set_epoch(2)
    assert torch.cat(batches_of(order)).tolist() == shuffle(50, 3, 2, 1).tolist() != first


def test_cut_into_blocks_shuffles_what_fits_as_a_whole() -> None:
    assert cut_into_blocks(54_000, 784) == Blocks(54_000, 54_000, 1)
    large = cut_into_blocks(6_000_000, 784)
    assert large.size == 255 and large.per_window * large.size * 784 <= WINDOW_BYTES
    assert cut_into_blocks(1000, 3 * 4096 * 4096) == Blocks(1000, 1, 1)


@pytest.mark.parametrize("batch_size", [1, 7, 64, 1000])
def test_batch_order_by_blocks_gives_every_index_once(batch_size: int) -> None:
    order = BatchOrder(Blocks(1003, 10, 8), batch_size, 3, CPU)
    batches = batches_of(order)
    assert len(batches) == len(order) and {len(batch) for batch in batches[:-1]} <= {batch_size}
    assert sorted(torch.cat(batches).tolist()) == list(range(1003))


def test_batch_order_mixes_the_blocks_of_a_window_and_has_them_loaded_before() -> None:
    loaded: list[list[int]] = []
    order = BatchOrder(Blocks(1000, 10, 8), 80, 3, CPU, load=lambda window, blocks: loaded.insert(window, blocks))
    windows = []
    for batch in batches_of(order):
        windows.append({index // 10 for index in batch.tolist()})
        assert windows[-1] <= {block for blocks in loaded for block in blocks}
    assert all(len(blocks) == 8 for blocks in windows[:-1]), "a batch of a window's size has all of its blocks"
    assert [set(blocks) for blocks in loaded] == windows


def test_batch_order_raises_what_loading_a_window_raised() -> None:
    def load(window: int, blocks: list[int]) -> None:
        if window == 1:
            raise RuntimeError("became shorter")

    batches = iter(BatchOrder(Blocks(1000, 10, 8), 20, 3, CPU, load=load))
    next(batches)
    with pytest.raises(RuntimeError, match="became shorter"):
        list(batches)


def test_batch_order_without_seed_reads_blocks_as_they_stand() -> None:
    assert torch.cat(batches_of(BatchOrder(Blocks(95, 10, 3), 8, None, CPU))).tolist() == list(range(95))


@pytest.mark.parametrize("blocks", [Blocks(103, 103, 1), Blocks(103, 10, 3)])
def test_batch_order_from_a_later_batch_on_is_what_is_left_of_the_epoch(blocks: Blocks) -> None:
    order = BatchOrder(blocks, 8, 3, CPU)
    order.set_epoch(2)
    whole = batches_of(order)
    for first in range(14):
        order.set_epoch(2, first)
        assert [batch.tolist() for batch in batches_of(order)] == [batch.tolist() for batch in whole[first:]]


def test_batch_order_from_a_later_batch_on_loads_no_window_before_it() -> None:
    loaded: list[int] = []
    order = BatchOrder(Blocks(1000, 10, 8), 7, 3, CPU, load=lambda window, blocks: loaded.append(window))
    order.set_epoch(1, 100)  # image 700 is in window 8 of 13, counted from 0
    assert torch.cat(batches_of(order)).numel() == 300
    assert loaded == list(range(8, 13))
