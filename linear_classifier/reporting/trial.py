"""The model as the page carries it: its numbers, test images to try it on, and Python's answers to check itself by."""

import base64
import math
from typing import Any

import numpy as np

from linear_classifier.data.splits import Split
from linear_classifier.evaluation.exact import ExactModel
from linear_classifier.evaluation.metrics import Ints, Predictions, surest_mistakes
from linear_classifier.evaluation.usual_inputs import Signs, UsualInputs
from linear_classifier.model.model_file import SavedModel
from linear_classifier.reporting.summary import Results

MAX_WEIGHT_BYTES = 8 * 2**20  # a model with more is not embedded
MAX_EXAMPLES = 72
EXAMPLE_BYTES = 2**20  # of all examples together, at most
CHECK_WORK = 20_000_000  # products that the page's check of itself may take, a fraction of a second
MISTAKES = 4  # of the examples, one in so many is a mistake


def embed_model(results: Results, test: Split, usual: UsualInputs) -> dict[str, Any] | None:
    """What the page's script reads, of plain values, or None where the model is too large for a page."""
    saved = results.saved
    if len(saved.weight) > MAX_WEIGHT_BYTES:
        return None
    chosen = choose_examples(results.predictions, count_examples(saved))
    images = np.concatenate([test.images[index : index + 1] for index in chosen.tolist()])
    parts = [saved.pixel_table, saved.weight, saved.bias, images.tobytes()]
    return {
        "image_shape": saved.image_shape,
        "class_names": saved.class_names,
        **dict(zip(("pixel_table", "weight", "bias", "images"), map(_encode, parts), strict=True)),
        "indices": chosen.tolist(),
        "labels": test.labels[chosen].tolist(),
        "predicted": results.predictions.predicted[chosen].tolist(),
        "usual": describe_usual(usual),
        "logits": _encode(ExactModel(saved).logits(images).astype("<f8").tobytes()),
    }


def count_examples(saved: SavedModel) -> int:
    """How many test images the page carries: fewer of large ones, and of a large model."""
    size = math.prod(saved.image_shape)
    return max(1, min(MAX_EXAMPLES, EXAMPLE_BYTES // size, CHECK_WORK // (size * len(saved.class_names))))


def choose_examples(predictions: Predictions, count: int) -> Ints:
    """Indices of `count` test images: the surest mistakes, then, class by class in turn, the first that are right."""
    mistakes = surest_mistakes(predictions, count // MISTAKES)
    right = np.flatnonzero(predictions.predicted == predictions.labels)
    labels = predictions.labels[right]
    by_class = np.argsort(labels, kind="stable")
    starts = np.searchsorted(labels[by_class], labels[by_class])
    turns = np.arange(len(right)) - starts  # the first of its class, the second, ...
    in_turn = right[by_class[np.lexsort((labels[by_class], turns))]]
    return np.concatenate([mistakes, in_turn])[:count]


def describe_usual(usual: UsualInputs) -> dict[str, Any]:
    """What the training images are like, as plain values."""
    percentiles = {name: getattr(usual, name).tolist() for name in Signs._fields}
    return {
        "class_means": _encode(usual.class_means.tobytes()),
        "background": usual.background.tolist(),
        "is_plain": usual.is_plain,
        **percentiles,
    }


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()
