"""A model and batches → the prediction for every image."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from linear_classifier.data.loader import Batch
from linear_classifier.evaluation.exact import Floats, compute_logits
from linear_classifier.evaluation.metrics import Predictions, join, predict


@torch.no_grad()
def classify(model: nn.Sequential, loader: DataLoader[Batch]) -> Predictions:
    """The predictions of `model`, Flatten → Linear, for every image of `loader`, in order, the short last batch too.

    Its logits are summed in a fixed order, not as its `forward` would, whose order depends on the batch and the CPU.
    Those of one batch at a time are kept: those of a million images of a thousand classes take 8 GB.

    Raises:
        RuntimeError: a logit is NaN or infinite.
    """
    weight, bias = model.parameters()
    predictions = []
    for images, labels in loader:
        inputs = images.to(weight.device, non_blocking=True).flatten(1).T.contiguous()
        logits = _logits_of(weight, bias, inputs)
        if not np.isfinite(logits).all() or np.abs(logits).max() > 1e30:
            raise RuntimeError(
                "the loss is not finite on the test images: the model's weights are absurd; run `dvc repro -f train`"
            )
        predictions.append(predict(logits, labels.cpu().numpy()))
    return join(predictions)


def _logits_of(*numbers: Tensor) -> Floats:
    """As `compute_logits`, which on the CPU takes less time for a step of NumPy's than of PyTorch's."""
    if numbers[0].is_cuda:
        return compute_logits(*numbers).cpu().numpy()
    return compute_logits(*(number.numpy() for number in numbers))
