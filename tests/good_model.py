"""A model file like Fashion-MNIST's, made without PyTorch: the one that every hostile file is a variation of."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from linear_classifier.data.splits import Split, SplitName, save_splits
from linear_classifier.model.model_file import SavedModel, save_model
from linear_classifier.params import load_params
from tests.processes import ROOT


def build_saved(image_shape: tuple[int, int, int] = (1, 28, 28), num_classes: int = 10) -> SavedModel:
    """Seeded random weights; the params are those of params.yaml."""
    generator = np.random.default_rng(0)
    channels, height, width = image_shape

    def floats(count: int) -> bytes:
        return generator.normal(0, 0.05, count).astype("<f4").tobytes()

    return SavedModel(
        image_shape=list(image_shape),
        class_names=[f"class {index}" for index in range(num_classes)],
        pixel_table=floats(256 * channels),
        weight=floats(channels * height * width * num_classes),
        bias=floats(num_classes),
        made_with=made_with(),
    )


def made_with() -> dict[str, dict[str, Any]]:
    params = load_params(ROOT / "params.yaml")
    return {"prepare": asdict(params.prepare), "train": asdict(params.train)}


def good_bytes(path: Path, **shape: Any) -> bytes:
    """The bytes of a good model file, written to `path` by the project's own writer."""
    save_model(path, build_saved(**shape))
    return path.read_bytes()


def save_small_run(folder: Path, image_shape: tuple[int, int, int] = (1, 28, 28), num_classes: int = 10) -> SavedModel:
    """The model, now in `folder` as if a run had made it, with prepared splits of random images."""
    generator = np.random.default_rng(0)
    saved = build_saved(image_shape, num_classes)
    sizes: dict[SplitName, int] = {"train": 4 * num_classes, "val": 2 * num_classes, "test": 2 * num_classes}
    splits = {
        name: Split(generator.integers(0, 256, (count, *image_shape), np.uint8), np.arange(count) % num_classes)
        for name, count in sizes.items()
    }
    save_splits(folder / "data/prepared", splits, "small", saved.class_names, "")
    save_model(folder / "models/model.pkl", saved)
    return saved
