"""How noisy a training was: what another seed would have changed, from the size of the steps to the kept epoch."""

import csv
import io
import math
from collections.abc import Sequence
from typing import Any

from tools.compare.files import Files, UnavailableError

HISTORY = "reports/train/history.csv"
MOST = 20.0  # times the measured scale: as far as it was checked (2 epochs); beyond, a branch could excuse anything


def noise_scale(lr: float, batch_size: int, momentum: float) -> float:
    """What the variance of what SGD's random batches do to the weights is in proportion to.

    Source: Smith and Le, "A Bayesian perspective on generalization and stochastic gradient descent", 2018, section 4.
    """
    return lr / batch_size / (1 - momentum)


def read_noise_scale(files: Files, params: dict[str, Any]) -> float | None:
    """The `noise_scale` of the epoch that a revision kept; None if it does not say."""
    try:
        rows = list(csv.DictReader(io.StringIO(files.read(HISTORY).decode())))
        train = params["train"]
        kept = min(rows, key=lambda row: float(row["val_loss"]))  # the first of equals, as in the training
        scale = noise_scale(float(kept["lr"]), train["batch_size"], train["momentum"])
    except (UnavailableError, ValueError, ArithmeticError, LookupError, TypeError, csv.Error):
        return None
    return scale if 0 < scale < math.inf else None


def stretch(scales: Sequence[float | None], measured: float, metric: str) -> float:
    """By how much seeds make runs of noise `scales` differ more than those of scale `measured`; at least 1.

    A scale over `MOST` times the measured one counts as that.

    Near its minimum the loss grows with the square of what the noise does to the weights, so with the scale; what is
    counted in images grows with the noise itself, so with the root of the scale.
    """
    power = 1.0 if metric == "loss" else 0.5
    factors = [min(max(1.0, (scale or measured) / measured), MOST) ** power for scale in scales]
    return math.sqrt(sum(factor**2 for factor in factors) / len(factors))
