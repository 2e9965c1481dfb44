"""Logits and labels → the numbers that a classifier is judged by. All in float64."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from linear_classifier.evaluation.exact import Floats, exp_from_largest, sum_classes

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Predictions:
    """For each image, all `(n,)`: its label, the class predicted, that class's probability, its loss in nats."""

    labels: Ints
    predicted: Ints
    confidence: Floats
    loss: Floats


def predict(logits: Floats, labels: Ints) -> Predictions:
    """Softmax of `logits` `(n, classes)`: the likeliest class of each image, the first of equals."""
    total = sum_classes(exp_from_largest(logits))[:, 0]
    below_largest = logits.max(axis=1) - logits[np.arange(len(labels)), labels]
    return Predictions(labels, logits.argmax(axis=1), 1 / total, np.log(total) + below_largest)


def join(parts: Sequence[Predictions]) -> Predictions:
    """The predictions of all `parts`, one after the other."""
    columns = ([getattr(part, field.name) for part in parts] for field in fields(Predictions))
    return Predictions(*map(np.concatenate, columns))


def count_confusion(predictions: Predictions, num_classes: int) -> Ints:
    """How many images of each class (row) were predicted as each class (column), `(classes, classes)`."""
    cells = predictions.labels * num_classes + predictions.predicted
    return np.bincount(cells, minlength=num_classes**2).reshape(num_classes, num_classes)


def per_class_scores(confusion: Ints) -> tuple[Floats, Floats, Floats]:
    """Precision, recall and F1 of each class, `(classes,)` each; 0 where it was never predicted or never occurs."""
    hits = confusion.diagonal().astype(np.float64)
    predicted, actual = confusion.sum(axis=0), confusion.sum(axis=1)
    return hits / np.maximum(predicted, 1), hits / np.maximum(actual, 1), 2 * hits / np.maximum(predicted + actual, 1)


def expected_calibration_error(predictions: Predictions, num_bins: int) -> float:
    """Mean distance between confidence and accuracy, over equal-width bins of confidence, weighted by their images.

    Source: Guo et al., "On Calibration of Modern Neural Networks", 2017, equation 3; a bin holds its upper edge.
    """
    bins = confidence_bins(predictions.confidence, num_bins)
    correct = predictions.predicted == predictions.labels
    gaps = np.bincount(bins, weights=correct - predictions.confidence, minlength=num_bins)
    return float(np.abs(gaps).sum() / len(bins))


def confidence_bins(confidence: Floats, num_bins: int) -> Ints:
    """The bin of each confidence, 0 to `num_bins` - 1, `(n,)`."""
    return np.clip(np.ceil(confidence * num_bins).astype(np.int64) - 1, 0, num_bins - 1)


def surest_mistakes(predictions: Predictions, count: int) -> Ints:
    """The wrong predictions of the highest confidence, the surest first, as indices of test images."""
    wrong = np.flatnonzero(predictions.predicted != predictions.labels)
    confidence = predictions.confidence[wrong].round(6)  # so that ties fall alike everywhere
    chosen: Ints = wrong[np.argsort(-confidence, kind="stable")][:count]
    return chosen


def compute_metrics(predictions: Predictions, class_names: list[str], calibration_bins: int) -> dict[str, object]:
    """reports/evaluate/metrics.json: fractions and nats per image, rounded to 6 digits, and what they are taken over.

    The counts let `tools.compare` say how sure a difference is from git alone, where no cache has the predictions.
    """
    confusion = count_confusion(predictions, len(class_names))
    precision, recall, f1 = per_class_scores(confusion)
    return {
        "accuracy": _rounded(confusion.trace() / confusion.sum()),
        "loss": _rounded(predictions.loss.mean()),
        "macro_f1": _rounded(f1.mean()),
        "ece": _rounded(expected_calibration_error(predictions, calibration_bins)),
        "num_images": len(predictions.labels),
        "per_class": {
            name: {
                "precision": _rounded(precision[index]),
                "recall": _rounded(recall[index]),
                "f1": _rounded(f1[index]),
                "num_images": int(confusion[index].sum()),
            }
            for index, name in enumerate(class_names)
        },
    }


def _rounded(value: float) -> float:
    return round(float(value), 6)
