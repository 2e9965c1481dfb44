"""The loop: mini-batches, loss, gradient, step; the best epoch on the validation split is kept."""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.optim import SGD, Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR
from torch.utils.data import DataLoader
from tqdm import tqdm

from linear_classifier.data.loader import Batch
from linear_classifier.params import TrainParams


@dataclass(frozen=True)
class Epoch:
    """One epoch of training: a row of history.csv. Losses are mean cross-entropies in nats per image."""

    epoch: int
    lr: float
    train_loss: float
    val_loss: float
    val_accuracy: float


def fit(
    model: nn.Module,
    train_loader: DataLoader[Batch],
    val_loader: DataLoader[Batch],
    params: TrainParams,
    on_epoch: Callable[[Epoch], None],
) -> Epoch:
    """The epoch with the lowest loss on `val`, whose weights `model` holds at the end.

    Trains `model` in place, in its own dtype and on its own device, for `params.epochs`; calls `on_epoch` as each ends.

    Raises:
        RuntimeError: a loss became NaN or infinite.
    """
    optimizer = SGD(model.parameters(), params.lr, params.momentum, weight_decay=params.weight_decay, fused=True)
    scheduler = CosineAnnealingLR(optimizer, T_max=params.epochs)
    best, best_weights = None, copy.deepcopy(model.state_dict())
    for number in range(1, params.epochs + 1):
        lr = float(scheduler.get_last_lr()[0])
        train_loss = train_one_epoch(model, train_loader, optimizer)
        val_loss, val_accuracy = validate(model, val_loader)
        _check_finite(train_loss, val_loss, number, lr)
        epoch = Epoch(number, lr, train_loss, val_loss, val_accuracy)
        if best is None or epoch.val_loss < best.val_loss:
            best, best_weights = epoch, copy.deepcopy(model.state_dict())
        scheduler.step()
        on_epoch(epoch)
    if best is None:
        raise ValueError(f"train.epochs must be at least 1, got {params.epochs}")
    model.load_state_dict(best_weights)
    return best


def train_one_epoch(model: nn.Module, loader: DataLoader[Batch], optimizer: Optimizer) -> float:
    """Update `model` in place over one pass of `loader`.

    Images are float32 `(batch, channels, height, width)`, labels int64 `(batch,)`.

    Returns:
        Mean cross-entropy in nats per image, each batch measured before its step.
    """
    weight = next(model.parameters())
    total_loss = torch.zeros((), dtype=torch.float64, device=weight.device)  # read once: each read waits for a GPU
    num_images = 0
    for images, labels in tqdm(loader, desc="train", unit="batch", leave=False, disable=None):
        images, labels = images.to(weight, non_blocking=True), labels.to(weight.device, non_blocking=True)
        loss = cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total_loss.add_(loss.detach(), alpha=len(labels))
        num_images += len(labels)
    return float(total_loss) / num_images


@torch.no_grad()
def validate(model: nn.Module, loader: DataLoader[Batch]) -> tuple[float, float]:
    """Mean cross-entropy in nats per image, and the share of images classified right, over one pass of `loader`."""
    weight = next(model.parameters())
    total_loss, num_correct, num_images = 0.0, 0, 0
    for images, labels in loader:
        logits, labels = model(images.to(weight)), labels.to(weight.device)
        total_loss += cross_entropy(logits, labels, reduction="sum").item()
        num_correct += int((logits.argmax(dim=1) == labels).sum())
        num_images += len(labels)
    return total_loss / num_images, num_correct / num_images


def _check_finite(train_loss: float, val_loss: float, epoch: int, lr: float) -> None:
    if not (math.isfinite(train_loss) and math.isfinite(val_loss)):
        raise RuntimeError(
            f"the loss is {train_loss:g} on train and {val_loss:g} on val in epoch {epoch} "
            f"(lr {lr:g}): training diverged; "
            "lower train.lr or train.momentum in params.yaml; no model was written"
        )
