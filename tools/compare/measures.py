"""The headline metrics as functions of column means, so that thousands of resamples are one matrix product."""

import numpy as np

from linear_classifier.evaluation.metrics import Floats, Predictions, confidence_bins

HEADLINE = ("accuracy", "loss", "macro_f1", "ece")
HIGHER_IS_BETTER = {"accuracy": True, "loss": False, "macro_f1": True, "ece": False}


def columns_of(predictions: Predictions, num_classes: int, num_bins: int) -> Floats:
    """A row an image: loss; hit, label and prediction one-hot by class; and its calibration gap in its bin's column."""
    rows, table = (
        np.arange(len(predictions.labels)),
        np.zeros((len(predictions.labels), 1 + 3 * num_classes + num_bins)),
    )
    correct = predictions.predicted == predictions.labels
    table[:, 0] = predictions.loss
    table[rows, 1 + predictions.labels] = correct
    table[rows, 1 + num_classes + predictions.labels] = 1
    table[rows, 1 + 2 * num_classes + predictions.predicted] = 1
    bins = confidence_bins(predictions.confidence, num_bins)
    table[rows, 1 + 3 * num_classes + bins] = correct - predictions.confidence
    return table


def headline_of(means: Floats, num_classes: int) -> Floats:
    """Accuracy, loss, macro F1 and ECE of each row of column means `(resamples, columns)`, `(resamples, 4)`.

    `num_classes` is that of `columns_of`. A class that a resample has neither as label nor as prediction has F1 0.
    """
    loss, hits, labels, predicted, gaps = np.split(means, np.cumsum([1] + [num_classes] * 3), axis=1)
    both = labels + predicted
    f1 = np.divide(2 * hits, both, out=np.zeros_like(both), where=both > 0)
    return np.stack([hits.sum(axis=1), loss[:, 0], f1.mean(axis=1), np.abs(gaps).sum(axis=1)], axis=1)
