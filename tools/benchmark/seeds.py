"""Training over several seeds: how much of a difference between two runs is the order of the images."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from linear_classifier.data.loader import build_loader, evaluation_batch_size
from linear_classifier.data.splits import load_dataset, load_split
from linear_classifier.evaluation.logits import compute_logits
from linear_classifier.evaluation.metrics import Predictions, predict
from linear_classifier.params import Params
from linear_classifier.training.history import Epoch
from linear_classifier.training.loop import train

PREPARED, CPU = Path("data/prepared"), torch.device("cpu")


@dataclass(frozen=True)
class SeedRun:
    """What `evaluate` makes of a training, and the epoch whose weights it kept."""

    predictions: Predictions
    kept: Epoch


def train_over_seeds(params: Params, num_seeds: int) -> list[SeedRun]:
    """Trainings with `params`, `train.seed` apart, which is 0, 1, … `num_seeds` - 1."""
    dataset = load_dataset(PREPARED)
    train_split, val_split, test = (load_split(PREPARED, name, dataset) for name in ("train", "val", "test"))
    runs = []
    for seed in range(num_seeds):
        chosen = replace(params.train, seed=seed)
        trained = train(train_split, val_split, len(dataset.class_names), chosen, params.runtime, CPU)
        stored = trained.model.float().double()  # the model file holds float32
        table = torch.from_numpy(trained.pixel_table).double()
        loader = build_loader(test, table, evaluation_batch_size(dataset.image_shape), params.runtime, CPU)
        runs.append(SeedRun(predict(compute_logits(stored, loader), np.array(test.labels)), trained.best))
    return runs


def accuracies_over_seeds(params: Params, num_seeds: int) -> list[float]:
    """Test accuracy of each of `train_over_seeds`."""
    runs = [run.predictions for run in train_over_seeds(params, num_seeds)]
    return [float(np.round((run.predicted == run.labels).mean(), 6)) for run in runs]
