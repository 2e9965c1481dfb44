"""What an epoch leaves behind: all that the next one starts from."""

import copy
import math
from dataclasses import dataclass, field
from typing import Self

from torch import Tensor, nn
from torch.optim import SGD

from linear_classifier.params import TrainParams
from linear_classifier.training.history import Epoch


@dataclass(kw_only=True)
class TrainingState:
    """Model and optimizer as the last epoch left them, its history, and the weights of the best epoch so far."""

    model: nn.Sequential
    optimizer: SGD
    best_weights: dict[str, Tensor]
    history: list[Epoch] = field(default_factory=list)

    @classmethod
    def begin(cls, model: nn.Sequential, params: TrainParams) -> Self:
        """The state before the first epoch of `model`: no momentum."""
        optimizer = SGD(model.parameters(), params.lr, params.momentum, weight_decay=params.weight_decay, fused=True)
        return cls(model=model, optimizer=optimizer, best_weights=copy.deepcopy(model.state_dict()))

    @property
    def best(self) -> Epoch:
        """The epoch with the lowest loss on val, the first of equals."""
        return min(self.history, key=lambda epoch: epoch.val_loss)

    def set_lr(self, lr: float) -> None:
        """Make the optimizer take steps of `lr`."""
        for group in self.optimizer.param_groups:
            group["lr"] = lr

    def add(self, epoch: Epoch) -> None:
        """Append `epoch` to the history, and keep its weights if it is the best so far: every choice is made on val."""
        self.history.append(epoch)
        if epoch is self.best:
            self.best_weights = copy.deepcopy(self.model.state_dict())


def count_epochs(params: TrainParams, num_batches: int) -> int:
    """How many epochs of `num_batches` are run: `params.epochs`, or as many as `params.min_steps` needs.

    A small split has too few batches for the weights to arrive in the same number of epochs.
    """
    return max(params.epochs, -(-params.min_steps // num_batches))


def cosine_lr(lr: float, epoch: int, num_epochs: int) -> float:
    """The step size of `epoch`, counted from 1: `lr` first, falling towards 0 along half a cosine.

    Source: Loshchilov and Hutter, "SGDR", 2017, equation 5, without restarts.
    """
    return lr * (1 + math.cos(math.pi * (epoch - 1) / num_epochs)) / 2
