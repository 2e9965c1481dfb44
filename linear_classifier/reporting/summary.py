"""What a run left, read once, and the figures of it that both the page and the model card show."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from linear_classifier.data.splits import Dataset
from linear_classifier.evaluation.metrics import Predictions
from linear_classifier.model.model_file import SavedModel
from linear_classifier.params import EvaluateParams
from linear_classifier.reporting.intervals import headline_intervals
from linear_classifier.training.history import Epoch

_MEANINGS = {
    "accuracy": ("Accuracy", "share of the test images that it names right"),
    "macro_f1": ("Macro F1", "mean over the classes of the harmonic mean of precision and recall"),
    "loss": ("Loss", "mean cross-entropy, in nats per image: what its probabilities cost; 0 is perfect"),
    "ece": ("Calibration error", "mean distance between how sure it is and how often it is right"),
}


@dataclass(frozen=True, kw_only=True)
class Results:
    """What the stages before left; `metrics` and `training` are the metrics.json of `evaluate` and of `train`."""

    dataset: Dataset
    saved: SavedModel
    params: EvaluateParams
    metrics: dict[str, Any]
    training: dict[str, Any]
    history: list[Epoch]
    predictions: Predictions


@dataclass(frozen=True, kw_only=True)
class Headline:
    """One number of metrics.json as text, with its 95 % interval over other test images of the same kind."""

    key: str
    title: str
    meaning: str
    value: str
    low: str
    high: str


def headlines(results: Results) -> list[Headline]:
    """The numbers that a model is known by, accuracy first."""
    num_bins = results.params.calibration_bins
    intervals = headline_intervals(results.predictions, len(results.saved.class_names), num_bins)
    return [
        Headline(key=key, title=title, meaning=meaning, **_as_texts(key, results.metrics[key], *intervals[key]))
        for key, (title, meaning) in _MEANINGS.items()
    ]


def _as_texts(key: str, value: float, low: float, high: float) -> dict[str, str]:
    numbers = {"value": value, "low": low, "high": high}
    return {name: format_share(number) if key == "accuracy" else f"{number:.3f}" for name, number in numbers.items()}


def count_parameters(saved: SavedModel) -> int:
    return (len(saved.weight) + len(saved.bias)) // 4


def hash_numbers(saved: SavedModel) -> str:
    """A SHA-256 of the model's numbers: its table, its weights and its bias."""
    return hashlib.sha256(saved.pixel_table + saved.weight + saved.bias).hexdigest()


def describe_shape(shape: list[int]) -> str:
    """What one image is, in words."""
    channels, height, width = shape
    kinds = {1: "grey", 3: "red, green and blue"}
    return f"{height} × {width} pixels, {kinds.get(channels, f'{channels} channels')}"  # noqa: RUF001 - a times sign


def format_share(share: float) -> str:
    return f"{100 * share:.1f} %"


FILTERS: dict[str, Callable[..., str]] = {
    "percent": format_share,
    "grouped": lambda number: f"{number:,}",
    "size": describe_shape,
    "sha256": hash_numbers,
}
