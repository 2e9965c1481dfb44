from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from linear_classifier.data.splits import Split
from linear_classifier.evaluation.usual_inputs import (
    Pixels,
    UsualInputs,
    describe_look,
    farther_than,
    format_usual_inputs,
    measure_signs,
    measure_usual_inputs,
    read_usual_inputs,
)
from tests.good_model import build_saved

HEIGHT, WIDTH = 10, 8
BACKGROUND = np.array([0], np.uint8)


def image_with_box(top: int, left: int, bottom: int, right: int, value: int = 200) -> Pixels:
    """Black, and `value` in the box, `(1, height, width)`."""
    image = np.zeros((1, HEIGHT, WIDTH), np.uint8)
    image[:, top:bottom, left:right] = value
    return image


def split_of(*images: Pixels, labels: list[int]) -> Split:
    return Split(np.stack(images), np.array(labels))


@pytest.fixture
def usual() -> UsualInputs:
    """Of 200 images of two classes: a box of the image's height, in its middle, dark or light."""
    boxes = [image_with_box(0, 2, HEIGHT, 6, 100 + 100 * (index % 2) + index % 7) for index in range(200)]
    return measure_usual_inputs(split_of(*boxes, labels=[index % 2 for index in range(200)]), 2)


def test_measure_usual_inputs_finds_background_and_class_means(usual: UsualInputs) -> None:
    assert usual.background.tolist() == [0] and usual.is_plain
    assert usual.class_means.shape == (2, 1, HEIGHT, WIDTH)
    means = [np.mean([100 * label + 100 + index % 7 for index in range(200) if index % 2 == label]) for label in (0, 1)]
    assert usual.class_means[:, 0, 5, 3].tolist() == [round(mean) for mean in means]
    assert usual.extents.tolist() == [1000] * 101 and usual.shifts.tolist() == [0] * 101


def test_measure_usual_inputs_of_photographs_finds_no_plain_background() -> None:
    images = np.random.default_rng(0).integers(0, 256, (50, 3, 6, 6), np.uint8)
    usual = measure_usual_inputs(Split(images, np.arange(50) % 2), 2)
    assert not usual.is_plain and usual.background.shape == (3,)


@pytest.mark.parametrize(
    ("box", "extent", "shift", "area"),
    [
        ((0, 0, 10, 8), 1000, 0, 1000),
        ((0, 2, 10, 6), 1000, 0, 500),
        ((0, 0, 5, 4), 500, 500, 250),
        ((5, 4, 10, 8), 500, 500, 250),
        ((9, 7, 10, 8), 125, 900, 12),
        ((2, 2, 9, 6), 700, 100, 350),
    ],
)
def test_measure_signs_of_boxes(box: tuple[int, int, int, int], extent: int, shift: int, area: int) -> None:
    image = image_with_box(*box)
    signs = measure_signs(image[None], image[None], BACKGROUND)
    assert [column.tolist() for column in signs] == [[0], [extent], [shift], [area], [200]]


def test_measure_signs_distance_is_the_nearest_mean_s_and_exact() -> None:
    generator = np.random.default_rng(0)
    images, means = (generator.integers(0, 256, (count, 3, 20, 20), np.uint8) for count in (30, 5))
    found = measure_signs(images, means, np.zeros(3, np.uint8)).distances.tolist()
    differences = images[:, None].astype(int) - means[None].astype(int)
    assert found == (differences**2).sum(axis=(2, 3, 4)).min(axis=1).tolist()


def test_farther_than_says_than_how_many_percent(usual: UsualInputs) -> None:
    counting = replace(usual, distances=np.arange(101) * 10)
    assert farther_than(np.array([0, 1, 10, 11, 989, 991, 1000, 10**9]), counting).tolist() == [
        *(0, 0, 0, 1, 98, 99, 99, 100)
    ]


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (image_with_box(0, 2, 10, 6), "usual"),
        (image_with_box(2, 3, 7, 5), "small, off-centre"),
        (image_with_box(3, 3, 7, 5), "small"),
        (image_with_box(0, 3, 10, 7), "off-centre"),
        (image_with_box(0, 0, 10, 8), "filling"),
        (image_with_box(0, 2, 10, 6, 49), "faint"),
        (image_with_box(0, 2, 10, 6, 50), "usual"),
    ],
)
def test_describe_look_says_what_is_unusual(image: Pixels, expected: str, usual: UsualInputs) -> None:
    signs = measure_signs(image[None], usual.class_means, usual.background)
    assert describe_look(signs, usual) == [expected]


@pytest.fixture
def file(tmp_path: Path, usual: UsualInputs) -> Path:
    path = tmp_path / "usual_inputs.safetensors"
    path.write_bytes(format_usual_inputs(usual))
    return path


def test_read_usual_inputs_gives_what_was_written(file: Path, usual: UsualInputs) -> None:
    found = read_usual_inputs(file, build_saved((1, HEIGHT, WIDTH), 2))
    for name, value in vars(usual).items():
        np.testing.assert_array_equal(getattr(found, name), value)


def test_read_usual_inputs_refuses_what_is_not_of_the_model(file: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"not of this model .*run `dvc repro`"):
        read_usual_inputs(file, build_saved((1, HEIGHT, WIDTH), 3))
    for content in (b"", b"\xff" * 100, file.read_bytes()[:-1]):
        file.write_bytes(content)
        with pytest.raises(ValueError, match=r"damaged .*run `dvc repro`"):
            read_usual_inputs(file, build_saved((1, HEIGHT, WIDTH), 2))
    with pytest.raises(ValueError, match=r"not found; run `dvc repro`"):
        read_usual_inputs(tmp_path / "none", build_saved())
