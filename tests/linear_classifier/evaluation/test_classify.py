import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from linear_classifier.evaluation.classify import classify
from linear_classifier.evaluation.metrics import predict
from linear_classifier.model.linear import build_model

IMAGES = torch.randn(7, 1, 2, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
LABELS = torch.arange(7) % 3


def test_classify_gives_every_image_whatever_the_batches() -> None:
    model = build_model([1, 2, 3], 3, torch.float64)
    torch.nn.init.normal_(next(model.parameters()), generator=torch.Generator().manual_seed(1))
    expected = predict(model(IMAGES).detach().numpy(), LABELS.numpy())
    for batch_size in (1, 2, 7):
        found = classify(model, DataLoader(TensorDataset(IMAGES, LABELS), batch_size))  # type: ignore[arg-type]
        np.testing.assert_array_equal(found.labels, expected.labels)
        np.testing.assert_array_equal(found.predicted, expected.predicted)
        np.testing.assert_allclose(found.confidence, expected.confidence, atol=1e-12)
        np.testing.assert_allclose(found.loss, expected.loss, atol=1e-12)


def test_classify_refuses_logits_that_are_not_finite() -> None:
    model = build_model([1, 2, 3], 3, torch.float64)
    torch.nn.init.constant_(next(model.parameters()), 3e38)
    with pytest.raises(RuntimeError, match="the loss is not finite on the test images"):
        classify(model, DataLoader(TensorDataset(IMAGES, LABELS), 2))  # type: ignore[arg-type]
