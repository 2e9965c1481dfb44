"""One batch as a picture: people look before they train."""

import numpy as np

from linear_classifier.data.loader import Batch
from linear_classifier.drawing import draw_sheet, encode_png, to_rgb

MAX_IMAGES = 32  # that are drawn of a larger batch


def draw_batch(batch: Batch, class_names: list[str]) -> bytes:
    """A PNG of the first images of `batch`, as the model gets them, labels beneath.

    Images are floats `(batch, channels, height, width)`, labels int64 `(batch,)`.
    """
    images, labels = batch[0][:MAX_IMAGES].cpu().numpy(), batch[1][:MAX_IMAGES].tolist()
    title = f"One training batch: {len(images)} of {len(batch[1])} images, {' x '.join(map(str, images.shape[1:]))}"
    captions = [class_names[label] for label in labels]
    return encode_png(draw_sheet(to_rgb(np.asarray(images)), captions, title, columns=8))
