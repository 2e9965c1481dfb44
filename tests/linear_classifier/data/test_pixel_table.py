import numpy as np
import pytest
import torch

from linear_classifier.data import pixel_table
from linear_classifier.data.pixel_table import look_up


@pytest.mark.parametrize("values", [1, 100, 2**18])
@pytest.mark.parametrize("num_images", [0, 1, 250])
def test_look_up_gives_every_pixel_the_entry_of_its_channel(
    values: int, num_images: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In pieces of an image each, of several with a short last one, and in one."""
    monkeypatch.setattr(pixel_table, "LOOK_UP_VALUES", values)
    images = np.random.default_rng(0).integers(0, 256, (num_images, 3, 2, 2), dtype=np.uint8)
    table = np.random.default_rng(1).random((3, 256))
    expected = [[[[table[c, p] for p in row] for row in image[c]] for c in range(3)] for image in images]
    found = look_up(torch.from_numpy(table), torch.from_numpy(images))
    assert found.dtype == torch.float64
    np.testing.assert_array_equal(found.numpy(), np.array(expected).reshape(images.shape))
