import io
import struct
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from linear_classifier.preparation import inflating
from linear_classifier.preparation.npz import find_npz
from tests.linear_classifier.preparation.sources import find_all, images, pack_zip, pixels_of

X, Y = np.zeros((4, 3, 5), np.uint8), np.array([3, 7, 3, 7])


def npz(path: Path, **arrays: Any) -> Path:
    np.savez_compressed(path, **arrays)
    return path


@pytest.mark.parametrize(
    ("arrays", "splits"),
    [
        ({"train_images": X, "train_labels": Y}, {"train"}),
        ({"x_train": X, "y_train": Y, "x_val": X, "y_val": Y, "x_test": X, "y_test": Y}, {"train", "val", "test"}),
        ({"X_test": X, "Y_test": Y}, {"test"}),
        ({"images": X, "labels": Y}, {None}),
        ({"x": X, "y": Y[:, None].astype(np.uint8), "notes": Y}, {None}),
        ({"data": X, "target": np.array(["cat", "dog", "cat", "dog"])}, {None}),
        ({"images": X[..., None].repeat(3, axis=3), "labels": Y.astype(">i2")}, {None}),
    ],
)
def test_find_npz_takes_usual_names(arrays: dict[str, Any], splits: set[str | None], tmp_path: Path) -> None:
    found = images(npz(tmp_path / "a.npz", **arrays), "npz")
    assert {split for _, _, split in found} == splits
    assert {label for _, label, _ in found} in ({"3", "7"}, {"cat", "dog"})
    assert len(found) == 4 * len(splits)


def npy(array: Any, **changes: Any) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asarray(array), allow_pickle=True)
    return file.getvalue()


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({}, "the arrays , expected pairs such as"),
        ({"a": X, "b": Y}, "the arrays 'a', 'b', expected pairs such as train_images and train_labels"),
        ({"train_images": X}, "the arrays 'train_images', expected pairs"),
        ({"train_images": X, "train_labels": Y, "test_images": X}, "expected pairs"),
        ({"images": X, "labels": Y, "train_images": X, "train_labels": Y}, "expected pairs"),
        ({"images": X.astype(np.float32), "labels": Y}, r"a.npz/images: float32 \(4, 3, 5\), expected uint8 \(images"),
        ({"images": X[0], "labels": Y[:3]}, r"a.npz/images: uint8 \(3, 5\), expected uint8 \(images, height, width\)"),
        ({"images": X[:, None], "labels": Y}, r"a.npz/images: uint8 \(4, 1, 3, 5\), expected .* 1, 3 or 4 channels"),
        ({"images": X[:, :0], "labels": Y}, r"a.npz/images: uint8 \(4, 0, 5\), expected"),
        ({"images": np.asfortranarray(X), "labels": Y}, "a.npz/images: in Fortran order, expected C order; save"),
        ({"images": X, "labels": Y[:3]}, "a.npz/labels: 3 labels, expected 4, one for each of a.npz/images"),
        ({"images": X, "labels": Y.astype(float)}, r"a.npz/labels: float64 \(4,\), expected one whole number or name"),
        ({"images": X, "labels": np.zeros((4, 14), int)}, r"a.npz/labels: int64 \(4, 14\), expected one whole number"),
        ({"images": X, "labels": np.array([1, None, 2, 3])}, "a.npz/labels: Python objects, expected uint8 images"),
        ({"images": np.array(7), "labels": Y}, r"a.npz/images: an array of shape \(\), expected one with a row"),
    ],
)
def test_find_npz_refuses_arrays_that_are_no_images_and_labels(
    arrays: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        find_all(npz(tmp_path / "a.npz", **arrays), "npz")


def test_find_npz_refuses_a_truncated_or_damaged_file(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    arrays = {"images": generator.integers(0, 256, (40, 8, 8), np.uint8), "labels": generator.integers(0, 2, 40)}
    whole = npz(tmp_path / "a.npz", **arrays).read_bytes()
    source = tmp_path / "cut.npz"
    for tenth in range(10):
        source.write_bytes(whole[: len(whole) * tenth // 10])
        with pytest.raises(ValueError, match=r"cut.npz: damaged or truncated"):
            find_all(source, "npz")
    expected = [pixels_of(item).tobytes() for item in find_all(tmp_path / "a.npz", "npz")]
    for place in range(0, len(whole), 23):
        source.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        try:
            found = [pixels_of(item).tobytes() for item in find_all(source, "npz")]
        except ValueError as error:
            assert "cut.npz" in str(error)
            continue
        assert found == expected


HEADER = "{'descr': '|u1', 'fortran_order': False, 'shape': (%s), }"


def with_header(text: str) -> bytes:
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text) + 1) + text.encode() + b"\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "damaged or truncated|no array"),
        (b"text" * 100, "a.npz/images: no array"),
        (b"\x93NUMPY\x09\0" + bytes(100), "a.npz/images: no array"),
        (with_header("(" * 5000), "a.npz/images: no array"),
        (with_header("__import__('os')"), "a.npz/images: no array"),
        (with_header(HEADER % "4, 3, 5"), "images is truncated"),
        (with_header(HEADER % "1000000000000, 3, 5"), "1000000000000"),
        (with_header(HEADER % "-4, 3, 5"), r"an array of shape \(-4, 3, 5\)|no array"),
        (b"\x93NUMPY\2\0\xff\xff\xff\x7f" + bytes(100), "no array|truncated"),
    ],
)
def test_find_npz_refuses_a_hostile_array(content: bytes, message: str, tmp_path: Path) -> None:
    source = pack_zip(tmp_path / "a.npz", [("images.npy", content), ("labels.npy", npy(Y))])
    with pytest.raises(ValueError, match=message):
        find_all(source, "npz")


def test_find_npz_refuses_a_bomb_and_an_encrypted_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inflating, "FREE", 10**6)
    source = npz(tmp_path / "a.npz", images=np.zeros((4, 1000, 1000), np.uint8), labels=Y)
    with pytest.raises(ValueError, match=r"a.npz/images.npy: grows from .* as a bomb does"):
        find_all(source, "npz")
    source = npz(tmp_path / "a.npz", images=X, labels=Y)
    content = bytearray(source.read_bytes())
    content[content.rindex(b"PK\1\2") + 8] |= 1
    source.write_bytes(content)
    with pytest.raises(ValueError, match=r"a.npz: 'labels.npy' is encrypted"):
        find_all(source, "npz")


@pytest.mark.parametrize("content", [b"", b"text", bytes(1000)])
def test_find_npz_refuses_what_is_none(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(ValueError, match=r"a.npz: damaged or truncated"):
        find_all(tmp_path / "a.npz", "npz")
    with pytest.raises(ValueError, match=r"a folder, expected a file .npz; name it"):
        find_all(tmp_path, "npz")


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_find_npz_holds_a_piece_and_not_the_array(method: int, tmp_path: Path) -> None:
    big = np.random.default_rng(0).integers(0, 256, (20_000, 28, 28), np.uint8)
    labels = np.arange(20_000) % 2
    source = pack_zip(tmp_path / "a.npz", [("images.npy", npy(big)), ("labels.npy", npy(labels))], method)
    tracemalloc.start()
    count = 0
    for number, found in enumerate(find_npz(source)):
        assert number % 5000 or np.array_equal(pixels_of(found), big[number])
        count += 1
    assert count == 20_000
    assert tracemalloc.get_traced_memory()[1] < 6 * 2**20  # of 15 MB
    tracemalloc.stop()
