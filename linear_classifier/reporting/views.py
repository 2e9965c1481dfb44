"""The tables and pictures of the page as plain rows for its template. Each is bounded, however many classes."""

import base64
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image

from linear_classifier.data.splits import ImageArray
from linear_classifier.drawing import encode_png, to_rgb
from linear_classifier.evaluation.metrics import Ints, confidence_bins, count_confusion, surest_mistakes
from linear_classifier.reporting.intervals import wilson
from linear_classifier.reporting.summary import Results
from linear_classifier.training.history import Epoch

MAX_CLASSES = 40  # that a table shows
MAX_EPOCHS = 200  # that a curve or a table shows
MAX_THUMBNAIL = 64  # pixels a side
_HEAT = (0.001, 0.02, 0.1, 0.25)  # shares of a class's images from which on an error is shaded darker

Row = dict[str, Any]


def thin_out(history: list[Epoch]) -> list[Epoch]:
    """At most `MAX_EPOCHS` of the epochs, evenly spread, the last of all among them."""
    step = -(-len(history) // MAX_EPOCHS)
    return history[::-1][::step][::-1]


def list_classes(results: Results) -> list[Row]:
    """A row a class with its scores, in the order of the classes; of many, those with the lowest F1."""
    rows = [{"name": name, **scores} for name, scores in results.metrics["per_class"].items()]
    lowest = sorted(range(len(rows)), key=lambda index: (rows[index]["f1"], index))[:MAX_CLASSES]
    return [rows[index] | _recall_interval(rows[index]) for index in sorted(lowest)]


def _recall_interval(row: Row) -> Row:
    low, high = wilson(round(row["recall"] * row["num_images"]), row["num_images"])
    return {"low": low, "high": high}


def lay_out_confusion(results: Results) -> Row:
    """The confusion matrix; of many classes, those with the most errors."""
    names = results.saved.class_names
    confusion = count_confusion(results.predictions, len(names))
    totals = confusion.sum(axis=1)
    errors = totals + confusion.sum(axis=0) - 2 * confusion.diagonal()
    chosen = np.sort(np.argsort(-errors, kind="stable")[:MAX_CLASSES]).tolist()
    rows = [
        {"name": names[row], "cells": [_cell(confusion, totals, row, column) for column in chosen]} for row in chosen
    ]
    return {"names": [names[index] for index in chosen], "rows": rows}


def _cell(confusion: Ints, totals: Ints, row: int, column: int) -> Row:
    images = int(confusion[row, column])
    shade = sum(images > limit * totals[row] for limit in _HEAT)
    return {"images": images, "mark": "right" if row == column else f"h{shade}" if images else "zero"}


def list_mistakes(results: Results, images: ImageArray) -> Iterator[Row]:
    """The surest mistakes on the test images `images` `(n, channels, height, width)`, each with a small PNG."""
    predictions, names = results.predictions, results.saved.class_names
    for index in surest_mistakes(predictions, results.params.num_mistakes).tolist():
        picture = _thumbnail(images, index)
        yield {
            "index": index,
            "label": names[predictions.labels[index]],
            "predicted": names[predictions.predicted[index]],
            "confidence": float(predictions.confidence[index]),
            "source": "data:image/png;base64," + base64.b64encode(encode_png(picture)).decode(),
            "width": picture.width,
            "height": picture.height,
        }


def _thumbnail(images: ImageArray, index: int) -> Image.Image:
    pixels = images[index : index + 1]
    picture = Image.fromarray(pixels[0, 0] if pixels.shape[1] == 1 else to_rgb(pixels)[0])
    picture.thumbnail((MAX_THUMBNAIL, MAX_THUMBNAIL), Image.Resampling.BOX)
    return picture


def list_calibration(results: Results) -> list[Row]:
    """A row a bin of confidence that has images: how sure the model was, and how often it was right."""
    predictions, num_bins = results.predictions, results.params.calibration_bins
    bins = confidence_bins(predictions.confidence, num_bins)
    counts = np.bincount(bins, minlength=num_bins)
    sums = np.bincount(bins, weights=predictions.confidence, minlength=num_bins)
    hits = np.bincount(bins, weights=predictions.predicted == predictions.labels, minlength=num_bins)
    return [
        {
            "low": index / num_bins,
            "high": (index + 1) / num_bins,
            "images": int(counts[index]),
            "confidence": float(sums[index] / counts[index]),
            "accuracy": float(hits[index] / counts[index]),
        }
        for index in np.flatnonzero(counts).tolist()
    ]


def list_counts(results: Results) -> list[Row]:
    """How many images of each class each split has; of many classes, the first."""
    names, counts = results.saved.class_names, results.dataset.counts.values()
    return [
        {"name": name, "numbers": [numbers[index] for numbers in counts]}
        for index, name in enumerate(names[:MAX_CLASSES])
    ]


def list_params(results: Results) -> list[tuple[str, str]]:
    """Each param that the model was made and judged with, and its value."""
    sections = {**results.saved.made_with, "evaluate": vars(results.params)}
    return [(f"{section}.{key}", str(value)) for section, values in sections.items() for key, value in values.items()]
