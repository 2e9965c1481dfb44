"""Predictions as CSV, for people, for `dvc plots` and for comparing two runs image by image."""

import csv
import io
from collections.abc import Iterable, Sequence

from linear_classifier.evaluation.metrics import Predictions


def format_predictions(predictions: Predictions) -> bytes:
    """predictions.csv: index, label, predicted, confidence, loss (nats); a row an image, in the test split's order."""
    columns = (
        predictions.labels.tolist(),
        predictions.predicted.tolist(),
        predictions.confidence.tolist(),
        predictions.loss.tolist(),
    )
    rows = (
        (index, label, guess, f"{confidence:.6f}", f"{loss:.6f}")
        for index, (label, guess, confidence, loss) in enumerate(zip(*columns, strict=True))
    )
    return _as_csv(("index", "label", "predicted", "confidence", "loss"), rows)


def format_confusion(predictions: Predictions, class_names: list[str]) -> bytes:
    """confusion.csv: label and predicted by name, a row an image: the `confusion` template of `dvc plots` counts."""
    pairs = zip(predictions.labels.tolist(), predictions.predicted.tolist(), strict=True)
    return _as_csv(("label", "predicted"), ((class_names[label], class_names[guess]) for label, guess in pairs))


def _as_csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue().encode()
