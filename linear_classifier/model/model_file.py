"""`models/model.pkl`: its format (docs/model-file.md), written and read safely.

The file is a pickle of one dict of plain values. Four gates stand before anyone sees the content:

1. it is a regular file of at most `MAX_BYTES`;
2. every opcode is one that the writer uses, and few: none can name, call, copy or repeat anything (`pickles.py`);
3. pickled again, it gives the same bytes (`pickles.py`);
4. the content has exactly the keys, types, ranges and sizes of the format, finite numbers and its own SHA-256
   (`content.py`).
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from linear_classifier.io.files import open_regular, write_bytes
from linear_classifier.model.content import MAX_BYTES, as_floats, build_content, check_can_save, check_content
from linear_classifier.model.pickles import dump_plain, load_plain, what_it_is

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import nn

    from linear_classifier.data.splits import Dataset

__all__ = ["MAX_BYTES", "SavedModel", "as_floats", "check_can_save", "load_model", "read_model", "save_model"]


@dataclass(frozen=True, kw_only=True)
class SavedModel:
    """What `models/model.pkl` holds. All floats are little-endian float32; `as_floats` reads them.

    `pixel_table` is `(channels, 256)`, `weight` `(classes, channels * height * width)`, `bias` `(classes,)`;
    `made_with` is section → key → text, int, float or a list of these, such as `{"train": {"lr": 0.03}}`.
    """

    image_shape: list[int]
    class_names: list[str]
    pixel_table: bytes
    weight: bytes
    bias: bytes
    made_with: dict[str, dict[str, Any]]

    @classmethod
    def of(
        cls,
        model: "nn.Sequential",
        dataset: "Dataset",
        pixel_table: "NDArray[np.float32]",
        made_with: dict[str, dict[str, Any]],
    ) -> Self:
        """What there is to save of `model`, trained on `dataset` through `pixel_table` `(channels, 256)`."""
        weight, bias = (tensor.cpu().float().numpy().astype("<f4").tobytes() for tensor in model.state_dict().values())
        return cls(
            image_shape=dataset.image_shape,
            class_names=dataset.class_names,
            pixel_table=pixel_table.astype("<f4").tobytes(),
            weight=weight,
            bias=bias,
            made_with=made_with,
        )

    def build(self) -> "nn.Sequential":
        """The model, float32: normalised images `(batch, channels, height, width)` to logits `(batch, classes)`."""
        import torch  # here, since it costs two seconds and whoever reads the numbers alone needs none of it

        from linear_classifier.model.linear import build_model

        model = build_model(self.image_shape, len(self.class_names))
        weight, bias = (torch.frombuffer(as_floats(data), dtype=torch.float32) for data in (self.weight, self.bias))
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
    try:
        check_can_save(saved.image_shape, saved.class_names, saved.made_with)
        data = dump_plain(build_content(vars(saved)))
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
            size = os.fstat(file.fileno()).st_size
            # None where a file of the kernel's own has nothing to say yet
            data = file.read(min(size, MAX_BYTES) + 1) or b""
    except FileNotFoundError:
        raise ValueError(f"{path}: not found; run `dvc repro`, or `dvc pull` where a remote has it") from None
    try:
        return _parse(data)
    except ValueError as error:
        advice = f"restore it with `dvc checkout -f {path}`, or make it again with `dvc repro -f train`"
        raise ValueError(f"{path}: {error}; {advice}") from None


def _parse(data: bytes) -> SavedModel:
    if len(data) > MAX_BYTES:
        raise ValueError(f"more than the {MAX_BYTES} bytes that a model may have: it is {what_it_is(data)}")
    return SavedModel(**check_content(load_plain(data)))
