import io
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from linear_classifier.prediction.picture_sources import find_pictures
from linear_classifier.preparation.source_image import Found, PassedOver, SourceImage, Unusable


def png() -> bytes:
    stream = io.BytesIO()
    Image.new("L", (3, 3)).save(stream, "PNG")
    return stream.getvalue()


def make_folder(folder: Path) -> Path:
    (folder / "in").mkdir(parents=True)
    (folder / "in/b.png").write_bytes(png())
    (folder / "a.png").write_bytes(png())
    (folder / "notes.txt").write_bytes(b"of the day")
    return folder


def make_tar(path: Path) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name in ("b.png", "in/a.png", "notes.txt"):
            info = tarfile.TarInfo(name)
            info.size = len(png())
            tar.addfile(info, io.BytesIO(png()))
    return path


def paths_of(found: list[Found], kind: type[Found]) -> list[str]:
    return [item.path for item in found if isinstance(item, kind)]


def test_find_pictures_takes_a_file_whatever_its_name(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_bytes(png())
    name = str(tmp_path / "notes.txt")
    assert list(find_pictures(name)) == [SourceImage(name, "", None, name)]


def test_find_pictures_walks_a_folder_in_the_order_of_names(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "pictures")
    for name in (str(folder), f"{folder}/"):
        found = list(find_pictures(name))
        assert paths_of(found, SourceImage) == [f"{folder}/a.png", f"{folder}/in/b.png"]
        assert paths_of(found, PassedOver) == [f"{folder}/notes.txt"]


def test_find_pictures_reads_a_tar_and_a_zip(tmp_path: Path) -> None:
    tar = make_tar(tmp_path / "of-any-name")
    found = list(find_pictures(str(tar)))
    assert paths_of(found, SourceImage) == [f"{tar}/b.png", f"{tar}/in/a.png"]
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("c.png", png())
    (image,) = find_pictures(str(tmp_path / "a.zip"))
    assert isinstance(image, SourceImage) and image.content == png()


@pytest.mark.parametrize("kind", ["picture", "tar"])
def test_find_pictures_reads_standard_input(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = png() if kind == "picture" else make_tar(tmp_path / "tar").read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    found = find_pictures("-")
    image = next(found)
    assert isinstance(image, SourceImage) and image.path == ("-" if kind == "picture" else "-/b.png")
    assert image.content == png()


def test_find_pictures_gives_the_reason_where_there_is_none(tmp_path: Path) -> None:
    missing = str(tmp_path / "none.png")
    assert list(find_pictures(missing)) == [Unusable(missing, "No such file or directory")]
    tar = make_tar(tmp_path / "damaged.tar.gz")
    tar.write_bytes(tar.read_bytes()[:-20])
    (problem,) = [item for item in find_pictures(str(tar)) if isinstance(item, Unusable)]
    assert problem.path == str(tar) and "damaged.tar.gz" in problem.reason
