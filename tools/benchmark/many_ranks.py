"""Epochs of training on several ranks, each a process of this module: `python -m tools.benchmark.many_ranks ...`."""

import json
import sys
import time

import numpy as np
import torch

from linear_classifier.data.loader import build_loader
from linear_classifier.data.order import BatchOrder
from linear_classifier.data.splits import Split
from linear_classifier.io.console import open_console
from linear_classifier.io.heap import use_one_heap
from linear_classifier.model.linear import build_model
from linear_classifier.params import RuntimeParams, TrainParams
from linear_classifier.ranks import is_rank, join_ranks, launch_ranks, num_ranks, this_rank
from linear_classifier.training.loop import train_one_epoch
from linear_classifier.training.state import TrainingState
from tools.benchmark.processes import run_python

RUNTIME = RuntimeParams(device="cpu", num_workers=0, threads=1, checkpoint_dir="", processes=1)
PARAMS = TrainParams(3, 0, 1, 0.03, 0.9, 0.0003, 0.4, 0, "float64")
CPU = torch.device("cpu")
IMAGE_BYTES = 60 * 2**20  # of random images
EPOCHS = 4  # of which the fastest counts


def measure_ranks(image_shape: tuple[int, int, int], batch_size: int, ranks: int) -> float:
    """Images per second of an epoch on so many ranks, in float64, on random images `(channels, height, width)`."""
    task = json.dumps([image_shape, batch_size, ranks])
    return float(run_python("-m", "tools.benchmark.many_ranks", task).output.split()[-1])


def main(task: str) -> None:
    """Print the images per second of the `task`: on as many ranks as it says, on one here."""
    image_shape, batch_size, ranks = json.loads(task)
    if ranks > 1 and not is_rank():
        launch_ranks("tools.benchmark.many_ranks", task, ranks)
        return
    if is_rank():
        join_ranks()
    print(run_epochs(image_shape, batch_size))


def run_epochs(image_shape: list[int], batch_size: int) -> float:
    torch.set_num_threads(RUNTIME.threads)
    generator = np.random.default_rng(0)
    count = IMAGE_BYTES // int(np.prod(image_shape))
    split = Split(generator.integers(0, 256, (count, *image_shape), np.uint8), generator.integers(0, 10, count))
    table = torch.linspace(-1, 1, 256, dtype=torch.float64).repeat(image_shape[0], 1) * 28 / np.prod(image_shape) ** 0.5
    loader = build_loader(split, table, batch_size, RUNTIME, CPU, shuffle_seed=0)
    order: BatchOrder = loader.sampler  # type: ignore[assignment]
    order.set_part(this_rank(), num_ranks())
    state = TrainingState.begin(build_model(image_shape, 10, torch.float64), PARAMS, len(split), 1)
    seconds = []
    for _ in range(EPOCHS):
        started = time.perf_counter()
        train_one_epoch(state, loader, order.sizes())
        seconds.append(time.perf_counter() - started)
    return count / min(seconds)


if __name__ == "__main__":
    open_console()
    use_one_heap()  # as in the stages
    main(sys.argv[1])
