from pathlib import Path

import pytest

from tests.linear_classifier.preparation.sources import images, pack_tar, passed_over, unusable, write_files

GOOD: list[tuple[str, bytes | str]] = [("1.png", b"x"), ("1.cls", "cat\n"), ("2.cls", "dog"), ("2.png", b"y")]


@pytest.mark.parametrize(
    ("label", "expected"), [("3\n", "3"), ("003", "3"), ("\ufeffcat", "cat"), ("a b", "a b"), ("-1", "-1"), ("²", "²")]
)
def test_find_pairs_reads_a_label(label: str, expected: str, tmp_path: Path) -> None:
    assert images(pack_tar(tmp_path / "a.tar", [("1.png", b"x"), ("1.cls", label)])) == [
        ("a.tar/1.png", expected, None)
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [('{"label": 3}', "3"), ('{"cls": "cat", "width": 7}', "cat"), ("5", "5"), ('{"caption": "x", "class": "a"}', "a")],
)
def test_find_pairs_reads_json(text: str, expected: str, tmp_path: Path) -> None:
    source = pack_tar(tmp_path / "a.tar", [("k/1.left.png", b"x"), ("k/1.json", text), *GOOD])
    assert images(source)[0] == ("a.tar/k/1.left.png", expected, None)


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ([("3.png", b"x")], "no .cls beside it, and no .json with a label"),
        ([("3.png", b"x"), ("3.json", '{"caption": "x"}')], "no .cls beside it, and no .json with a label"),
        ([("3.png", b"x"), ("3.cls", "")], "3.cls: the label is empty"),
        ([("3.png", b"x"), ("3.json", "{")], "3.json: damaged JSON"),
        ([("3.png", b"x"), ("3.json", "[" * 10**5)], "3.json: damaged JSON"),
        ([("3.png", b"x"), ("3.json", '{"label": 1.5}')], "3.json: the label is 1.5, expected text or a whole number"),
        ([("3.png", b"x"), ("3.json", '{"class": 1, "category": 2}')], "3.json: 2 columns may be the label"),
        ([("3.png", b"x"), ("3.json", '{"label": 1, "split": "all"}')], "3.json: the split is 'all', expected one of"),
        ([("3.png", b"x"), ("3.cls", b"\xff\xfe\xfa")], "3.cls: "),
        ([("3.png", b"x"), ("3.cls", "x" * (10**6 + 1))], "3.cls: a label of more than 1000000 bytes"),
        ([("3.png", b"x"), ("3.cls", "1"), ("3.json", '{"label": 2}')], "two labels, '1' and '2'"),
        ([("3.a.png", b"x"), ("3.b.png", b"y"), ("3.cls", "1")], "one of 2 images of one key, expected one"),
        ([("3.png", b"x"), ("4.png", b"x"), ("4.cls", "1"), ("3.cls", "1")], "no .cls beside it"),
    ],
)
def test_find_pairs_names_an_image_without_one_label(
    files: list[tuple[str, bytes | str]], reason: str, tmp_path: Path
) -> None:
    source = pack_tar(tmp_path / "a.tar", [*GOOD, *files])
    found = unusable(source)
    assert found
    assert all(text.startswith(reason) for text in found.values())
    assert {("a.tar/1.png", "cat", None), ("a.tar/2.png", "dog", None)} <= set(images(source))


def test_find_pairs_passes_over_other_files_of_a_key(tmp_path: Path) -> None:
    source = pack_tar(tmp_path / "a.tar", [*GOOD, ("2.txt", "a caption"), ("5.cls", "7"), ("README.md", "x")])
    assert passed_over(source) == {
        "a.tar/2.txt": "no image, by its name",
        "5": "a label without an image beside it",
        "a.tar/README.md": "no image, by its name",
    }


def test_find_images_takes_labels_beside_folders_of_shards(tmp_path: Path) -> None:
    write_files(tmp_path, {"README.md": b"x"})
    for split in ("train", "val"):
        (tmp_path / split).mkdir()
        for number in range(2):
            pack_tar(tmp_path / f"{split}/{number}.tar", GOOD)
    assert len(images(tmp_path)) == 8
    assert images(tmp_path)[0] == ("train/0.tar/1.png", "cat", "train")
    (tmp_path / "val/1.tar").write_bytes(b"not a tar")
    with pytest.raises(ValueError, match=r"val/1.tar: damaged or truncated"):
        images(tmp_path)
