"""Small sources of images, made on the spot, and what is prepared of them."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from linear_classifier.data.splits import SPLITS, Dataset, SplitName
from linear_classifier.params import load_params
from linear_classifier.preparation.own_images import Findings, prepare_images
from linear_classifier.preparation.source_image import Found, SourceImage
from tests.processes import ROOT

SMALL = replace(load_params(ROOT / "params.yaml").prepare, dataset="folder", source="images", image_size=[3, 2])


class Prepared(NamedTuple):
    """What `prepare_images` made, each split as pairs of the first pixel's number and the label's name."""

    dataset: Dataset
    findings: Findings
    splits: dict[str, list[tuple[int, str]]]
    files: dict[str, bytes]

    def numbers(self, split: str) -> list[int]:
        return [number for number, _ in self.splits[split]]


def image(number: int, label: str = "a", split: SplitName | None = None, path: str = "") -> SourceImage:
    """3 x 2 pixels that hold `number`, and no other number's."""
    pixels: NDArray[np.uint8] = np.frombuffer(number.to_bytes(6), np.uint8).reshape(3, 2)
    return SourceImage(path or f"{label}/{number}.png", label, split, pixels)


def prepare(folder: Path, found: Iterable[Found], **params: Any) -> Prepared:
    dataset, findings = prepare_images(iter(found), folder / "prepared", "small", replace(SMALL, **params))
    splits: dict[str, list[tuple[int, str]]] = {}
    for name in SPLITS:
        images, labels = (np.load(folder / "prepared" / name / f"{what}.npy") for what in ("images", "labels"))
        numbers = [int.from_bytes(pixels.tobytes()) for pixels in images]
        splits[name] = list(zip(numbers, [dataset.class_names[label] for label in labels], strict=True))
    files = {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.npy"))}
    return Prepared(dataset, findings, splits, files)


def notes_of(error: BaseException) -> list[str]:
    return list(getattr(error, "__notes__", []))
