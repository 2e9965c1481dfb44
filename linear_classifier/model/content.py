"""The content of a model file: its keys and what each may hold (docs/model-file.md). Gate 4 of `model_file.py`.

The format is its own: nothing here knows today's params, so that a model opens after they have changed.
"""

import hashlib
import math
import sys
from array import array
from typing import Any

from linear_classifier.io.sections import short_repr
from linear_classifier.model.pickles import MAX_TEXT, dump_plain, write_plain

FORMAT, VERSION, ARCHITECTURE = "flatten-linear", 2, "Flatten -> Linear"
MADE_WITH_KEYS = {1: "params", 2: "made_with"}  # by version: all else is the same, so that the old one is read too
MODEL_KEYS = ("image_shape", "class_names", "pixel_table", "weight", "bias")
MAX_BYTES = 256 * 2**20
MAX_CLASSES = 10_000  # pickles.MAX_OPCODES follows from it and from the next three
MAX_SECTIONS, MAX_KEYS, MAX_ITEMS = 8, 64, 16  # of made_with, of a section, of a list there
MAX_KEY = 64  # characters
CHUNK = 2**20  # bytes that are looked at as numbers at a time


def as_floats(data: bytes) -> "array[float]":
    """Little-endian float32 `data` as plain Python floats."""
    floats = array("f", data)
    if sys.byteorder == "big":
        floats.byteswap()
    return floats


def check_can_save(image_shape: list[int], class_names: list[str], made_with: dict[str, dict[str, Any]]) -> None:
    """Refuse what `save_model` would refuse of any model of these: asked before the training, it loses no work.

    Raises:
        ValueError: the model is too large, or a name or value is none that the format can hold.
    """
    _check_shape(image_shape)
    _check_class_names(class_names)
    _check_made_with(made_with, "made_with")
    numbers = 256 * image_shape[0] + (math.prod(image_shape) + 1) * len(class_names)
    texts = len(dump_plain({"class_names": class_names, "made_with": made_with})) + 1024  # for all else
    if 4 * numbers + texts > MAX_BYTES:
        raise ValueError(
            f"a model for images of {image_shape} and {len(class_names)} classes has {4 * numbers / 2**20:,.0f} MB, "
            f"more than the {MAX_BYTES // 2**20} MB of a model file; lower prepare.image_size, or use fewer classes"
        )


def build_content(values: dict[str, Any]) -> dict[str, Any]:
    """What is pickled for the fields of a `SavedModel`: the header, `values` and their checksum."""
    content = {"format": FORMAT, "version": VERSION, "architecture": ARCHITECTURE, **values}
    return {**content, "sha256": _checksum(content)}


def check_content(content: Any) -> dict[str, Any]:
    """The fields of a `SavedModel` that `content` holds, whatever its version.

    Raises:
        ValueError: a key is missing or too many, or its value is of the wrong type, size or range.
    """
    made_with = MADE_WITH_KEYS[_find_version(content)]
    names = ["format", "version", "architecture", *MODEL_KEYS, made_with, "sha256"]
    _check_keys(content, names)
    _check_equal(content, "format", FORMAT)
    _check_equal(content, "architecture", ARCHITECTURE)
    shape, classes = content["image_shape"], content["class_names"]
    _check_shape(shape)
    _check_class_names(classes)
    _check_floats(content, "pixel_table", 256 * shape[0])
    _check_floats(content, "weight", math.prod(shape) * len(classes))
    _check_floats(content, "bias", len(classes))
    _check_made_with(content[made_with], made_with)
    _check_equal(content, "sha256", _checksum({name: content[name] for name in names[:-1]}))
    return {**{key: content[key] for key in MODEL_KEYS}, "made_with": content[made_with]}


