"""What one revision has: its params, metrics and predictions, read and checked."""

import json
from dataclasses import dataclass
from typing import Any

from dvc.exceptions import NotDvcRepoError

from linear_classifier.evaluation.metrics import Predictions
from linear_classifier.io.yaml_file import parse_yaml
from tools.compare.files import Files, UnavailableError, find_commit
from tools.compare.metrics import Metrics, parse_metrics
from tools.compare.predictions import check_agreement, parse_predictions
from tools.compare.seeds import read_noise_scale

METRICS, PREDICTIONS = "reports/evaluate/metrics.json", "reports/evaluate/predictions.csv"
TRAINING = "reports/train/metrics.json"
PREPARED, PARAMS = "data/prepared", "params.yaml"


@dataclass(frozen=True)
class Revision:
    """A revision by the name it was asked for; `commit` is None for the workspace.

    `metrics` is None if it has none. `why_not` says why there are no `predictions`, and is empty if there are.
    `training` is what the training says of itself, on val; nothing is judged by it. `noise_scale` tells how much
    another seed would have changed, and is None where that is not known.
    """

    name: str
    commit: str | None
    files: Files
    params: dict[str, Any]
    metrics: Metrics | None
    predictions: Predictions | None
    why_not: str
    training: dict[str, float]
    noise_scale: float | None = None

    @property
    def class_names(self) -> list[str]:
        return list(self.metrics.recall) if self.metrics else []

    @property
    def num_images(self) -> int | None:
        """How many test images it was judged on, by its predictions or else its metrics; None if neither says."""
        if self.predictions is not None:
            return len(self.predictions.labels)
        return self.metrics.num_images if self.metrics else None


def load_revision(name: str) -> Revision:
    """The revision `name`: a branch, tag, commit, experiment, `HEAD~1`, or `workspace`.

    Raises:
        ValueError: there is no such revision, or its params, metrics or predictions are damaged.
    """
    commit = find_commit(name)
    try:
        files = Files(commit)
        params = _read_params(files, name)
    except NotDvcRepoError:  # a commit from before there was a pipeline: git has its files all the same
        raise ValueError(f"{name}: not a DVC project, expected `.dvc` and `dvc.yaml` there; choose another") from None
    if not files.has(METRICS):
        return Revision(name, commit, files, params, None, None, f"{METRICS}: not there", {})
    metrics, training, noise = _read_metrics(files, name), _read_training(files), read_noise_scale(files, params)
    try:
        predictions = _read_predictions(files, name, metrics)
    except UnavailableError as error:
        return Revision(name, commit, files, params, metrics, None, str(error), training, noise)
    return Revision(name, commit, files, params, metrics, predictions, "", training, noise)


def _read_params(files: Files, name: str) -> dict[str, Any]:
    """params.yaml, whatever keys it has; nothing if there is none."""
    if not files.has(PARAMS):
        return {}
    found = parse_yaml(files.read(PARAMS), f"{name}: {PARAMS}")
    return found if isinstance(found, dict) else {}


def _read_metrics(files: Files, name: str) -> Metrics:
    try:
        return parse_metrics(files.read(METRICS), f"{name}: {METRICS}")
    except UnavailableError as error:
        raise ValueError(f"{name}: {error}; metrics belong in git: `cache: false` in dvc.yaml") from None


def _read_training(files: Files) -> dict[str, float]:
    """The finite numbers in the metrics of the training, if it has any."""
    try:
        found = json.loads(files.read(TRAINING))
    except (UnavailableError, ValueError, RecursionError):
        return {}
    items = found.items() if isinstance(found, dict) else ()
    return {name: float(value) for name, value in items if type(value) in (int, float) and abs(value) < 1e30}


def _read_predictions(files: Files, name: str, metrics: Metrics) -> Predictions:
    predictions = parse_predictions(files.read(PREDICTIONS), len(metrics.recall), f"{name}: {PREDICTIONS}")
    check_agreement(predictions, metrics, f"{name}: {METRICS}")
    return predictions
