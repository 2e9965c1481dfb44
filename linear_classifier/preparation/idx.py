"""The IDX format of MNIST and data sets like it: a big-endian header, then one byte a value.

Source: Y. LeCun, "The MNIST database", section "File formats": two zero bytes, the element type (8 is uint8), the
number of dimensions, each dimension as 4 bytes, the values.
"""

import math
import struct

import numpy as np
from numpy.typing import NDArray

UINT8 = 0x08


def header_size(shape: tuple[int, ...]) -> int:
    """Bytes before the first value of a file of `shape`."""
    return len(build_header(shape))


def build_header(shape: tuple[int, ...]) -> bytes:
    """The bytes before the first value of a file of `shape`: magic and dimensions."""
    return bytes([0, 0, UINT8, len(shape)]) + struct.pack(f">{len(shape)}I", *shape)


def parse_idx(content: bytes, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """The values of `content` as a read-only array of `shape`, without a copy.

    Raises:
        ValueError: `content` is no IDX file of that shape; the message says what was found and what was expected.
    """
    header = build_header(shape)
    magic, size = header[:4], len(header) + math.prod(shape)
    if not content:
        raise ValueError("not an IDX file: it is empty")
    if content[:2] != b"\0\0" or len(content) < 4:
        raise ValueError(f"not an IDX file: it begins with {content[:16]!r}, expected the magic {magic.hex()}")
    if content[:4] != magic:
        raise ValueError(f"magic {content[:4].hex()}, expected {magic.hex()} (uint8, {len(shape)} dimensions)")
    if len(content) < len(header):
        raise ValueError(f"truncated: {len(content)} bytes, expected {size}")
    found = struct.unpack(f">{len(shape)}I", content[4 : len(header)])
    if found != shape:
        raise ValueError(f"its dimensions are {_by(found)}, expected {_by(shape)}")
    if len(content) != size:
        raise ValueError(f"{'truncated' if len(content) < size else 'too long'}: {len(content)} bytes, expected {size}")
    return np.frombuffer(content, np.uint8, offset=len(header)).reshape(shape)


def check_labels(labels: NDArray[np.uint8], num_classes: int) -> None:
    """Raise ValueError, with the first of them, if `labels` `(n,)` has one outside of `range(num_classes)`."""
    outside = np.flatnonzero(labels >= num_classes)
    if len(outside):
        raise ValueError(f"label {labels[outside[0]]} at index {outside[0]}, expected 0 to {num_classes - 1}")


def _by(dimensions: tuple[int, ...]) -> str:
    return " x ".join(map(str, dimensions))
