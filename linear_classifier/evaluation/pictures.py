"""What the model sees and where it errs, as PNG."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from linear_classifier.data.splits import ImageArray
from linear_classifier.drawing import GREY, INK, WHITE, draw_sheet, encode_png, load_font, to_rgb
from linear_classifier.evaluation.metrics import Ints, Predictions, surest_mistakes

MAX_CLASSES = 40  # that a picture shows
_RED, _BLUE = np.array([178, 24, 43]), np.array([33, 102, 172])


def draw_confusion(confusion: Ints, class_names: list[str]) -> bytes:
    """A PNG of `confusion` `(classes, classes)`: counts, label by row, prediction by column.

    Of many classes it has the `MAX_CLASSES` with the most errors.
    """
    title = "Confusion: rows are labels, columns predictions"
    if len(class_names) > MAX_CLASSES:
        errors = confusion.sum(axis=0) + confusion.sum(axis=1) - 2 * confusion.diagonal()
        chosen = np.sort(np.argsort(-errors, kind="stable")[:MAX_CLASSES])
        title += f" ({MAX_CLASSES} of {len(class_names)} classes, those with the most errors)"
        confusion, class_names = confusion[np.ix_(chosen, chosen)], [class_names[index] for index in chosen]
    cell, left, top = 62, 110, 96
    size = len(class_names) * cell
    picture = Image.new("RGB", (left + size + 16, top + size + 16), WHITE)
    pen = ImageDraw.Draw(picture)
    pen.text((16, 14), title, INK, load_font(16))
    small, number = load_font(12), load_font(14)
    shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    for row, name in enumerate(class_names):
        pen.text((left - 8, top + row * cell + cell // 2), name, INK, small, anchor="rm")
        pen.multiline_text(
            (left + row * cell + cell // 2, top - 8),
            name.replace(" ", "\n").replace("/", "/\n"),
            INK,
            small,
            anchor="md",
            align="center",
        )
        for column in range(len(class_names)):
            x, y, share = left + column * cell, top + row * cell, shares[row, column]
            pen.rectangle((x, y, x + cell - 2, y + cell - 2), _shade(share, _BLUE if row == column else _RED))
            ink = WHITE if share > 0.5 else INK if confusion[row, column] else GREY
            pen.text((x + cell // 2, y + cell // 2), str(confusion[row, column]), ink, number, anchor="mm")
    return encode_png(picture)


def draw_weights(weight: NDArray[np.float32], image_shape: list[int], class_names: list[str]) -> bytes:
    """A PNG of each class's row of `weight` `(classes, pixels)` as an image: red speaks for the class, blue against it.

    Channels are averaged; one scale for all classes, cut at the 99th percentile. Of many classes it has the first
    `MAX_CLASSES`.
    """
    title = "Weights: red pixels speak for the class, blue ones against it"
    if len(class_names) > MAX_CLASSES:
        title += f" (the first {MAX_CLASSES} of {len(class_names)} classes)"
    class_names = class_names[:MAX_CLASSES]
    images = weight[:MAX_CLASSES].reshape(len(class_names), *image_shape).mean(axis=1)
    scaled = np.clip(images / max(float(np.quantile(np.abs(images), 0.99)), 1e-12), -1, 1)
    strength = np.abs(scaled)[..., np.newaxis]
    colours = np.where(scaled[..., np.newaxis] > 0, _RED, _BLUE)
    tiles = np.rint(255 + (colours - 255) * strength).astype(np.uint8)
    return encode_png(draw_sheet(tiles, class_names, title, columns=5))


def draw_mistakes(images: ImageArray, predictions: Predictions, class_names: list[str], count: int) -> bytes:
    """A PNG of the `count` wrong predictions of the highest confidence, of `images` `(n, channels, height, width)`."""
    chosen = surest_mistakes(predictions, count)
    if not len(chosen):
        return encode_png(draw_sheet(np.full((1, 1, 1, 3), 255, np.uint8), ["none"], "No mistakes", columns=6))
    labels, guesses = predictions.labels[chosen], predictions.predicted[chosen]
    captions = [
        f"{class_names[label]}, not\n{class_names[guess]} ({share:.1%})"
        for label, guess, share in zip(labels, guesses, predictions.confidence[chosen], strict=True)
    ]
    title = f"The {len(chosen)} surest mistakes on the test images"
    return encode_png(draw_sheet(to_rgb(images[chosen]), captions, title, columns=6))


def _shade(share: float, colour: NDArray[np.int64]) -> tuple[int, int, int]:
    red, green, blue = np.rint(255 + (colour - 255) * np.sqrt(share)).astype(int).tolist()
    return red, green, blue
