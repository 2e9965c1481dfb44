"""`models/model.pkl`: its format, written and read safely.

The file is a pickle (protocol 4) of one dict that holds only `dict`, `list`, `str`, `int`, `float` and `bytes`. A
pickle is a program, and a hostile one runs code, takes all memory or never ends. So four gates stand before anyone
sees the content:

1. it is a regular file of at most `MAX_BYTES`;
2. every opcode is one that the writer uses, `MAX_OPCODES` of them at most: none can name, call, copy or repeat
anything;
3. the content has exactly the keys, types, ranges and sizes of the format, finite numbers and its own SHA-256;
4. pickled again, it gives the same bytes.
"""

import hashlib
import io
import math
import os
import pickle
import pickletools
import stat
import sys
from array import array
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from stages.files import write_bytes
from stages.params import PrepareParams, TrainParams, check_section

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import nn

    from stages.splits import Dataset

FORMAT, VERSION, ARCHITECTURE = "flatten-linear", 1, "Flatten -> Linear"
MAX_BYTES = 4 * 2**20  # 130 times Fashion-MNIST's model, and little enough to read, check and pickle again in 50 MB
MAX_OPCODES = 4096  # Fashion-MNIST's model has 75
OPCODES = frozenset(
    {"PROTO", "FRAME", "STOP", "MARK", "EMPTY_DICT", "SETITEM", "SETITEMS", "EMPTY_LIST", "APPEND", "APPENDS"}
    | {"SHORT_BINUNICODE", "BINUNICODE", "SHORT_BINBYTES", "BINBYTES", "BININT1", "BININT2", "BININT", "BINFLOAT"}
)
MEND = "restore it with `dvc checkout -f models/model.pkl`, or make it anew with `dvc repro -f train`"


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

        from stages.model import build_model

        model = build_model(self.image_shape, len(self.class_names))
        weight, bias = (torch.tensor(as_floats(data)) for data in (self.weight, self.bias))
        model.load_state_dict({"1.weight": weight.view(len(self.class_names), -1), "1.bias": bias})
        return model


def load_model(path: Path | str) -> "nn.Sequential":
    """The model of `path`: normalised float32 images `(batch, channels, height, width)` to logits `(batch, classes)`.

    Raises:
        ValueError: the file is missing or is not, byte for byte, one that `save_model` writes. Nothing in it is run.
    """
    return read_model(path).build()


def save_model(path: Path, saved: SavedModel) -> None:
    """Write `saved` to `path`: the same content gives the same bytes in every process."""
    content = {"format": FORMAT, "version": VERSION, "architecture": ARCHITECTURE, **asdict(saved)}
    write_bytes(path, _dumps({**content, "sha256": _checksum(content)}))


def read_model(path: Path | str) -> SavedModel:
    """The content of `path`, through the four gates; needs neither PyTorch nor NumPy.

    Raises:
        ValueError: the file is missing or is not, byte for byte, one that `save_model` writes. Nothing in it is run.
    """
    try:
        data = _read_regular_file(Path(path))
        _scan(data)
        content = _check_content(_load(data))
        if _dumps(content) != data:
            raise ValueError("its bytes are not those that its content is written as")
    except FileNotFoundError:
        raise ValueError(f"{path}: not found; run `dvc repro`, or `dvc pull` where a remote has it") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}; {MEND}") from None
    return SavedModel(**{field.name: content[field.name] for field in fields(SavedModel)})


def as_floats(data: bytes) -> "array[float]":
    """Little-endian float32 `data` as plain Python floats."""
    floats = array("f", data)
    if sys.byteorder == "big":
        floats.byteswap()
    return floats


