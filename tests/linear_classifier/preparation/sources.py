"""Small real sources: the same few images in any layout, and archives with whatever a test wants in them."""

import io
import tarfile
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from linear_classifier.data.splits import SplitName
from linear_classifier.preparation.layouts import Layout, find_images
from linear_classifier.preparation.source_image import Found, PassedOver, SourceImage, Unusable


def png(value: int) -> bytes:
    """A PNG of 3 x 4 grey pixels, other ones for every value."""
    file = io.BytesIO()
    Image.fromarray(pixels(value)).save(file, "PNG")
    return file.getvalue()


def pixels(value: int) -> NDArray[np.uint8]:
    return (np.arange(12, dtype=np.uint8) + value).reshape(3, 4)


# Paths as SPLIT/CLASS/NAME, names that meet in several classes.
IMAGES: dict[str, bytes] = {
    f"{split}/{label}/{number}.png": png(20 * place + number)
    for place, (split, label) in enumerate(
        (split, label) for split in ("train", "val", "test") for label in ("cat", "2", "10")
    )
    for number in range(2)
}
WITH_SPLITS = {(path.split("/")[1], path.split("/")[0], content) for path, content in IMAGES.items()}
NO_SPLITS = {f"{path.split('/')[1]}/{path.split('/')[0]}{path.split('/')[2]}": data for path, data in IMAGES.items()}
WITHOUT_SPLITS = {(label, None, content) for label, _, content in WITH_SPLITS}


def write_files(folder: Path, files: Mapping[str, bytes | str]) -> Path:
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content.encode() if isinstance(content, str) else content)
    folder.mkdir(exist_ok=True)
    return folder


def pack_tar(
    path: Path, files: Iterable[tuple[str, bytes | str]], mode: Literal["w", "w:gz", "w:bz2", "w:xz"] = "w"
) -> Path:
    with tarfile.open(path, mode) as archive:
        for name, content in files:
            data = content.encode() if isinstance(content, str) else content
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def pack_zip(path: Path, files: Iterable[tuple[str, bytes | str]], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in files:
            archive.writestr(zipfile.ZipInfo(name) if name.endswith("/") else name, content, method)
    return path


def pixels_of(found: Found) -> NDArray[np.uint8]:
    """Those of an image that came from an array."""
    assert isinstance(found, SourceImage)
    assert isinstance(found.content, np.ndarray)
    return found.content


def contents_of(found: Iterable[Found]) -> set[tuple[str, SplitName | None, bytes]]:
    """Label, split and bytes of each image; there is nothing unusable."""
    items = set()
    for item in found:
        assert not isinstance(item, Unusable), item
        if isinstance(item, SourceImage):
            content = Path(item.content).read_bytes() if isinstance(item.content, str) else item.content
            items.add((item.label, item.split, content if isinstance(content, bytes) else content.tobytes()))
    return items


def find_all(source: Path, dataset: Layout = "folder") -> list[Found]:
    return list(find_images(dataset, source))


def unusable(source: Path, dataset: Layout = "folder") -> dict[str, str]:
    """Reason by path."""
    return {item.path: item.reason for item in find_all(source, dataset) if isinstance(item, Unusable)}


def passed_over(source: Path, dataset: Layout = "folder") -> dict[str, str]:
    return {item.path: item.reason for item in find_all(source, dataset) if isinstance(item, PassedOver)}


def images(source: Path, dataset: Layout = "folder") -> list[tuple[str, str, SplitName | None]]:
    """Path, label and split of each image."""
    return [(item.path, item.label, item.split) for item in find_all(source, dataset) if isinstance(item, SourceImage)]
