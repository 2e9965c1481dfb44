"""A model and batches → the logits of every image."""

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader

from linear_classifier.data.loader import Batch
from linear_classifier.evaluation.metrics import Floats


@torch.no_grad()
def compute_logits(model: nn.Module, loader: DataLoader[Batch]) -> Floats:
    """The float64 logits `(n, classes)` of every image of `loader`, the short last batch too.

    Raises:
        RuntimeError: one is NaN or infinite.
    """
    device = next(model.parameters()).device
    logits = torch.cat([model(images.to(device, non_blocking=True)).cpu() for images, _ in loader]).numpy()
    if not np.isfinite(logits).all() or np.abs(logits).max() > 1e30:
        raise RuntimeError(
            "the loss is not finite on the test images: the model's weights are absurd; run `dvc repro -f train`"
        )
    return logits
