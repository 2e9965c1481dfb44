import io

import numpy as np
import pytest
from PIL import Image, ImageFont, features
from PIL._util import DeferredError

from linear_classifier import drawing
from linear_classifier.evaluation.metrics import predict
from linear_classifier.evaluation.pictures import MAX_CLASSES, draw_confusion, draw_mistakes, draw_weights

NAMES = ["square", "cross"]


def pixels_of(png: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.array(Image.open(io.BytesIO(png)).convert("RGB"))


def test_draw_confusion_shades_the_diagonal_blue_and_mistakes_red() -> None:
    picture = pixels_of(draw_confusion(np.array([[9, 1], [5, 5]]), NAMES)).astype(int)
    corner = {(row, column): picture[96 + 62 * row + 4, 110 + 62 * column + 4] for row in (0, 1) for column in (0, 1)}
    assert corner[0, 0][2] > corner[0, 0][0] and corner[1, 0][0] > corner[1, 0][2]
    assert corner[1, 0][1] < corner[0, 1][1], "a larger share of the row is darker"


def test_draw_weights_is_red_for_and_blue_against() -> None:
    weight = np.array([[1, 1, 1, 1], [-1, -1, -1, -1]], np.float32)
    picture = pixels_of(draw_weights(weight, [1, 2, 2], NAMES)).astype(int)
    red, blue = picture[100, 14 + 50], picture[100, 140 + 14 + 50]
    assert red[0] > red[2] and blue[2] > blue[0]


def test_draw_mistakes_shows_the_surest_first() -> None:
    logits = np.array([[3.0, 0], [9.0, 0], [0, 1.0], [0, 5.0]])
    predictions = predict(logits, np.array([1, 1, 0, 1]))  # the last is right
    images = np.array([50, 100, 150, 200], np.uint8).reshape(4, 1, 1, 1)
    picture = pixels_of(draw_mistakes(images, predictions, NAMES, count=2))
    assert [picture[60, 14 + 140 * k + 50, 0] for k in range(2)] == [100, 50]


def test_draw_mistakes_without_a_mistake_says_so() -> None:
    predictions = predict(np.array([[1.0, 0]]), np.array([0]))
    assert len(draw_mistakes(np.zeros((1, 1, 2, 2), np.uint8), predictions, NAMES, 5)) > 0


def test_pictures_of_a_thousand_classes_stay_small() -> None:
    names = [f"class {index}" for index in range(1000)]
    confusion = np.diag(np.full(1000, 5))
    confusion[7, 990] = 4
    drawn = pixels_of(draw_confusion(confusion, names))
    assert drawn.shape == pixels_of(draw_confusion(confusion[:MAX_CLASSES, :MAX_CLASSES], names[:MAX_CLASSES])).shape
    assert (drawn[96:, 110:, 0] > drawn[96:, 110:, 2]).any(), "the mistake is among what is drawn: red"
    weight = np.zeros((1000, 4), np.float32)
    assert draw_weights(weight, [1, 2, 2], names) is not None
    assert pixels_of(draw_weights(weight, [1, 2, 2], names)).size < 10**7


def test_draw_confusion_draws_and_warns_once_where_pillow_has_no_font_engine(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(features, "check", lambda name: name != "freetype2")
    without = ImportError("The _imagingft C module is not installed")
    monkeypatch.setattr(ImageFont, "core", DeferredError(without))
    drawing._warn_of_small_font.cache_clear()
    assert pixels_of(draw_confusion(np.array([[9, 1], [5, 5]]), NAMES)).min() < 100
    predictions = predict(np.array([[2.0, 1.0], [2.0, 1.0]]), np.array([0, 1]))
    draw_mistakes(np.zeros((2, 1, 2, 2), np.uint8), predictions, NAMES, 3)
    assert capsys.readouterr().err.count("warning: this Pillow was built without FreeType") == 1
