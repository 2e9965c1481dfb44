"""How noisy a training was: what another seed would have changed, from the size of the steps that it ended with."""

import csv
import io
import math
from collections.abc import Sequence
from typing import Any

from tools.compare.files import Files, UnavailableError

HISTORY = "reports/train/history.csv"


def read_noise_scale(files: Files, params: dict[str, Any]) -> float | None:
    """`lr / batch_size / (1 - momentum)` of the last epoch of a revision; None if it does not say.

    The variance of what SGD's random batches do to the weights is in proportion to it.
    Source: Smith and Le, "A Bayesian perspective on generalization and stochastic gradient descent", 2018, section 4.
    """
    try:
        rows = list(csv.DictReader(io.StringIO(files.read(HISTORY).decode())))
        train = params["train"]
        scale = float(rows[-1]["lr"]) / train["batch_size"] / (1 - train["momentum"])
    except (UnavailableError, ValueError, ArithmeticError, LookupError, TypeError, csv.Error):
        return None
    return scale if 0 < scale < math.inf else None


def stretch(scales: Sequence[float | None], measured: float, metric: str) -> float:
    """By how much seeds make runs of noise `scales` differ more than those of scale `measured`; at least 1.

    Near its minimum the loss grows with the square of what the noise does to the weights, so with the scale; what is
    counted in images grows with the noise itself, so with the root of the scale.
    """
    power = 1.0 if metric == "loss" else 0.5
    factors = [max(1.0, (scale or measured) / measured) ** power for scale in scales]
    return math.sqrt(sum(factor**2 for factor in factors) / len(factors))
