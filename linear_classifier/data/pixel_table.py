"""Pixels → what the model takes: each value's entry in the pixel table, which `training/transforms.py` makes.

TorchVision, whose import takes more than a second, is not needed here.
"""

import math

import torch
from torch import Tensor

LOOK_UP_VALUES = 2**18  # of pixels at a time: 2 MB in float64


def look_up(table: Tensor, pixels: Tensor) -> Tensor:
    """The entry `table[c, p]` for each value `p` of channel `c` of `pixels`, uint8 `(n, channels, height, width)`.

    Has the shape of `pixels` and the dtype of `table`, `(channels, 256)`.
    """
    looked_up = table.new_empty(pixels.shape)
    first_entries = 256 * torch.arange(len(table), dtype=torch.int32, device=pixels.device).view(-1, 1, 1)
    # In pieces, which a core's cache holds; to a GPU each would be a call more.
    count = max(1, len(pixels) if pixels.is_cuda else LOOK_UP_VALUES // math.prod(pixels.shape[1:]))
    for part, out in zip(pixels.split(count), looked_up.split(count), strict=True):
        entries = part.int()  # `index_select` by int32 is twice as fast as `table[pixels.long()]`
        if len(table) > 1:
            entries += first_entries
        torch.index_select(table.view(-1), 0, entries.view(-1), out=out.view(-1))
    return looked_up
