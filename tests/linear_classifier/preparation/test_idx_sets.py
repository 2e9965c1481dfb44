import gzip
import struct
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from linear_classifier.preparation.idx_sets import find_idx
from tests.linear_classifier.preparation.sources import find_all, images, pixels_of, write_files

X, Y = np.arange(24, dtype=np.uint8).reshape(2, 3, 4), np.array([1, 26], np.uint8)


def idx(array: Any, magic: bytes | None = None) -> bytes:
    values = np.asarray(array, np.uint8)
    start = magic or bytes([0, 0, 8, values.ndim])
    return start + struct.pack(f">{values.ndim}I", *values.shape) + values.tobytes()


def pair(prefix: str = "train", **others: bytes) -> dict[str, bytes | str]:
    return {f"{prefix}-images-idx3-ubyte": idx(X), f"{prefix}-labels-idx1-ubyte": idx(Y), **others}


@pytest.mark.parametrize(
    ("prefix", "split"),
    [
        ("train", "train"),
        ("t10k", "test"),
        ("test", "test"),
        ("kmnist-train", "train"),
        ("emnist-balanced-test", "test"),
        ("my-own-set-val", "val"),
        ("TRAIN", "train"),
    ],
)
def test_find_idx_takes_usual_names(prefix: str, split: str, tmp_path: Path) -> None:
    found = images(write_files(tmp_path, {**pair(prefix), "readme.txt": "x", "model.bin": "x"}), "idx")
    assert found == [
        (f"{prefix}-images-idx3-ubyte[0]", "1", split),
        (f"{prefix}-images-idx3-ubyte[1]", "26", split),
    ]


def test_find_idx_takes_names_with_a_dot_colour_and_mixed_compression(tmp_path: Path) -> None:
    colour = np.arange(72, dtype=np.uint8).reshape(2, 3, 4, 3)
    files = {"train-images.idx4-ubyte": idx(colour), "train-labels.idx1-ubyte.gz": gzip.compress(idx(Y))}
    found = find_all(write_files(tmp_path, files), "idx")
    np.testing.assert_array_equal(pixels_of(found[1]), colour[1])


def test_find_idx_takes_one_of_a_plain_file_and_its_gzip(tmp_path: Path) -> None:
    both = {**pair(), **{f"{name}.gz": b"not looked at" for name in pair()}}
    assert len(images(write_files(tmp_path, both), "idx")) == 2


def test_find_idx_turns_emnists_images_back_and_names_its_classes(tmp_path: Path) -> None:
    files: dict[str, bytes | str] = {
        "emnist-x-train-images-idx3-ubyte": idx(X.swapaxes(1, 2)),
        "emnist-x-train-labels-idx1-ubyte": idx(Y),
        "emnist-x-mapping.txt": "1 65 97\n26 90 122\n27 97\n",
    }
    found = find_all(write_files(tmp_path, files), "idx")
    np.testing.assert_array_equal(pixels_of(found[0]), X[0])
    assert [label for _, label, _ in images(tmp_path, "idx")] == ["A", "Z"]


