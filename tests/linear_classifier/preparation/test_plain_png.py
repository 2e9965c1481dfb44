"""The short way through a plain PNG: the pixels that the long way gives, and None for what is not plain or whole."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from linear_classifier.preparation.plain_png import MAX_SIDE, load_plain_png

RANDOM = np.random.default_rng(0)
START = b"\x89PNG\r\n\x1a\n"
SMOOTH = np.add.outer(np.arange(9), np.arange(14)).astype(np.uint8)  # for which encoders choose filters


def encode(image: Image.Image, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG", **options)
    return stream.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, rows: bytes, *, bits: int = 8, colour: int = 0, interlaced: int = 0) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlaced)
    return START + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def long_way(data: bytes) -> tuple[str, tuple[int, int], bytes]:
    image = Image.open(io.BytesIO(data))
    return image.mode, image.size, image.tobytes()


@pytest.mark.parametrize("shape", [(1, 1), (28, 28), (9, 14), (MAX_SIDE, 1), (28, 28, 3), (1, MAX_SIDE, 3)])
@pytest.mark.parametrize("options", [{}, {"optimize": True}, {"compress_level": 0}])
def test_load_plain_png_gives_the_pixels_of_the_long_way(shape: tuple[int, ...], options: dict[str, object]) -> None:
    for pixels in (RANDOM.integers(0, 256, shape, np.uint8), np.resize(SMOOTH, shape)):
        data = encode(Image.fromarray(pixels), **options)
        image = load_plain_png(data)
        assert image is not None
        assert (image.mode, image.size, image.tobytes()) == long_way(data)


@pytest.mark.parametrize("filter_type", range(5))
def test_load_plain_png_undoes_every_filter(filter_type: int) -> None:
    data = png(3, 2, bytes([filter_type, 7, 200, 90, filter_type, 1, 99, 255]))
    image = load_plain_png(data)
    assert image is not None
    assert image.tobytes() == long_way(data)[2]


PLAIN = encode(Image.fromarray(SMOOTH))
OTHERS = {
    "nothing": b"",
    "no PNG": b"GIF89a" + PLAIN,
    "only a start": PLAIN[:33],
    "start and end": PLAIN[:41] + PLAIN[-12:],
    "bytes behind it": PLAIN + b"\0",
    "a chunk more": encode(Image.fromarray(SMOOTH), dpi=(72, 72)),
    "pixels in two chunks": PLAIN[:33] + chunk(b"IDAT", PLAIN[41:50]) + chunk(b"IDAT", PLAIN[50:-16]) + PLAIN[-12:],
    "a transparent value": encode(Image.fromarray(SMOOTH), transparency=3),
    "a palette": encode(Image.fromarray(SMOOTH).convert("P")),
    "alpha": encode(Image.fromarray(SMOOTH).convert("LA")),
    "1 bit": encode(Image.fromarray(SMOOTH).convert("1")),
    "16 bits": png(1, 1, bytes(3), bits=16),
    "interlaced": png(1, 1, bytes(2), interlaced=1),
    "no width": png(0, 1, bytes(2)),
    "no height": png(1, 0, bytes(2)),
    "too wide": png(MAX_SIDE + 1, 1, bytes(MAX_SIDE + 2)),
    "too high": png(1, MAX_SIDE + 1, bytes(2 * MAX_SIDE + 2)),
    "a bomb": png(2**31 - 1, 2**31 - 1, bytes(9)),
    "too few pixels": png(3, 3, bytes(11)),
    "no such filter": png(1, 1, b"\7\7"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_load_plain_png_leaves_all_else_to_the_long_way(name: str) -> None:
    assert load_plain_png(OTHERS[name]) is None


def test_load_plain_png_takes_no_damaged_file() -> None:
    for place in range(len(PLAIN)):
        for value in (PLAIN[place] ^ 1, PLAIN[place] ^ 0x80, 255 - PLAIN[place]):
            assert load_plain_png(PLAIN[:place] + bytes([value]) + PLAIN[place + 1 :]) is None
        assert load_plain_png(PLAIN[:place]) is None
        assert load_plain_png(PLAIN[:place] + PLAIN[place + 1 :]) is None