def _find_version(content: Any) -> int:
    version = content.get("version", VERSION) if type(content) is dict else VERSION
    if type(version) is not int or version not in MADE_WITH_KEYS:
        later = ", which a later revision of this project wrote" if type(version) is int and version > VERSION else ""
        raise ValueError(
            f"version: expected {' or '.join(map(str, MADE_WITH_KEYS))}, found {short_repr(version)}{later}"
        )
    return version


def _check_keys(content: Any, names: list[str]) -> None:
    if type(content) is not dict or list(content) != names:
        keys = ", ".join(map(short_repr, list(content)[:20])) if type(content) is dict else short_repr(content)
        raise ValueError(f"content: expected a dict of {', '.join(names)}, found {keys}")


def _check_equal(content: dict[str, Any], name: str, expected: str) -> None:
    found = content[name]
    if type(found) is not str or found != expected:
        raise ValueError(f"{name}: expected {expected!r}, found {short_repr(found)}")


def _check_shape(shape: Any) -> None:
    if type(shape) is not list or len(shape) != 3 or any(type(size) is not int or size < 1 for size in shape):
        raise ValueError(f"image_shape: expected [channels, height, width], found {short_repr(shape)}")


def _check_class_names(names: Any) -> None:
    if (
        type(names) is not list
        or not 2 <= len(names) <= MAX_CLASSES
        or not all(type(name) is str and name and _is_text(name) for name in names)
        or len({*names}) < len(names)
    ):
        count = f"{len(names)} in " if type(names) is list else ""
        raise ValueError(
            f"class_names: expected 2 to {MAX_CLASSES} names, distinct, printable, of at most {MAX_TEXT} characters, "
            f"found {count}{short_repr(names)}"
        )


def _check_floats(content: dict[str, Any], name: str, count: int) -> None:
    found = content[name]
    if type(found) is not bytes or len(found) != 4 * count:
        size = f"{len(found)} bytes" if type(found) is bytes else short_repr(found)
        raise ValueError(f"{name}: expected {4 * count} bytes (the shape is wrong), found {size}")
    # NaN and infinity survive a sum, and as float64 no number of float32s adds up to infinity.
    chunks = (found[start : start + CHUNK] for start in range(0, len(found), CHUNK))
    if not all(math.isfinite(sum(as_floats(chunk))) for chunk in chunks):
        raise ValueError(f"{name}: a number is NaN or infinite")


def _check_made_with(found: Any, where: str) -> None:
    """Its form alone: which keys there are, and what values they take, was for the params of its day to say."""
    _check_mapping(found, MAX_SECTIONS, where)
    for section, values in found.items():
        _check_mapping(values, MAX_KEYS, f"{where}: {section}")
        for key, value in values.items():
            items = value if type(value) is list else [value]
            if len(items) > MAX_ITEMS or not all(map(_is_plain, items)):
                raise ValueError(
                    f"{where}: {section}.{key}: expected a whole number of 32 bits, a finite number, a printable "
                    f"text of at most {MAX_TEXT} characters, or a list of at most {MAX_ITEMS} of these, "
                    f"found {short_repr(value)}"
                )


def _check_mapping(found: Any, most: int, where: str) -> None:
    if type(found) is not dict or len(found) > most or not all(map(_is_key, found)):
        keys = short_repr(list(found)) if type(found) is dict else short_repr(found)
        raise ValueError(f"{where}: expected at most {most} keys, names of at most {MAX_KEY} characters, found {keys}")


def _is_key(key: Any) -> bool:
    return type(key) is str and len(key) <= MAX_KEY and key.isidentifier() and key.isprintable()


def _is_plain(value: Any) -> bool:
    if type(value) is int:
        return -(2**31) <= value < 2**31  # what a pickle has in 4 bytes
    return math.isfinite(value) if type(value) is float else type(value) is str and _is_text(value)


def _is_text(value: str) -> bool:
    return len(value) <= MAX_TEXT and value.isprintable()


def _checksum(content: dict[str, Any]) -> str:
    sha256 = hashlib.sha256()
    write_plain(content, sha256.update)
    return sha256.hexdigest()
