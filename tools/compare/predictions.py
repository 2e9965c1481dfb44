"""predictions.csv, read back and believed only if it is what `evaluate` writes and metrics.json agrees with it."""

import csv
import io

import numpy as np

from linear_classifier.evaluation.metrics import Predictions, count_confusion, per_class_scores
from tools.compare.metrics import Metrics

_HEADER = ["index", "label", "predicted", "confidence", "loss"]
_AGREE = 2e-6  # metrics.json is rounded to 6 digits, and so are the confidences and losses here


def parse_predictions(content: bytes, num_classes: int, where: str) -> Predictions:
    """What the file holds, a row a test image, in the test split's order.

    Raises:
        ValueError: it is not what `evaluate` writes; the message opens with `where`.
    """
    try:
        header, *rows = csv.reader(io.StringIO(content.decode()), strict=True)
        table = np.array(rows, dtype=np.float64)
    except (ValueError, csv.Error) as error:
        raise ValueError(f"{where}: not a table of predictions ({' '.join(str(error).split())[:100]})") from None
    if header != _HEADER or table.ndim != 2 or table.shape[1] != len(_HEADER):
        raise ValueError(f"{where}: found {','.join(header)[:80]!r} and {len(rows)} rows, expected {','.join(_HEADER)}")
    index, label, predicted, confidence, loss = table.T
    classes = range(num_classes)
    if not (index == np.arange(len(rows))).all() or not (np.isin(label, classes) & np.isin(predicted, classes)).all():
        raise ValueError(f"{where}: an index is out of order, or a class not in 0 to {num_classes - 1}")
    if not (np.isfinite(loss) & (loss >= 0) & (confidence >= 0) & (confidence <= 1)).all():
        raise ValueError(f"{where}: a loss or a confidence is not a number in its range")
    return Predictions(label.astype(np.int64), predicted.astype(np.int64), confidence, loss)


def check_agreement(predictions: Predictions, metrics: Metrics, where: str) -> None:
    """Raise ValueError unless the numbers of metrics.json, ECE apart, are those of `predictions`.

    ECE is apart, since a confidence rounded to 6 digits may fall into another bin.
    """
    names = list(metrics.recall)
    confusion = count_confusion(predictions, len(names))
    _, recall, f1 = per_class_scores(confusion)
    found = {
        "accuracy": float(confusion.trace() / confusion.sum()),
        "loss": float(predictions.loss.mean()),
        "macro_f1": float(f1.mean()),
    }
    pairs = [(name, metrics.headline[name], value) for name, value in found.items()]
    pairs += [(f"recall of {name}", metrics.recall[name], float(recall[index])) for index, name in enumerate(names)]
    for name, said, value in pairs:
        if abs(said - value) > _AGREE:
            raise ValueError(f"{where}: {name} is {said}, but predictions.csv of the same revision gives {value:.6f}")
