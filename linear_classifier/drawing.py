"""Pictures whose bytes are the same everywhere: drawn with Pillow, its own font, and PNG without compression."""

import io
import sys
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, features
from PIL.ImageFont import FreeTypeFont

WHITE, INK, GREY = (255, 255, 255), (32, 33, 36), (110, 114, 120)


def load_font(size: int) -> FreeTypeFont | ImageFont.ImageFont:
    """The font that Pillow carries, laid out by Pillow itself: a host's fonts and layout library change nothing.

    A Pillow that was built without FreeType, as none of those that requirements.txt names, has one small font only.
    """
    if features.check("freetype2"):
        return ImageFont.load_default(size)
    _warn_of_small_font()
    return ImageFont.load_default()


@cache
def _warn_of_small_font() -> None:
    print(
        "warning: this Pillow was built without FreeType, so that pictures are not the same bytes as elsewhere; "
        "install the one that requirements.txt names",
        file=sys.stderr,
        flush=True,
    )


def encode_png(picture: Image.Image) -> bytes:
    """`picture` as PNG with stored blocks: compressors differ between libraries, and DVC hashes these bytes."""
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", compress_level=0)
    return buffer.getvalue()


def draw_sheet(
    images: NDArray[np.uint8], captions: list[str], title: str, columns: int, tile: int = 112
) -> Image.Image:
    """A sheet of `images` `(n, height, width, 3)`, each `tile` pixels wide with its caption beneath, row by row.

    A caption may hold line breaks.
    """
    margin, line = 14, 16
    cell = (tile + 2 * margin, tile + margin + line * (1 + max(caption.count("\n") for caption in captions)) + 6)
    rows = -(-len(images) // columns)
    sheet = Image.new("RGB", (columns * cell[0], 44 + rows * cell[1]), WHITE)
    pen = ImageDraw.Draw(sheet)
    pen.text((margin, 14), title, INK, load_font(16))
    for index, (image, caption) in enumerate(zip(images, captions, strict=True)):
        left, top = index % columns * cell[0] + margin, 44 + index // columns * cell[1]
        sheet.paste(Image.fromarray(image).resize((tile, tile), Image.Resampling.NEAREST), (left, top))
        pen.multiline_text(
            (left + tile // 2, top + tile + 4), caption, INK, load_font(12), anchor="ma", align="center", spacing=2
        )
    return sheet


def to_rgb(images: NDArray[np.float32] | NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Images `(n, 1 or 3, height, width)` as uint8 `(n, height, width, 3)`; floats are stretched to the whole range."""
    if images.dtype != np.uint8:
        low, high = images.min(), images.max()
        images = np.rint((images - low) * (255 / max(high - low, np.float32(1e-12))))
    return np.ascontiguousarray(np.broadcast_to(images.transpose(0, 2, 3, 1), (*_size(images), 3)).astype(np.uint8))


def _size(images: NDArray[np.float32] | NDArray[np.uint8]) -> tuple[int, int, int]:
    return images.shape[0], images.shape[2], images.shape[3]
