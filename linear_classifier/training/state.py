"""What a step leaves behind: all that the next one starts from."""

import copy
import math
from dataclasses import astuple, dataclass, field
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.optim import SGD

from linear_classifier.params import TrainParams
from linear_classifier.training.history import Epoch

WEIGHT_DECAY_IMAGES = 54_000  # of train, that `weight_decay` is meant for: those of Fashion-MNIST


def _zero() -> Tensor:
    return torch.zeros((), dtype=torch.float64)


@dataclass(kw_only=True)
class TrainingState:
    """Model and optimizer as the last step left them, the epochs so far, and the weights of the best of these.

    `num_val` are the images of val. Of the epoch under way: the `step`s done, and over the images seen in them,
    `num_images`, the sum of the losses, float64 `()` on the model's device.
    """

    model: nn.Sequential
    optimizer: SGD
    best_weights: dict[str, Tensor]
    num_val: int
    history: list[Epoch] = field(default_factory=list)
    step: int = 0
    num_images: int = 0
    total_loss: Tensor = field(default_factory=_zero)

    @classmethod
    def begin(cls, model: nn.Sequential, params: TrainParams, num_train: int, num_val: int) -> Self:
        """The state before the first epoch of `model` on `num_train` images: no momentum.

        What weight decay pulls to 0 is a belief that does not grow with the data, so that of few images it is more.
        """
        weight_decay = params.weight_decay * (WEIGHT_DECAY_IMAGES / num_train)
        optimizer = SGD(model.parameters(), params.lr, params.momentum, weight_decay=weight_decay, fused=True)
        best_weights, total_loss = copy.deepcopy(model.state_dict()), _zero().to(next(model.parameters()).device)
        return cls(model=model, optimizer=optimizer, best_weights=best_weights, num_val=num_val, total_loss=total_loss)

    @property
    def best(self) -> Epoch:
        """The last epoch whose accuracy on val is within one standard error of the highest.

        A few images more or less are chance, and where steps have become small the weights are steadier. Source: the
        one-standard-error rule, Hastie, Tibshirani and Friedman, "The Elements of Statistical Learning", 2009, 7.10.
        """
        highest = max(epoch.val_accuracy for epoch in self.history)
        error = math.sqrt(highest * (1 - highest) / self.num_val)
        return next(epoch for epoch in reversed(self.history) if epoch.val_accuracy >= highest - error)

    def set_lr(self, lr: float) -> None:
        """Make the optimizer take steps of `lr`."""
        for group in self.optimizer.param_groups:
            group["lr"] = lr

    def add(self, epoch: Epoch) -> None:
        """Append `epoch` to the history, and keep its weights if it is the best so far: every choice is made on val.

        The next epoch begins: no step of it is done.
        """
        self.history.append(epoch)
        if epoch is self.best:
            self.best_weights = copy.deepcopy(self.model.state_dict())
        self.step, self.num_images = 0, 0
        self.total_loss.zero_()

    def tensors(self) -> dict[str, Tensor]:
        """Every tensor of the state by its name, not copied; momentum is there once a step was done."""
        momentum = {key: values["momentum_buffer"] for key, values in self.optimizer.state_dict()["state"].items()}
        return {
            **{f"weights.{name}": tensor for name, tensor in self.model.state_dict().items()},
            **{f"best.{name}": tensor for name, tensor in self.best_weights.items()},
            **{f"momentum.{key}": tensor for key, tensor in momentum.items() if tensor is not None},
            "total_loss": self.total_loss,
        }

    def values(self) -> dict[str, Any]:
        """All else that the state is, as JSON can hold it to the last bit."""
        rows = [astuple(epoch) for epoch in self.history]
        return {"epoch": len(rows) + 1, "step": self.step, "num_images": self.num_images, "rows": rows}

    def restore(self, tensors: dict[str, Tensor], values: dict[str, Any]) -> None:
        """Become the state, of the same training, whose `tensors()` and `values()` these are, on whatever device."""
        momentum = {int(key): {"momentum_buffer": tensor} for key, tensor in _below("momentum.", tensors).items()}
        groups = self.optimizer.state_dict()["param_groups"]
        self.model.load_state_dict(_below("weights.", tensors))
        self.best_weights = _below("best.", tensors)
        self.optimizer.load_state_dict({"state": momentum, "param_groups": groups})
        self.total_loss.copy_(tensors["total_loss"])
        self.history = [Epoch(*row) for row in values["rows"]]
        self.step, self.num_images = values["step"], values["num_images"]


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def count_epochs(params: TrainParams, num_batches: int) -> int:
    """How many epochs of `num_batches` are run: `params.epochs`, each in as many passes as `params.min_steps` takes.

    A small split has too few batches for the weights to arrive in the same number of epochs.
    """
    return max(params.epochs, -(-params.epochs * params.min_steps // num_batches))


def cosine_lr(lr: float, epoch: int, num_epochs: int) -> float:
    """The step size of `epoch`, counted from 1: `lr` first, falling towards 0 along half a cosine.

    Source: Loshchilov and Hutter, "SGDR", 2017, equation 5, without restarts.
    """
    return lr * (1 + math.cos(math.pi * (epoch - 1) / num_epochs)) / 2
