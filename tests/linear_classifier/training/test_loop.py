import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from linear_classifier.data.loader import Batch, Images
from linear_classifier.model.linear import build_model
from linear_classifier.params import Params
from linear_classifier.training.loop import Epoch, fit, train_one_epoch, validate


def loader_of(images: Tensor, labels: list[int], batch_size: int) -> DataLoader[Batch]:
    return DataLoader(Images(images, torch.tensor(labels)), batch_size=batch_size, collate_fn=lambda batch: batch)


def linear_of(model: nn.Sequential) -> nn.Linear:
    _, linear = model
    assert isinstance(linear, nn.Linear)
    return linear


def always(index: int, num_classes: int) -> nn.Sequential:
    """A model that gives class `index` a logit of 5 and the others 0, whatever the image."""
    model = build_model([1, 1, 2], num_classes, torch.float64)
    with torch.no_grad():
        linear_of(model).bias[index] = 5.0
    return model


def test_validate_counts_every_image_when_the_last_batch_is_short() -> None:
    loss, accuracy = validate(always(0, 4), loader_of(torch.zeros(5, 1, 1, 2), [0, 1, 2, 3, 0], batch_size=2))
    per_image = [math.log(math.exp(5) + 3) - (5 if label == 0 else 0) for label in (0, 1, 2, 3, 0)]
    assert accuracy == 0.4  # a mean of batch means would say 0.5
    assert loss == pytest.approx(sum(per_image) / 5, abs=1e-12)


def test_train_one_epoch_steps_against_the_closed_form_gradient() -> None:
    images, labels = torch.randn(6, 1, 2, 3, generator=torch.Generator().manual_seed(0)), [0, 1, 2, 2, 1, 0]
    model = build_model([1, 2, 3], 3, torch.float64)
    loss = train_one_epoch(model, loader_of(images, labels, 6), torch.optim.SGD(model.parameters(), lr=0.5))
    x, onehot = images.flatten(1).double().numpy(), np.eye(3)[labels]
    gradient = (np.full((6, 3), 1 / 3) - onehot) / 6
    assert loss == pytest.approx(math.log(3), abs=1e-12)
    np.testing.assert_allclose(linear_of(model).weight.detach().numpy(), -0.5 * gradient.T @ x, atol=1e-12)
    np.testing.assert_allclose(linear_of(model).bias.detach().numpy(), -0.5 * gradient.sum(axis=0), atol=1e-12)


def test_train_one_epoch_weighs_a_short_last_batch_by_its_images() -> None:
    model = always(0, 2)
    loss = train_one_epoch(
        model,
        loader_of(torch.zeros(3, 1, 1, 2), [0, 0, 1], batch_size=2),
        torch.optim.SGD(model.parameters(), lr=1e-12),
    )
    right, wrong = math.log(1 + math.exp(-5)), 5 + math.log(1 + math.exp(-5))
    assert loss == pytest.approx((2 * right + wrong) / 3, abs=1e-9)


@pytest.fixture
def noisy() -> tuple[DataLoader[Batch], DataLoader[Batch]]:
    """Train and val of two overlapping classes."""
    generator = torch.Generator().manual_seed(0)
    labels = [i % 2 for i in range(60)]
    images = torch.randn(60, 1, 1, 2, generator=generator) + torch.tensor(labels)[:, None, None, None]
    return loader_of(images[:40], labels[:40], 8), loader_of(images[40:], labels[40:], 8)


def test_fit_keeps_the_epoch_of_the_lowest_loss_on_val(
    noisy: tuple[DataLoader[Batch], DataLoader[Batch]], params: Params
) -> None:
    model, epochs = build_model([1, 1, 2], 2, torch.float64), list[Epoch]()
    best = fit(model, *noisy, replace(params.train, epochs=8, lr=3.0), epochs.append)
    losses = [epoch.val_loss for epoch in epochs]
    assert best.val_loss == min(losses) < losses[-1], "the test needs a run whose last epoch is not its best"
    assert validate(model, noisy[1]) == (best.val_loss, best.val_accuracy)
    assert [epoch.epoch for epoch in epochs] == list(range(1, 9))


def test_fit_follows_a_cosine_from_lr_towards_zero(
    noisy: tuple[DataLoader[Batch], DataLoader[Batch]], params: Params
) -> None:
    epochs = list[Epoch]()
    fit(build_model([1, 1, 2], 2), *noisy, replace(params.train, epochs=4, lr=0.2), epochs.append)
    assert [epoch.lr for epoch in epochs] == pytest.approx([0.1 * (1 + math.cos(math.pi * k / 4)) for k in range(4)])


def test_fit_stops_when_the_loss_is_not_finite(params: Params) -> None:
    loader = loader_of(torch.full((4, 1, 1, 2), 1e38), [0, 1, 0, 1], 1)
    with pytest.raises(
        RuntimeError, match=r"the loss is .* in epoch 1 .*diverged; lower train\.lr.*no model was written"
    ):
        fit(build_model([1, 1, 2], 2), loader, loader, replace(params.train, epochs=2, lr=10.0), lambda _: None)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no usable CUDA GPU")
def test_fit_on_cuda_gives_the_float32_weights_of_the_cpu(
    noisy: tuple[DataLoader[Batch], DataLoader[Batch]], params: Params
) -> None:
    weights = []
    for device in ("cpu", "cuda"):
        model = build_model([1, 1, 2], 2, torch.float64).to(device)
        fit(model, *noisy, params.train, lambda _: None)
        weights.append(linear_of(model).weight.detach().cpu().float())
    assert torch.equal(*weights)
