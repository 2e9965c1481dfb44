import numpy as np
import torch

from linear_classifier.data.pixel_table import look_up


def test_look_up_gives_every_pixel_the_entry_of_its_channel() -> None:
    images = np.random.default_rng(0).integers(0, 256, (250, 3, 2, 2), dtype=np.uint8)
    table = np.random.default_rng(1).random((3, 256))
    expected = [[[[table[c, p] for p in row] for row in image[c]] for c in range(3)] for image in images]
    found = look_up(torch.from_numpy(table), torch.from_numpy(images))
    assert found.dtype == torch.float64
    np.testing.assert_array_equal(found.numpy(), np.array(expected))
