"""Predictions as CSV, for people, for `dvc plots` and for comparing two runs image by image."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from linear_classifier.evaluation.metrics import Predictions

CHUNK = 10_000  # rows
HEADER = ["index", "label", "predicted", "confidence", "loss"]


def format_predictions(predictions: Predictions) -> Iterator[bytes]:
    """predictions.csv: index, label, predicted, confidence, loss (nats); a row an image, in the test split's order."""

    def rows(start: int, stop: int) -> Iterable[Sequence[object]]:
        columns = (getattr(predictions, name)[start:stop].tolist() for name in ("labels", "predicted"))
        rounded = ([f"{value:.6f}" for value in column[start:stop].tolist()] for column in floats)
        return zip(range(start, stop), *columns, *rounded, strict=True)

    floats = predictions.confidence, predictions.loss
    return _as_csv(HEADER, rows, len(predictions.labels))


def format_confusion(predictions: Predictions, class_names: list[str]) -> Iterator[bytes]:
    """confusion.csv: label and predicted by name, a row an image: the `confusion` template of `dvc plots` counts."""

    def rows(start: int, stop: int) -> Iterable[Sequence[object]]:
        pairs = zip(predictions.labels[start:stop].tolist(), predictions.predicted[start:stop].tolist(), strict=True)
        return ((class_names[label], class_names[guess]) for label, guess in pairs)

    return _as_csv(("label", "predicted"), rows, len(predictions.labels))


def parse_predictions(content: bytes, num_classes: int, where: str) -> Predictions:
    """What predictions.csv holds, a row a test image, in the test split's order.

    Raises:
        ValueError: it is not what `evaluate` writes; the message opens with `where`.
    """
    try:
        header, *rows = csv.reader(io.StringIO(content.decode()), strict=True)
        table = np.array(rows, dtype=np.float64)
    except (ValueError, csv.Error) as error:
        raise ValueError(f"{where}: not a table of predictions ({' '.join(str(error).split())[:100]})") from None
    if header != HEADER or table.ndim != 2 or table.shape[1] != len(HEADER):
        raise ValueError(f"{where}: found {','.join(header)[:80]!r} and {len(rows)} rows, expected {','.join(HEADER)}")
    index, label, predicted, confidence, loss = table.T
    classes = range(num_classes)
    if not (index == np.arange(len(rows))).all() or not (np.isin(label, classes) & np.isin(predicted, classes)).all():
        raise ValueError(f"{where}: an index is out of order, or a class not in 0 to {num_classes - 1}")
    if not (np.isfinite(loss) & (loss >= 0) & (confidence >= 0) & (confidence <= 1)).all():
        raise ValueError(f"{where}: a loss or a confidence is not a number in its range")
    return Predictions(label.astype(np.int64), predicted.astype(np.int64), confidence, loss)


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
