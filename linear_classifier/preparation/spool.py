"""Images that are decoded but have no place yet: their pixels and paths on disk, in memory 11 bytes an image."""

import hashlib
import os
import sys
import tempfile
from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import accumulate
from pathlib import Path
from typing import IO, TypeVar

import numpy as np
from numpy.typing import NDArray

from linear_classifier.data.splits import SPLITS
from linear_classifier.preparation.decoding_pool import Decoded
from linear_classifier.preparation.source_image import SourceImage

Scalar = TypeVar("Scalar", bound=np.generic)

NO_SPLIT = -1  # beside the indices of SPLITS
MAX_CLASSES = 2**16
BUCKET_BITS = 6  # 64 files: few enough to be open at once on any system, and each a small part of what memory holds
BUFFER = 2**16  # bytes of each that are written at a time


class Spool:
    """Images, each with a key: 64 bits that follow from its pixels and a seed, and look random.

    The first bits of its key choose the file that an image goes to, so that who reads in the order of keys is done with
    one file before the next. Once all are appended, they are numbered file by file, and `labels`, uint16 `(n,)`, are
    indices of `class_names`, `splits`, int8 `(n,)`, indices of `SPLITS` or `NO_SPLIT`.
    """

    def __init__(self, buckets: list[IO[bytes]], paths: IO[bytes], image_bytes: int, seed: int) -> None:
        self._buckets, self._paths, self.image_bytes = buckets, paths, image_bytes
        self._seed = seed.to_bytes(4)
        self._keys, self._labels, self._splits = array("Q"), array("H"), array("b")
        self._classes: dict[str, int] = {}
        self.counts: Counter[str] = Counter()
        self._sum_of_hashes = 0
        self._starts: list[int] = []
        self.labels: NDArray[np.uint16] = np.empty(0, np.uint16)
        self.splits: NDArray[np.int8] = np.empty(0, np.int8)

    @property
    def class_names(self) -> list[str]:
        return list(self._classes)

    @property
    def sha256(self) -> str:
        """Of all images, their labels and the splits that the source gives them, whatever their order and layout."""
        return hashlib.sha256(f"{self.counts.total()} {self._sum_of_hashes:x}".encode()).hexdigest()

    def append(self, image: SourceImage, decoded: Decoded) -> None:
        """Add `image`.

        Raises:
            ValueError: it is of one class too many.
        """
        label = self._classes.setdefault(image.label, len(self._classes))
        if label == MAX_CLASSES:
            raise ValueError(f"{image.path}: its class {image.label!r} is one too many, expected at most {MAX_CLASSES}")
        key = int.from_bytes(hashlib.blake2b(decoded.sha256, digest_size=8, key=self._seed).digest())
        number = key >> 64 - BUCKET_BITS
        self._buckets[number].write(decoded.pixels)
        self._keys.append(key)
        self._labels.append(label)
        self._splits.append(NO_SPLIT if image.split is None else SPLITS.index(image.split))
        self._paths.write(f"{number:02}{one_line(image.path)}\n".encode())
        self.counts[image.label] += 1
        entry = hashlib.sha256(decoded.sha256 + f"{image.split} {image.label}".encode("utf-8", "surrogatepass"))
        self._sum_of_hashes = (self._sum_of_hashes + int.from_bytes(entry.digest())) % 2**256

    def seal(self, class_names: list[str]) -> None:
        """Number the images; nothing is appended from here on. Labels become indices of `class_names`."""
        for bucket in self._buckets:
            bucket.flush()
        self._starts = [0, *accumulate(bucket.tell() // self.image_bytes for bucket in self._buckets)][:-1]
        place = {name: index for index, name in enumerate(class_names)}
        moved = np.array([place[name] for name in self._classes], np.uint16)
        self.labels = moved[self._by_bucket(np.frombuffer(self._labels, np.uint16))]
        self.splits = self._by_bucket(np.frombuffer(self._splits, np.int8))
        self._classes, self._labels, self._splits = place, array("H"), array("b")

    def take_keys(self) -> NDArray[np.uint64]:
        """The key of each image, uint64 `(n,)`; they are the caller's from here on.

        Equal pixels have equal keys, and so have, once in a long while, others.
        """
        keys = self._by_bucket(np.frombuffer(self._keys, np.uint64))
        self._keys = array("Q")
        return keys

    def _by_bucket(self, values: NDArray[Scalar]) -> NDArray[Scalar]:
        """`values` `(n,)`, in the order in which images were appended, in the order of their numbers."""
        first_bytes = np.frombuffer(self._keys, np.uint64).view(np.uint8)[7 * (sys.byteorder == "little") :: 8]
        numbers = first_bytes >> (8 - BUCKET_BITS)
        ordered = np.empty_like(values)
        for number, start in enumerate(self._starts):
            of_bucket = values[numbers == number]
            ordered[start : start + len(of_bucket)] = of_bucket
        return ordered

    def read(self, indices: Iterable[int]) -> Iterator[bytes]:
        """The pixels of the images `indices`; fast where these go from bucket to bucket."""
        announced: set[int] = set()
        for index in indices:
            number = bisect_right(self._starts, index) - 1
            descriptor = self._buckets[number].fileno()
            if number not in announced:
                _announce(descriptor)
                announced.add(number)
            yield os.pread(descriptor, self.image_bytes, (int(index) - self._starts[number]) * self.image_bytes)

    def find_paths(self, indices: Iterable[int]) -> dict[int, str]:
        """The paths of the images `indices`, by one pass over all."""
        wanted, found, next_index = set(indices), {}, list(self._starts)
        self._paths.seek(0)
        for line in self._paths:
            number = int(line[:2])
            if next_index[number] in wanted:
                found[next_index[number]] = line[2:-1].decode()
            next_index[number] += 1
        return found


@contextmanager
def open_spool(folder: Path, image_bytes: int, seed: int) -> Iterator[Spool]:
    """An empty spool on the disk of `folder`, of files without a name: a kill leaves nothing of them.

    Raises:
        OSError: the disk is full or the folder cannot be written; its `filename` is `folder`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with ExitStack() as stack:
            files = [
                stack.enter_context(tempfile.TemporaryFile(dir=folder, buffering=BUFFER))
                for _ in range(2**BUCKET_BITS + 1)
            ]
            yield Spool(files[1:], files[0], image_bytes, seed)
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), error.filename or str(folder)) from error


def one_line(path: str) -> str:
    """`path` as UTF-8 can hold and one line can show it."""
    if path.isprintable():
        return path
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in path
    )


def _announce(descriptor: int) -> None:
    """Have the system read the file ahead, in one go where it would else come in small pieces."""
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_WILLNEED)
