"""Predictions as CSV, for people, for `dvc plots` and for comparing two runs image by image."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence

from linear_classifier.evaluation.metrics import Predictions

CHUNK = 10_000  # rows


def format_predictions(predictions: Predictions) -> Iterator[bytes]:
    """predictions.csv: index, label, predicted, confidence, loss (nats); a row an image, in the test split's order."""

    def rows(start: int, stop: int) -> Iterable[Sequence[object]]:
        columns = (getattr(predictions, name)[start:stop].tolist() for name in ("labels", "predicted"))
        rounded = ([f"{value:.6f}" for value in column[start:stop].tolist()] for column in floats)
        return zip(range(start, stop), *columns, *rounded, strict=True)

    floats = predictions.confidence, predictions.loss
    return _as_csv(("index", "label", "predicted", "confidence", "loss"), rows, len(predictions.labels))


def format_confusion(predictions: Predictions, class_names: list[str]) -> Iterator[bytes]:
    """confusion.csv: label and predicted by name, a row an image: the `confusion` template of `dvc plots` counts."""

    def rows(start: int, stop: int) -> Iterable[Sequence[object]]:
        pairs = zip(predictions.labels[start:stop].tolist(), predictions.predicted[start:stop].tolist(), strict=True)
        return ((class_names[label], class_names[guess]) for label, guess in pairs)

    return _as_csv(("label", "predicted"), rows, len(predictions.labels))


def _as_csv(
    header: Sequence[str], rows: Callable[[int, int], Iterable[Sequence[object]]], count: int
) -> Iterator[bytes]:
    """The lines of `header` and of `count` rows, `CHUNK` of them at a time: there may be millions."""
    for start in range(0, max(count, 1), CHUNK):
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        if start == 0:
            writer.writerow(header)
        writer.writerows(rows(start, min(start + CHUNK, count)))
        yield text.getvalue().encode()