def _read_regular_file(path: Path) -> bytes:
    """Gate 1. Opened without waiting, so that a FIFO cannot hang it, and judged by what was opened."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("not a regular file")
        with open(descriptor, "rb", closefd=False) as file:
            data = file.read(MAX_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(data) > MAX_BYTES:
        raise ValueError(f"{status.st_size} bytes, expected at most {MAX_BYTES}{_looks_like(data)}")
    return data


def _scan(data: bytes) -> None:
    """Gate 2, before anything is built. `pickletools` reads opcodes and runs none; it does not check frames."""
    if not data.startswith(b"\x80\x04"):
        raise ValueError(f"not a model file: it is {_kind(data)}")
    strings: list[str] = []
    end = 0
    try:
        for count, (opcode, argument, position) in enumerate(pickletools.genops(data), start=1):
            end = (position or 0) + 1  # it is never None for bytes
            if opcode.name not in OPCODES:
                raise ValueError(
                    f"the pickle opcode {opcode.name} is refused{_named(opcode.name, argument, strings)}"
                    "; nothing was run"
                )
            if count > MAX_OPCODES:
                raise ValueError(f"more than {MAX_OPCODES} pickle opcodes")
            if opcode.name == "FRAME" and int(argument or 0) > len(data) - end - 8:
                raise ValueError(f"truncated: a frame of {argument} bytes, {len(data) - end - 8} left")
            if isinstance(argument, str):
                strings = [*strings[-1:], argument[:80]]
    except (OverflowError, IndexError) as error:  # what pickletools raises itself is a ValueError already
        raise ValueError(f"damaged: {error}") from None
    if end != len(data):
        raise ValueError(f"{len(data) - end} bytes after its end")


def _load(data: bytes) -> Any:
    try:
        return _Unpickler(io.BytesIO(data)).load()
    except Exception as error:  # a damaged pickle raises nearly any type: it is refused, whatever it raises
        raise ValueError(f"damaged: {type(error).__name__}: {error}") from None


class _Unpickler(pickle.Unpickler):
    """One that can name no code, should gate 2 ever let an opcode by that does."""

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        raise pickle.UnpicklingError(f"{module_name}.{global_name} is refused")


def _check_content(content: Any) -> dict[str, Any]:
    """Gate 3."""
    names = ["format", "version", "architecture", *(field.name for field in fields(SavedModel)), "sha256"]
    if type(content) is not dict or list(content) != names:
        found = ", ".join(map(str, content))[:200] if type(content) is dict else type(content).__name__
        raise ValueError(f"expected a dict of {', '.join(names)}, found {found}")
    _check_equal(content, "format", FORMAT)
    _check_equal(content, "version", VERSION)
    _check_equal(content, "architecture", ARCHITECTURE)
    shape, classes = content["image_shape"], content["class_names"]
    if type(shape) is not list or len(shape) != 3 or any(type(size) is not int or size < 1 for size in shape):
        raise ValueError(f"image_shape: expected [channels, height, width], found {_short(shape)}")
    if type(classes) is not list or len(classes) < 2 or any(type(name) is not str for name in classes):
        raise ValueError(f"class_names: expected two names or more, found {_short(classes)}")
    _check_floats(content, "pixel_table", 256 * shape[0])
    _check_floats(content, "weight", math.prod(shape) * len(classes))
    _check_floats(content, "bias", len(classes))
    _check_params(content["params"])
    _check_equal(content, "sha256", _checksum({name: content[name] for name in names[:-1]}))
    return content


def _check_equal(content: dict[str, Any], name: str, expected: str | int) -> None:
    found = content[name]
    if type(found) is not type(expected) or found != expected:
        raise ValueError(f"{name}: expected {expected!r}, found {_short(found)}")


def _check_floats(content: dict[str, Any], name: str, count: int) -> None:
    found = content[name]
    if type(found) is not bytes or len(found) != 4 * count:
        size = f"{len(found)} bytes" if type(found) is bytes else type(found).__name__
        raise ValueError(f"{name}: expected {4 * count} bytes (the shape is wrong), found {size}")
    if not all(map(math.isfinite, as_floats(found))):
        raise ValueError(f"{name}: a number is NaN or infinite")


def _check_params(params: Any) -> None:
    if type(params) is not dict or list(params) != ["prepare", "train"]:
        raise ValueError(f"params: expected a dict of prepare, train, found {_short(params)}")
    for name, kind in (("prepare", PrepareParams), ("train", TrainParams)):
        checked = asdict(check_section(params[name], kind, f"params: {name}"))
        if any(type(params[name][key]) is not type(value) for key, value in checked.items()):
            raise ValueError(f"params: {name}: a value is not of its own type")


def _dumps(content: dict[str, Any]) -> bytes:
    """`content` pickled. `fast` leaves out the memo, which tells equal strings from one string used twice."""
    buffer = io.BytesIO()
    pickler = pickle.Pickler(buffer, protocol=4)
    pickler.fast = True
    pickler.dump(content)
    return buffer.getvalue()


def _checksum(content: dict[str, Any]) -> str:
    return hashlib.sha256(_dumps(content)).hexdigest()


def _short(value: Any) -> str:
    text = repr(value) if type(value) in (str, int, float) else type(value).__name__
    return text if len(text) <= 60 else text[:57] + "..."


def _named(opcode: str, argument: Any, strings: list[str]) -> str:
    """What the pickle would have called, where the opcode tells."""
    if opcode in ("GLOBAL", "INST"):
        return f" (it names {str(argument)[:160].replace(' ', '.')})"
    if opcode == "STACK_GLOBAL" and len(strings) == 2:
        return f" (it names {'.'.join(strings)})"
    return ""


def _looks_like(data: bytes) -> str:
    return f": it is {_kind(data)}"


def _kind(data: bytes) -> str:
    """What a file that is no pickle of protocol 4 looks like by its first bytes."""
    known = {
        b"PK": "a zip archive, such as torch.save, ONNX or Keras write",
        b"\x1f\x8b": "gzip",
        b"x\x9c": "zlib, such as joblib writes",
        b"\xfd7zXZ": "xz",
        b"BZh": "bzip2",
        b"\x89HDF": "an HDF5 file",
        b"version https://git-lfs": "a Git LFS pointer: run `git lfs pull`",
        b"outs:": "a DVC pointer: run `dvc pull`",
        b"<": "HTML or XML",
    }
    for start, kind in known.items():
        if data.startswith(start):
            return kind
    if data[:1] == b"\x80" and len(data) > 1 and data[1] <= pickle.HIGHEST_PROTOCOL:
        return f"a pickle of protocol {data[1]}, expected 4: written by another tool"
    return _kind_of_old_pickle(data)


def _kind_of_old_pickle(data: bytes) -> str:
    """Protocols 0 and 1 have no mark of their own: they begin with any opcode."""
    if not data:
        return "empty"
    try:
        next(iter(pickletools.genops(data[:1000])))
    except (ValueError, OverflowError, IndexError):
        return f"of no known kind (its first bytes are {data[:8]!r})"
    return "a pickle of protocol 0 or 1, or text"
