"""The model: one linear layer on the flattened image, softmax regression."""

import math
from collections.abc import Sequence

import torch
from torch import nn


def build_model(image_shape: Sequence[int], num_classes: int, dtype: torch.dtype = torch.float32) -> nn.Sequential:
    """Flatten → Linear, all weights zero: it gives every class the same probability, at a loss of ln(num_classes).

    Takes images `(batch, channels, height, width)` of `image_shape` = `[channels, height, width]`; gives logits
    `(batch, num_classes)`. The loss is convex, so that no random start is needed to break a symmetry.
    """
    linear = nn.Linear(math.prod(image_shape), num_classes, dtype=dtype)
    nn.init.zeros_(linear.weight)
    nn.init.zeros_(linear.bias)
    return nn.Sequential(nn.Flatten(), linear)
