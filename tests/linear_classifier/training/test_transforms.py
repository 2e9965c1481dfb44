import math

import numpy as np
import pytest
import torch
from torchvision.transforms import v2

from linear_classifier.data.pixel_table import look_up
from linear_classifier.training.transforms import build_pixel_table


def test_build_pixel_table_matches_the_formula() -> None:
    images = np.random.default_rng(0).integers(0, 256, (1500, 1, 4, 4), dtype=np.uint8)
    bright = (images / 255.0) ** 0.4
    expected = ((np.arange(256) / 255.0) ** 0.4 - bright.mean()) / bright.std() * 28 / 4
    np.testing.assert_allclose(build_pixel_table(images, 0.4)[0], expected.astype(np.float32), rtol=1e-6)


def test_build_pixel_table_gives_what_torchvisions_transforms_give_an_image() -> None:
    images = np.random.default_rng(0).integers(0, 256, (20, 3, 4, 4), dtype=np.uint8)
    floats = torch.from_numpy(images).double() / 255
    transform = v2.Compose(
        [
            v2.ToDtype(torch.float64, scale=True),
            v2.Normalize(
                floats.mean((0, 2, 3)).tolist(), (floats.std((0, 2, 3), correction=0) * math.sqrt(48) / 28).tolist()
            ),
        ]
    )
    looked_up = look_up(torch.from_numpy(build_pixel_table(images, gamma=1.0)), torch.from_numpy(images))
    torch.testing.assert_close(looked_up, transform(torch.from_numpy(images)).float())


def test_build_pixel_table_centres_and_scales_each_channel() -> None:
    images = (
        np.random.default_rng(0).integers(0, 256, (40, 3, 8, 8), dtype=np.uint8)
        // np.array([1, 2, 4], np.uint8)[:, None, None]
    )
    looked_up = look_up(torch.from_numpy(build_pixel_table(images, 0.5)).double(), torch.from_numpy(images))
    assert looked_up.mean((0, 2, 3)).tolist() == pytest.approx([0, 0, 0], abs=1e-6)
    deviations = looked_up.std((0, 2, 3), correction=0)
    assert deviations.tolist() == pytest.approx([28 / math.sqrt(192)] * 3)
    assert float(looked_up.square().sum() / 40) == pytest.approx(784), "the mean squared norm of an image"


def test_build_pixel_table_of_one_value_only_is_finite() -> None:
    assert np.isfinite(build_pixel_table(np.full((2, 1, 3, 3), 7, np.uint8), 0.4)).all()
