"""The short way through a plain PNG: what the long way gives, and None for what is not plain or that one refuses."""

import random
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image

from linear_classifier.preparation import decoding
from linear_classifier.preparation.decoding import Target, load_picture
from linear_classifier.preparation.plain_png import LONGEST_SIDE, MAX_BYTES, load_plain_png
from tests.linear_classifier.preparation.test_decoding import chunk, encode, png

RANDOM = np.random.default_rng(0)
SMOOTH = np.add.outer(np.arange(9), np.arange(14)).astype(np.uint8)  # for which encoders choose filters


def pack(width: int, height: int, rows: bytes, depth: int = 8) -> bytes:
    return png(width, height, zlib.compress(rows), depth)


def take_long_way(data: bytes, mode: str, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """The pixels; ValueError where there are none."""
    with monkeypatch.context() as patch:
        patch.setattr(decoding, "load_plain_png", lambda data: None)
        return load_picture(data, mode).tobytes()


@pytest.mark.parametrize("shape", [(1, 1), (28, 28), (9, 14), (LONGEST_SIDE, 1), (28, 28, 3), (1, LONGEST_SIDE, 3)])
@pytest.mark.parametrize("options", [{}, {"optimize": True}, {"compress_level": 0}])
def test_load_plain_png_gives_the_pixels_of_the_long_way(
    shape: tuple[int, ...], options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for pixels in (RANDOM.integers(0, 256, shape, np.uint8), np.resize(SMOOTH, shape)):
        data = encode(Image.fromarray(pixels), **options)
        image = load_plain_png(data)
        assert image is not None and image.size == (shape[1], shape[0])
        assert image.mode == ("RGB" if len(shape) == 3 else "L")
        assert image.tobytes() == take_long_way(data, image.mode, monkeypatch) == pixels.tobytes()


def test_load_plain_png_undoes_every_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in range(5):
        data = pack(3, 2, bytes([kind, 7, 200, 90, kind, 1, 99, 255]))
        image = load_plain_png(data)
        assert image is not None and image.tobytes() == take_long_way(data, "L", monkeypatch)


def test_decode_takes_the_short_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "open", lambda *arguments, **options: pytest.fail("the long way"))
    assert Target(9, 14, 1, "stretch").decode(PLAIN) == SMOOTH.tobytes()


def long_stream() -> bytes:
    """A zlib stream that the decoder gets in two pieces, of which the first ends in front of the checksum, with 258
    rows of 252 zeros, where more are to be: all at once, it is taken for whole."""
    rows = bytes(253 * 258)
    stored = b"\1" + struct.pack("<HH", len(rows), len(rows) ^ 0xFFFF) + rows
    return b"\x78\1" + 51 * b"\0\0\0\xff\xff" + stored + struct.pack(">I", zlib.adler32(rows))


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
    "16 bits": pack(1, 1, bytes(3), 16),
    "interlaced": PLAIN[:8] + chunk(b"IHDR", PLAIN[16:28] + b"\1") + PLAIN[33:],
    "no width": pack(0, 1, bytes(2)),
    "no height": pack(1, 0, bytes(2)),
    "too wide": pack(LONGEST_SIDE + 1, 1, bytes(LONGEST_SIDE + 2)),
    "too high": pack(1, LONGEST_SIDE + 1, bytes(2 * LONGEST_SIDE + 2)),
    "too many bytes": png(1, 1, zlib.compress(bytes(2)) + bytes(MAX_BYTES)),
    "a bomb": pack(2**31 - 1, 2**31 - 1, bytes(9)),
    "a row cut short": pack(3, 3, bytes(11)),
    "no such filter": pack(1, 1, b"\7\7"),
    "no end before the last piece": png(252, 600, long_stream()),
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


def test_load_plain_png_takes_no_pixels_that_the_long_way_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Damage under a checksum that is right."""
    chance, num_taken = random.Random(0), 0
    for _ in range(2000):
        stream = bytearray(PLAIN[41:-16])
        for _ in range(chance.randrange(1, 4)):
            place = chance.randrange(len(stream))
            stream[place : place + chance.randrange(3)] = chance.randbytes(chance.randrange(3))
        data = png(14, 9, bytes(stream))
        if image := load_plain_png(data):
            num_taken += 1
            assert image.tobytes() == take_long_way(data, "L", monkeypatch)
    assert 0 < num_taken < 2000
