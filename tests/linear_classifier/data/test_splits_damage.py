"""Prepared data that was damaged after it was written: `load_dataset` and `load_split` say so and never hang."""

import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from linear_classifier.data.splits import load_dataset, load_split
from tests.good_model import save_small_run


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    save_small_run(tmp_path)
    return tmp_path / "data/prepared"


def npy(array: np.ndarray[Any, Any], save: Any = np.save) -> bytes:
    buffer = io.BytesIO()
    save(buffer, array)
    return buffer.getvalue()


def npy_with_header(header: str) -> bytes:
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + bytes(1000)


def test_load_split_reads_what_was_saved(prepared: Path) -> None:
    assert len(load_split(prepared, "test", load_dataset(prepared))) == 20


@pytest.mark.parametrize(
    "content",
    [
        b"", b"text", b"PK\x03\x04 no zip", b"\x80\x04.", b"\x93NUMPY", b"\x93NUMPY\x01\x00\xff\xff",
        npy(np.zeros(3), np.savez), npy(np.zeros((20, 1, 28, 28), np.float32)),
        npy(np.zeros((20, 1, 28, 27), np.uint8)),
        npy(np.zeros((20, 1, 28, 28), np.uint8))[:-1], npy(np.array([None], object), lambda f, a: np.save(f, a, True)),
        npy_with_header("{'descr': '|u1', 'fortran_order': False, 'shape': (4294967296, 4294967296), }\n"),
        npy_with_header("{'descr': '|u1', 'fortran_order': False, 'shape': (-1, 1, 28, 28), }\n"),
        npy_with_header("{'descr': 'V99999999999', 'fortran_order': False, 'shape': (1,), }\n"),
        npy_with_header("__import__('os').mkdir('canary')\n"), npy_with_header("(" * 5000),
    ],
    ids=range(16),
)  # fmt: skip
def test_load_split_refuses_damaged_images(content: bytes, prepared: Path) -> None:
    (prepared / "test/images.npy").write_bytes(content)
    with pytest.raises(ValueError, match=r"test/images\.npy: .*; run `dvc repro prepare`, or `dvc pull`") as caught:
        load_split(prepared, "test", load_dataset(prepared))
    assert type(caught.value) is ValueError


@pytest.mark.parametrize("label", [-1, 10, 2**62, -(2**62), 1])
def test_load_split_refuses_a_changed_label(label: int, prepared: Path) -> None:
    """-1 in place of the first 0 too, which counted as a 0 would look right."""
    labels = np.load(prepared / "test/labels.npy")
    labels[0] = label
    np.save(prepared / "test/labels.npy", labels)
    with pytest.raises(ValueError, match=r"labels\.npy: labels are not those counted"):
        load_split(prepared, "test", load_dataset(prepared))


def test_load_split_does_not_wait_on_a_fifo(prepared: Path) -> None:
    (prepared / "test/images.npy").unlink()
    os.mkfifo(prepared / "test/images.npy")
    with pytest.raises(ValueError, match=r"images\.npy: a FIFO"):
        load_split(prepared, "test", load_dataset(prepared))


@pytest.mark.parametrize(
    "change",
    [
        {"counts": 3}, {"counts": {"test": 20}}, {"counts": {"test": ["x"] * 10}}, {"counts": {"test": [1.0] * 10}},
        {"counts": {"test": [2] * 9}}, {"class_names": "abc"}, {"class_names": [1] * 10}, {"image_shape": None},
        {"image_shape": [28, 28]}, {"image_shape": [1, 28, 0]}, {"image_shape": [1, 28, True]}, {"extra": 1},
    ],
)  # fmt: skip
def test_load_dataset_refuses_wrong_fields(change: dict[str, Any], prepared: Path) -> None:
    path = prepared / "dataset.json"
    path.write_text(json.dumps({**json.loads(path.read_bytes()), **change}))
    with pytest.raises(ValueError, match=r"dataset\.json: not a data set's description"):
        load_dataset(prepared)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b"null", b"\xff\xfe\xfd", b"[" * 100_000, b'{"name": 1', b"<p>"]
)
def test_load_dataset_refuses_what_is_not_its_json(content: bytes, prepared: Path) -> None:
    (prepared / "dataset.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"dataset\.json: not a data set's description"):
        load_dataset(prepared)


def test_load_split_says_which_split_is_missing(prepared: Path) -> None:
    path = prepared / "dataset.json"
    content = json.loads(path.read_bytes())
    del content["counts"]["val"]
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"val/"):
        load_split(prepared, "val", load_dataset(prepared))
