from pathlib import Path

import pytest

from tests.linear_classifier.preparation.sources import find_all, images, pack_tar, passed_over, unusable, write_files


def test_find_class_folders_decides_by_content_unless_a_name_is_plainly_another(tmp_path: Path) -> None:
    good = {"cat/1.png": b"x", "cat/2": b"x", "cat/3.data": b"x", "dog/4.PNG": b"x", "dog/a b'\n.jpg": b"x"}
    other = {"cat/1.txt": b"x", "cat/list.CSV": b"x", "dog/1.json": b"{}", "dog/1.xml": b"x", "dog/all.zip": b"x"}
    top = {"README.md": b"x", "LICENSE": b"x", "images.dvc": b"x", "images.tar.gz": b"x"}
    write_files(tmp_path, {**good, **other, **top})
    assert {path for path, _, _ in images(tmp_path)} == set(good)
    assert passed_over(tmp_path).keys() == {*other, *top}
    assert not unusable(tmp_path)


def test_find_class_folders_names_images_without_a_class(tmp_path: Path) -> None:
    write_files(tmp_path, {"train/cat/1.png": b"x", "train/dog/1.png": b"x", "train/2.png": b"x", "3.jpg": b"x"})
    assert unusable(tmp_path) == dict.fromkeys(("train/2.png", "3.jpg"), "lies in no folder of a class")


@pytest.mark.parametrize("word", ["train", "Train", "TRAINING", "val", "valid", "Validation", "dev", "test", "testing"])
def test_find_class_folders_understands_usual_names_of_splits(word: str, tmp_path: Path) -> None:
    write_files(tmp_path, {f"{word}/cat/1.png": b"x", f"{word}/dog/1.png": b"x"})
    expected = {"t": "train", "v": "val", "d": "val"}[word[0].lower()]
    expected = "test" if word.lower().startswith("test") else expected
    assert {split for _, _, split in images(tmp_path)} == {expected}


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        (
            ("train/cat/1.png", "test/dog/1.png", "extra/cat/1.png"),
            "'extra' beside the split 't.*expected folders named",
        ),
        (("train/cat/1.png", "bus/1.png"), "'bus' beside the split 'train'"),
        (("val/cat/1.png", "valid/dog/1.png"), "'val', 'valid' all mean the split val; keep one"),
        (("train/1.png", "test/2.png"), "'test', 'train' without folders of classes, expected such as train/cat"),
        (("cat/1.png",), "one class only, 'cat'"),
        (("train/cat/1.png", "val/cat/2.png"), "one class only, 'cat'"),
        (("cat/1.png", "Cat/1.png", "dog/.keep", "é/1.png", "e\u0301/1.png"), "'Cat' and 'cat'.* and 'é' differ"),
        (("cat/1.png", "Cat/1.png", "dog/.keep"), "'dog' is empty.*'Cat' and 'cat' differ"),
        (("cat/1.png", "bird/1.png", "dog/notes.txt"), "'dog' is empty"),
        (("train/cat/1.png", "train/bird/1.png", "val/dog/notes.txt"), "'dog' is empty"),
        (("train/cat/1.png", "train/dog/1.png", "val/CAT/1.png"), "'CAT' and 'cat' differ"),
        (("cat/1.png", "a\tb/1.png"), r"'a\\tb' has a name that is not printable"),
    ],
)
def test_find_class_folders_refuses_classes_that_cannot_be_told_apart(
    paths: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        find_all(write_files(tmp_path, dict.fromkeys(paths, b"x")))
    if "e\u0301/1.png" not in paths:
        archive = pack_tar(tmp_path.with_suffix(".tar"), [("x", b""), *((path, b"x") for path in paths)])
        with pytest.raises(ValueError):
            find_all(archive)


def test_find_class_folders_takes_a_class_that_a_split_lacks(tmp_path: Path) -> None:
    write_files(tmp_path, {"train/cat/1.png": b"x", "train/dog/1.png": b"x", "val/cat/2.png": b"x"})
    (tmp_path / "val/dog").mkdir()
    (tmp_path / "test").mkdir()
    assert len(images(tmp_path)) == 3
