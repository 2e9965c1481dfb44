"""Manifests: damaged and hostile ones refused by line, odd ones read right."""

import json
import os
import tracemalloc
from pathlib import Path

import pytest

from linear_classifier.preparation.manifest_rows import read_rows
from linear_classifier.preparation.table_columns import find_columns
from tests.linear_classifier.preparation.sources import (
    find_all,
    images,
    pack_tar,
    passed_over,
    png,
    unusable,
    write_files,
)

IMAGES = {f"{label}/{number}.png": png(number) for label in ("cat", "dog") for number in range(3)}
GOOD = "path,label\ncat/1.png,cat\ndog/1.png,dog\n"


def manifest(folder: Path, content: str | bytes, name: str = "list.csv") -> Path:
    return write_files(folder, {**IMAGES, name: content}) / name


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "empty; expected a line that names the columns"),
        ("\n\n", "empty; expected a line"),
        ("path,label\n", "no rows"),
        ("a,b\n1,2\n", "no path and no label column, found 'a', 'b'; expected path, label"),
        ("path,split\ncat/1.png,train\n", "no label column, found 'path', 'split'"),
        ("cat/1.png,cat\ndog/1.png,dog\n", "no path and no label column, found 'cat/1.png', 'cat'"),
        ("file,image,label\na,b,c\n", "2 columns may be the path: file, image; rename one to path"),
        ("path,class,category\na,b,c\n", "2 columns may be the label: class, category"),
        ('path,label\n"cat/1.png,cat\n', r"line 2.*: damaged \(unexpected end of data\)"),
        ('path,label\ncat/1.png,"cat"x\n', r"line 2: damaged \("),
        ("path,label\n" + "x" * 200_000 + ",cat\n", "line 2: damaged .field larger"),
        ("path,label\n" + "x" * 1_000_001, "line 2: longer than 1000000 characters"),
        (GOOD.encode() + b"cat/\xff.png,cat\n", "not UTF-8; save it as UTF-8"),
        ("path,label\ncat/1.png,cat\n", "one class only, 'cat'"),
        ("path,label\n" + "".join(f"cat/1.png,{n}\n" for n in range(10_002)), "10001 or more, expected at most 10000"),
        (GOOD + "cat/2.png,CAT\n", "'CAT' and 'cat' differ only in case"),
        (GOOD + f"cat/2.png,{'x' * 256}\n", "has a name of 256 characters"),
    ],
)
def test_read_rows_refuses_a_csv_that_is_none(content: str | bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"list.csv.*{message}") as caught:
        find_all(manifest(tmp_path, content), "manifest")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("line", "path", "reason"),
    [
        (",cat", "list.csv, line 4", "the path is empty, expected text"),
        ("  ,cat", "list.csv, line 4", "the path is empty, expected text"),
        ("cat/2.png,", "list.csv, line 4: cat/2.png", "the label is empty"),
        ("cat/2.png", "list.csv, line 4: cat/2.png", "the label is empty"),
        ("cat/2.png,cat,train", "list.csv, line 4", "3 cells, expected 2"),
        ("../cat/2.png,cat", "list.csv, line 4: ../cat/2.png", "its path climbs with .."),
        ("/etc/passwd,cat", "list.csv, line 4: /etc/passwd", "its path is absolute"),
        ("C:/cat.png,cat", "list.csv, line 4: C:/cat.png", "its path is absolute"),
        ("cat\\2.png,cat", "list.csv, line 4: cat\\2.png", "its path has a backslash; write /"),
        ("https://host/2.png,cat", "list.csv, line 4: https://host/2.png", "an address, not a file"),
        ("cat/9.png,cat", "cat/9.png", "listed, and not there"),
        ("cat/1.png/2.png,cat", "cat/1.png/2.png", "listed, and not there"),
        ("x" * 300 + ".png,cat", "x" * 300 + ".png", "File name too long"),
        ("cat,cat", "cat", "a folder, expected a file"),
        ("fifo,cat", "fifo", "a FIFO, socket or device"),
        ("out.png,cat", "out.png", "a link that leads out of the source; put the file itself there"),
        ("away/1.png,cat", "away/1.png", "its folder is a link that leads out of the manifest's folder"),
    ],
)
def test_find_manifest_images_names_a_row_that_cannot_be_used(
    line: str, path: str, reason: str, tmp_path: Path
) -> None:
    source = manifest(tmp_path / "source", f"{GOOD}{line}\n")
    write_files(tmp_path / "other", {"1.png": b"x"})
    os.mkfifo(source.parent / "fifo")
    (source.parent / "out.png").symlink_to("../other/1.png")
    (source.parent / "away").symlink_to("../other")
    assert unusable(source, "manifest") == {path: reason}
    assert len(images(source, "manifest")) == 2


