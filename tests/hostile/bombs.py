"""Small files that take all memory, all time or the whole stack of a reader that believes them."""

import struct
from typing import Any

from linear_classifier.model.pickles import MAX_OPCODES, dump_plain

START = b"\x80\x04"
ROOM = 4 * 2**20  # huge.py has files as large as a reader will read


def text(value: str) -> bytes:
    """BINUNICODE."""
    data = value.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(data)) + data


def memory_bombs() -> dict[str, bytes]:
    lengths = {
        "BINBYTES": b"B\xff\xff\xff\x7f",
        "BINBYTES8": b"\x8e" + struct.pack("<Q", 2**40),
        "BINBYTES8, all bits": b"\x8e" + b"\xff" * 8,
        "BINUNICODE": b"X\xff\xff\xff\xff",
        "BINUNICODE8": b"\x8d" + struct.pack("<Q", 2**62),
        "BYTEARRAY8": b"\x96" + struct.pack("<Q", 2**40),
        "LONG4": b"\x8b\xff\xff\xff\x7f",
        "LONG4, negative": b"\x8b\x00\x00\x00\x80",
        "BINSTRING": b"T\xff\xff\xff\x7f",
        "BINSTRING, negative": b"T\xff\xff\xff\xff",
        "LONG_BINPUT": b"]r\xff\xff\xff\x3f",
        "PUT": b"]p1073741823\n",
        "LONG_BINGET": b"j\xff\xff\xff\xff",
        "frame of 2^62": b"\x95" + struct.pack("<Q", 2**62),
        "frame, all bits": b"\x95" + b"\xff" * 8,
        "frame of 4 GB": b"\x95" + struct.pack("<Q", 2**32),
        "frame one byte too long": b"\x95" + struct.pack("<Q", 3) + b"}",
        "frames without end": b"\x95\0\0\0\0\0\0\0\0" * 100_000,
        "NEXT_BUFFER": b"\x97",
        "READONLY_BUFFER": b"\x97\x98",
        "DUP doubling": b"]" + b"2\x86" * 60,
        "list extended by itself": b"]\x94K\1a" + b"(h\0h\0e" * 40,
        "memo doubling": b"]\x94" + b"".join(b"(h%ch%ce\x94" % (i, i) for i in range(60)),
        "bytes of 100 MB, repeated": b"C\xff" + b"\0" * 255 + b"\x94" + b"h\0" * 1_000_000,
    }
    contents = {
        "text of 4 MB for a key": b"}" + text("\U0001f600" + "a" * ROOM) + b"K\1s",
        "text that is longer when shown": b"}" + text("format") + text("\U0001f600" + "\x01" * ROOM) + b"s",
        "text of wide characters": b"}" + text("\U000e0001" * (ROOM // 4)) + b"K\1s",
        "four keys of wide text": b"}("
        + b"".join(text(str(i) + "\U0001f600" * (ROOM // 17)) + b"K\1" for i in range(4))
        + b"u",
        "bytes of 4 MB": b"B" + struct.pack("<I", ROOM) + bytes(ROOM),
        "one text for the whole file": text("\U0001f600" + "a" * ROOM),
        "texts just too long": b"](" + text("\U0001f600" + "a" * 255) * (ROOM // 264) + b"e",
        "texts of the greatest length": b"](" + text("\U0001f600" + "a" * 254) * (MAX_OPCODES - 9) + b"e",
    }
    whole = {  # as `dump_plain` writes them, so that they come to the gates behind it
        "whole: key of wide text": dump_plain({"\U0001f600" + "a" * ROOM: 1}),
        "whole: value longer when shown": dump_plain({"format": "\U0001f600" + "\x01" * ROOM}),
        "whole: wide text in a list": dump_plain({"class_names": ["\U000e0001" * (ROOM // 4)]}),
        "whole: 2000 keys": dump_plain({str(i): "\u0101" * 1000 for i in range(1990)}),
        "whole: lists in lists": dump_plain({"params": nested(400)}),
    }
    files = {key: START + body + b"." for key, body in (lengths | contents).items()} | whole
    return {f"memory: {key}": data for key, data in files.items()}


def nested(depth: int) -> list[Any]:
    outer: list[Any] = []
    for _ in range(depth):
        outer = [outer]
    return outer


def hash_bombs() -> dict[str, bytes]:
    modulus = 2**61 - 1  # of Python's hash of numbers: all multiples of it collide

    def long(value: int) -> bytes:
        data = value.to_bytes(value.bit_length() // 8 + 1, "little")
        return b"\x8a" + bytes([len(data)]) + data

    def floats(count: int) -> bytes:
        """A number and its product with 2^61 have one hash: at most 16 floats share theirs."""
        return b"".join(b"G" + struct.pack(">d", (i // 16 + 1) * 2.0 ** (61 * (i % 16))) + b"K\1" for i in range(count))

    bodies = {
        "colliding ints": b"".join(long(i * modulus) + b"N" for i in range(1, 20_000)),
        "colliding floats": floats(20_000),
        "colliding floats of allowed opcodes": floats(MAX_OPCODES // 2 - 10),
        "colliding tuples": b"".join(long(i * modulus) + b"K\1\x86N" for i in range(1, 20_000)),
        "colliding small ints": b"".join(
            b"J" + struct.pack("<i", i << 16) + b"K\1" for i in range(1, MAX_OPCODES // 2 - 10)
        ),
    }
    sets = {"colliding ints in a frozenset": b"(" + b"".join(long(i * modulus) for i in range(1, 20_000)) + b"\x91."}
    files = {key: b"}(" + body + b"u." for key, body in bodies.items()} | sets
    return {f"hash: {key}": START + body for key, body in files.items()}


def recursion_bombs() -> dict[str, bytes]:
    depth = MAX_OPCODES // 2 - 50
    params = b"}(" + text("format") + b"]" * depth + b"a" * (depth - 1) + b"u"
    bodies = {
        "lists": b"]" * 100_000 + b"a" * 99_999,
        "lists of allowed opcodes": b"]" * depth + b"a" * (depth - 1),
        "dicts of allowed opcodes": (b"}" + text("k")) * (depth // 2) + b"}" + b"s" * (depth // 2),
        "lists in a dict of allowed opcodes": params,
        "tuples": b")" + b"\x85" * 1_000_000,
        "marks": b"(" * 1_000_000 + b"t" * 1_000_000,
        "list that holds itself": b"]\x94h\0a",
        "list that holds itself, protocol 1 memo": b"]q\0h\0a",
        "dict that holds itself": b"}\x94" + text("k") + b"h\0s",
        "tuple that holds itself": b"]\x94h\0\x85\x940h\0h\1ah\1",
        "frozen set of itself": b"(]\x94h\0\x91",
    }
    return {f"recursion: {key}": START + body + b"." for key, body in bodies.items()}


def opcode_bombs() -> dict[str, bytes]:
    bodies = {
        "None and POP": b"N0" * (ROOM // 2),
        "list and POP": b"]0" * (ROOM // 2),
        "marks": b"(" * ROOM,
        "mark and POP_MARK": b"(1" * (ROOM // 2),
        "protocol marks": b"\x80\x04" * (ROOM // 2),
        "one opcode too many": b"]" * (MAX_OPCODES - 1),
        "empty items": b"}" + b"(u" * (ROOM // 2),
        "ints": b"](" + b"K\1" * (ROOM // 3) + b"e",
        "memoize": b"]" + b"\x94" * ROOM,
        "no stop": b"}" * 1000,
    }
    files = {key: START + body + (b"" if key == "no stop" else b".") for key, body in bodies.items()}
    return {f"opcodes: {key}": body for key, body in files.items()}


def text_bombs() -> dict[str, bytes]:
    """Arguments written as text, which some reader has to convert."""
    bodies = {
        "LONG": b"L" + b"9" * ROOM + b"L\n",
        "LONG without its end": b"L" + b"9" * ROOM,
        "INT": b"I" + b"9" * ROOM + b"\n",
        "FLOAT": b"F" + b"9" * ROOM + b"\n",
        "FLOAT that is none": b"F" + b"x" * ROOM + b"\n",
        "STRING": b"S'" + b"\\x41" * (ROOM // 4) + b"'\n",
        "STRING without quotes": b"S" + b"\xff" * ROOM + b"\n",
        "UNICODE": b"V" + b"\\U0001f600" * (ROOM // 10) + b"\n",
        "GET": b"g" + b"9" * ROOM + b"\n",
        "PUT": b"p" + b"9" * ROOM + b"\n",
        "PERSID": b"P" + b"9" * ROOM + b"\n",
        "GLOBAL": b"c" + b"a" * (ROOM // 2) + b"\n" + b"b" * (ROOM // 2) + b"\n",
    }
    marked = {f"text: {key}": START + body + b"." for key, body in bodies.items()}
    return marked | {f"text: {key}, protocol 0": body + b"." for key, body in bodies.items()}
