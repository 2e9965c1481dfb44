"""The floor: with the params as they are for own images, no worse than scikit-learn on the same pixels."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_limits

from linear_classifier.data.loader import build_loader
from linear_classifier.data.splits import Split
from linear_classifier.params import Params, load_params
from linear_classifier.training.loop import train, validate
from tests.processes import ROOT

pytestmark = pytest.mark.slow
CPU = torch.device("cpu")
COLOURS = np.array([[200, 60, 60], [60, 200, 60], [60, 60, 200], [200, 200, 60], [60, 200, 200]])
Images = tuple[NDArray[np.uint8], NDArray[np.int64]]


@pytest.fixture
def own_params(tmp_path: Path) -> Params:
    """The committed params, with `prepare.dataset` that of own images."""
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    path = tmp_path / "params.yaml"
    path.write_text(text.replace("dataset: fashion-mnist", "dataset: folder"), encoding="utf-8")
    return load_params(path)


def make_digits() -> Images:
    digits = load_digits()
    return (digits.images[:, np.newaxis] * 255 / 16).astype(np.uint8), digits.target.astype(np.int64)


def make_coloured_discs() -> Images:
    """1,500 images of 64 x 64 x 3: on noisy ground a disc somewhere, whose colour is near that of its class."""
    generator = np.random.default_rng(0)
    labels = np.arange(1500) % len(COLOURS)
    rows, columns = np.mgrid[:64, :64]
    images = np.empty((len(labels), 3, 64, 64), np.uint8)
    for image, label in zip(images, labels, strict=True):
        (top, left), radius = generator.integers(16, 48, 2), generator.integers(6, 18)
        inside = (rows - top) ** 2 + (columns - left) ** 2 < radius**2
        ground, colour = generator.normal(128, 30, 3), COLOURS[label] + generator.normal(0, 45, 3)
        pixels = np.where(inside, colour[:, None, None], ground[:, None, None]) + generator.normal(0, 25, image.shape)
        image[:] = np.clip(pixels, 0, 255)
    return images, labels


@pytest.mark.parametrize(("make", "num_splits"), [(make_digits, 4), (make_coloured_discs, 1)])
def test_accuracy_is_not_below_that_of_logistic_regression(
    make: Callable[[], Images], num_splits: int, own_params: Params
) -> None:
    images, labels = make()
    ours, theirs = [], []
    for seed in range(num_splits):
        rest, test = train_test_split(np.arange(len(labels)), test_size=0.2, stratify=labels, random_state=seed)
        fit, val = train_test_split(rest, test_size=0.1, stratify=labels[rest], random_state=seed)
        splits = [Split(images[part], labels[part]) for part in (fit, val, test)]
        num_classes = int(labels.max()) + 1
        trained = train(splits[0], splits[1], num_classes, own_params.train, own_params.runtime, CPU)
        table = torch.from_numpy(trained.pixel_table).double()
        ours.append(validate(trained.model, build_loader(splits[2], table, 100, own_params.runtime, CPU))[1].item())
        flat = images.reshape(len(images), -1) / 255
        with threadpool_limits(1):  # beside other tests, threads that wait for each other take twice the time
            theirs.append(LogisticRegression(max_iter=1000).fit(flat[fit], labels[fit]).score(flat[test], labels[test]))
    print(f"accuracy: ours {np.mean(ours):.4f} {np.round(ours, 4)}, theirs {np.mean(theirs):.4f} {np.round(theirs, 4)}")
    assert np.mean(ours) >= np.mean(theirs)
