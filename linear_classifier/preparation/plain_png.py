"""Small PNGs of the plainest kind, by a short way to the pixels, which Pillow decodes as it always does.

Such a file is three chunks: a header for 8 bits grey or RGB, one of pixels, and the end. Most small images of data sets
are like that, and Pillow's search for chunks, in Python, would take as long as the decoding of their pixels does.
"""

import zlib
from struct import Struct

from PIL import Image

MAX_BYTES = 2**16  # of a file: Pillow's decoder gets no more at a time, and with all at once it would take other damage
LONGEST_SIDE = 1024  # pixels: no limit that is set for images needs to be looked at here
_HEADER = Struct(">16s II BB 3s I I 4s")  # up to the pixels; see https://www.w3.org/TR/png-3/#11IHDR
_START, _END = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR", b"\0\0\0\0IEND\xaeB`\x82"
_PIXELS = slice(_HEADER.size, -len(_END) - 4)
_MIN_BYTES = _HEADER.size + 4 + len(_END)
_MODES = {(8, 0): "L", (8, 2): "RGB"}  # by bits a value and colour type


def load_plain_png(data: bytes) -> Image.Image | None:
    """The image that `data` is, or None: then it is something else, or damaged, and `Image.open` says what."""
    if not (_MIN_BYTES <= len(data) <= MAX_BYTES and data.startswith(_START) and data.endswith(_END)):
        return None
    _, width, height, bits, colour, ways, header_crc, num_bytes, kind = _HEADER.unpack_from(data)
    mode, pixels = _MODES.get((bits, colour)), data[_PIXELS]
    if mode is None or ways != bytes(3) or kind != b"IDAT" or num_bytes != len(pixels):
        return None
    if not (0 < width <= LONGEST_SIDE and 0 < height <= LONGEST_SIDE):
        return None
    crc = int.from_bytes(data[_PIXELS.stop : -len(_END)])
    if zlib.crc32(data[12:29]) != header_crc or zlib.crc32(pixels, zlib.crc32(kind)) != crc:
        return None
    try:
        return Image.frombytes(mode, (width, height), pixels, "zip", mode)
    except ValueError:  # its pixels are damaged
        return None
