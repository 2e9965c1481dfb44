"""A model and batches → the prediction for every image."""

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader

from linear_classifier.data.loader import Batch
from linear_classifier.evaluation.metrics import Predictions, join, predict


@torch.no_grad()
def classify(model: nn.Module, loader: DataLoader[Batch]) -> Predictions:
    """The predictions of `model` for every image of `loader`, in its order, the short last batch too.

    The logits of one batch at a time are kept: those of a million images of a thousand classes take 8 GB.

    Raises:
        RuntimeError: a logit is NaN or infinite.
    """
    device = next(model.parameters()).device
    predictions = []
    for images, labels in loader:
        logits = model(images.to(device, non_blocking=True)).cpu().numpy()
        if not np.isfinite(logits).all() or np.abs(logits).max() > 1e30:
            raise RuntimeError(
                "the loss is not finite on the test images: the model's weights are absurd; run `dvc repro -f train`"
            )
        predictions.append(predict(logits, labels.cpu().numpy()))
    return join(predictions)
