"""A good model file, damaged, or well pickled with content that is not a model's."""

import gzip
import hashlib
import lzma
import math
import pickle
import struct
from collections import OrderedDict
from typing import Any

from linear_classifier.model.pickles import dump_plain


class Text(str):
    __slots__ = ()


def damage(good: bytes) -> dict[str, bytes]:
    size = len(good)
    cuts = (0, 1, 2, 3, 10, 11, 40, size // 2, size - 65, size - 1)
    spots = {"protocol": 1, "frame length": 3, "first key": 16, "weight": size // 2, "checksum": size - 20, "stop": -1}
    files = {f"cut to {cut} bytes": good[:cut] for cut in cuts}
    for spot, index in spots.items():
        flipped = bytearray(good)
        flipped[index] ^= 1
        files[f"flipped bit in the {spot}"] = bytes(flipped)
    return {
        f"damage: {key}": data
        for key, data in {
            **files,
            "a byte more": good + b"\0",
            "a newline more": good + b"\n",
            "twice": good + good,
            "another pickle behind": good + pickle.dumps(1),
            "a byte before": b"\0" + good,
            "zeros of the same size": bytes(size),
            "half of it zeros": good[: size // 2] + bytes(size - size // 2),
            "reversed": good[::-1],
            "newlines converted": good.replace(b"\n", b"\r\n") + b"\r\n",
            "as UTF-8 text": good.decode("latin-1").encode("utf-8"),
            "written by another protocol": pickle.dumps(pickle.loads(good), 3),
            "written with a memo": pickle.dumps(pickle.loads(good), 4),
            "written without a frame": good[:2] + good[11:],
            "written another way in as many bytes": written_another_way(good),
            "gzip": gzip.compress(good),
            "xz": lzma.compress(good),
        }.items()
    }


def written_another_way(good: bytes) -> bytes:
    """Without the frame, which has 9 bytes, and with three texts whose length has 4 bytes in place of 1."""
    data = good[:2] + good[11:]
    for key in (b"format", b"version", b"architecture"):
        data = data.replace(b"\x8c" + bytes([len(key)]) + key, b"X" + struct.pack("<I", len(key)) + key, 1)
    assert len(data) == len(good) and pickle.loads(data) == pickle.loads(good)
    return data


def distinct(text: str) -> list[str]:
    return [f"{index}{text}" for index in range(10)]


def resigned(content: dict[Any, Any]) -> bytes:
    """`content` with a checksum that fits it, so that the fault alone can be why it is refused."""
    unsigned = {key: value for key, value in content.items() if key != "sha256"}
    return dump_plain({**unsigned, "sha256": hashlib.sha256(dump_plain(unsigned)).hexdigest()})


def renamed(content: dict[Any, Any], before: str, after: str) -> bytes:
    return resigned({after if key == before else key: value for key, value in content.items()})


def wrong_schema(good: bytes) -> dict[str, bytes]:
    content: dict[Any, Any] = pickle.loads(good)

    def having(**changes: Any) -> bytes:
        return resigned({**content, **changes})

    def made_with(value: Any) -> bytes:
        return having(made_with={"train": {"lr": value}})

    def with_float(field: str, value: float) -> bytes:
        return having(**{field: struct.pack("<f", value) + content[field][4:]})

    not_plain: tuple[Any, ...] = (
        None, True, b"0.1", math.nan, math.inf, -math.inf, 2**31, -(2**31) - 1, 2**100, (0.1,), {0.1}, "a\nb",
        "\x1b[2J", "\ud800", "x" * 256, "x" * 10**6, [[0.1]], [{}], [None], [True], [0.1, math.nan], [""] * 17,
    )  # fmt: skip
    files = {
        **{f"no {key}": resigned({k: v for k, v in content.items() if k != key}) for key in content if key != "sha256"},
        "no sha256": dump_plain({key: value for key, value in content.items() if key != "sha256"}),
        "an extra key": having(comment="hello"),
        "keys in another order": resigned(dict(sorted(content.items()))),
        "a key that is a number": resigned({**{k: v for k, v in content.items() if k != "bias"}, 7: content["bias"]}),
        "nothing": dump_plain({}),
        "a list": pickle.dumps([1, 2], 4),
        "a number": pickle.dumps(5, 4),
        "a text": b"\x80\x04\x8c\x01a.",
        "another format": having(format="conv-net"),
        "format as bytes": having(format=b"flatten-linear"),
        **{f"version {v!r}": having(version=v) for v in (0, 1, 3, 2**31 - 1, -1, 2.0, "2", True, None, 2**100)},
        "another architecture": having(architecture="Conv -> Linear"),
        **{
            f"image shape {shape!r}": having(image_shape=shape)
            for shape in (
                [], [1, 28], [1, 28, 29], [1, 1, 28, 28], [0, 28, 28], [-1, -28, 28], [1.0, 28, 28], [True, 28, 28],
                (1, 28, 28), "abc", [2**31 - 1] * 3, [1, 2**31 - 1, 1], [2**16, 2**16, 2**16], [1, "28", 28], None,
            )
        },
        **{
            f"class names {names!r}"[:60]: having(class_names=names)
            for names in (
                [], ["one"], content["class_names"][:-1], [*content["class_names"], "more"], [1] * 10, [b"a"] * 10,
                [""] * 10, distinct("a\nb"), distinct("\x1b[2J"), distinct("\ud800"), "0123456789",
                [["a"]] * 10, ["same"] * 10, ["x" * 256, *content["class_names"][1:]],
                [str(index) + "\U0001f600" * 1000 for index in range(10)],
            )
        },
        **{f"{f} {v}": with_float(f, v) for f in ("pixel_table", "weight", "bias") for v in (math.nan, math.inf)},
        "weight minus infinity": with_float("weight", -math.inf),
        "weight too long": having(weight=content["weight"] + bytes(4)),
        "weight too short": having(weight=content["weight"][:-4]),
        "weight not of whole floats": having(weight=content["weight"][:-1]),
        "weight empty": having(weight=b""),
        "weight as a list": having(weight=[0.0] * 7),
        "weight as text": having(weight=content["weight"].decode("latin-1")),
        "weight as a bytearray": having(weight=bytearray(content["weight"])),
        "weight in float64": having(weight=bytes(2 * len(content["weight"]))),
        "bias and weight swapped": having(bias=content["weight"], weight=content["bias"]),
        "version 1's key in version 2": renamed(content, "made_with", "params"),
        "version 2's key in version 1": having(version=1),
        "made_with a list": having(made_with=["prepare", "train"]),
        "made_with of three levels": having(made_with={"train": {"sgd": {"lr": 0.1}}}),
        "made_with of one level": having(made_with={"lr": 0.1}),
        "made_with of 9 sections": having(made_with={f"section_{i}": {} for i in range(9)}),
        "made_with of 65 keys": having(made_with={"train": {f"key_{i}": i for i in range(65)}}),
        **{
            f"made_with has the key {key!r}"[:60]: having(made_with=content)
            for key in ("", "a b", "a-b", "1a", "a\n", "a\x1b", "x" * 65, 1, 0.5, b"lr", None, "a\u202e", "\ud800")
            for content in ({"train": {key: 1}}, {key: {"lr": 1}})
        },
        "an ordered dict": pickle.dumps(OrderedDict(content), 4),
        "a subclass of str": pickle.dumps({**content, "format": Text("flatten-linear")}, 4),
        **{
            f"made_with holds {value!r}"[:60]: made_with(value)
            for value in not_plain
        },
        "made_with has a key of 4 MB": having(made_with={"train": {"x" * 4_000_000: 1}}),
        "sha256 of something else": dump_plain({**content, "sha256": "0" * 64}),
        "sha256 in capitals": dump_plain({**content, "sha256": content["sha256"].upper()}),
        "sha256 as bytes": dump_plain({**content, "sha256": content["sha256"].encode()}),
        "sha256 cut": dump_plain({**content, "sha256": content["sha256"][:8]}),
    }  # fmt: skip
    return {f"schema: {key}": data for key, data in files.items()}
