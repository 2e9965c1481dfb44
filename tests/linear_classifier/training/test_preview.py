import io

import numpy as np
import torch
from PIL import Image

from linear_classifier.training.preview import draw_batch


def test_draw_batch_shows_the_first_images_stretched_to_white() -> None:
    images = torch.linspace(-2, 3, 40).reshape(40, 1, 1, 1).expand(40, 1, 4, 4)
    picture = np.array(Image.open(io.BytesIO(draw_batch((images, torch.arange(40) % 2), ["a", "b"]))))
    tiles = picture[44 + 20, 14 + 56 :: 140]
    assert picture.shape[2] == 3 and len(tiles) == 8
    assert tiles[0].tolist() == [0, 0, 0] and (np.diff(tiles[:, 0].astype(int)) > 0).all()


def test_draw_batch_is_png_without_compression_and_the_same_bytes_again() -> None:
    batch = (torch.rand(3, 3, 4, 4, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, 0]))
    first, second = (draw_batch(batch, ["a", "b"]) for _ in range(2))
    width, height = Image.open(io.BytesIO(first)).size
    assert first == second and len(first) > 3 * width * height
