"""`data/prepared/`: its format, written by `prepare` and read by the stages after it.

{train,val,test}/images.npy   uint8 (n, channels, height, width)
{train,val,test}/labels.npy   int64 (n,)
dataset.json                  `Dataset`, as JSON
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from linear_classifier.data.image_file import ImageFile
from linear_classifier.io.files import open_regular, replacing, write_json

SplitName = Literal["train", "val", "test"]
ImageArray = NDArray[np.uint8] | ImageFile
MEND = "run `dvc repro prepare`, or `dvc pull`"


@dataclass(frozen=True)
class Split:
    """Images uint8 `(n, channels, height, width)` and their labels int64 `(n,)`; opened and not read, or in memory."""

    images: ImageArray
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Dataset:
    """What a data set is, apart from its pixels.

    `counts` holds for each split the number of images of each class, in the order of `class_names`; `sources` the
    SHA-256 of each raw file, decompressed.
    """

    name: str
    class_names: list[str]
    image_shape: list[int]
    counts: dict[str, list[int]]
    sources: dict[str, str]


def save_splits(
    folder: Path, splits: dict[SplitName, Split], name: str, class_names: list[str], sources: dict[str, str]
) -> Dataset:
    """What was written to `folder`: every split, and `dataset.json` last."""
    for split_name, split in splits.items():
        _save_array(folder / split_name / "images.npy", np.asarray(split.images))
        _save_array(folder / split_name / "labels.npy", split.labels)
    counts = {str(key): _count(split.labels, class_names) for key, split in splits.items()}
    dataset = Dataset(name, class_names, list(splits["train"].images.shape[1:]), counts, sources)
    write_json(folder / "dataset.json", asdict(dataset))
    return dataset


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
        raise ValueError(f"{path}: not found; {MEND}") from None
    return parse_dataset(content, str(path))


def parse_dataset(content: bytes, path: str) -> Dataset:
    """What the file `path` holds, whose bytes are `content`.

    Raises:
        ValueError: it is not what `save_splits` writes.
    """
    try:
        dataset = Dataset(**json.loads(content))
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"{path}: not a data set's description ({error}); {MEND}") from None
    if not _is_well_formed(dataset):
        raise ValueError(f"{path}: not a data set's description (a value has the wrong type or length); {MEND}")
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
        raise ValueError(f"{folder / name / 'labels.npy'}: labels are not those counted in dataset.json; {MEND}")
    return Split(ImageFile(path, mapped.shape, mapped.offset), labels)


def _is_well_formed(dataset: Dataset) -> bool:
    shape, names, counts = dataset.image_shape, dataset.class_names, dataset.counts
    return (
        _is_list_of(str, names)
        and _is_list_of(int, shape)
        and len(shape) == 3
        and min(shape) > 0
        and isinstance(counts, dict)
        and all(_is_list_of(int, count) and len(count) == len(names) for count in counts.values())
    )


def _is_list_of(kind: type, value: Any) -> bool:
    return isinstance(value, list) and all(type(item) is kind for item in value)


def _count(labels: NDArray[np.int64], class_names: list[str]) -> list[int]:
    counts: list[int] = np.bincount(labels, minlength=len(class_names)).tolist()
    return counts


def _save_array(path: Path, array: NDArray[Any]) -> None:
    with replacing(path) as file:
        np.lib.format.write_array(file, np.ascontiguousarray(array), version=(1, 0), allow_pickle=False)


def _load_array(path: Path, dtype: np.dtype[Any], shape: tuple[int, ...]) -> "np.memmap[Any, Any]":
    try:
        with open_regular(path):  # it is a file: NumPy would wait for ever on a FIFO
            array = np.lib.format.open_memmap(path, mode="r")  # np.load would take archives and pickles
    except FileNotFoundError:
        raise ValueError(f"{path}: not found; {MEND}") from None
    except OSError:
        raise
    except Exception as error:  # NumPy evaluates the header, and a damaged one raises nearly any type
        raise ValueError(f"{path}: damaged ({error}); {MEND}") from None
    if array.dtype != dtype or array.shape != shape:
        raise ValueError(f"{path}: is {array.dtype} {array.shape}, expected {dtype} {shape}; {MEND}")
    return array
