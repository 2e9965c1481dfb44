"""`models/model.pkl`: its format, written and read safely.

The file is a pickle of one dict of plain values. Four gates stand before anyone sees the content:

1. it is a regular file of at most `MAX_BYTES`;
2. every opcode is one that the writer uses, and few: none can name, call, copy or repeat anything (`pickles.py`);
3. pickled again, it gives the same bytes (`pickles.py`);
4. the content has exactly the keys, types, ranges and sizes of the format, finite numbers and its own SHA-256.
"""

import hashlib
import math
import sys
from array import array
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from linear_classifier.io.files import open_regular, write_bytes
from linear_classifier.io.sections import check_section, short_repr
from linear_classifier.model.pickles import dump_plain, load_plain, what_it_is
from linear_classifier.params import PrepareParams, TrainParams

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import nn

    from linear_classifier.data.splits import Dataset

FORMAT, VERSION, ARCHITECTURE = "flatten-linear", 1, "Flatten -> Linear"
MAX_BYTES = 4 * 2**20  # 130 times Fashion-MNIST's model, and little enough to read, check and pickle again in 50 MB
MAX_NAME = 255  # of a class, in characters: as long as a file's


@dataclass(frozen=True)
class SavedModel:
    """What `models/model.pkl` holds. All floats are little-endian float32; `as_floats` reads them.

    `pixel_table` is `(channels, 256)`, `weight` `(classes, channels * height * width)`, `bias` `(classes,)`; `params`
    are the sections `prepare` and `train` that the model was made with.
    """

    image_shape: list[int]
    class_names: list[str]
    pixel_table: bytes
    weight: bytes
    bias: bytes
    params: dict[str, dict[str, Any]]

    @classmethod
    def of(
        cls,
        model: "nn.Sequential",
        dataset: "Dataset",
        pixel_table: "NDArray[np.float32]",
        params: dict[str, dict[str, Any]],
    ) -> Self:
        """What there is to save of `model`, trained on `dataset` through `pixel_table` `(channels, 256)`."""
        weight, bias = (tensor.cpu().float().numpy().astype("<f4").tobytes() for tensor in model.state_dict().values())
        return cls(dataset.image_shape, dataset.class_names, pixel_table.astype("<f4").tobytes(), weight, bias, params)

    def build(self) -> "nn.Sequential":
        """The model, float32: normalised images `(batch, channels, height, width)` to logits `(batch, classes)`."""
        import torch  # here, since it costs two seconds and whoever reads the numbers alone needs none of it

        from linear_classifier.model.linear import build_model

        model = build_model(self.image_shape, len(self.class_names))
        weight, bias = (torch.tensor(as_floats(data)) for data in (self.weight, self.bias))
        model.load_state_dict({"1.weight": weight.view(len(self.class_names), -1), "1.bias": bias})
        return model


def load_model(path: Path | str) -> "nn.Sequential":
    """The model of `path`: normalised float32 images `(batch, channels, height, width)` to logits `(batch, classes)`.

    Raises:
        ValueError: the file is missing or is not, byte for byte, one that `save_model` writes. Nothing in it is run.
        OSError: the file cannot be read.
    """
    return read_model(path).build()


def save_model(path: Path, saved: SavedModel) -> None:
    """Write `saved` to `path`: the same content gives the same bytes in every process.

    Raises:
        ValueError: `read_model` would refuse the file; it is not written.
    """
    content = {"format": FORMAT, "version": VERSION, "architecture": ARCHITECTURE, **asdict(saved)}
    data = dump_plain({**content, "sha256": _checksum(content)})
    try:
        _parse(data)
    except ValueError as error:
        raise ValueError(f"{path}: not written: {error}") from None
    write_bytes(path, data)


