"""The same images through every layout give the same labels, splits and bytes."""

import gzip
import itertools
import json
import lzma
import os
import shutil
import struct
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from numpy.typing import NDArray

from linear_classifier.preparation.layouts import Layout, find_images
from tests.linear_classifier.preparation.sources import (
    IMAGES,
    NO_SPLITS,
    WITH_SPLITS,
    WITHOUT_SPLITS,
    contents_of,
    find_all,
    images,
    pack_tar,
    pack_zip,
    pixels,
    pixels_of,
    unusable,
    write_files,
)

Maker = Callable[[Path], Path]
ROWS = [(path, path.split("/")[1], path.split("/")[0]) for path in IMAGES]


def csv_of(rows: Sequence[tuple[str, ...]], header: str = "path,label,split", sign: str = ",", end: str = "\n") -> str:
    return end.join([header.replace(",", sign), *(sign.join(row) for row in rows), ""])


def json_lines_of(rows: Sequence[tuple[str, ...]], keys: tuple[str, ...] = ("path", "label", "split")) -> str:
    return "".join(json.dumps(dict(zip(keys, row, strict=True))) + "\n" for row in rows)


FLAT = {path.replace("/", "_"): data for path, data in IMAGES.items()}
FLAT_ROWS = [(path.replace("/", "_"), label, split) for path, label, split in ROWS]
METADATA = csv_of(FLAT_ROWS, "file_name,label,split")
PAIRS = {
    name: data
    for path, image in IMAGES.items()
    for name, data in (
        (f"{path.split('/')[0]}/{path.replace('/', '_')}", image),
        (f"{path.split('/')[0]}/{path.replace('/', '_')[:-4]}.cls", path.split("/")[1]),
    )
}


def json_pairs(with_split: bool = True) -> dict[str, bytes | str]:
    pairs: dict[str, bytes | str] = {}
    for path, label, split in FLAT_ROWS:
        values = {"label": label, "split": split, "width": 4} if with_split else {"label": label}
        pairs |= {path: FLAT[path], f"{path[:-4]}.json": json.dumps(values)}
    return pairs


def parquet(folder: Path) -> Path:
    import pyarrow
    import pyarrow.parquet

    write_files(folder, IMAGES)
    names = ("path", "label", "split")
    columns = {name: [row[place] for row in ROWS] for place, name in enumerate(names)}
    pyarrow.parquet.write_table(pyarrow.table(columns), folder / "list.parquet", row_group_size=5)
    return folder / "list.parquet"


def metadata_per_split(folder: Path) -> Path:
    write_files(folder, IMAGES)
    for split in ("train", "val", "test"):
        rows = [(f"{label}/{path.rpartition('/')[2]}", label) for path, label, where in ROWS if where == split]
        text = csv_of(rows, "file_name,label") if split != "val" else json_lines_of(rows, ("file_name", "label"))
        (folder / split / f"metadata.{'csv' if split != 'val' else 'jsonl'}").write_text(text)
    return folder


def shards(folder: Path) -> Path:
    for split in ("train", "val", "test"):
        (folder / split).mkdir(parents=True)
        own = [(name.split("/")[1], data) for name, data in PAIRS.items() if name.startswith(split)]
        pack_tar(folder / split / "000000.tar", own[:6])
        pack_tar(folder / split / "000001.tar.gz", own[6:], "w:gz")
    return folder


def with_top(files: Mapping[str, bytes | str], top: str) -> list[tuple[str, bytes | str]]:
    return [(f"{top}/{path}", data) for path, data in files.items()]


def without_magic(path: Path) -> Path:
    """The tar with headers of 1979."""
    content = bytearray(path.read_bytes())
    while (place := content.find(b"ustar")) >= 0:
        content[place : place + 8] = bytes(8)
        start = place - 257
        content[start + 148 : start + 156] = b" " * 8
        content[start + 148 : start + 156] = b"%06o\0 " % sum(content[start : start + 512])
    path.write_bytes(content)
    return path


