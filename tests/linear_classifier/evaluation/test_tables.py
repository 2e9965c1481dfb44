import numpy as np

from linear_classifier.evaluation.metrics import Predictions, predict
from linear_classifier.evaluation.tables import format_confusion, format_predictions

PREDICTIONS = predict(np.array([[0.0, 0.0], [0.0, 100.0]]), np.array([1, 1]))


def test_format_predictions_is_a_row_an_image_of_6_digits() -> None:
    assert b"".join(format_predictions(PREDICTIONS)).decode().splitlines() == [
        "index,label,predicted,confidence,loss",
        "0,1,0,0.500000,0.693147",
        "1,1,1,1.000000,0.000000",
    ]


def test_format_confusion_names_the_classes_and_quotes_a_comma() -> None:
    assert b"".join(format_confusion(PREDICTIONS, ["a", "b,c"])).decode() == 'label,predicted\n"b,c",a\n"b,c","b,c"\n'


def test_format_predictions_gives_a_large_split_in_parts() -> None:
    zeros = np.zeros(25_000)
    large = Predictions(zeros.astype(np.int64), zeros.astype(np.int64), zeros, zeros)
    parts = list(format_predictions(large))
    assert len(parts) == 3 and [part.count(b"\n") for part in parts] == [10_001, 10_000, 5_000]
    assert parts[2].startswith(b"20000,0,0,0.000000,0.000000\n")
