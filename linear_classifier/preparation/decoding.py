"""An image file → its pixels, of one size and number of channels, 8 bits each: the same bytes on every machine.

Pillow decodes, turns the image upright by its EXIF orientation, and brings it to 8 bits, white behind what is
transparent, and to grey or RGB; only then it resizes, with one filter. On 8 bits all of this is integer arithmetic,
with and without SIMD.
"""

import io
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from linear_classifier.preparation.plain_png import load_plain_png

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")  # none of them runs a program, as EPS does
MAX_PIXELS = 89_478_485  # Pillow's own limit, 256 MiB at 3 bytes a pixel; looked at before anything is decoded
MAX_SIDE = 65_535  # as long as JPEG allows; Pillow takes 8 bytes a row, however short it is
LARGE, MAX_RATIO = 2**24, 1000  # more pixels a byte than any scan has, in an image of so many: made to take memory
MAX_BYTES = 2**29  # of a file, which is read whole: as much as MAX_PIXELS take at 6 bytes
FILTER = Image.Resampling.BICUBIC  # over all source pixels that a target pixel covers
BACKGROUND = "white"  # behind what is transparent, and around what `fit` leaves free
SIXTEEN_BIT = ("I;16", "I;16B", "I;16L", "I;16N")
EIGHT_BIT = ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "LAB", "HSV")

Content = Path | str | bytes | NDArray[np.uint8]


class Decoding(Protocol):
    """How every image is decoded: to as many bytes."""

    @property
    def num_bytes(self) -> int: ...

    def decode(self, content: Content) -> bytes:
        """The pixels of `content`; raises ValueError, whose message says why, where there are none."""

    def fits(self, pixels: NDArray[np.uint8]) -> bool:
        """Whether `pixels` are as decoded already."""


class Target(NamedTuple):
    """What every image is brought to, by `resize` where its size is another."""

    height: int
    width: int
    channels: Literal[1, 3]
    resize: Literal["fit", "crop", "stretch"]

    @property
    def mode(self) -> str:
        return "L" if self.channels == 1 else "RGB"

    @property
    def num_bytes(self) -> int:
        return self.channels * self.height * self.width

    def decode(self, content: Content) -> bytes:
        """The pixels of `content`, uint8 `(channels, height, width)` row by row.

        Raises:
            ValueError: it is no such image, whole and within the limits; the message says why.
        """
        if isinstance(content, np.ndarray) and self.fits(content):
            return content.transpose(2, 0, 1).tobytes() if content.ndim == 3 else content.tobytes()
        image = _resize(load_picture(content, self.mode), self)
        return image.tobytes() if self.channels == 1 else b"".join(band.tobytes() for band in image.split())

    def fits(self, pixels: NDArray[np.uint8]) -> bool:
        """Whether `pixels` `(height, width)` or `(height, width, channels)` are as they should be already."""
        shape = (self.height, self.width)
        return pixels.shape in ((*shape, self.channels), shape[: 2 * (self.channels == 1)])


def load_picture(content: Content, mode: str) -> Image.Image:
    """`content` in its own size, upright, with 8 bits a channel, as Pillow's `mode` L (grey) or RGB.

    Raises:
        ValueError: it is no image, whole and within the limits; the message says why.
    """
    try:
        image = _flatten(_load(content))
        return image if image.mode == mode else image.convert(mode)
    except (MemoryError, _UnusableError):
        raise
    except Exception as error:  # a damaged file makes Pillow raise nearly any type
        raise ValueError(_explain(error)) from None


class _UnusableError(ValueError):
    """Says why in words of our own."""


def _load(content: Content) -> Image.Image:
    """The image, upright, its first frame where it has several."""
    if isinstance(content, np.ndarray):
        return Image.fromarray(content[..., 0] if content.ndim == 3 and content.shape[2] == 1 else content)
    data = content if isinstance(content, bytes) else _read(content)
    if not data:
        raise _UnusableError("it is empty")
    if plain := load_plain_png(data):
        return plain
    image = Image.open(io.BytesIO(data), formats=FORMATS)
    if image.width * image.height > MAX_PIXELS or max(image.size) > MAX_SIDE:
        raise _UnusableError(
            f"it is {image.width} x {image.height} pixels, expected at most {MAX_PIXELS}, {MAX_SIDE} a side"
        )
    if image.width * image.height > max(LARGE, MAX_RATIO * len(data)):
        raise _UnusableError(f"it is {image.width} x {image.height} pixels in {len(data)} bytes, as a bomb is")
    image.load()
    if image.format == "PNG" and b"IEND" not in data:
        raise _UnusableError("damaged (truncated)")  # behind its pixels, which Pillow takes
    if image.info:  # else it has neither EXIF nor XMP
        with suppress(Exception):  # damaged EXIF is no damaged image; where it can be read, the image is turned first
            ImageOps.exif_transpose(image, in_place=True)
    return image


def _read(path: Path | str) -> bytes:
    """The whole file; never waits for a FIFO."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise _UnusableError("it is no file")
        if status.st_size > MAX_BYTES:
            raise _UnusableError(f"it has {status.st_size} bytes, expected at most {MAX_BYTES}")
        data = os.read(descriptor, status.st_size + 1)  # one more, since that it is not there says where the end is
        return data if len(data) == status.st_size else data + b"".join(iter(lambda: os.read(descriptor, 2**20), b""))
    finally:
        os.close(descriptor)


def _flatten(image: Image.Image) -> Image.Image:
    """`image` with 8 bits a channel and nothing transparent."""
    if image.mode in SIXTEEN_BIT or (image.mode == "I" and image.format == "PPM"):
        return _take_high_bytes(image)
    if image.mode not in EIGHT_BIT:
        raise _UnusableError(f"its pixels are of mode {image.mode}, of no stated range; save it with 8 or 16 bits")
    if not image.has_transparency_data:
        return image
    opaque = Image.new("RGBA", image.size, BACKGROUND)
    opaque.alpha_composite(image.convert("RGBA"))
    return opaque.convert("RGB")


def _take_high_bytes(image: Image.Image) -> Image.Image:
    """Grey of 16 bits as 8: `convert("L")` would make 255 of nearly every value."""
    values = np.asarray(image)
    grey = (values >> 8).astype(np.uint8)
    if "transparency" in image.info:
        grey[values == image.info["transparency"]] = 255
    return Image.fromarray(grey)


def _resize(image: Image.Image, target: Target) -> Image.Image:
    size = target.width, target.height
    if image.size == size:
        return image
    if target.resize == "stretch":
        return image.resize(size, FILTER)
    if target.resize == "crop":
        return ImageOps.fit(image, size, FILTER)
    scale = min(target.width / image.width, target.height / image.height)
    width, height = (max(1, round(side * scale)) for side in image.size)  # ImageOps.pad would make a thin line vanish
    padded = Image.new(image.mode, size, BACKGROUND)
    padded.paste(image.resize((width, height), FILTER), ((target.width - width) // 2, (target.height - height) // 2))
    return padded


def _explain(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return f"not an image of a format that is read ({', '.join(FORMATS)})"
    if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
        return f"it has more pixels than {MAX_PIXELS}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"damaged ({' '.join(str(error).split())[:200] or type(error).__name__})"
