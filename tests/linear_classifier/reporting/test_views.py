import io

import numpy as np
import pytest
from PIL import Image

from linear_classifier.reporting.views import (
    MAX_CLASSES,
    MAX_EPOCHS,
    lay_out_confusion,
    list_calibration,
    list_classes,
    list_counts,
    list_mistakes,
    list_params,
    thin_out,
)
from linear_classifier.training.history import Epoch
from tests.linear_classifier.reporting.run_results import build_results

MANY = [f"class {index}" for index in range(1000)]


def test_confusion_counts_every_image_once_and_marks_what_is_right() -> None:
    results, _ = build_results()
    rows = lay_out_confusion(results)["rows"]
    assert sum(cell["images"] for row in rows for cell in row["cells"]) == len(results.predictions.labels)
    assert [row["cells"][index]["mark"] for index, row in enumerate(rows)] == ["right"] * 3


@pytest.mark.parametrize("view", [list_classes, list_counts])
def test_tables_of_many_classes_are_cut(view) -> None:  # type: ignore[no-untyped-def]
    results, _ = build_results(class_names=MANY, images_a_class=2)
    assert len(view(results)) == MAX_CLASSES
    confusion = lay_out_confusion(results)
    assert len(confusion["names"]) == len(confusion["rows"]) == MAX_CLASSES


def test_list_classes_of_many_has_those_with_the_lowest_f1() -> None:
    results, _ = build_results(class_names=MANY, images_a_class=2)
    shown = {row["name"] for row in list_classes(results)}
    f1 = {name: row["f1"] for name, row in results.metrics["per_class"].items()}
    assert max(f1[name] for name in shown) <= min(score for name, score in f1.items() if name not in shown)


def test_thin_out_keeps_the_last_epoch_and_few_of_many() -> None:
    history = [Epoch(epoch, 0.1, 1.0, 1.0, 0.5) for epoch in range(1, 10_001)]
    epochs = thin_out(history)
    assert len(epochs) <= MAX_EPOCHS and epochs[-1] == history[-1]
    assert thin_out(history[:7]) == history[:7]


def test_list_mistakes_has_the_surest_first_with_a_picture_of_each() -> None:
    results, test = build_results((3, 6, 5), num_mistakes=4)
    mistakes = list(list_mistakes(results, test.images))
    shares = [mistake["confidence"] for mistake in mistakes]
    assert shares == sorted(shares, reverse=True) and len(mistakes) == 4
    first = mistakes[0]
    assert first["label"] != first["predicted"]
    with Image.open(io.BytesIO(_decode(first["source"]))) as picture:
        assert (np.asarray(picture).transpose(2, 0, 1) == test.images[first["index"]]).all()


def test_list_mistakes_shows_large_images_small() -> None:
    results, test = build_results((1, 300, 200), images_a_class=2)
    assert {(mistake["width"], mistake["height"]) for mistake in list_mistakes(results, test.images)} == {(43, 64)}


def test_list_calibration_has_every_image_in_one_bin() -> None:
    results, _ = build_results()
    rows = list_calibration(results)
    assert sum(row["images"] for row in rows) == len(results.predictions.labels)
    assert all(row["low"] < row["confidence"] <= row["high"] for row in rows)


def test_list_params_has_what_the_model_was_made_and_judged_with() -> None:
    rows = dict(list_params(build_results()[0]))
    assert rows["train.momentum"] == "0.9" and rows["evaluate.calibration_bins"] == "5"


def _decode(source: str) -> bytes:
    import base64

    return base64.b64decode(source.removeprefix("data:image/png;base64,"))
