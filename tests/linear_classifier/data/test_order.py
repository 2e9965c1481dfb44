import pytest
import torch

from linear_classifier.data.order import BatchOrder, shuffle

CPU = torch.device("cpu")


def test_shuffle_is_a_function_of_seed_and_epoch() -> None:
    assert torch.equal(shuffle(1000, 5, 2), shuffle(1000, 5, 2))
    orders = {tuple(shuffle(1000, seed, epoch).tolist()) for seed in (5, 6) for epoch in (1, 2, 3)}
    assert len(orders) == 6 and all(sorted(order) == list(range(1000)) for order in orders)


def test_shuffle_gives_the_order_that_the_committed_model_was_trained_in() -> None:
    assert shuffle(10, 0, 1).tolist() == [9, 1, 3, 8, 7, 6, 0, 4, 2, 5]


@pytest.mark.parametrize("seed", [None, 3])
def test_batch_order_gives_every_index_once_and_a_short_last_batch(seed: int | None) -> None:
    order = BatchOrder(10, 4, seed, CPU)
    batches = list(order)
    assert [len(batch) for batch in batches] == [4, 4, 2] and len(order) == 3
    indices = torch.cat(batches).tolist()
    assert sorted(indices) == list(range(10)) and (indices == list(range(10))) == (seed is None)


def test_batch_order_changes_with_the_epoch_alone() -> None:
    order = BatchOrder(50, 7, 3, CPU)
    first = torch.cat(list(order)).tolist()
    next(iter(order))
    assert torch.cat(list(order)).tolist() == first, "a look changes nothing"
    order.set_epoch(2)
    assert torch.cat(list(order)).tolist() == shuffle(50, 3, 2).tolist() != first