@pytest.mark.parametrize("second", ["cat/1.png,cat", "cat/1.png,dog", "./cat//1.png,cat"])
@pytest.mark.parametrize("kind", ["file", "folder", "tar"])
def test_find_manifest_images_refuses_a_path_that_is_listed_twice(kind: str, second: str, tmp_path: Path) -> None:
    source = manifest(tmp_path, f"{GOOD}{second}\n")
    prefix = ""
    if kind == "folder":
        source = tmp_path
    if kind == "tar":
        source = pack_tar(tmp_path / "a.tar", [*IMAGES.items(), ("list.csv", f"{GOOD}{second}\n")])
        prefix = "a.tar/"
    assert unusable(source, "manifest") == {f"{prefix}cat/1.png": "listed more than once in list.csv; keep one row"}


def test_find_manifest_images_names_a_split_that_is_not_understood(tmp_path: Path) -> None:
    content = "path,label,split\ncat/1.png,cat,Training\ndog/1.png,dog,VALID\ncat/2.png,cat,holdout\ndog/2.png,dog,\n"
    source = manifest(tmp_path, content)
    found = unusable(source, "manifest")
    assert found.keys() == {"list.csv, line 4: cat/2.png"}
    assert found["list.csv, line 4: cat/2.png"].startswith("the split is 'holdout', expected one of train, training, ")
    assert [split for _, _, split in images(source, "manifest")] == ["train", "val", None]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"path": "cat/2.png", "label"', "line 3: damaged JSON"),
        ("cat/2.png,cat", "line 3: damaged JSON"),
        ("[" * 100_000, "line 3: damaged JSON"),
        ('["cat/2.png", "cat"]', r"line 3: \['cat/2.png', 'cat'\], expected an object with path and label"),
        ("7", "line 3: 7, expected an object"),
    ],
)
def test_read_rows_refuses_damaged_json_by_its_line(line: str, message: str, tmp_path: Path) -> None:
    good = '{"path": "cat/1.png", "label": "cat"}\n\n'
    with pytest.raises(ValueError, match=f"list.jsonl, {message}"):
        find_all(manifest(tmp_path, good + line, "list.jsonl"), "manifest")


@pytest.mark.parametrize(
    ("label", "reason"),
    [
        (None, "the label is empty"),
        ("", "the label is empty"),
        (1.5, "the label is 1.5, expected text or a whole number"),
        (True, "the label is True, expected text or a whole number"),
        ([1], r"the label is [1], expected text or a whole number"),
    ],
)
def test_read_rows_names_a_label_that_is_none(label: object, reason: str, tmp_path: Path) -> None:
    rows = [{"path": "cat/1.png", "label": 7}, {"path": "dog/1.png", "label": 8}, {"path": "a", "label": label}]
    source = manifest(tmp_path, "\n".join(map(json.dumps, rows)), "list.jsonl")
    assert unusable(source, "manifest") == {"list.jsonl, line 3: a": reason}
    assert {label for _, label, _ in images(source, "manifest")} == {"7", "8"}


def test_read_rows_names_a_path_that_utf8_cannot_hold(tmp_path: Path) -> None:
    good = '{"path": "cat/1.png", "label": "cat"}\n{"path": "dog/1.png", "label": "dog"}\n'
    source = manifest(tmp_path, good + '{"path": "\\ud800.png", "label": "cat"}', "list.jsonl")
    assert unusable(source, "manifest") == {"list.jsonl, line 3: \\ud800.png": "its name is not UTF-8"}


