"""More images than memory holds: a source of millions, and what `prepare` and `train` make of it in how much memory."""

import os
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import numpy as np
import torch
import yaml

from linear_classifier.data import order
from linear_classifier.data.image_file import ImageFile
from linear_classifier.data.loader import build_loader
from linear_classifier.data.pixel_table import build_pixel_table
from linear_classifier.data.splits import Split, load_dataset, load_split
from linear_classifier.params import TrainParams
from linear_classifier.training.loop import train
from tools.benchmark.epoch_speed import CPU, GAMMA, RUNTIME, TURNS, our_images_per_second
from tools.benchmark.processes import Run, run_python

PREPARED, PARAMS = Path("data/prepared"), Path("params.yaml")
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
        params = yaml.safe_load(PARAMS.read_bytes())
        params["prepare"] |= {"dataset": "idx", "source": "source", "duplicates": "allow"}
        params["prepare"]["val_fraction"] = NUM_VAL / (num_images + NUM_VAL)
        params["train"] |= {"epochs": 1, "min_steps": 0}
        params["runtime"] |= {"device": "cpu"}
        (Path(name) / PARAMS).write_text(yaml.safe_dump(params), encoding="utf-8")
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
    if not isinstance(whole.images, ImageFile):
        raise TypeError(f"{folder}: train is in memory, expected a split that was opened and not read")
    count = min(num_images, len(whole))
    images = ImageFile(whole.images.path, (count, *whole.images.shape[1:]), whole.images.offset)
    labels = whole.labels[:count]
    return Split(images, labels), Split(images.read(0, count), labels)


def measure_reading(folder: Path, batch_size: int, rounds: int) -> list[tuple[float, float]]:
    """Images per second of an epoch over the split on disk, of which nothing is in the page cache, and in memory.

    Both by the stage's own loop and in the same order; of each the best of its turns, a row a round.
    """
    torch.set_num_threads(RUNTIME.threads)
    splits = open_train(folder, IN_MEMORY)
    table = torch.from_numpy(build_pixel_table(splits[1].images, GAMMA)).to(torch.float64)
    loaders = [build_loader(split, table, batch_size, RUNTIME, CPU, shuffle_seed=0) for split in splits]
    rows = []
    for _ in range(rounds):
        turns = []
        for _ in range(TURNS):
            _forget(folder / PREPARED / "train/images.npy")
            turns.append([our_images_per_second(loader, len(splits[0]), torch.float64) for loader in loaders])
        cold, in_memory = map(max, zip(*turns, strict=True))
        rows.append((cold, in_memory))
    return rows


def measure_orders(folder: Path, params: TrainParams, seeds: Sequence[int]) -> tuple[list[float], list[float]]:
    """The lowest loss on val, in nats per image, of a training in blocks and of one shuffled in full, for each seed."""
    torch.set_num_threads(RUNTIME.threads)
    train_split = open_train(folder, TO_SHUFFLE)[1]
    val_split = load_split(folder / PREPARED, "val", load_dataset(folder / PREPARED))
    in_blocks = [_train(train_split, val_split, params, seed) for seed in seeds]
    with patch.object(order, "WINDOW_BYTES", train_split.images.nbytes):  # one window for all of it
        in_full = [_train(train_split, val_split, params, seed) for seed in seeds]
    return in_blocks, in_full


def _train(train_split: Split, val_split: Split, params: TrainParams, seed: int) -> float:
    return train(train_split, val_split, NUM_CLASSES, replace(params, seed=seed), RUNTIME, CPU).best.val_loss


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
