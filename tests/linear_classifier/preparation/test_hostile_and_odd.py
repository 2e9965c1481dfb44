"""A source of more than 60 hostile images names each of them; one of more than 40 odd but good ones is read right."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from linear_classifier.preparation.layouts import find_images
from linear_classifier.preparation.own_images import prepare_images
from tests.linear_classifier.preparation.own import SMALL, notes_of
from tests.linear_classifier.preparation.sources import png, write_files
from tests.linear_classifier.preparation.test_decoding import GREYS, HOSTILE, WHOLE

GOOD = {f"{label}/{number}.png": png(20 * place + number) for place, label in enumerate("ab") for number in range(10)}
BAD = {name: content for name, (content, _) in HOSTILE.items()} | {
    f"{name} cut after {tenth} tenths": content[: len(content) * tenth // 10]
    for name, content in WHOLE.items()
    for tenth in range(10)
}
SUFFIXES = (".png", ".jpg", ".JPEG", ".bmp", ".tif", "", ".dat", " .gif", ".png.webp")  # what is in a file counts


def name_files(contents: dict[str, bytes]) -> dict[str, bytes]:
    return {f"{name}{SUFFIXES[index % len(SUFFIXES)]}": data for index, (name, data) in enumerate(contents.items())}


def read_all(folder: Path) -> NDArray[np.uint8]:
    """The images of all splits, `(n, height x width)`."""
    images = [np.load(path) for path in folder.rglob("images.npy")]
    return np.concatenate([each.reshape(len(each), -1) for each in images])


def test_prepare_images_names_every_hostile_image_at_once(tmp_path: Path) -> None:
    bad = {f"a/{name}": content for name, content in name_files(BAD).items()}
    source = write_files(tmp_path / "images", GOOD | bad)
    with pytest.raises(ValueError, match=rf"^{len(bad)} images cannot be used") as caught:
        prepare_images(find_images("folder", source), tmp_path / "prepared", "bad", SMALL)
    assert len(bad) > 60 and [note.partition(": ")[0] for note in notes_of(caught.value)] == sorted(bad)
    assert not (tmp_path / "prepared").exists()


def test_prepare_images_reads_odd_images_right(tmp_path: Path) -> None:
    odd = {f"c/{name}": content for name, content in name_files({n: data for n, (data, _) in GREYS.items()}).items()}
    nested = {"c/deep/er/é 1.png": png(1), "c/UPPER.PNG": png(2), "c/#1.png": png(3), "c/-x.png": png(4)}
    source = write_files(tmp_path / "images", GOOD | odd | nested)
    settings = replace(SMALL, image_size=[2, 2], duplicates="allow", resize="stretch")
    dataset, findings = prepare_images(find_images("folder", source), tmp_path / "prepared", "odd", settings)
    assert (findings.unusable, findings.passed_over) == ([], []) and len(odd | nested) > 40
    assert sum(map(sum, dataset.counts.values())) == len(GOOD | odd | nested)
    found = sorted(map(tuple, read_all(tmp_path / "prepared").tolist()))
    for name, (_, expected) in GREYS.items():
        assert tuple(expected) in found, name
        assert found.count(tuple(expected)) >= sum(pixels == expected for _, pixels in GREYS.values()), name
