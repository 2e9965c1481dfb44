import math

import pytest
import torch
from torch import nn

from linear_classifier.model.linear import TransposedLinear, build_model


def test_build_model_is_exactly_flatten_and_linear() -> None:
    model = build_model([1, 28, 28], 10)
    assert [type(layer) for layer in model] == [nn.Flatten, nn.Linear]
    assert sum(parameter.numel() for parameter in model.parameters()) == 7850


@pytest.mark.parametrize("num_classes", [2, 10])
def test_build_model_starts_uniform_at_a_loss_of_ln_classes(num_classes: int) -> None:
    model = build_model([3, 4, 5], num_classes, torch.float64)
    logits = model(torch.randn(6, 3, 4, 5, dtype=torch.float64))
    loss = nn.functional.cross_entropy(logits, torch.arange(6) % num_classes)
    assert logits.shape == (6, num_classes) and loss.item() == pytest.approx(math.log(num_classes), abs=1e-12)


def test_transposed_linear_gives_the_logits_and_gradients_of_linear() -> None:
    plain, transposed = (build_model([3, 4, 5], 7, torch.float64, layer) for layer in (nn.Linear, TransposedLinear))
    for parameter in plain.parameters():
        nn.init.normal_(parameter)
    transposed.load_state_dict(plain.state_dict())
    images = torch.randn(6, 3, 4, 5, dtype=torch.float64)
    for model in (plain, transposed):
        nn.functional.cross_entropy(model(images), torch.arange(6)).backward()
    torch.testing.assert_close(transposed(images), plain(images), rtol=0, atol=1e-12)
    for ours, theirs in zip(transposed.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=0, atol=1e-12)
