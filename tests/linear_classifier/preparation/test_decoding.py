"""What a file becomes: pixels known by hand for every mode and orientation, or a refusal of what is no image."""

import io
import os
import random
import resource
import struct
import zlib
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from PIL import Image

from linear_classifier.preparation.decoding import FORMATS, MAX_PIXELS, Content, Target

GREY = Target(2, 2, 1, "stretch")
COLOUR = Target(2, 2, 3, "stretch")
PLAIN = Image.fromarray(np.array([[0, 85], [170, 255]], np.uint8))
FOUR = [0, 85, 170, 255]


def decode(content: Content, target: Target) -> bytes:
    return target.decode(content)


def encode(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def image_of(mode: str, *pixels: Any) -> Image.Image:
    """Of 2 x 2 `pixels`."""
    image = Image.new(mode, (2, 2))
    image.putdata(pixels)
    return image


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, data: bytes, depth: int = 8, colour: int = 0, extra: bytes = b"") -> bytes:
    """A PNG with any header, whatever its compressed `data`."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + extra + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def deep_png(colour: int, *rows: list[int], extra: bytes = b"") -> bytes:
    """A PNG of 16 bits a value, 2 x 2 pixels."""
    body = b"".join(b"\0" + struct.pack(f">{len(row)}H", *row) for row in rows)
    return png(2, 2, zlib.compress(body), 16, colour, extra)


def palette_image(alphas: bytes | int | None = None) -> bytes:
    image = image_of("P", 0, 1, 2, 3)
    image.putpalette([0, 0, 0, 85, 85, 85, 170, 170, 170, 255, 0, 0])
    options: dict[str, Any] = {} if alphas is None else {"transparency": alphas}
    return encode(image, **options)


def tiff_16(order: Literal["<", ">"]) -> bytes:
    """A TIFF of 2 x 2 values of 16 bits, in either byte order."""
    pixels = struct.pack(f"{order}4H", 0, 0x5500, 0xAAFF, 0xFFFF)
    entries = [(256, 3, 2), (257, 3, 2), (258, 3, 16), (259, 3, 1), (262, 3, 1), (273, 4, 8), (277, 3, 1), (278, 3, 2)]
    entries += [(279, 4, 8)]
    packed = b"".join(
        struct.pack(f"{order}HHI", tag, kind, 1)
        + struct.pack(f"{order}HH" if kind == 3 else f"{order}I", value, *[0] * (kind == 3))
        for tag, kind, value in entries
    )
    start = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}I", 16)
    return start + pixels + struct.pack(f"{order}H", len(entries)) + packed + bytes(4)


def animated(kind: str) -> bytes:
    frames = [PLAIN, PLAIN.transpose(Image.Transpose.ROTATE_90), PLAIN.transpose(Image.Transpose.ROTATE_180)]
    options = {"lossless": True} if kind == "WEBP" else {}
    return encode(frames[0], kind, save_all=True, append_images=frames[1:], duration=100, **options)


WHITE_BEHIND = [255, 170, 170, 255]  # 0 at alpha 0, 85 at alpha 128, 170 at alpha 255, 255 at any
GREYS = {
    "1": (encode(image_of("1", 0, 255, 255, 0)), [0, 255, 255, 0]),
    "L": (encode(PLAIN), FOUR),
    "L with a transparent value": (encode(PLAIN, transparency=85), [0, 255, 170, 255]),
    "L of 2 bits": (png(2, 2, zlib.compress(bytes([0, 0b00010000, 0, 0b10110000])), 2), FOUR),
    "LA": (encode(image_of("LA", (0, 0), (85, 128), (170, 255), (255, 7))), WHITE_BEHIND),
    "P": (palette_image(), [0, 85, 170, 76]),
    "P with one transparent entry": (palette_image(1), [0, 255, 170, 76]),
    "P with alphas": (palette_image(bytes([0, 128, 255, 255])), [255, 170, 170, 76]),
    "P of a GIF": (encode(PLAIN, "GIF"), FOUR),
    "RGB": (encode(image_of("RGB", (255, 0, 0), (0, 255, 0), (0, 0, 255), (9, 9, 9))), [76, 150, 29, 9]),
    "RGB with a transparent colour": (
        encode(image_of("RGB", (255, 0, 0), (0, 255, 0), (0, 0, 255), (9, 9, 9)), transparency=(0, 0, 255)),
        [76, 150, 255, 9],
    ),
    "RGBA": (
        encode(image_of("RGBA", (9, 99, 199, 0), (85, 85, 85, 128), (170, 170, 170, 255), (255, 255, 255, 7))),
        WHITE_BEHIND,
    ),
    "CMYK": (
        encode(image_of("CMYK", (0, 0, 0, 255), (0, 0, 0, 170), (0, 0, 0, 85), (0, 0, 0, 0)), "TIFF"),
        FOUR,
    ),
    "16 bits": (deep_png(0, [0, 0x5500], [0xAAFF, 0xFFFF]), FOUR),
    "16 bits with a transparent value": (
        deep_png(0, [0, 0x5500], [0x5501, 0xFFFF], extra=chunk(b"tRNS", b"\x55\0")),
        [0, 255, 85, 255],
    ),
    "16 bits with alpha": (deep_png(4, [0, 0, 0x5500, 0xFFFF], [0xAAFF, 0xFFFF, 0xFFFF, 0]), [255, 85, 170, 255]),
    "16 bits RGB": (deep_png(2, [0] * 3 + [0x5500] * 3, [0xAAFF] * 3 + [0xFFFF] * 3), FOUR),
    "16 bits, little end first": (tiff_16("<"), FOUR),
    "16 bits, big end first": (tiff_16(">"), FOUR),
    "PGM": (b"P5 2 2 255\n" + bytes(FOUR), FOUR),
    "PGM of 16 bits": (b"P5 2 2 65535\n" + struct.pack(">4H", 0, 0x5500, 0xAAFF, 0xFFFF), FOUR),
    "PGM as text": (b"P2\n# a comment\n2 2 255\n0 85\n170 255\n", FOUR),
    "PBM": (b"P4 2 2\n" + bytes([0b01000000, 0b10000000]), [255, 0, 0, 255]),
    "BMP": (encode(PLAIN, "BMP"), FOUR),
    "TIFF of several pages": (encode(PLAIN, "TIFF", save_all=True, append_images=[Image.new("L", (9, 9))]), FOUR),
    "several pictures in a JPEG": (
        encode(Image.new("L", (2, 2), 200), "MPO", save_all=True, append_images=[PLAIN]),
        [200] * 4,
    ),
    "TIFF, LZW": (encode(PLAIN, "TIFF", compression="tiff_lzw"), FOUR),
    "TIFF, PackBits": (encode(PLAIN, "TIFF", compression="packbits"), FOUR),
    "WEBP": (encode(PLAIN, "WEBP", lossless=True), FOUR),
    "animated GIF": (animated("GIF"), FOUR),
    "animated WEBP": (animated("WEBP"), FOUR),
    "animated PNG": (animated("PNG"), FOUR),
    "interlaced rows": (png(2, 2, zlib.compress(bytes([2, 0, 85, 2, 170, 170]))), FOUR),
    "bytes behind its end": (encode(PLAIN) + b"trailing", FOUR),
    "JPEG": (encode(Image.new("L", (2, 2), 200), "JPEG"), [200] * 4),
    "JPEG, progressive": (encode(Image.new("L", (2, 2), 200), "JPEG", progressive=True), [200] * 4),
    "JPEG, CMYK": (encode(Image.new("CMYK", (2, 2), (0, 0, 0, 55)), "JPEG"), [200] * 4),
}
COLOURS = {
    "L": (encode(PLAIN), [FOUR, FOUR, FOUR]),
    "RGB": (
        encode(image_of("RGB", (255, 0, 0), (0, 255, 0), (0, 0, 255), (1, 2, 3))),
        [[255, 0, 0, 1], [0, 255, 0, 2], [0, 0, 255, 3]],
    ),
    "RGBA": (
        encode(image_of("RGBA", (255, 0, 0, 0), (0, 255, 0, 255), (0, 0, 255, 51), (1, 2, 3, 255))),
        [[255, 0, 204, 1], [255, 255, 204, 2], [255, 0, 255, 3]],
    ),
    "P with alphas": (
        palette_image(bytes([0, 128, 255, 255])),
        [[255, 170, 170, 255], [255, 170, 170, 0], [255, 170, 170, 0]],
    ),
    "CMYK": (
        encode(image_of("CMYK", (0, 255, 255, 0), (255, 0, 255, 0), (255, 255, 0, 0), (0, 0, 0, 255)), "TIFF"),
        [[255, 0, 0, 0], [0, 255, 0, 0], [0, 0, 255, 0]],
    ),
    "16 bits": (deep_png(0, [0, 0x5500], [0xAAFF, 0xFFFF]), [FOUR, FOUR, FOUR]),
    "PPM": (b"P6 2 2 255\n" + bytes(range(12)), [[0, 3, 6, 9], [1, 4, 7, 10], [2, 5, 8, 11]]),
}


@pytest.mark.parametrize("name", GREYS)
def test_decode_gives_the_grey_pixels_known_by_hand(name: str) -> None:
    content, expected = GREYS[name]
    assert list(decode(content, GREY)) == expected


@pytest.mark.parametrize("name", COLOURS)
def test_decode_gives_the_colours_known_by_hand_channel_by_channel(name: str) -> None:
    content, expected = COLOURS[name]
    assert np.frombuffer(decode(content, COLOUR), np.uint8).reshape(3, 4).tolist() == expected


UPRIGHT = [[1, 2, 3], [4, 5, 6]]
STORED = {  # what a camera stores that says this orientation, so that it is UPRIGHT once turned
    1: [[1, 2, 3], [4, 5, 6]],
    2: [[3, 2, 1], [6, 5, 4]],
    3: [[6, 5, 4], [3, 2, 1]],
    4: [[4, 5, 6], [1, 2, 3]],
    5: [[1, 4], [2, 5], [3, 6]],
    6: [[3, 6], [2, 5], [1, 4]],
    7: [[6, 3], [5, 2], [4, 1]],
    8: [[4, 1], [5, 2], [6, 3]],
}


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", STORED)
def test_decode_turns_the_image_upright(orientation: int, kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(np.array(STORED[orientation], np.uint8))
    options = {"lossless": True} if kind == "WEBP" else {}
    pixels = decode(encode(image, kind, exif=exif, **options), Target(2, 3, 1, "stretch"))
    assert np.frombuffer(pixels, np.uint8).reshape(2, 3).tolist() == UPRIGHT


@pytest.mark.parametrize("orientation", STORED)
def test_decode_turns_a_photograph_upright(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = np.kron(np.array(STORED[orientation], np.uint8) * 40, np.ones((8, 8), np.uint8))  # blocks, as JPEG's
    pixels = decode(encode(Image.fromarray(stored), "JPEG", exif=exif, quality=100), Target(16, 24, 1, "stretch"))
    turned = np.frombuffer(pixels, np.uint8).reshape(16, 24)[4::8, 4::8]
    assert np.rint(turned / 40).astype(int).tolist() == UPRIGHT


@pytest.mark.parametrize(
    "exif",
    [b"garbage", b"Exif\0\0garbage", b"Exif\0\0MM\0*\xff\xff\xff\xff", b"Exif\0\0II*\0\x08\0\0\0\xff\xff\x12\x01"],
)
@pytest.mark.filterwarnings("ignore")
def test_decode_takes_an_image_with_damaged_exif(exif: bytes) -> None:
    assert list(decode(encode(Image.new("L", (2, 2), 200), "JPEG", exif=exif), GREY)) == [200] * 4


def test_decode_takes_the_high_byte_of_every_16_bit_value() -> None:
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    pixels = decode(encode(Image.fromarray(values)), Target(256, 256, 1, "fit"))
    np.testing.assert_array_equal(np.frombuffer(pixels, np.uint8), np.arange(65536) // 256)


@pytest.mark.parametrize(
    ("resize", "expected"),
    [
        ("fit", [[255, 255, 255, 255], [0, 0, 0, 0], [0, 0, 0, 0], [255, 255, 255, 255]]),
        ("crop", [[0, 0, 0, 0]] * 4),
        ("stretch", [[0, 0, 0, 0]] * 4),
    ],
)
def test_decode_resizes_a_wide_image(resize: Any, expected: list[list[int]]) -> None:
    pixels = decode(encode(Image.new("L", (40, 20), 0)), Target(4, 4, 1, resize))
    assert np.frombuffer(pixels, np.uint8).reshape(4, 4).tolist() == expected


def test_decode_crops_the_middle() -> None:
    stripes = np.repeat(np.array([10, 20, 20, 30], np.uint8), 4)[np.newaxis].repeat(8, axis=0)
    assert set(decode(encode(Image.fromarray(stripes)), Target(8, 8, 1, "crop"))) == {20}


@pytest.mark.parametrize("size", [(1, 1000), (1000, 1), (1, 60_000), (1, 1)])
def test_decode_keeps_something_of_the_thinnest_image(size: tuple[int, int]) -> None:
    assert 0 in decode(encode(Image.new("L", size, 0)), Target(28, 28, 1, "fit"))


def test_decode_averages_all_pixels_that_become_one() -> None:
    checkers = np.indices((64, 64)).sum(axis=0) % 2 * 255
    pixels = decode(encode(Image.fromarray(checkers.astype(np.uint8))), Target(4, 4, 1, "stretch"))
    assert all(abs(value - 127.5) < 2 for value in pixels)


@pytest.mark.parametrize("shape", [(2, 2), (2, 2, 1), (2, 2, 3), (2, 2, 4), (5, 3), (5, 3, 3)])
@pytest.mark.parametrize("target", [GREY, COLOUR])
def test_decode_treats_pixels_as_it_treats_the_same_pixels_in_a_file(shape: tuple[int, ...], target: Target) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    image = Image.fromarray(pixels[..., 0] if shape[2:] == (1,) else pixels)
    assert decode(pixels, target) == decode(encode(image), target)


def test_decode_reads_a_file_whatever_its_suffix(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(encode(PLAIN))
    assert list(decode(path, GREY)) == FOUR


def zeros(count: int) -> bytes:
    """`count` compressed zeros, quickly made."""
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(bytes(min(2**20, count - at))) for at in range(0, count, 2**20)) + packer.flush()


TEXT_BOMB = chunk(b"zTXt", b"key\0\0" + zlib.compress(bytes(2**26)))
HOSTILE: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "it is empty"),
    "text": (b"hello", "not an image of a format that is read"),
    "html": (b"<!DOCTYPE html><html>404</html>", "not an image"),
    "script": (b"#!/bin/sh\nrm -rf /\n", "not an image"),
    "zip": (b"PK\x03\x04" + bytes(100), "not an image"),
    "pdf": (b"%PDF-1.7\n", "not an image"),
    "eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", "not an image"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not an image"),
    "zeros": (bytes(1000), "not an image"),
    "git-lfs pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "not an image"),
    "signature of a PNG alone": (b"\x89PNG\r\n\x1a\n", "not an image|damaged"),
    "signature of a JPEG alone": (b"\xff\xd8\xff", "not an image|damaged"),
    "PNG of many pixels": (png(30_000, 30_000, zlib.compress(bytes(9))), "30000 x 30000|more pixels"),
    "PNG just above the limit": (png(MAX_PIXELS // 1000 + 1, 1000, b""), "89479 x 1000 pixels|more pixels"),
    "PNG of 2**31 - 1 squared": (png(2**31 - 1, 2**31 - 1, b""), "more pixels"),
    "PNG of no pixels": (png(0, 0, b""), "not an image|damaged"),
    "PNG one pixel wide": (png(1, 80_000_000, b""), "1 x 80000000 pixels, expected at most"),
    "PNG one pixel high": (png(80_000_000, 1, b""), "80000000 x 1 pixels, expected at most"),
    "PNG whose text inflates": (png(2, 2, zlib.compress(bytes(6)), extra=TEXT_BOMB), "damaged"),
    "PNG whose end is cut off": (encode(PLAIN)[:-12], r"damaged \(truncated\)"),
    "PNG without pixels": (png(2, 2, b""), "damaged"),
    "PNG of too few pixels": (png(200, 200, zlib.compress(bytes(100))), "damaged"),
    "PNG of a wrong checksum": (encode(PLAIN).replace(b"IDAT", b"IDAX"), "not an image|damaged"),
    "PNG of a changed byte": (encode(PLAIN)[:-20] + b"\xff" + encode(PLAIN)[-19:], "damaged"),
    "GIF of many pixels": (
        b"GIF89a" + struct.pack("<HH", 65535, 65535) + bytes(20),
        "65535 x 65535|more pixels|not an image",
    ),
    "GIF of a header alone": (b"GIF89a" + struct.pack("<HH", 2, 2) + b"\0\0\0;", "damaged|not an image"),
    "BMP of many pixels": (
        b"BM" + struct.pack("<IIIIiiHH", 99, 0, 54, 40, 60_000, 60_000, 1, 24) + bytes(24),
        "60000|more pixels",
    ),
    "PPM of many pixels": (b"P5 65000 65000 255\n", "65000|more pixels"),
    "TIFF whose directory is its own end": (b"II*\0\xff\xff\xff\xff", "not an image|damaged"),
    "TIFF whose directory points to itself": (b"II*\0\x08\0\0\0" + b"\0\0" + b"\x08\0\0\0", "not an image|damaged"),
    "32-bit floats": (encode(Image.new("F", (2, 2), 0.5), "TIFF"), "mode F, of no stated range"),
    "32-bit numbers": (encode(Image.new("I", (2, 2), 5), "TIFF"), "mode I, of no stated range"),
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.filterwarnings("ignore")
def test_decode_refuses_what_is_no_image(name: str) -> None:
    content, reason = HOSTILE[name]
    with pytest.raises(ValueError, match=reason) as caught:
        decode(content, GREY)
    assert str(caught.value).isprintable() and len(str(caught.value)) < 300


@pytest.mark.parametrize(("depth", "row"), [(1, 1126), (8, 9001)])
def test_decode_refuses_a_bomb_unread(depth: int, row: int) -> None:
    """9000 x 9000 pixels, which Pillow would take without a warning, in 10 or 80 KB."""
    bomb = png(9000, 9000, zeros(9000 * row), depth)
    assert len(bomb) < 100_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ValueError, match=r"it is 9000 x 9000 pixels in .* bytes, as a bomb is"):
        decode(bomb, GREY)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000


def test_decode_reads_a_large_image_of_little_content() -> None:
    """A blank page of 20 million pixels, as a scanner makes them."""
    assert set(decode(encode(Image.new("RGB", (4000, 5000), "white")), GREY)) == {255}


NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8))
WHOLE = {
    "PNG": encode(NOISE),
    "JPEG": encode(NOISE, "JPEG"),
    "progressive JPEG": encode(NOISE, "JPEG", progressive=True),
    "BMP": encode(NOISE, "BMP"),
    "GIF": encode(NOISE.convert("P"), "GIF"),
    "WEBP": encode(NOISE, "WEBP"),
    "lossless WEBP": encode(NOISE, "WEBP", lossless=True),
    "TIFF": encode(NOISE, "TIFF"),
    "TIFF, LZW": encode(NOISE, "TIFF", compression="tiff_lzw"),
    "PPM": encode(NOISE, "PPM"),
}


@pytest.mark.parametrize("tenth", range(10))
@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.filterwarnings("ignore")
def test_decode_refuses_a_file_truncated_at_every_tenth(name: str, tenth: int) -> None:
    content = WHOLE[name]
    decode(content, GREY)
    with pytest.raises(ValueError, match=r"\S"):
        decode(content[: len(content) * tenth // 10], GREY)


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.filterwarnings("ignore")
def test_decode_gives_pixels_or_a_short_reason_whatever_the_bytes(name: str) -> None:
    generator = random.Random(0)
    for _ in range(200):
        content = bytearray(WHOLE[name])
        for _ in range(generator.randint(1, 8)):
            content[generator.randrange(min(len(content), 200))] = generator.randrange(256)
        try:
            assert len(decode(bytes(content), COLOUR)) == 12
        except ValueError as error:
            assert str(error).isprintable() and len(str(error)) < 300, error


def test_decode_says_what_keeps_a_file_from_being_read(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="No such file or directory"):
        decode(tmp_path / "gone.png", GREY)
    os.mkfifo(tmp_path / "fifo.png")
    with pytest.raises(ValueError, match="it is no file"):
        decode(tmp_path / "fifo.png", GREY)
    huge = tmp_path / "huge.png"
    with huge.open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(ValueError, match=f"it has {2**40} bytes, expected at most"):
        decode(huge, GREY)


def test_every_format_that_is_named_can_be_read() -> None:
    Image.init()
    assert set(FORMATS) <= set(Image.OPEN)
