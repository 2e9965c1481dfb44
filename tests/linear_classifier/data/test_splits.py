import json
from pathlib import Path

import numpy as np
import pytest

from linear_classifier.data.image_file import ImageFile
from linear_classifier.data.splits import Split, combine_sha256, load_dataset, load_split, parse_dataset, save_splits


@pytest.fixture
def folder(tmp_path: Path, split: Split) -> Path:
    save_splits(tmp_path, {"train": split, "val": split}, "small", ["square", "cross", "dot"], "hash")
    return tmp_path


def test_save_splits_is_read_back_as_it_was(folder: Path, split: Split) -> None:
    dataset = load_dataset(folder)
    assert (dataset.name, dataset.image_shape) == ("small", [1, 4, 5])
    assert dataset.counts == {"train": [3, 2, 2], "val": [3, 2, 2]} and dataset.sources == "hash"
    read = load_split(folder, "train", dataset)
    assert isinstance(read.images, ImageFile) and len(read) == 7
    np.testing.assert_array_equal(read.images, split.images)
    np.testing.assert_array_equal(read.labels, split.labels)


def test_save_splits_writes_the_same_bytes_whatever_the_memory_layout(
    folder: Path, tmp_path: Path, split: Split
) -> None:
    before = (folder / "train/images.npy").read_bytes()
    other = Split(np.asfortranarray(split.images), split.labels)
    save_splits(tmp_path, {"train": other}, "small", ["square", "cross", "dot"], "")
    assert (tmp_path / "train/images.npy").read_bytes() == before


@pytest.mark.parametrize("name", ["dataset.json", "train/images.npy", "train/labels.npy"])
@pytest.mark.parametrize("damage", ["missing", "empty", "truncated", "replaced"])
def test_load_refuses_a_damaged_folder(folder: Path, name: str, damage: str) -> None:
    path, dataset = folder / name, load_dataset(folder)
    content = {"empty": b"", "truncated": path.read_bytes()[:-40], "replaced": b"[1]" * 50}
    path.unlink() if damage == "missing" else path.write_bytes(content[damage])
    with pytest.raises(ValueError, match=rf"{name}: .*run `dvc repro prepare`"):
        load_split(folder, "train", load_dataset(folder) if name == "dataset.json" else dataset)


def test_load_split_refuses_labels_that_are_not_those_counted(folder: Path) -> None:
    labels = np.load(folder / "train/labels.npy")
    for wrong in (-1, 3, 1):
        np.save(folder / "train/labels.npy", np.where(np.arange(7) == 0, wrong, labels))
        with pytest.raises(ValueError, match="not those counted"):
            load_split(folder, "train", load_dataset(folder))


def test_load_split_refuses_another_shape(folder: Path, split: Split) -> None:
    np.save(folder / "train/images.npy", np.asarray(split.images).reshape(7, 1, 5, 4))
    with pytest.raises(ValueError, match=r"is uint8 \(7, 1, 5, 4\), expected uint8 \(7, 1, 4, 5\)"):
        load_split(folder, "train", load_dataset(folder))


def test_load_dataset_refuses_another_description(folder: Path) -> None:
    (folder / "dataset.json").write_text(json.dumps({"name": "small"}))
    with pytest.raises(ValueError, match=r"dataset.json: not a data set's description"):
        load_dataset(folder)


def test_parse_dataset_reads_a_description_of_before_there_was_one_sha256(folder: Path) -> None:
    fields = json.loads((folder / "dataset.json").read_text())
    files = {"test": "b" * 64, "train": "a" * 64}
    old = {name: value for name, value in fields.items() if name not in ("skipped", "duplicates")} | {"sources": files}
    assert parse_dataset(json.dumps(old).encode(), "old").sources == combine_sha256(files)
    assert combine_sha256(files) == combine_sha256(dict(reversed(files.items()))) != combine_sha256({})


@pytest.mark.parametrize(("name", "value"), [("sources", 5), ("skipped", {}), ("duplicates", [])])
def test_parse_dataset_refuses_a_value_of_another_type(name: str, value: object, folder: Path) -> None:
    fields = json.loads((folder / "dataset.json").read_text()) | {name: value}
    with pytest.raises(ValueError, match="a value has the wrong type or length"):
        parse_dataset(json.dumps(fields).encode(), "dataset.json")
