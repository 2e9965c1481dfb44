"""Pictures as people have them, made of test images: what `tools.predict` is measured on."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIZE, SIDE, PLACE = (640, 480), 360, (140, 60)  # pixels


def save_photographs(images: NDArray[np.uint8], folder: Path) -> None:
    """Write a JPEG of each of `images` uint8 `(n, height, width)` to `folder`: dark on white, enlarged."""
    for number, image in enumerate(images):
        ground = Image.new("L", SIZE, 255)
        ground.paste(Image.fromarray(255 - image).resize((SIDE, SIDE), Image.Resampling.BICUBIC), PLACE)
        ground.convert("RGB").save(folder / f"{number:05}.jpg", quality=90)