GIVEN: dict[str, tuple[Layout, Maker]] = {
    "folders": ("folder", lambda f: write_files(f, IMAGES)),
    "spelled splits": (
        "folder",
        lambda f: write_files(
            f, {p.replace("train/", "Training/").replace("val/", "VALIDATION/"): d for p, d in IMAGES.items()}
        ),
    ),
    "deep class folders": (
        "folder",
        lambda f: write_files(f, {p.replace("cat/", "cat/a/b/train/"): d for p, d in IMAGES.items()}),
    ),
    "tar": ("folder", lambda f: pack_tar(f, IMAGES.items())),
    "tar.gz": ("folder", lambda f: pack_tar(f, IMAGES.items(), "w:gz")),
    "tar.bz2": ("folder", lambda f: pack_tar(f, IMAGES.items(), "w:bz2")),
    "tar.xz": ("folder", lambda f: pack_tar(f, IMAGES.items(), "w:xz")),
    "tar in any order": ("folder", lambda f: pack_tar(f, sorted(IMAGES.items(), key=lambda item: item[1]))),
    "tar with ./": ("folder", lambda f: pack_tar(f, with_top(IMAGES, "."))),
    "tar of a folder": ("folder", lambda f: pack_tar(f, with_top(IMAGES, "images"))),
    "tar of a folder in a folder": ("folder", lambda f: pack_tar(f, with_top(IMAGES, "home/images"))),
    "two tar.xz, one after the other": (
        "folder",
        lambda f: cut_and_join(pack_tar(f, IMAGES.items())),
    ),
    "zip": ("folder", lambda f: pack_zip(f, IMAGES.items())),
    "zip, stored": ("folder", lambda f: pack_zip(f, IMAGES.items(), 0)),
    "zip of a folder": ("folder", lambda f: pack_zip(f, [("images/", b""), *with_top(IMAGES, "images")])),
    "zip that macOS made": (
        "folder",
        lambda f: pack_zip(f, [*with_top(IMAGES, "images"), *with_top({"a/._1.png": b"x"}, "__MACOSX")]),
    ),
    "metadata.csv": ("folder", lambda f: write_files(f, {**FLAT, "metadata.csv": METADATA})),
    "metadata.jsonl": (
        "folder",
        lambda f: write_files(f, {**FLAT, "metadata.jsonl": json_lines_of(FLAT_ROWS, ("file_name", "label", "split"))}),
    ),
    "metadata for each split": ("folder", metadata_per_split),
    "metadata at the end of a tar": ("folder", lambda f: pack_tar(f, [*FLAT.items(), ("metadata.csv", METADATA)])),
    "metadata in a zip of a folder": (
        "folder",
        lambda f: pack_zip(f, with_top({**FLAT, "metadata.csv": METADATA.encode()}, "images")),
    ),
    "pairs": ("folder", lambda f: write_files(f, PAIRS)),
    "pairs in a tar": ("folder", lambda f: pack_tar(f, PAIRS.items())),
    "pairs in a zip": ("folder", lambda f: pack_zip(f, PAIRS.items())),
    "pairs in shards": ("folder", shards),
    "json pairs by split": (
        "folder",
        lambda f: write_files(f, {f"{p.split('_')[0]}/{p}": d for p, d in json_pairs(with_split=False).items()}),
    ),
    "json pairs with splits": ("folder", lambda f: write_files(f, json_pairs())),
    "json pairs in a tar of a folder": ("folder", lambda f: pack_tar(f, with_top(json_pairs(), "images"))),
    "tar from before ustar": ("folder", lambda f: without_magic(pack_tar(f, IMAGES.items()))),
    "manifest.csv": ("manifest", lambda f: write_files(f, {**IMAGES, "a.csv": csv_of(ROWS)}) / "a.csv"),
    "manifest, semicolons, CRLF, BOM": (
        "manifest",
        lambda f: write_files(f, {**IMAGES, "a.csv": "\ufeff" + csv_of(ROWS, sign=";", end="\r\n")}) / "a.csv",
    ),
    "manifest, tabs": (
        "manifest",
        lambda f: write_files(f, {**IMAGES, "a.tsv": csv_of(ROWS, sign="\t")}) / "a.tsv",
    ),
    "manifest, UTF-16": (
        "manifest",
        lambda f: write_files(f, {**IMAGES, "a.csv": csv_of(ROWS, sign="\t").encode("utf-16")}) / "a.csv",
    ),
    "manifest, quotes and spaces": (
        "manifest",
        lambda f: (
            write_files(f, {**IMAGES, "a.csv": csv_of([(f'"{p}"', f' "{c}"', f" {s} ") for p, c, s in ROWS]) + "\n\n"})
            / "a.csv"
        ),
    ),
    "manifest, other columns": (
        "manifest",
        lambda f: (
            write_files(
                f,
                {
                    **IMAGES,
                    "a.csv": csv_of([("7", s.upper(), c, f"./{p}") for p, c, s in ROWS], "id,Subset,Class,File Name"),
                },
            )
            / "a.csv"
        ),
    ),
    "manifest.jsonl": (
        "manifest",
        lambda f: write_files(f, {**IMAGES, "a.jsonl": json_lines_of(ROWS)}) / "a.jsonl",
    ),
    "manifest.jsonl, whole numbers": (
        "manifest",
        lambda f: (
            write_files(f, {**IMAGES, "a.jsonl": json_lines_of(ROWS).replace('"10"', "10").replace('"2"', "2")})
            / "a.jsonl"
        ),
    ),
    "manifest.parquet": ("manifest", parquet),
    "manifest in a folder": ("manifest", lambda f: write_files(f, {**IMAGES, "a.csv": csv_of(ROWS)})),
    "manifest in a tar": ("manifest", lambda f: pack_tar(f, [*IMAGES.items(), ("a.csv", csv_of(ROWS))], "w:gz")),
    "manifest in a zip": ("manifest", lambda f: pack_zip(f, [("manifest.csv", csv_of(ROWS)), *IMAGES.items()])),
    "parquet in a zip": (
        "manifest",
        lambda f: pack_zip(f, [*IMAGES.items(), ("a.parquet", parquet(f.with_name("unpacked")).read_bytes())]),
    ),
}


