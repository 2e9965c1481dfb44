"""More images than memory holds: a source of millions, and what `prepare` and `train` make of it in how much memory."""

import os
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast
from unittest.mock import patch

import numpy as np
import torch

from linear_classifier.data.image_file import ImageFile
from linear_classifier.data.loader import build_loader
from linear_classifier.data.order import Blocks
from linear_classifier.data.splits import Split, load_dataset, load_split
from linear_classifier.params import TrainParams
from linear_classifier.training.loop import train
from linear_classifier.training.transforms import build_pixel_table
from tools.benchmark.epoch_speed import CPU, GAMMA, RUNTIME, TURNS, our_images_per_second
from tools.benchmark.processes import Run, run_python, write_params

PREPARED = Path("data/prepared")
NUM_CLASSES = 10
NUM_VAL = 10_000  # images, whatever the number for training
IN_MEMORY = 10**6  # images at most of the split that is kept in memory, to compare with
TO_SHUFFLE = 200_000  # images that are trained on to compare orders: as many as take several windows
PERTURBED = 8  # values that a pixel is raised by at most, less one
PIECE = 50_000  # images that are made at a time


@contextmanager
def make_workspace(num_images: int) -> Iterator[Path]:
    """A folder whose params.yaml names a source of `num_images` for training, sorted by class; it goes at the end.

    The images are those of Fashion-MNIST again and again, each time with other small changes of every pixel.
    """
    dataset = load_dataset(PREPARED)
    Path("build").mkdir(exist_ok=True)
    with TemporaryDirectory(dir="build", prefix="scale-") as name:
        source = Path(name) / "source"
        source.mkdir()
        _write_idx(source, "train", load_split(PREPARED, "train", dataset), num_images + NUM_VAL)
        _write_idx(source, "t10k", load_split(PREPARED, "test", dataset), NUM_VAL)
        fraction = NUM_VAL / (num_images + NUM_VAL)
        prepare = {"dataset": "idx", "source": "source", "duplicates": "allow", "val_fraction": fraction}
        write_params(Path(name), prepare=prepare, train={"epochs": 1, "min_steps": 0}, runtime={"device": "cpu"})
        yield Path(name)


def measure_stage(stage: str, folder: Path) -> tuple[float, Run]:
    """The most anonymous memory of `stage` above that of its imports, in MB of 2**20 bytes; and its run in `folder`."""
    tell = f"import re, stages.{stage}; print(re.search('RssAnon:(.*)kB', open('/proc/self/status').read())[1])"
    imports = int(run_python("-c", tell, folder=folder).output) / 1024
    run = run_python("-m", "stages", stage, folder=folder)
    return run.anonymous_mb - imports, run


def open_train(folder: Path, num_images: int) -> tuple[Split, Split]:
    """The first images of train, at most `num_images` of them, on disk and in memory."""
    whole = load_split(folder / PREPARED, "train", load_dataset(folder / PREPARED))
    opened, count = cast(ImageFile, whole.images), min(num_images, len(whole))
    images, labels = ImageFile(opened.path, (count, *opened.shape[1:]), opened.offset), whole.labels[:count]
    return Split(images, labels), Split(images.read(0, count), labels)


def measure_reading(folder: Path, batch_size: int, rounds: int) -> list[tuple[float, float]]:
    """Images per second of an epoch over the split on disk, of which nothing is in the page cache, and in memory.

    Both by the stage's own loop and in the same order; of each the best of its turns, a row a round.
    """
    torch.set_num_threads(RUNTIME.threads)
    splits = open_train(folder, IN_MEMORY)
    table = torch.from_numpy(build_pixel_table(splits[1].images, GAMMA)).to(torch.float64)
    loaders = [build_loader(split, table, batch_size, RUNTIME, CPU, shuffle_seed=0) for split in splits]

    def take_turn() -> list[float]:
        _forget(folder / PREPARED / "train/images.npy")
        return [our_images_per_second(loader, len(splits[0]), torch.float64) for loader in loaders]

    turns = [[take_turn() for _ in range(TURNS)] for _ in range(rounds)]
    return [(max(cold for cold, _ in each), max(in_memory for _, in_memory in each)) for each in turns]


def measure_orders(folder: Path, params: TrainParams, seeds: Sequence[int]) -> tuple[list[float], list[float]]:
    """The lowest loss on val, in nats per image, of a training in blocks and of one shuffled in full, for each seed."""
    torch.set_num_threads(RUNTIME.threads)
    splits = open_train(folder, TO_SHUFFLE)[1], load_split(folder / PREPARED, "val", load_dataset(folder / PREPARED))

    def lowest_losses() -> list[float]:
        chosen = [replace(params, seed=seed) for seed in seeds]
        return [train(*splits, NUM_CLASSES, each, RUNTIME, CPU).best.val_loss for each in chosen]

    in_blocks = lowest_losses()
    with patch("linear_classifier.data.loader.cut_into_blocks", lambda count, size: Blocks(count, count, 1)):
        return in_blocks, lowest_losses()


def _write_idx(folder: Path, prefix: str, split: Split, count: int) -> None:
    """`count` images made from those of `split`, sorted by class, and their labels, as MNIST's files."""
    images, labels = np.asarray(split.images), np.arange(count) * NUM_CLASSES // count
    generator = np.random.default_rng(len(split))
    with (folder / f"{prefix}-images-idx3-ubyte").open("wb") as file:
        file.write(struct.pack(">4I", 0x0803, count, *images.shape[2:]))
        for label, number in enumerate(np.bincount(labels).tolist()):
            own = images[split.labels == label]
            for start in range(0, number, PIECE):
                chosen = own[np.arange(start, min(start + PIECE, number)) % len(own)]
                noise = generator.integers(0, 256, chosen.shape, np.uint8) % PERTURBED
                file.write((np.minimum(chosen, 256 - PERTURBED) + noise).data)
    with (folder / f"{prefix}-labels-idx1-ubyte").open("wb") as file:
        file.write(struct.pack(">2I", 0x0801, count) + labels.astype(np.uint8).tobytes())


def _forget(path: Path) -> None:
    """Have the system drop what it keeps of the file in memory."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
