"""Training over several seeds: how much of a difference between two runs is the order of the images."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from linear_classifier.data.loader import EVALUATION_BATCH_SIZE, build_loader
from linear_classifier.data.pixel_table import build_pixel_table
from linear_classifier.data.splits import load_dataset, load_split
from linear_classifier.evaluation.logits import compute_logits
from linear_classifier.evaluation.metrics import Predictions, predict
from linear_classifier.model.linear import build_model
from linear_classifier.params import Params
from linear_classifier.training.loop import Epoch, fit

PREPARED, CPU = Path("data/prepared"), torch.device("cpu")


@dataclass(frozen=True)
class SeedRun:
    """What `evaluate` makes of a training, and the epoch whose weights it kept."""

    predictions: Predictions
    kept: Epoch


def train_over_seeds(params: Params, num_seeds: int) -> list[SeedRun]:
    """Trainings with `params`, `train.seed` apart, which is 0, 1, … `num_seeds` - 1."""
    dataset = load_dataset(PREPARED)
    train, val, test = (load_split(PREPARED, name, dataset) for name in ("train", "val", "test"))
    table = build_pixel_table(train.images, params.train.gamma)
    val_loader, test_loader = (
        build_loader(split, table, EVALUATION_BATCH_SIZE, params.runtime, CPU) for split in (val, test)
    )
    found = []
    for seed in range(num_seeds):
        chosen = replace(params.train, seed=seed)
        loader = build_loader(train, table, chosen.batch_size, params.runtime, CPU, shuffle_seed=seed)
        next(iter(loader))  # the stage looks at one batch first, which draws from the generator too
        model = build_model(dataset.image_shape, len(dataset.class_names), getattr(torch, chosen.dtype))
        kept = fit(model, loader, val_loader, chosen, on_epoch=lambda _: None)
        stored = model.float().double()  # the file holds float32
        found.append(SeedRun(predict(compute_logits(stored, test_loader), np.array(test.labels)), kept))
    return found


def accuracies_over_seeds(params: Params, num_seeds: int) -> list[float]:
    """Test accuracy of each of `train_over_seeds`."""
    runs = [run.predictions for run in train_over_seeds(params, num_seeds)]
    return [float(np.round((run.predicted == run.labels).mean(), 6)) for run in runs]
