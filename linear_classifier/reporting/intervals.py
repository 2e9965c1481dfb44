"""How sure the headline numbers are: what drawing other test images would do to them, as 95 % intervals."""

import math

import numpy as np

from linear_classifier.evaluation.exact import Floats
from linear_classifier.evaluation.metrics import (
    Ints,
    Predictions,
    confidence_bins,
    count_confusion,
    per_class_scores,
)

Interval = tuple[float, float]

_Z = 1.959963984540054  # standard errors on either side that hold 95 % of a normal distribution


def wilson(hits: int, total: int) -> Interval:
    """The interval of the share `hits / total`; of nothing it is all there is, 0 to 1.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", 1927.
    """
    if not total:
        return 0.0, 1.0
    share, weight = hits / total, _Z**2 / total
    middle = (share + weight / 2) / (1 + weight)
    half = _Z * math.sqrt(share * (1 - share) / total + weight / total / 4) / (1 + weight)
    return max(0.0, middle - half), min(1.0, middle + half)


def headline_intervals(predictions: Predictions, num_classes: int, num_bins: int) -> dict[str, Interval]:
    """The interval of each headline number of metrics.json, by its name there.

    That of a share is Wilson's. The others are means over images, or functions of such means, whose error is that of
    the mean of what each image adds to them, to first order (the delta method).
    """
    confusion = count_confusion(predictions, num_classes)
    means: dict[str, tuple[float, Floats, float]] = {
        "loss": (float(predictions.loss.mean()), predictions.loss, math.inf),
        "macro_f1": (float(per_class_scores(confusion)[2].mean()), _pull_on_macro_f1(predictions, confusion), 1.0),
        "ece": (*_pull_on_ece(predictions, num_bins), 1.0),
    }
    found = {name: _around(value, pulls, highest) for name, (value, pulls, highest) in means.items()}
    return {"accuracy": wilson(int(confusion.trace()), int(confusion.sum())), **found}


def _around(value: float, pulls: Floats, highest: float) -> Interval:
    half = _Z * float(pulls.std()) / math.sqrt(len(pulls))
    return max(0.0, value - half), min(highest, value + half)


def _pull_on_macro_f1(predictions: Predictions, confusion: Ints) -> Floats:
    """The derivative of macro F1 by the weight of each image, `(n,)`; F1 is 2 hits / (labelled + predicted)."""
    shares = (confusion.sum(axis=0) + confusion.sum(axis=1)) / confusion.sum()
    scale = np.divide(1.0, shares, out=np.zeros(len(shares)), where=shares > 0) / len(shares)
    loss = per_class_scores(confusion)[2] * scale
    hits = predictions.labels == predictions.predicted
    pulls: Floats = 2 * hits * scale[predictions.labels] - loss[predictions.labels] - loss[predictions.predicted]
    return pulls


def _pull_on_ece(predictions: Predictions, num_bins: int) -> tuple[float, Floats]:
    """The calibration error, and its derivative by the weight of each image, `(n,)`."""
    bins = confidence_bins(predictions.confidence, num_bins)
    gaps = (predictions.predicted == predictions.labels) - predictions.confidence
    sums = np.bincount(bins, weights=gaps, minlength=num_bins)
    return float(np.abs(sums).sum() / len(bins)), np.sign(sums)[bins] * gaps
