"""Photographs made of test images, for what reads people's own pictures."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def photograph(image: NDArray[np.uint8], generator: np.random.Generator) -> bytes:
    """As it was before it became a test image: dark on light, larger, somewhere on a white ground, a JPEG."""
    side, spare = int(generator.integers(150, 400)), generator.integers(10, 200, 2)
    place = (int(generator.integers(0, spare[0])), int(generator.integers(0, spare[1])))
    ground = Image.new("L", (side + int(spare[0]), side + int(spare[1])), 255)
    ground.paste(Image.fromarray(255 - image).resize((side, side), Image.Resampling.BICUBIC), place)
    buffer = io.BytesIO()
    ground.convert("RGB").save(buffer, "JPEG", quality=int(generator.integers(75, 96)))
    return buffer.getvalue()
