"""The loop: mini-batches, loss, gradient, step; the best epoch on the validation split is kept."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader
from tqdm import tqdm

from linear_classifier.data.loader import Batch, build_loader
from linear_classifier.data.order import BatchOrder
from linear_classifier.data.splits import Split
from linear_classifier.model.linear import TransposedLinear, build_model
from linear_classifier.params import RuntimeParams, TrainParams
from linear_classifier.ranks import from_rank_0, num_ranks, sum_over_ranks, this_rank
from linear_classifier.training.history import Epoch
from linear_classifier.training.state import TrainingState, cosine_lr, count_epochs
from linear_classifier.training.transforms import build_pixel_table


@dataclass(frozen=True, kw_only=True)
class TrainedModel:
    """A model with the weights of its `best` epoch, on the device and of the dtype that it was trained on.

    It takes images through `pixel_table`, float32 `(channels, 256)`. `history` has every epoch that was run.
    """

    model: nn.Sequential
    pixel_table: NDArray[np.float32]
    best: Epoch
    history: list[Epoch]


def train(
    train_split: Split,
    val_split: Split,
    num_classes: int,
    params: TrainParams,
    runtime: RuntimeParams,
    device: torch.device,
    on_first_batch: Callable[[Batch], None] = lambda batch: None,
    on_epoch: Callable[[list[Epoch], int], None] = lambda history, num_epochs: None,
    resume: Callable[[TrainingState], None] = lambda state: None,
    on_step: Callable[[TrainingState], None] = lambda state: None,
) -> TrainedModel:
    """Fit Flatten → Linear to `train_split`, and keep the best epoch on `val_split`, see `TrainingState.best`.

    Calls `on_first_batch` with the first batch before the first step, and `on_epoch` with the history and the
    number of epochs that there will be as each ends. `resume` may bring the state, before the first step, to where
    another run of the same training had it; `on_step` is given the state after every step, and once more after every
    epoch, when it is at step 0 of the next one. On several ranks each calls it with the same values, and rank 0's state
    is what all begin with.

    Raises:
        ValueError: `params.batch_size` is larger than the split.
        RuntimeError: a loss became NaN or infinite.
    """
    if params.batch_size > len(train_split):
        raise ValueError(
            f"params.yaml: train.batch_size must be in [1, {len(train_split)}], the images of train, "
            f"got {params.batch_size}; lower it"
        )
    image_shape, pixel_table = train_split.images.shape[1:], build_pixel_table(train_split.images, params.gamma)
    # Gradient descent on a convex loss does not amplify rounding: trained in float64, the weights of two machines
    # differ by about 4e-16. The model file stores float32, whose numbers lie 7e-9 apart there: the same bytes.
    table = torch.from_numpy(pixel_table).to(getattr(torch, params.dtype))
    train_loader = build_loader(train_split, table, params.batch_size, runtime, device, shuffle_seed=params.seed)
    val_loader = build_loader(val_split, table, params.batch_size, runtime, device)
    on_first_batch(next(iter(train_loader)))  # a look changes nothing: the order is a function of seed and epoch

    model = build_model(image_shape, num_classes, table.dtype, TransposedLinear).to(device)
    num_epochs = count_epochs(params, len(train_loader))
    state = TrainingState.begin(model, params, len(train_split), len(val_split))
    resume(state)
    state.restore(*from_rank_0((state.tensors(), state.values())))
    for loader in (train_loader, val_loader):
        loader.sampler.set_part(this_rank(), num_ranks())  # type: ignore[attr-defined]  # it is a BatchOrder
    if state.history:
        on_epoch(state.history, num_epochs)
    for number in range(len(state.history) + 1, num_epochs + 1):
        run_epoch(state, number, cosine_lr(params.lr, number, num_epochs), train_loader, val_loader, on_step)
        on_epoch(state.history, num_epochs)
        on_step(state)
    state.model.load_state_dict(state.best_weights)
    return TrainedModel(model=state.model, pixel_table=pixel_table, best=state.best, history=state.history)


def run_epoch(
    state: TrainingState,
    number: int,
    lr: float,
    train_loader: DataLoader[Batch],
    val_loader: DataLoader[Batch],
    on_step: Callable[[TrainingState], None],
) -> None:
    """Take `state` through what is left of epoch `number` with steps of `lr`: train, validate, note.

    Raises:
        RuntimeError: a loss became NaN or infinite.
    """
    state.set_lr(lr)
    order: BatchOrder = train_loader.sampler  # type: ignore[assignment]
    order.set_epoch(number, state.step)
    means = train_one_epoch(state, train_loader, order.sizes(), on_step), *validate(state.model, val_loader)
    train_loss, val_loss, val_accuracy = torch.stack(means).tolist()  # a GPU is waited for here alone
    if not (math.isfinite(train_loss) and math.isfinite(val_loss)):
        raise RuntimeError(
            f"the loss is {train_loss:g} on train and {val_loss:g} on val in epoch {number} (lr {lr:g}): "
            "training diverged; lower train.lr or train.momentum in params.yaml; no model was written"
        )
    state.add(Epoch(number, lr, train_loss, val_loss, val_accuracy))


def train_one_epoch(
    state: TrainingState,
    loader: DataLoader[Batch],
    sizes: Iterable[int],
    on_step: Callable[[TrainingState], None] = lambda state: None,
) -> Tensor:
    """Update `state` in place over `loader`: all batches of an epoch, or those after its `step`.

    Images are `(batch, channels, height, width)` of the model's dtype, labels int64 `(batch,)`; on several ranks this
    rank's part of a batch, perhaps none. `sizes` are the images of each whole batch.

    Returns:
        Mean cross-entropy in nats per image of the whole epoch, each batch measured before its step: float64 `()` on
        the model's device, not waited for.
    """
    model, optimizer, device, several = state.model, state.optimizer, state.total_loss.device, num_ranks() > 1
    progress = tqdm(loader, "train", len(loader), leave=False, disable=None, unit="batch", initial=state.step)
    for (images, labels), size in zip(progress, sizes, strict=True):
        images, labels = images.to(device, non_blocking=True), labels.to(device, non_blocking=True)
        # Sums, divided once: a mean of means would weigh a short last batch, or a rank's smaller part, too much.
        loss = cross_entropy(model(images), labels, reduction="sum")
        optimizer.zero_grad()
        loss.backward(torch.full_like(loss, 1 / size))  # the gradient of the mean over the whole batch
        if several:
            gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
            sum_over_ranks([loss.detach(), *gradients])
        optimizer.step()
        state.total_loss.add_(loss.detach())
        state.num_images += size
        state.step += 1
        on_step(state)
    return state.total_loss / state.num_images


@torch.no_grad()
def validate(model: nn.Module, loader: DataLoader[Batch]) -> tuple[Tensor, Tensor]:
    """Mean cross-entropy in nats per image, and the share of images classified right, over one pass of `loader`.

    Both are float64 `()` on the model's device, not waited for.
    """
    device = next(model.parameters()).device
    totals = torch.zeros(2, dtype=torch.float64, device=device)
    for images, labels in loader:
        images, labels = images.to(device, non_blocking=True), labels.to(device, non_blocking=True)
        logits = model(images)
        loss, num_correct = cross_entropy(logits, labels, reduction="sum"), (logits.argmax(dim=1) == labels).sum()
        sums = torch.stack([loss.double(), num_correct.double()])
        sum_over_ranks([sums])  # for each batch, so that ranks of different speed wait a little and often
        totals += sums
    mean_loss, accuracy = totals / len(loader.dataset)  # type: ignore[arg-type]  # Images has a length
    return mean_loss, accuracy
