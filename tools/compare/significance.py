"""Could a difference between two classifiers be chance? Exact tests and intervals, on NumPy and integers alone."""

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist

import numpy as np

from linear_classifier.evaluation.metrics import Floats

Interval = tuple[float, float]

_SEED = 0  # of the resampling: the same report every time
_CHUNK = 50  # resamples at a time, so that memory stays small


def mcnemar_p(only_first: int, only_second: int) -> float:
    """The p-value, exact and two-sided, of McNemar's test.

    `only_first` images were classified right by the first model alone, `only_second` by the second alone. If the models
    are equally good, each of these is a fair coin. Summed in whole numbers, so it is right for any count.
    """
    tosses, fewer = only_first + only_second, min(only_first, only_second)
    ways = tail = 1
    for heads in range(fewer):
        ways = ways * (tosses - heads) // (heads + 1)
        tail += ways
    return float(min(1.0, 2 * tail / 2**tosses))


def normal_p(difference: float, standard_error: float) -> float:
    """The two-sided p-value of a difference whose error is normal; 1 if there is no difference at all."""
    if difference == 0:
        return 1.0
    return math.erfc(abs(difference) / standard_error / math.sqrt(2)) if standard_error > 0 else 0.0


def normal_quantile(confidence: float) -> float:
    """How many standard errors a two-sided interval of `confidence` reaches to either side: 1.96 for 0.95."""
    return NormalDist().inv_cdf((1 + confidence) / 2)


def standard_error(values: Floats) -> float:
    """Of the mean of `values` `(n,)`; 0 for a single one, which tells nothing of its spread."""
    return float(values.std(ddof=1) / math.sqrt(len(values))) if len(values) > 1 else 0.0


def wilson_interval(successes: int, total: int, confidence: float) -> Interval:
    """The interval of a proportion. Source: Wilson, "Probable inference", 1927."""
    z, share = normal_quantile(confidence), successes / total
    centre = share + z**2 / (2 * total)
    reach = z * math.sqrt(share * (1 - share) / total + z**2 / (4 * total**2))
    scale = 1 + z**2 / total
    return max(0.0, (centre - reach) / scale), min(1.0, (centre + reach) / scale)


def newcombe_interval(first: tuple[int, int], second: tuple[int, int], confidence: float) -> Interval:
    """The interval of the second proportion less the first, each `(successes, total)`, as if of different images.

    Source: Newcombe, "Interval estimation for the difference between independent proportions", 1998, method 10.
    """
    shares = first[0] / first[1], second[0] / second[1]
    (low_1, high_1), (low_2, high_2) = (wilson_interval(*pair, confidence) for pair in (first, second))
    difference = shares[1] - shares[0]
    return (
        difference - math.hypot(shares[1] - low_2, high_1 - shares[0]),
        difference + math.hypot(high_2 - shares[1], shares[0] - low_1),
    )


def pooled_error(first: tuple[int, int], second: tuple[int, int]) -> float:
    """The standard error of the difference of two proportions `(successes, total)` that are really equal."""
    share = (first[0] + second[0]) / (first[1] + second[1])
    return math.sqrt(share * (1 - share) * (1 / first[1] + 1 / second[1]))


def holm(p_values: Sequence[float]) -> list[float]:
    """Each p-value made larger for there being several, in the order given.

    Source: Holm, "A simple sequentially rejective multiple test procedure", 1979.
    """
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, p_values[index] * (len(p_values) - rank)))
        adjusted[index] = highest
    return adjusted


def bootstrap(table: Floats, statistic: Callable[[Floats], Floats], samples: int) -> Floats:
    """`statistic` of each of `samples` resamples of the rows of `table` `(images, columns)`, `(samples, metrics)`.

    Images are drawn with replacement. `statistic` gets the mean of each column, `(resamples, columns)`: a resample is
    then a row of weights, and all of them one matrix product.
    """
    generator, count, found = np.random.default_rng(_SEED), len(table), []
    for start in range(0, samples, _CHUNK):
        size = min(_CHUNK, samples - start)
        drawn = generator.integers(0, count, (size, count)) + np.arange(size)[:, np.newaxis] * count
        weights = np.bincount(drawn.ravel(), minlength=size * count).reshape(size, count)
        found.append(statistic(weights.astype(np.float64) @ table / count))
    return np.concatenate(found)


def percentile_interval(values: Floats, confidence: float) -> Interval:
    """The middle `confidence` of bootstrap `values` `(samples,)`."""
    low, high = np.quantile(values, ((1 - confidence) / 2, (1 + confidence) / 2))
    return float(low), float(high)