def cut_and_join(tar: Path) -> Path:
    data = tar.read_bytes()
    tar.write_bytes(lzma.compress(data[:5000]) + b"\0" * 4 + lzma.compress(data[5000:]))
    return tar


@pytest.mark.parametrize("name", GIVEN)
def test_find_images_gives_the_same_images_with_their_splits(name: str, tmp_path: Path) -> None:
    dataset, make = GIVEN[name]
    assert contents_of(find_images(dataset, make(tmp_path / "source"))) == WITH_SPLITS


def archives_by_class(folder: Path) -> Path:
    folder.mkdir()
    for label in ("cat", "2", "10"):
        own = [(path, data) for path, data in NO_SPLITS.items() if path.startswith(f"{label}/")]
        pack_tar(folder / f"{label}.tar", own)
    return folder


NONE_GIVEN: dict[str, tuple[Layout, Maker]] = {
    "folders": ("folder", lambda f: write_files(f, NO_SPLITS)),
    "tar": ("folder", lambda f: pack_tar(f, NO_SPLITS.items())),
    "zip of a folder": ("folder", lambda f: pack_zip(f, with_top(NO_SPLITS, "train_images"))),
    "archives by class": ("folder", archives_by_class),
    "json pairs": ("folder", lambda f: write_files(f, json_pairs(with_split=False))),
    "metadata.csv": (
        "folder",
        lambda f: write_files(f, {**FLAT, "metadata.csv": csv_of([r[:2] for r in FLAT_ROWS], "file_name,text")}),
    ),
    "manifest, empty splits": (
        "manifest",
        lambda f: write_files(f, {**IMAGES, "a.csv": csv_of([(p, c, "") for p, c, _ in ROWS])}) / "a.csv",
    ),
}


@pytest.mark.parametrize("name", NONE_GIVEN)
def test_find_images_leaves_splits_open_that_are_not_given(name: str, tmp_path: Path) -> None:
    dataset, make = NONE_GIVEN[name]
    assert contents_of(find_images(dataset, make(tmp_path / "source"))) == WITHOUT_SPLITS


def idx_of(array: NDArray[np.uint8]) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def arrays() -> dict[str, NDArray[np.uint8]]:
    """MedMNIST's six arrays: 2 images of each of 2 classes in each split."""
    every = np.stack([pixels(value) for value in range(12)]).reshape(3, 4, 3, 4)
    return {
        name: array
        for place, split in enumerate(("train", "val", "test"))
        for name, array in (
            (f"{split}_images", every[place]),
            (f"{split}_labels", np.array([[3], [11], [3], [11]], np.uint8)),
        )
    }


def write_idx(folder: Path, prefix: str = "", gz: bool = False, transposed: bool = False) -> Path:
    folder.mkdir()
    for name, array in arrays().items():
        split, kind = name.split("_")
        turned = array.swapaxes(1, 2) if transposed and kind == "images" else array
        data = idx_of(np.ascontiguousarray(turned) if kind == "images" else array.reshape(-1))
        number = 3 if kind == "images" else 1
        split = "t10k" if split == "test" and not prefix else split
        path = folder / f"{prefix}{split}-{kind}-idx{number}-ubyte{'.gz' if gz else ''}"
        path.write_bytes(gzip.compress(data) if gz else data)
    return folder


def savez(path: Path, **arrays: Any) -> Path:
    with path.open("wb") as file:
        np.savez(file, **arrays)
    return path


def savez_compressed(path: Path) -> Path:
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays())  # type: ignore[arg-type]
    return path