def test_find_idx_gives_emnists_letters_names_that_differ_in_more_than_case(tmp_path: Path) -> None:
    mapping = "".join(f"{n} {ord(c)}\n" for n, c in enumerate("0123456789ABab"))
    labels = np.array([10, 12], np.uint8)
    files = {**pair("emnist-b-train"), "emnist-b-mapping.txt": mapping}
    files["emnist-b-train-labels-idx1-ubyte"] = idx(labels)
    assert [label for _, label, _ in images(write_files(tmp_path, files), "idx")] == ["A", "lower-case a"]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "found nothing, expected files such as train-images-idx3-ubyte"),
        ({"a.png": b"x"}, "found 'a.png', expected files such as"),
        ({"train-images-idx3-ubyte": idx(X)}, "train-images-idx3-ubyte: no file of the labels of train beside it"),
        ({"t10k-labels-idx1-ubyte": idx(Y)}, "t10k-labels-idx1-ubyte: no file of the images of test beside it"),
        ({**pair("a-train"), **pair("b-train")}, "files of 2 sets, a, b; put those of one in a folder"),
        (
            {**pair(), "train-labels-idx1-ubyte": idx([1])},
            "train-labels-idx1-ubyte: 1 labels, expected 2, one for each",
        ),
        (
            {**pair(), "train-labels-idx1-ubyte": idx(X)},
            r"uint8 \(2, 3, 4\), expected one whole number or name an image",
        ),
        ({**pair(), "train-images-idx3-ubyte": idx(Y)}, r"uint8 \(2,\), expected uint8 \(images, height, width\)"),
        ({**pair(), "train-images-idx3-ubyte": b""}, "train-images-idx3-ubyte: truncated; fetch it again"),
        ({**pair(), "train-images-idx3-ubyte": b"<html>" * 9}, "not an IDX file of uint8: it begins with 3c68746d"),
        ({**pair(), "train-images-idx3-ubyte": idx(X, b"\0\0\x0d\3")}, "not an IDX file of uint8: it begins with 0000"),
        ({**pair(), "train-images-idx3-ubyte": b"\0\0\x08\xff" + b"\xff" * 1020}, "1024 bytes, expected"),
        ({**pair(), "train-images-idx3-ubyte": idx(X)[:-1]}, "39 bytes, expected 40; fetch it again"),
        ({**pair(), "train-images-idx3-ubyte": idx(X) + b"x"}, "41 bytes, expected 40"),
        ({**pair(), "train-images-idx3-ubyte": gzip.compress(idx(X)[:-1])}, "train-images-idx3-ubyte: truncated"),
        ({**pair(), "train-images-idx3-ubyte": gzip.compress(idx(X) + b"x")}, "longer than its header says"),
        ({**pair(), "train-images-idx3-ubyte": gzip.compress(idx(X))[:-5]}, "damaged or truncated"),
        (
            {**pair(), "train-images-idx3-ubyte": gzip.compress(idx(X))[:-6] + b"\0" * 6},
            "damaged or truncated",
        ),
        (
            {
                **pair(),
                "train-images-idx3-ubyte": gzip.compress(bytes([0, 0, 8, 3]) + struct.pack(">3I", 2, 20_000, 6000)),
            },
            "train-images-idx3-ubyte: images of 120000000 bytes, expected at most 100000000",
        ),
        (
            {**pair("emnist-x-train"), "emnist-x-mapping.txt": b"\x89PNG"},
            "mapping.txt: expected a label and the number",
        ),
    ],
)
def test_find_idx_refuses(files: dict[str, bytes | str], message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        find_all(write_files(tmp_path, files), "idx")


@pytest.mark.parametrize(("target", "message"), [("../out", "a link that leads out"), ("gone", "a link to nothing")])
def test_find_idx_follows_no_link_out(target: str, message: str, tmp_path: Path) -> None:
    source = write_files(tmp_path / "source", pair())
    (source / "train-labels-idx1-ubyte").rename(tmp_path / "out")
    (source / "train-labels-idx1-ubyte").symlink_to(target)
    with pytest.raises(ValueError, match=f"train-labels-idx1-ubyte: {message}"):
        find_all(source, "idx")


def test_find_idx_names_a_file_as_source(tmp_path: Path) -> None:
    write_files(tmp_path, pair())
    with pytest.raises(ValueError, match="expected the folder of the IDX files"):
        find_all(tmp_path / "train-images-idx3-ubyte", "idx")


@pytest.mark.parametrize("gz", [False, True])
def test_find_idx_holds_a_piece_and_not_the_array(gz: bool, tmp_path: Path) -> None:
    big = np.random.default_rng(0).integers(0, 256, (20_000, 28, 28), np.uint8)
    contents = {"train-images-idx3-ubyte": idx(big), "train-labels-idx1-ubyte": idx(np.arange(20_000) % 10)}
    write_files(tmp_path, {name: gzip.compress(data, 1) if gz else data for name, data in contents.items()})
    tracemalloc.start()
    for number, found in enumerate(find_idx(tmp_path)):
        assert number % 5000 or np.array_equal(pixels_of(found), big[number])
    assert number == 19_999
    assert tracemalloc.get_traced_memory()[1] < 6 * 2**20  # of 15 MB
    tracemalloc.stop()