def test_read_rows_takes_a_spreadsheets_empty_rows(tmp_path: Path) -> None:
    source = manifest(tmp_path, "path;label;;\ncat/1.png;cat;;\n;;;\ndog/1.png;dog\n;;;\n\n")
    assert len(images(source, "manifest")) == 2
    assert not unusable(source, "manifest")


def test_read_rows_refuses_damaged_parquet_and_other_columns(tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    whole = tmp_path / "whole.parquet"
    paths = [f"cat/{number}.png" for number in range(100)]
    pyarrow.parquet.write_table(pyarrow.table({"path": paths, "label": list(range(100))}), whole)
    data = whole.read_bytes()
    for tenth in range(10):
        source = manifest(tmp_path, data[: len(data) * tenth // 10], "list.parquet")
        with pytest.raises(ValueError, match=r"list.parquet: damaged Parquet"):
            find_all(source, "manifest")
    pyarrow.parquet.write_table(pyarrow.table({"image": [{"bytes": b"x"}], "label": [1]}), source)
    with pytest.raises(ValueError, match=r"no rows|one class|cannot be used|expected text"):
        found = unusable(source, "manifest")
        raise ValueError(str(found))
    pyarrow.parquet.write_table(pyarrow.table({"a": [1], "b": [1]}), source)
    with pytest.raises(ValueError, match=r"list.parquet: no path and no label column, found 'a', 'b'"):
        find_all(source, "manifest")


def test_read_rows_says_what_to_install_for_parquet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(ValueError, match=r"list.parquet: Parquet needs pyarrow; `pip install pyarrow==.*`, or save it"):
        find_all(manifest(tmp_path, b"PAR1", "list.parquet"), "manifest")


@pytest.mark.parametrize("name", ["list.txt", "list.json", "list.xlsx"])
def test_find_images_says_what_a_manifest_may_be(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"{name}: expected a manifest .csv, .tsv, .jsonl"):
        find_all(manifest(tmp_path, GOOD, name), "manifest")


def test_find_images_names_a_folder_with_no_or_several_manifests(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"0 manifests \('cat/0.png'.*\), expected one .csv"):
        find_all(write_files(tmp_path, IMAGES), "manifest")
    write_files(tmp_path, {"a.csv": GOOD, "b.csv": GOOD})
    with pytest.raises(ValueError, match=r"2 manifests .'a.csv', 'b.csv'"):
        find_all(tmp_path, "manifest")
    write_files(tmp_path, {"manifest.csv": GOOD})
    assert len(images(tmp_path, "manifest")) == 2


def test_find_images_passes_over_what_a_manifest_does_not_list(tmp_path: Path) -> None:
    source = pack_tar(tmp_path / "a.tar", [*IMAGES.items(), ("list.csv", GOOD)])
    assert passed_over(source, "manifest")["a.tar/cat/2.png"] == "not listed in list.csv"
    assert [path for path, _, _ in images(source, "manifest")] == ["a.tar/cat/1.png", "a.tar/dog/1.png"]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["path", "label", "split"], ("path", "label", "split")),
        (["file_name", "text"], ("file_name", "text", None)),
        (["FileName", "Class Name", "SUBSET"], ("FileName", "Class Name", "SUBSET")),
        (["image", "path", "label", "category"], ("path", "label", None)),
        (["id", "x"], (None, None, None)),
    ],
)
def test_find_columns_takes_usual_names(names: list[str], expected: tuple[str | None, ...]) -> None:
    assert find_columns(names) == expected


def test_read_rows_keeps_no_row(tmp_path: Path) -> None:
    many = "path,label\n" + "".join(f"cat/{number}.png,cat\n" for number in range(30_000))
    tracemalloc.start()
    assert sum(1 for _ in read_rows(manifest(tmp_path, many), "list.csv")) == 30_000
    assert tracemalloc.get_traced_memory()[1] < 2 * 10**6
    tracemalloc.stop()
