"""A training that goes on where it was killed: its state in one safetensors file, which is none of DVC's outs.

DVC removes a stage's outs before it runs the stage again, so the file lies elsewhere, in `runtime.checkpoint_dir`:

train-<name>.safetensors    the tensors of `TrainingState`, and one key of metadata, "training", which is JSON
                            {"key", "model", "crc32", "values": {"epoch", "step", "num_images", "rows"}}

The name says which training it is, by params and source, so that several can share a folder. The key in it says, by all
that the bytes of the result depend on, whether this one may go on with it: not the device, ranks or threads.
"""

import hashlib
import json
import sys
import time
import zlib
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from linear_classifier.data.splits import Dataset, Split, chunks_of
from linear_classifier.io.files import open_regular, write_bytes

if TYPE_CHECKING:
    from linear_classifier.training.state import TrainingState

INTERVAL = 5.0  # seconds between two files at most, so that a kill costs less than 10
MAX_SHARE = 0.01  # of the process's own time for the files of short epochs
ROOT = Path(__file__).parents[2]
CODE = ("linear_classifier", "stages")
UNREADABLE = (OSError, ValueError, SafetensorError, LookupError, TypeError, AttributeError, RecursionError)


def checkpoint_path(folder: str, made_with: dict[str, dict[str, Any]], dataset: Dataset) -> Path:
    """Where in `folder` the training of `dataset` with these params keeps its checkpoint."""
    return Path(folder).expanduser() / f"train-{_sha256([made_with, dataset.sources])[:16]}.safetensors"


def make_key(made_with: dict[str, dict[str, Any]], dataset: Dataset, splits: Iterable[Split]) -> str:
    """A hash of all that the bytes of the result depend on: params, data, code and versions."""
    code = [path for folder in CODE for path in sorted((ROOT / folder).rglob("*.py"))]
    hashes = [(path.relative_to(ROOT).as_posix(), hashlib.sha256(path.read_bytes()).hexdigest()) for path in code]
    data = [asdict(dataset), [_crc32_of(split) for split in splits]]
    return _sha256([made_with, data, hashes, torch.__version__, np.__version__])


class Checkpoint:
    """The file at `path` of the training with this `key`: `load` it once, then `save_if_due` after every step.

    Whatever is wrong with the file or its disk is said in one line, and the training goes on without it.
    """

    def __init__(self, path: Path, key: str) -> None:
        self.path, self.key = path, key
        self.last, self.spent, self.warned = time.monotonic(), 0.0, False

    def load(self, state: "TrainingState") -> None:
        """Bring `state`, a training that has not begun, to where the file left it; without a file it stays."""
        for other in sorted(set(self.path.parent.glob("train-*.safetensors")) - {self.path}):
            self._say(f"{other}: ignored, it is of a training with other params or data; remove it if that has ended")
        try:
            tensors, content = self._read()
        except (FileNotFoundError, NotADirectoryError):
            return
        except UNREADABLE as error:
            reason = " ".join(str(error).split())[:200]
            self._say(f"{self.path}: ignored, the training starts from its beginning: {reason}")
            return
        state.restore(tensors, content["values"])
        print(f"train: goes on after {len(state.history)} epochs and {state.step} steps: {self.path}", flush=True)

    def save_if_due(self, state: "TrainingState") -> None:
        """Write `state` if an epoch has just ended or the last file is `INTERVAL` old.

        Epochs that are too short to be worth a file are left out: of a hundred seconds one is spent here.
        """
        started = time.monotonic()
        epoch_ended = state.step == 0 and self.spent < MAX_SHARE * time.process_time()
        if epoch_ended or started - self.last > INTERVAL:
            try:
                self._write(state.tensors(), state.values(), "")
            except (OSError, ValueError) as error:
                self._warn(error)
            self.last = time.monotonic()
            self.spent += self.last - started

    def note_model(self, md5: str) -> None:
        """Note in the file what the training has come to: the hash of its model, which DVC has to commit."""
        with suppress(*UNREADABLE):
            tensors, content = self._read()
            self._write(tensors, content["values"], md5)

    def find_model(self) -> str:
        """What `note_model` noted, or ""."""
        with suppress(*UNREADABLE):
            return str(self._read()[1]["model"])
        return ""

    def remove(self) -> None:
        """Remove the file, whether there is one or not: nobody needs it any more."""
        remove_checkpoint(self.path)

    def _write(self, tensors: dict[str, Tensor], values: dict[str, Any], model: str) -> None:
        tensors = {name: tensor.cpu() for name, tensor in tensors.items()}
        content = {"key": self.key, "model": model, "crc32": _crc32(tensors, values), "values": values}
        # One key: with several, their order in the file is random (safetensors#584).
        write_bytes(self.path, save(tensors, {"training": json.dumps(content)}))

    def _read(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        open_regular(self.path).close()  # it is a file: to open a FIFO would wait for ever
        with safe_open(self.path, "pt") as file:
            content = json.loads((file.metadata() or {}).get("training", "{}"))
            if content.get("key") != self.key:
                raise ValueError("it was made with other data, code or versions")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # it has no __iter__
        if content["crc32"] != _crc32(tensors, content["values"]):
            raise ValueError("it is damaged, its checksum is wrong")
        return tensors, content

    def _warn(self, error: Exception) -> None:
        if not self.warned:
            self.warned = True
            self._say(f"no checkpoint is kept, a kill will cost the whole training: {error}")

    def _say(self, message: str) -> None:
        print(f"train: warning: {message}", file=sys.stderr, flush=True)


def remove_checkpoint(path: Path) -> None:
    """Remove the file at `path`; one that cannot be removed is only said."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        print(f"warning: {path}: not removed: {error.strerror}", file=sys.stderr, flush=True)


def _crc32(tensors: dict[str, Tensor], values: dict[str, Any]) -> int:
    """A checksum against damage, over what is saved."""
    crc = zlib.crc32(json.dumps(values).encode())
    for name in sorted(tensors):
        crc = zlib.crc32(tensors[name].contiguous().numpy().tobytes(), crc)
    return crc


def _crc32_of(split: Split) -> int:
    """A checksum of a split: cheap, and tells of an edit by hand, which `sources` cannot."""
    crc = zlib.crc32(np.ascontiguousarray(split.labels).data)
    for images in chunks_of(split.images):
        crc = zlib.crc32(np.ascontiguousarray(images).data, crc)
    return crc


def _sha256(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
