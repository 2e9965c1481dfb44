import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from linear_classifier.data.loader import Batch, build_loader
from linear_classifier.data.order import shuffle
from linear_classifier.data.splits import Split
from linear_classifier.model.linear import build_model
from linear_classifier.params import Params, TrainParams
from linear_classifier.training.history import Epoch
from linear_classifier.training.loop import train, train_one_epoch, validate
from linear_classifier.training.state import TrainingState

CPU = torch.device("cpu")


def loader_of(images: Tensor, labels: list[int], batch_size: int) -> DataLoader[Batch]:
    return DataLoader(TensorDataset(images.double(), torch.tensor(labels)), batch_size=batch_size)  # type: ignore[arg-type]


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


def begin(model: nn.Sequential, lr: float) -> TrainingState:
    """The state before steps of `lr`, without momentum and weight decay."""
    return TrainingState(model=model, optimizer=torch.optim.SGD(model.parameters(), lr=lr), best_weights={}, num_val=1)


def test_validate_counts_every_image_when_the_last_batch_is_short() -> None:
    loss, accuracy = validate(always(0, 4), loader_of(torch.zeros(5, 1, 1, 2), [0, 1, 2, 3, 0], batch_size=2))
    per_image = [math.log(math.exp(5) + 3) - (5 if label == 0 else 0) for label in (0, 1, 2, 3, 0)]
    assert accuracy.item() == 0.4  # a mean of batch means would say 0.5
    assert loss.item() == pytest.approx(sum(per_image) / 5, abs=1e-12)


def test_train_one_epoch_steps_against_the_closed_form_gradient() -> None:
    images, labels = torch.randn(6, 1, 2, 3, generator=torch.Generator().manual_seed(0)), [0, 1, 2, 2, 1, 0]
    model = build_model([1, 2, 3], 3, torch.float64)
    loss = train_one_epoch(begin(model, 0.5), loader_of(images, labels, 6), [6])
    x, onehot = images.flatten(1).double().numpy(), np.eye(3)[labels]
    gradient = (np.full((6, 3), 1 / 3) - onehot) / 6
    assert loss.item() == pytest.approx(math.log(3), abs=1e-12)
    np.testing.assert_allclose(linear_of(model).weight.detach().numpy(), -0.5 * gradient.T @ x, atol=1e-12)
    np.testing.assert_allclose(linear_of(model).bias.detach().numpy(), -0.5 * gradient.sum(axis=0), atol=1e-12)


def test_train_one_epoch_weighs_a_short_last_batch_by_its_images() -> None:
    model = always(0, 2)
    loss = train_one_epoch(begin(model, 1e-12), loader_of(torch.zeros(3, 1, 1, 2), [0, 0, 1], batch_size=2), [2, 1])
    right, wrong = math.log(1 + math.exp(-5)), 5 + math.log(1 + math.exp(-5))
    assert loss.item() == pytest.approx((2 * right + wrong) / 3, abs=1e-9)


