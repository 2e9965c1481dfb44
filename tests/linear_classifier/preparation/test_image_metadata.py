from pathlib import Path

import pytest

from linear_classifier.preparation.source_image import Unusable
from tests.linear_classifier.preparation.sources import find_all, images, pack_tar, passed_over, unusable, write_files

FILES = {"a.png": b"a", "b.png": b"b", "sub/c.png": b"c"}
ROWS = "file_name,label\na.png,cat\nb.png,dog\nsub/c.png,cat\n"


def test_find_listed_images_names_what_is_listed_and_missing_and_what_is_there_and_unlisted(tmp_path: Path) -> None:
    files: dict[str, bytes | str] = {**FILES, "d.png": b"d", "notes.txt": b"x"}
    files["metadata.csv"] = f"{ROWS}gone.png,dog\n"
    expected = {
        "gone.png": "listed in metadata.csv, and no file that can be used",
        "d.png": "not listed in metadata.csv",
    }
    assert unusable(write_files(tmp_path / "source", files)) == expected
    assert passed_over(tmp_path / "source") == {"notes.txt": "no image, by its name"}
    source = pack_tar(tmp_path / "a.tar", files.items())
    assert unusable(source) == {"gone.png": expected["gone.png"], "a.tar/d.png": expected["d.png"]}
    assert len(images(source)) == 3


def test_find_listed_images_names_a_listed_link_that_leads_out(tmp_path: Path) -> None:
    write_files(tmp_path / "source", {**FILES, "metadata.csv": f"{ROWS}out.png,dog\n"})
    (tmp_path / "source/out.png").symlink_to("/etc/passwd")
    assert [path for path in unusable(tmp_path / "source") if path != "out.png"] == []
    assert [
        item.reason for item in find_all(tmp_path / "source") if isinstance(item, Unusable) and item.path == "out.png"
    ] == [
        "a link that leads out of the source; put the file itself there",
        "listed in metadata.csv, and no file that can be used",
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("file_name,width\na.png,3\n", "metadata.csv: no label column, found 'file_name', 'width'"),
        ("label\ncat\n", "metadata.csv: no path column, found 'label'"),
        ("file_name,label\na.png,cat\n", "one class only, 'cat'"),
        ("file_name,label\na.png,cat\nb.png,Cat\n", "'Cat' and 'cat' differ only in case"),
    ],
)
def test_find_listed_images_refuses_a_table_that_cannot_be_used(content: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        find_all(write_files(tmp_path, {**FILES, "metadata.csv": content}))


def test_find_listed_images_takes_the_split_of_the_first_folder_unless_it_is_a_manifest(
    tmp_path: Path,
) -> None:
    table = "file_name,label\ntrain/1.png,cat\nVal/2.png,dog\nother/test/3.png,dog\n"
    files = dict.fromkeys(("train/1.png", "Val/2.png", "other/test/3.png"), b"x")
    write_files(tmp_path, {**files, "metadata.csv": table})
    assert {path: split for path, _, split in images(tmp_path)} == dict(zip(files, ("train", "val", None), strict=True))
    for source in (tmp_path, tmp_path / "metadata.csv"):
        assert {split for _, _, split in images(source, "manifest")} == {None}


def test_find_listed_images_takes_the_rows_split_before_the_folders(tmp_path: Path) -> None:
    table = "file_name,label,split\n1.png,cat,test\n2.png,dog,\n"
    write_files(tmp_path, {"train/metadata.csv": table, "train/1.png": b"x", "train/2.png": b"y"})
    assert images(tmp_path) == [("train/1.png", "cat", "test"), ("train/2.png", "dog", "train")]