def read_model(path: Path | str) -> SavedModel:
    """The content of `path`, through the four gates; needs neither PyTorch nor NumPy.

    Raises:
        ValueError: the file is missing or is not, byte for byte, one that `save_model` writes. Nothing in it is run.
        OSError: the file cannot be read.
    """
    try:
        with open_regular(Path(path)) as file:
            data = file.read(MAX_BYTES + 1) or b""  # None where a file of the kernel's own has nothing to say yet
    except FileNotFoundError:
        raise ValueError(f"{path}: not found; run `dvc repro`, or `dvc pull` where a remote has it") from None
    try:
        return _parse(data)
    except ValueError as error:
        mend = f"restore it with `dvc checkout -f {path}`, or make it anew with `dvc repro -f train`"
        raise ValueError(f"{path}: {error}; {mend}") from None


def as_floats(data: bytes) -> "array[float]":
    """Little-endian float32 `data` as plain Python floats."""
    floats = array("f", data)
    if sys.byteorder == "big":
        floats.byteswap()
    return floats


def _parse(data: bytes) -> SavedModel:
    if len(data) > MAX_BYTES:
        raise ValueError(f"more than the {MAX_BYTES} bytes that a model may have: it is {what_it_is(data)}")
    content = load_plain(data)
    _check_content(content)
    return SavedModel(**{field.name: content[field.name] for field in fields(SavedModel)})


def _check_content(content: Any) -> None:
    """Gate 4."""
    names = ["format", "version", "architecture", *(field.name for field in fields(SavedModel)), "sha256"]
    _check_keys(content, names, "content")
    for name, value in (("format", FORMAT), ("version", VERSION), ("architecture", ARCHITECTURE)):
        _check_equal(content, name, value)
    shape, classes = content["image_shape"], content["class_names"]
    if type(shape) is not list or len(shape) != 3 or any(type(size) is not int or size < 1 for size in shape):
        raise ValueError(f"image_shape: expected [channels, height, width], found {short_repr(shape)}")
    if (
        type(classes) is not list
        or len(classes) < 2
        or not all(map(_is_name, classes))
        or len({*classes}) < len(classes)
    ):
        raise ValueError(
            f"class_names: expected two names or more, printable and distinct, found {short_repr(classes)}"
        )
    _check_floats(content, "pixel_table", 256 * shape[0])
    _check_floats(content, "weight", math.prod(shape) * len(classes))
    _check_floats(content, "bias", len(classes))
    _check_params(content["params"])
    _check_equal(content, "sha256", _checksum({name: content[name] for name in names[:-1]}))


def _check_keys(found: Any, names: list[str], where: str) -> None:
    if type(found) is not dict or list(found) != names:
        keys = ", ".join(map(short_repr, list(found)[:20])) if type(found) is dict else short_repr(found)
        raise ValueError(f"{where}: expected a dict of {', '.join(names)}, found {keys}")


def _check_equal(content: dict[str, Any], name: str, expected: str | int) -> None:
    found = content[name]
    if type(found) is not type(expected) or found != expected:
        raise ValueError(f"{name}: expected {expected!r}, found {short_repr(found)}")


def _is_name(value: Any) -> bool:
    return type(value) is str and 0 < len(value) <= MAX_NAME and value.isprintable()


def _check_floats(content: dict[str, Any], name: str, count: int) -> None:
    found = content[name]
    if type(found) is not bytes or len(found) != 4 * count:
        size = f"{len(found)} bytes" if type(found) is bytes else short_repr(found)
        raise ValueError(f"{name}: expected {4 * count} bytes (the shape is wrong), found {size}")
    if not all(map(math.isfinite, as_floats(found))):
        raise ValueError(f"{name}: a number is NaN or infinite")


def _check_params(params: Any) -> None:
    kinds = {"prepare": PrepareParams, "train": TrainParams}
    _check_keys(params, list(kinds), "params")
    for name, kind in kinds.items():
        checked = asdict(check_section(params[name], kind, f"params: {name}"))
        if any(type(params[name][key]) is not type(value) for key, value in checked.items()):
            raise ValueError(f"params: {name}: a value is not of its own type")


def _checksum(content: dict[str, Any]) -> str:
    return hashlib.sha256(dump_plain(content)).hexdigest()