def noisy_split(count: int, seed: int) -> Split:
    """Images of 1 x 2 x 2 of two overlapping classes."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 2, count)
    images = generator.normal(110 + 40 * labels[:, None, None, None], 60, (count, 1, 2, 2))
    return Split(np.clip(images, 0, 255).astype(np.uint8), labels)


@pytest.fixture
def noisy() -> tuple[Split, Split]:
    """Train and val of two overlapping classes."""
    return noisy_split(40, 0), noisy_split(20, 1)


@pytest.fixture
def short(params: Params) -> TrainParams:
    """Eight epochs of batches of 8."""
    return replace(params.train, epochs=8, min_steps=0, batch_size=8)


def test_best_is_the_last_epoch_within_a_standard_error_of_the_highest_accuracy_on_val(params: Params) -> None:
    model = build_model([1, 1, 2], 2, torch.float64)
    state, best = TrainingState.begin(model, params.train, 1000, num_val=100), []
    for number, accuracy in enumerate((0.5, 0.9, 0.85, 0.88, 0.86), start=1):  # one standard error of 0.9 is 0.03
        with torch.no_grad():
            linear_of(model).bias.fill_(number)
        state.add(Epoch(number, 0.1, 1.0, 1.0, accuracy))
        best.append(state.best.epoch)
        assert state.best_weights["1.bias"].tolist() == [state.best.epoch] * 2
    assert best == [1, 2, 2, 4, 4]


def test_weight_decay_is_more_where_images_are_few(params: Params) -> None:
    model = build_model([1, 1, 2], 2, torch.float64)
    states = [TrainingState.begin(model, params.train, count, num_val=1) for count in (54_000, 1_000)]
    decays = [state.optimizer.param_groups[0]["weight_decay"] for state in states]
    assert decays == [params.train.weight_decay, 54 * params.train.weight_decay]


def test_train_gives_the_weights_of_the_best_epoch(
    noisy: tuple[Split, Split], short: TrainParams, params: Params
) -> None:
    trained = train(*noisy, 2, replace(short, lr=0.3 * 4 / 784), params.runtime, CPU)
    assert trained.best.epoch < len(trained.history), "the test needs a run whose last epoch is not its best"
    assert [epoch.epoch for epoch in trained.history] == list(range(1, 9))
    table = torch.from_numpy(trained.pixel_table).double()
    val_loader = build_loader(noisy[1], table, 20, params.runtime, CPU)
    measured = [each.item() for each in validate(trained.model, val_loader)]
    assert measured == pytest.approx([trained.best.val_loss, trained.best.val_accuracy])


def test_train_follows_a_cosine_from_lr_towards_zero(
    noisy: tuple[Split, Split], short: TrainParams, params: Params
) -> None:
    trained = train(*noisy, 2, replace(short, epochs=4, lr=0.2), params.runtime, CPU)
    expected = [0.1 * (1 + math.cos(math.pi * k / 4)) for k in range(4)]
    assert [epoch.lr for epoch in trained.history] == pytest.approx(expected)


def test_train_in_float64_differs_from_its_formula_by_rounding_alone(
    noisy: tuple[Split, Split], short: TrainParams, params: Params
) -> None:
    """Against the same steps in NumPy: gradient, momentum, weight decay, cosine, order."""
    chosen = replace(short, epochs=3)
    trained = train(*noisy, 2, chosen, params.runtime, CPU)
    x = trained.pixel_table.astype(np.float64)[0][noisy[0].images].reshape(40, 4)
    parameters, velocity, found = np.zeros((2, 5)), np.zeros((2, 5)), []
    x = np.hstack([x, np.ones((40, 1))])
    for epoch in (1, 2, 3):
        lr = chosen.lr * (1 + math.cos(math.pi * (epoch - 1) / 3)) / 2
        for batch in shuffle(40, chosen.seed, epoch, 1).numpy().reshape(5, 8):
            scores = np.exp(x[batch] @ parameters.T)
            errors = scores / scores.sum(axis=1, keepdims=True) - np.eye(2)[noisy[0].labels[batch]]
            gradient = errors.T @ x[batch] / 8 + chosen.weight_decay * 54_000 / 40 * parameters
            velocity = chosen.momentum * velocity + gradient
            parameters = parameters - lr * velocity
        found.append(parameters)
    kept = found[trained.best.epoch - 1]
    np.testing.assert_allclose(linear_of(trained.model).weight.detach().numpy(), kept[:, :4], atol=1e-13)
    np.testing.assert_allclose(linear_of(trained.model).bias.detach().numpy(), kept[:, 4], atol=1e-13)


def test_train_is_the_same_whether_anybody_looks_at_a_batch_or_not(
    noisy: tuple[Split, Split], short: TrainParams, params: Params
) -> None:
    seen: list[Batch] = []
    looked_at = train(*noisy, 2, short, params.runtime, CPU, on_first_batch=seen.append)
    first_labels = noisy[0].labels[shuffle(40, short.seed, 1, 1)[:8].numpy()].tolist()
    assert [labels.tolist() for _, labels in seen] == [first_labels]
    assert looked_at.history == train(*noisy, 2, short, params.runtime, CPU).history


def test_train_tells_of_each_epoch_as_it_ends(noisy: tuple[Split, Split], short: TrainParams, params: Params) -> None:
    lengths: list[tuple[int, int]] = []
    train(*noisy, 2, short, params.runtime, CPU, on_epoch=lambda history, total: lengths.append((len(history), total)))
    assert lengths == [(number, 8) for number in range(1, 9)]


def test_train_passes_over_a_small_split_until_min_steps(
    noisy: tuple[Split, Split], short: TrainParams, params: Params
) -> None:
    trained = train(*noisy, 2, replace(short, epochs=3, min_steps=14), params.runtime, CPU)
    assert len(trained.history) == 9, "5 batches an epoch: 8 of them have 40 steps, and 3 times 14 are wanted"


@pytest.mark.parametrize("size", [8, 16, 64])
def test_train_takes_the_same_steps_whatever_the_size_of_the_image(
    size: int, noisy: tuple[Split, Split], short: TrainParams, params: Params
) -> None:
    def enlarge(split: Split) -> Split:
        return Split(np.kron(split.images, np.ones((1, 1, size, size), np.uint8)), split.labels)

    small = train(*noisy, 2, short, params.runtime, CPU).history
    large = train(enlarge(noisy[0]), enlarge(noisy[1]), 2, short, params.runtime, CPU).history
    for one, other in zip(small, large, strict=True):
        assert other.val_loss == pytest.approx(one.val_loss, rel=1e-4)


def test_train_refuses_a_batch_larger_than_the_split(noisy: tuple[Split, Split], params: Params) -> None:
    with pytest.raises(
        ValueError, match=r"train\.batch_size must be in \[1, 40\], the images of train, got 256; lower"
    ):
        train(*noisy, 2, params.train, params.runtime, CPU)


def test_train_stops_when_the_loss_is_not_finite(
    noisy: tuple[Split, Split], short: TrainParams, params: Params
) -> None:
    diverging = replace(short, lr=10.0, weight_decay=1.0, epochs=10_000)
    with pytest.raises(RuntimeError, match=r"the loss is .* in epoch \d+ .*diverged; lower train\.lr.*no model was"):
        train(*noisy, 2, diverging, params.runtime, CPU)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no usable CUDA GPU")
def test_train_on_cuda_gives_the_float32_weights_of_the_cpu(
    noisy: tuple[Split, Split], short: TrainParams, params: Params
) -> None:
    models = [train(*noisy, 2, short, params.runtime, torch.device(name)).model for name in ("cpu", "cuda")]
    assert torch.equal(*(linear_of(model).weight.detach().cpu().float() for model in models))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no usable CUDA GPU")
def test_an_epoch_on_cuda_is_waited_for_at_its_end_alone(noisy: tuple[Split, Split], params: Params) -> None:
    device, table = torch.device("cuda"), torch.linspace(-1, 1, 256, dtype=torch.float64).unsqueeze(0)
    loaders = [build_loader(split, table, 8, params.runtime, device, shuffle_seed=0) for split in noisy]
    state = TrainingState.begin(build_model([1, 2, 2], 2, torch.float64).to(device), params.train, 40, 20)
    torch.cuda.set_sync_debug_mode("error")
    try:
        losses = train_one_epoch(state, loaders[0], [8] * 5), *validate(state.model, loaders[1])
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert all(loss.is_cuda and math.isfinite(loss) for loss in losses)