ARRAYS: dict[str, tuple[Layout, Maker]] = {
    "idx": ("idx", write_idx),
    "idx.gz": ("idx", lambda f: write_idx(f, gz=True)),
    "KMNIST": ("idx", lambda f: write_idx(f, prefix="kmnist-")),
    "EMNIST": ("idx", lambda f: write_idx(f, "emnist-letters-", gz=True, transposed=True)),
    "npz": ("npz", lambda f: savez(f, **arrays())),
    "npz, deflated": ("npz", savez_compressed),
    "npz, Keras's keys": (
        "npz",
        lambda f: savez(
            f,
            **{
                f"{'x' if name.endswith('images') else 'y'}_{name.split('_')[0]}": array[:, ..., None].squeeze()
                for name, array in arrays().items()
            },
        ),
    ),
    "npz, labels as int64": (
        "npz",
        lambda f: savez(f, **{n: a.astype(np.int64) if "labels" in n else a for n, a in arrays().items()}),
    ),
    "npz, with a channel, and an array of another kind": (
        "npz",
        lambda f: savez(f, **{n: a[..., None] if "images" in n else a for n, a in arrays().items()}, mean=pixels(0)),
    ),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_find_images_gives_the_same_pixels_from_arrays(name: str, tmp_path: Path) -> None:
    dataset, make = ARRAYS[name]
    source = make(tmp_path / "source")
    labels = itertools.cycle(("3", "11"))
    splits = [split for split in ("train", "val", "test") for _ in range(4)]
    expected = {(next(labels), split, pixels(value).tobytes()) for value, split in enumerate(splits)}
    assert contents_of(find_images(dataset, source)) == expected
    assert {pixels_of(item).shape[:2] for item in find_all(source, dataset)} == {(3, 4)}


def test_find_images_comes_in_one_order_on_every_file_system(tmp_path: Path) -> None:
    files = {f"{label}/{name}.png": b"x" for label in ("b", "A", "ä") for name in ("10", "2", "é", "Z")}
    write_files(tmp_path / "one", files)
    write_files(tmp_path / "two", dict(reversed(files.items())))
    expected = sorted(files, key=str.encode)
    for name in ("one", "two"):
        assert [path for path, _, _ in images(tmp_path / name)] == expected


def test_find_images_takes_no_split_from_a_file_name_or_a_deeper_folder(tmp_path: Path) -> None:
    write_files(tmp_path, {"cat/train_1.png": b"x", "train-dog/test/1.png": b"x", "train/1.png": b"x"})
    assert {(label, split) for _, label, split in images(tmp_path)} == {
        ("cat", None),
        ("train-dog", None),
        ("train", None),
    }


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "no images found; expected a folder a"),
        ({"README.md": "x", "notes.txt": "y"}, "no images found, but 'README.md', 'notes.txt'; expected a folder a"),
        ({"1.png": b"x", "2.png": b"x"}, "no images found, but '1.png'"),
        ({".hidden/1.png": b"x"}, "no images found, but '.hidden .hidden.'"),
    ],
)
def test_find_images_says_what_is_there_instead_of_images(
    files: dict[str, bytes | str], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        find_all(write_files(tmp_path / "source", files))


def test_find_images_names_a_source_that_is_not_there(tmp_path: Path) -> None:
    for dataset in get_args(Layout):
        with pytest.raises(ValueError, match="nowhere: not found; name the images' place"):
            find_all(tmp_path / "nowhere", dataset)


def test_find_images_waits_for_no_fifo(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for dataset in get_args(Layout):
        with pytest.raises(ValueError, match=r"FIFO|expected the folder"):
            find_all(tmp_path / "fifo", dataset)


def test_find_images_takes_links_of_a_source_itself(tmp_path: Path) -> None:
    write_files(tmp_path / "real", NO_SPLITS)
    (tmp_path / "link").symlink_to("real")
    assert contents_of(find_images("folder", tmp_path / "link")) == WITHOUT_SPLITS
    shutil.rmtree(tmp_path / "real")
    with pytest.raises(ValueError, match="not found"):
        find_all(tmp_path / "link")


def test_find_images_keeps_one_members_loss_apart_from_the_rest(tmp_path: Path) -> None:
    source = pack_tar(tmp_path / "a.tar", [*NO_SPLITS.items(), ("cat/../../x.png", b"x")])
    assert unusable(source) == {"a.tar/cat/../../x.png": "its path climbs with .."}
    assert len(images(source)) == len(NO_SPLITS)


@pytest.mark.parametrize(
    ("name", "layout"), [("a.npz", "npz"), ("list.csv", "manifest"), ("mnist/train-images-idx3-ubyte.gz", "idx")]
)
def test_find_images_names_the_command_for_a_source_of_another_layout(name: str, layout: str, tmp_path: Path) -> None:
    (tmp_path / "mnist").mkdir()
    (tmp_path / name).write_bytes(b"path,label")
    if layout == "npz":
        np.savez(tmp_path / name, train_images=np.zeros(3))
    source = tmp_path / name.split("/")[0]
    with pytest.raises(ValueError, match=f'or run `make use-images SOURCE={source} ARGS="--dataset {layout}"`'):
        find_all(source)
