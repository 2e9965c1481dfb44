"""One epoch of training, three ways: (a) the textbook's loop, (b) ours, (c) the same arithmetic with no DataLoader."""

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import SGD
from torch.utils.data import DataLoader
from torchvision.datasets import FashionMNIST
from torchvision.transforms import ToTensor

from linear_classifier.data.loader import Batch, build_loader
from linear_classifier.data.order import BatchOrder, cut_into_blocks
from linear_classifier.data.pixel_table import look_up
from linear_classifier.data.splits import Split
from linear_classifier.model.linear import TransposedLinear, build_model
from linear_classifier.params import RuntimeParams
from linear_classifier.preparation.fashion_mnist import load_raw_files
from linear_classifier.training.loop import train_one_epoch
from linear_classifier.training.state import TrainingState
from linear_classifier.training.transforms import build_pixel_table

RUNTIME = RuntimeParams(device="cpu", num_workers=0, threads=1, checkpoint_dir="", processes=1)
CPU = torch.device("cpu")
TEXTBOOK, OURS, PLAIN = "a: textbook, float32", "b: ours", "c: no DataLoader"
GAMMA = 0.4
TURNS = 3  # of each loop in a round


def textbook_images_per_second(dataset: FashionMNIST, batch_size: int) -> float:
    """(a) TorchVision's dataset, `ToTensor`, a DataLoader and float32, as tutorials write it."""
    loader = DataLoader(dataset, batch_size=batch_size, shuffle=True)
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    optimizer = SGD(model.parameters(), lr=0.01, momentum=0.9)

    def epoch() -> None:
        for images, labels in loader:
            loss = cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return len(dataset) / _seconds(epoch)


def our_images_per_second(
    loader: DataLoader[Batch] | "PlainBatches", num_images: int, dtype: torch.dtype, device: torch.device = CPU
) -> float:
    """(b) the stage's own epoch over `loader`; with `PlainBatches` (c) the same arithmetic, and no DataLoader."""
    model = build_model([1, 28, 28], 10, dtype, TransposedLinear).to(device)
    optimizer = SGD(model.parameters(), lr=0.01, momentum=0.9, fused=True)
    state = TrainingState(model=model, optimizer=optimizer, best_weights={}, num_val=1)
    order: BatchOrder = loader.order if isinstance(loader, PlainBatches) else loader.sampler  # type: ignore[assignment]
    return num_images / _seconds(lambda: train_one_epoch(state, loader, order.sizes()))  # type: ignore[arg-type]


class PlainBatches:
    """Shuffled batches of float32 images in memory by `index_select`, the least that mini-batches can cost."""

    def __init__(self, images: Tensor, labels: Tensor, batch_size: int, dtype: torch.dtype) -> None:
        self.images, self.labels, self.dtype = images, labels, dtype
        self.order = BatchOrder(cut_into_blocks(len(labels), 784), batch_size, 0, CPU)

    def __len__(self) -> int:
        return len(self.order)

    def __iter__(self) -> Iterator[Batch]:
        for (indices,) in self.order:
            yield self.images.index_select(0, indices).to(self.dtype), self.labels.index_select(0, indices)


def measure_loops(train: Split, batch_size: int, rounds: int) -> list[dict[str, float]]:
    """Images per second of each loop, a row a round; the loops take turns, and the best of its turns is a loop's."""
    torch.set_num_threads(RUNTIME.threads)
    with TemporaryDirectory() as folder:
        textbook = _torchvision_dataset(Path(folder))
        loops: dict[str, Callable[[], float]] = {TEXTBOOK: lambda: textbook_images_per_second(textbook, batch_size)}
        for dtype in (torch.float64, torch.float32):
            ours, plain = _our_batches(train, batch_size, dtype), _plain_batches(train, batch_size, dtype)
            name = str(dtype).removeprefix("torch.")
            loops[f"{OURS}, {name}"] = partial(our_images_per_second, ours, len(train), dtype)
            loops[f"{PLAIN}, {name}"] = partial(our_images_per_second, plain, len(train), dtype)
        turns = [[{name: loop() for name, loop in loops.items()} for _ in range(TURNS)] for _ in range(rounds)]
    return [_best_of_turns(each) for each in turns]


def measure_plain(train: Split, batch_size: int) -> float:
    """Images per second of (c) alone, in float64: the best of its turns."""
    torch.set_num_threads(RUNTIME.threads)
    plain = _plain_batches(train, batch_size, torch.float64)
    return max(our_images_per_second(plain, len(train), torch.float64) for _ in range(TURNS))


def measure_device(train: Split, batch_size: int, device: torch.device) -> float:
    """Images per second of (b) on `device`, in float64: the best of its turns."""
    torch.set_num_threads(RUNTIME.threads)
    ours = _our_batches(train, batch_size, torch.float64, device)
    return max(our_images_per_second(ours, len(train), torch.float64, device) for _ in range(TURNS))


def _our_batches(train: Split, batch_size: int, dtype: torch.dtype, device: torch.device = CPU) -> DataLoader[Batch]:
    """The stage's own loader."""
    table = torch.from_numpy(build_pixel_table(train.images, GAMMA)).to(dtype)
    return build_loader(train, table, batch_size, RUNTIME, device, shuffle_seed=0)


def _plain_batches(train: Split, batch_size: int, dtype: torch.dtype) -> PlainBatches:
    table, images = torch.from_numpy(build_pixel_table(train.images, GAMMA)), torch.from_numpy(np.array(train.images))
    return PlainBatches(look_up(table, images), torch.from_numpy(np.array(train.labels)), batch_size, dtype)


def _best_of_turns(turns: list[dict[str, float]]) -> dict[str, float]:
    """For each loop its fastest turn: what else the machine does can only slow one down."""
    return {name: max(turn[name] for turn in turns) for name in turns[0]}


def _torchvision_dataset(folder: Path) -> FashionMNIST:
    """TorchVision's own dataset over the raw files, laid out in `folder` as its download leaves them."""
    raw = folder / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for name, content in load_raw_files(Path("data/raw/fashion-mnist"), "").items():
        (raw / name).write_bytes(content)
    return FashionMNIST(str(folder), train=True, transform=ToTensor())


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
