"""Files as large as `read_model` will read, 256 MB, that cost a reader the most before it can refuse or accept them.

Each builder writes to an open file, so that no two need to be in memory.
"""

import math
import struct
from collections.abc import Callable
from typing import Any, BinaryIO

from linear_classifier.model.model_file import MAX_BYTES
from linear_classifier.model.pickles import MAX_OPCODES, START, dump_plain
from tests.good_model import build_saved
from tests.hostile.bombs import text
from tests.hostile.wrong import resigned

Build = Callable[[BinaryIO], Any]
ROOM = MAX_BYTES - 2**20  # for the largest part of a file that has a few others
WIDTH = ROOM // (4 * 1024 * 100)  # of the largest good model: 1024 x WIDTH grey pixels and 100 classes
SHARE = (MAX_BYTES - 20) // (MAX_OPCODES - 2)  # of each opcode in a file of the most opcodes


def huge_files() -> dict[str, Build]:
    """Name to builder, of hostile files."""
    return {
        "zero bytes": lambda file: file.write(START + bytes(MAX_BYTES - 2)),
        "one-byte opcodes": lambda file: file.write(START + b"]" * (MAX_BYTES - 2)),
        "empty frames": lambda file: file.write(START + (b"\x95" + bytes(8)) * ((MAX_BYTES - 2) // 9)),
        "letters for a key": lambda file: file.write(START + b"}" + text("a" * ROOM) + b"K\1s."),
        "letters and an emoji, which make it 1 GB": lambda file: file.write(
            START + b"]" + text("\U0001f600" + "a" * ROOM) + b"a."
        ),
        "texts of 255 characters and one emoji each": lambda file: file.write(
            START + b"](" + text("\U0001f600" + "a" * 254) * (ROOM // 263) + b"e."
        ),
        "bytes under a wrong key": lambda file: file.write(dump_plain({"weights": bytes(ROOM)})),
        "bytes for a key": lambda file: file.write(dump_plain({bytes(ROOM): 1})),  # type: ignore[dict-item]
        "bytes of all opcodes": lambda file: file.write(
            START + b"](" + (b"B" + struct.pack("<I", SHARE - 5) + bytes(SHARE - 5)) * (MAX_OPCODES - 9) + b"e."
        ),
        "bytes in one frame": lambda file: file.write(
            START + b"\x95" + struct.pack("<Q", ROOM + 7) + b"]B" + struct.pack("<I", ROOM) + bytes(ROOM) + b"a."
        ),
        "bytes in a text's place": lambda file: file.write(START + b"V" + b"\\u0041" * (ROOM // 6) + b"\n."),
        "a long whole number": lambda file: file.write(START + b"L" + b"9" * ROOM + b"L\n."),
        "a pickle of protocol 0": lambda file: file.write(b"(lp0\n" + b"I9\na" * (ROOM // 4) + b"."),
        "truncated by one byte": lambda file: file.write(_good()[:-1]),
        "a byte more": lambda file: file.write(_good() + b"\0"),
        "the checksum of something else": lambda file: file.write(dump_plain({**_content(), "sha256": "0" * 64})),
        "the last weight NaN": lambda file: file.write(
            resigned(_content(_weight()[:-4] + struct.pack("<f", math.nan)))
        ),
        "a byte over the limit": lambda file: file.truncate(MAX_BYTES + 1),
        "a terabyte": lambda file: (file.write(START), file.truncate(2**40)),
    }


def write_largest_good(file: BinaryIO) -> None:
    """Write the largest model file of 100 classes that the reader accepts."""
    file.write(_good())


def _weight() -> bytes:
    return struct.pack("<f", 3e38) * (1024 * WIDTH * 100)


def _content(weight: bytes | None = None) -> dict[str, Any]:
    header = {"format": "flatten-linear", "version": 2, "architecture": "Flatten -> Linear"}
    fields = {**vars(build_saved((1, 1, 1), 100)), "image_shape": [1, 1024, WIDTH], "weight": weight or _weight()}
    return {**header, **fields}


def _good() -> bytes:
    return resigned(_content())
