"""`data/prepared/`: its format, written by `prepare` and read by the stages after it.

{train,val,test}/images.npy   uint8 (n, channels, height, width)
{train,val,test}/labels.npy   int64 (n,)
dataset.json                  `Dataset`, as JSON
"""

import hashlib
import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from linear_classifier.data.image_file import ImageFile
from linear_classifier.io.files import open_regular, replacing, write_json

SplitName = Literal["train", "val", "test"]
ImageArray = NDArray[np.uint8] | ImageFile
SPLITS: tuple[SplitName, ...] = get_args(SplitName)
_BLOCK = 2**18  # labels that are written at a time
CHUNK_BYTES = 2**17  # of images that `chunks_of` has in memory at a time: a histogram takes eight times as much
ADVICE = "run `dvc repro prepare`, or `dvc pull`"


@dataclass(frozen=True)
class Split:
    """Images uint8 `(n, channels, height, width)` and their labels int64 `(n,)`; opened and not read, or in memory."""

    images: ImageArray
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """What a data set is, apart from its pixels.

    `image_shape` is `[channels, height, width]`; `counts` holds for each split the number of images of each class, in
    the order of `class_names`; `sources` is one SHA-256 over all that it was made from. `skipped` are the path and the
    reason of each image that could not be used; `duplicates` says how many images are pixel-equal to another one, and
    how many were dropped for it.
    """

    name: str
    class_names: list[str]
    image_shape: list[int]
    counts: dict[str, list[int]]
    sources: str
    skipped: list[list[str]] = field(default_factory=list)
    duplicates: dict[str, int] = field(default_factory=dict)


def chunks_of(images: ImageArray) -> Iterator[NDArray[np.uint8]]:
    """All `images`, a few at a time, in their order: so many as `CHUNK_BYTES` hold, or one."""
    count = max(1, CHUNK_BYTES // math.prod(images.shape[1:]))
    return (images[start : start + count] for start in range(0, len(images), count))


def save_splits(
    folder: Path, splits: dict[SplitName, Split], name: str, class_names: list[str], sources: str
) -> Dataset:
    """Write every split, and `dataset.json` last, to `folder`."""
    shape = list(splits["train"].images.shape[1:])
    for split_name, split in splits.items():
        save_split(folder / split_name, [np.ascontiguousarray(split.images).data], split.labels, shape)
    counts = {str(key): _count(split.labels, class_names) for key, split in splits.items()}
    dataset = Dataset(name=name, class_names=class_names, image_shape=shape, counts=counts, sources=sources)
    save_dataset(folder, dataset)
    return dataset


def save_split(
    folder: Path, images: Iterable[bytes | memoryview], labels: NDArray[Any], image_shape: list[int]
) -> None:
    """Write the two files of a split, each whole or not at all.

    `images` are pieces of the pixels, `len(labels)` images of `image_shape` one after the other, uint8.
    """
    with replacing(folder / "images.npy") as file:
        shape = (len(labels), *image_shape)
        np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
        file.writelines(images)
    with replacing(folder / "labels.npy") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<i8", "fortran_order": False, "shape": labels.shape})
        file.writelines(labels[start : start + _BLOCK].astype("<i8").data for start in range(0, len(labels), _BLOCK))


def save_dataset(folder: Path, dataset: Dataset) -> None:
    """Write `dataset.json` to `folder`."""
    write_json(folder / "dataset.json", asdict(dataset))


def combine_sha256(files: dict[str, str]) -> str:
    """One SHA-256 over several files, from the name and the SHA-256 of each."""
    return hashlib.sha256("".join(f"{name} {files[name]}\n" for name in sorted(files)).encode()).hexdigest()


def load_dataset(folder: Path) -> Dataset:
    """`dataset.json` of `folder`.

    Raises:
        ValueError: it is missing, or as `parse_dataset`.
    """
    path = folder / "dataset.json"
    try:
        with open_regular(path) as file:
            content = file.read()
    except FileNotFoundError:
        raise ValueError(f"{path}: not found; {ADVICE}") from None
    return parse_dataset(content, str(path))


def parse_dataset(content: bytes, path: str) -> Dataset:
    """What the file `path` holds, whose bytes are `content`.

    Raises:
        ValueError: it is not what `save_splits` writes.
    """
    try:
        fields = json.loads(content)
        if isinstance(fields.get("sources"), dict):  # as it was written before there was one SHA-256 over all
            fields["sources"] = combine_sha256(fields["sources"])
        dataset = Dataset(**fields)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"{path}: not a data set's description ({error}); {ADVICE}") from None
    if not _is_well_formed(dataset):
        raise ValueError(f"{path}: not a data set's description (a value has the wrong type or length); {ADVICE}")
    return dataset


def load_split(folder: Path, name: SplitName, dataset: Dataset) -> Split:
    """The split `name` of `folder`, its images opened and not read.

    Raises:
        ValueError: a file is missing or damaged, or its shape, type or labels are not those of `dataset`.
    """
    counts = dataset.counts.get(name, [])
    count = sum(counts)
    path = folder / name / "images.npy"
    mapped = _load_array(path, np.dtype(np.uint8), (count, *dataset.image_shape))
    labels = _load_array(folder / name / "labels.npy", np.dtype(np.int64), (count,))
    outside = bool(((labels < 0) | (labels >= len(dataset.class_names))).any())
    # `outside` first: to count a huge label would take memory for every smaller one.
    if outside or _count(labels, dataset.class_names) != counts:
        raise ValueError(f"{folder / name / 'labels.npy'}: labels are not those counted in dataset.json; {ADVICE}")
    return Split(ImageFile(path, mapped.shape, mapped.offset), labels)


def _is_well_formed(dataset: Dataset) -> bool:
    shape, names, counts = dataset.image_shape, dataset.class_names, dataset.counts
    return (
        _is_list_of(str, names)
        and _is_list_of(int, shape)
        and len(shape) == 3
        and min(shape) > 0
        and isinstance(dataset.sources, str)
        and isinstance(dataset.skipped, list)
        and isinstance(dataset.duplicates, dict)
        and isinstance(counts, dict)
        and all(_is_list_of(int, count) and len(count) == len(names) for count in counts.values())
    )


def _is_list_of(kind: type, value: Any) -> bool:
    return isinstance(value, list) and all(type(item) is kind for item in value)


def _count(labels: NDArray[np.int64], class_names: list[str]) -> list[int]:
    counts: list[int] = np.bincount(labels, minlength=len(class_names)).tolist()
    return counts


def _load_array(path: Path, dtype: np.dtype[Any], shape: tuple[int, ...]) -> "np.memmap[Any, Any]":
    try:
        with open_regular(path):  # it is a file: NumPy would wait for ever on a FIFO
            array = np.lib.format.open_memmap(path, mode="r")  # np.load would take archives and pickles
    except FileNotFoundError:
        raise ValueError(f"{path}: not found; {ADVICE}") from None
    except OSError:
        raise
    except Exception as error:  # NumPy evaluates the header, and a damaged one raises nearly any type
        raise ValueError(f"{path}: damaged ({error}); {ADVICE}") from None
    if array.dtype != dtype or array.shape != shape:
        raise ValueError(f"{path}: is {array.dtype} {array.shape}, expected {dtype} {shape}; {ADVICE}")
    return array
