"""Images that are decoded but have no place yet: their pixels and paths on disk, in memory 11 bytes an image."""

import hashlib
import os
import tempfile
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from linear_classifier.data.splits import SPLITS
from linear_classifier.preparation.decoding_pool import Decoded
from linear_classifier.preparation.source_image import SourceImage

NO_SPLIT = -1  # beside the indices of SPLITS
MAX_CLASSES = 2**16
BUFFER = 2**20


class Spool:
    """Images, numbered as they are appended.

    `labels` are indices of `class_names`, uint16 `(n,)`; `splits` indices of `SPLITS` or `NO_SPLIT`, int8 `(n,)`.
    """

    def __init__(self, pixels: IO[bytes], paths: IO[bytes], image_bytes: int) -> None:
        self._pixels, self._paths, self.image_bytes = pixels, paths, image_bytes
        self._keys, self._labels, self._splits = array("Q"), array("H"), array("b")
        self._classes: dict[str, int] = {}
        self.counts: Counter[str] = Counter()
        self._sum_of_hashes = 0

    def __len__(self) -> int:
        return len(self._labels)

    @property
    def labels(self) -> NDArray[np.uint16]:
        return np.frombuffer(self._labels, np.uint16)

    @property
    def splits(self) -> NDArray[np.int8]:
        return np.frombuffer(self._splits, np.int8)

    @property
    def class_names(self) -> list[str]:
        return list(self._classes)

    @property
    def sha256(self) -> str:
        """Of all images, their labels and the splits that the source gives them, whatever their order and layout."""
        return hashlib.sha256(f"{len(self)} {self._sum_of_hashes:x}".encode()).hexdigest()

    def append(self, image: SourceImage, decoded: Decoded) -> None:
        """Add `image`.

        Raises:
            ValueError: it is of one class too many.
        """
        label = self._classes.setdefault(image.label, len(self._classes))
        if label == MAX_CLASSES:
            raise ValueError(f"{image.path}: its class {image.label!r} is one too many, expected at most {MAX_CLASSES}")
        self._pixels.write(decoded.pixels)
        self._paths.write(one_line(image.path).encode() + b"\n")
        self._keys.append(int.from_bytes(decoded.sha256[:8], "little"))
        self._labels.append(label)
        self.counts[image.label] += 1
        self._splits.append(NO_SPLIT if image.split is None else SPLITS.index(image.split))
        entry = hashlib.sha256(decoded.sha256 + f"{image.split} {image.label}".encode("utf-8", "surrogatepass"))
        self._sum_of_hashes = (self._sum_of_hashes + int.from_bytes(entry.digest())) % 2**256

    def rename_classes(self, names: list[str]) -> None:
        """Make the labels indices of `names`, which are the class names in another order."""
        place = {name: index for index, name in enumerate(names)}
        moved = np.array([place[name] for name in self._classes], np.uint16)
        self.labels[:] = moved[self.labels]
        self._classes = place

    def take_keys(self) -> NDArray[np.uint64]:
        """The first 8 bytes of the SHA-256 of each image's pixels, uint64 `(n,)`; they are the caller's from here on.

        Equal pixels have equal keys, and so have, once in a long while, others.
        """
        keys, self._keys = np.frombuffer(self._keys, np.uint64), array("Q")
        return keys

    def read(self, indices: Iterable[int]) -> Iterator[bytes]:
        """The pixels of the images `indices`."""
        self._pixels.flush()
        descriptor, size = self._pixels.fileno(), self.image_bytes
        return (os.pread(descriptor, size, int(index) * size) for index in indices)

    def find_paths(self, indices: Iterable[int]) -> dict[int, str]:
        """The paths of the images `indices`, by one pass over all."""
        wanted = set(indices)
        self._paths.seek(0)
        return {index: line[:-1].decode() for index, line in enumerate(self._paths) if index in wanted}


@contextmanager
def open_spool(folder: Path, image_bytes: int) -> Iterator[Spool]:
    """An empty spool on the disk of `folder`, of files without a name: a kill leaves nothing of them.

    Raises:
        OSError: the disk is full or the folder cannot be written; its `filename` is `folder`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with (
            tempfile.TemporaryFile(dir=folder, buffering=BUFFER) as pixels,
            tempfile.TemporaryFile(dir=folder, buffering=BUFFER) as paths,
        ):
            yield Spool(pixels, paths, image_bytes)
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), error.filename or str(folder)) from error


def one_line(path: str) -> str:
    """`path` as UTF-8 can hold and one line can show it."""
    if path.isprintable():
        return path
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in path
    )
