import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from linear_classifier.evaluation.classify import classify
from linear_classifier.evaluation.exact import compute_logits
from linear_classifier.evaluation.metrics import predict
from linear_classifier.model.linear import build_model

IMAGES = torch.randn(7, 1, 2, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
LABELS = torch.arange(7) % 3


def test_classify_gives_the_same_bits_for_every_image_whatever_the_batches() -> None:
    model = build_model([1, 2, 3], 3, torch.float64)
    torch.nn.init.normal_(next(model.parameters()), generator=torch.Generator().manual_seed(1))
    weight, bias = (parameter.detach().numpy() for parameter in model.parameters())
    expected = predict(compute_logits(weight, bias, IMAGES.flatten(1).numpy().T), LABELS.numpy())
    for batch_size in (1, 2, 7):
        found = classify(model, DataLoader(TensorDataset(IMAGES, LABELS), batch_size))  # type: ignore[arg-type]
        for name, column in vars(expected).items():
            np.testing.assert_array_equal(getattr(found, name), column)


def test_classify_refuses_logits_that_are_not_finite() -> None:
    model = build_model([1, 2, 3], 3, torch.float64)
    torch.nn.init.constant_(next(model.parameters()), 3e38)
    with pytest.raises(RuntimeError, match="the loss is not finite on the test images"):
        classify(model, DataLoader(TensorDataset(IMAGES, LABELS), 2))  # type: ignore[arg-type]
