"""The same images through every layout: the same bytes in data/prepared."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from linear_classifier.params import Params
from linear_classifier.preparation.layouts import find_images
from linear_classifier.preparation.own_images import prepare_images
from tests.linear_classifier.preparation.test_layouts import ARRAYS, GIVEN


@pytest.mark.parametrize("layouts", [GIVEN, ARRAYS], ids=["files", "arrays"])
def test_prepare_images_gives_the_same_bytes_through_every_layout(
    layouts: dict[str, tuple[str, object]], params: Params, tmp_path: Path
) -> None:
    settings = replace(params.prepare, source="x", image_size=[3, 4])
    found = {}
    for index, (name, (dataset, make)) in enumerate(layouts.items()):
        (folder := tmp_path / str(index)).mkdir()
        images = find_images(dataset, make(folder / "source"))  # type: ignore[arg-type, operator]
        prepare_images(images, folder / "out", "name", replace(settings, dataset=dataset))  # type: ignore[arg-type]
        files = sorted((folder / "out").rglob("*.npy"))
        found[name] = {path.parent.name + path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    first = next(iter(found.values()))
    assert len(layouts) > 5 and len(first) == 6
    assert {name for name, hashes in found.items() if hashes != first} == set()
