"""What the test images say of each metric: image by image where both revisions have predictions, else by shares.

Tests and intervals are those of SciPy and statsmodels; what they lack, a bootstrap of several metrics of paired images
in little memory, stands here.
"""

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, sem
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from linear_classifier.evaluation.exact import Floats
from linear_classifier.evaluation.metrics import Predictions, confidence_bins
from tools.compare.revision import HEADLINE, Measured, Predicted
from tools.compare.rules import Rules

Bools = NDArray[np.bool_]
Interval = tuple[float, float]
Share = tuple[int, int]  # images that are right, of how many

SMALLEST_P = sys.float_info.min  # a p-value is never 0, whatever floats can hold
_SEED = 0  # of the resampling: the same report every time
_CHUNK = 50  # resamples at a time, so that memory stays small


@dataclass(frozen=True, kw_only=True)
class ImageTest:
    """What drawing other test images would do to a difference: its standard error, its interval.

    `exact_p` is of a test that has one, else the difference is taken for normal. `discordant` counts the images that
    only the base and only the head classifies right; `wilson` are the intervals of each revision alone.
    """

    name: str
    standard_error: float
    interval: Interval
    exact_p: float | None = None
    discordant: tuple[int, int] | None = None
    wilson: tuple[Interval, Interval] | None = None


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """A metric of two revisions; without `images` nothing can be said of chance."""

    name: str
    before: float
    after: float
    images: ImageTest | None = None

    @property
    def difference(self) -> float:
        return round(self.after - self.before, 6)


def gather_evidence(base: Measured, head: Measured, rules: Rules) -> tuple[list[Evidence], list[Evidence]]:
    """On accuracy, loss, macro F1 and ECE; and on the recall of each class that both revisions have.

    From metrics alone, only accuracy and recall have a known error.
    """
    before, after, confidence = base.metrics, head.metrics, rules.confidence
    tests: dict[str, ImageTest | None] = {}
    if isinstance(base, Predicted) and isinstance(head, Predicted):
        tests.update(_paired_headline(base, head, rules))
    else:
        shares, totals = (before.headline["accuracy"], after.headline["accuracy"]), (base.num_images, head.num_images)
        tests["accuracy"] = _compare_shares(shares, totals, confidence)
    headline = [
        Evidence(name=name, before=before.headline[name], after=after.headline[name], images=tests.get(name))
        for name in HEADLINE
    ]
    classes = [
        Evidence(
            name=name, before=recall, after=after.recall[name], images=_compare_recall(name, base, head, confidence)
        )
        for name, recall in before.recall.items()
        if name in after.recall
    ]
    return headline, classes


def _paired_headline(base: Predicted, head: Predicted, rules: Rules) -> dict[str, ImageTest]:
    """For a mean over images the error has a formula, for the others the bootstrap."""
    columns = dict(zip(HEADLINE, _bootstrap_differences(base, head, rules.bootstrap_samples).T, strict=True))
    intervals = {name: percentile_interval(column, rules.confidence) for name, column in columns.items()}
    loss_error = standard_error(head.predictions.loss - base.predictions.loss)
    found = {
        "accuracy": _compare_pairs(_right(base), _right(head), intervals["accuracy"]),
        "loss": ImageTest(name="paired z", standard_error=loss_error, interval=intervals["loss"]),
    }
    for name in ("macro_f1", "ece"):
        error = float(columns[name].std(ddof=1))
        found[name] = ImageTest(name="paired bootstrap", standard_error=error, interval=intervals[name])
    if base.calibration_bins != head.calibration_bins:
        del found["ece"]  # by other bins it is another metric
    return found


def _compare_recall(name: str, base: Measured, head: Measured, confidence: float) -> ImageTest | None:
    """Paired where the very same images bear the label in both; where labels moved, a pair would be of two classes."""
    shares = base.metrics.recall[name], head.metrics.recall[name]
    if isinstance(base, Predicted) and isinstance(head, Predicted):
        mask, other = (each.predictions.labels == each.class_names.index(name) for each in (base, head))
        if np.array_equal(mask, other) and mask.any():
            right = _right(base)[mask], _right(head)[mask]
            reach = float(norm.ppf((1 + confidence) / 2)) * standard_error(right[1].astype(np.float64) - right[0])
            difference = round(shares[1] - shares[0], 6)
            return _compare_pairs(*right, (difference - reach, difference + reach))
    return _compare_shares(shares, (base.count_of(name), head.count_of(name)), confidence)


def _compare_pairs(before: Bools, after: Bools, interval: Interval) -> ImageTest:
    """McNemar's exact test of which images are classified right, `(n,)` each."""
    discordant = int((before & ~after).sum()), int((after & ~before).sum())
    return ImageTest(
        name="McNemar",
        standard_error=standard_error(after.astype(np.float64) - before),
        interval=interval,
        exact_p=mcnemar_p(*discordant),
        discordant=discordant,
    )


def _compare_shares(
    shares: tuple[float, float], totals: tuple[int | None, int | None], confidence: float
) -> ImageTest | None:
    """From shares of images and their totals alone, of which one stands in for the other: weaker, as pairs say more."""
    first, second = totals[0] or totals[1], totals[1] or totals[0]
    if not first or not second:
        return None
    before, after = (round(shares[0] * first), first), (round(shares[1] * second), second)
    return ImageTest(
        name="two proportions",
        standard_error=pooled_error(before, after),
        interval=newcombe_interval(before, after, confidence),
        wilson=(wilson_interval(*before, confidence), wilson_interval(*after, confidence)),
    )


def _right(revision: Predicted) -> Bools:
    right: Bools = revision.predictions.predicted == revision.predictions.labels
    return right


def mcnemar_p(only_first: int, only_second: int) -> float:
    """The p-value, exact and two-sided, of McNemar's test: are images that only one classifies right a fair coin?"""
    return max(float(mcnemar([[0, only_first], [only_second, 0]], exact=True).pvalue), SMALLEST_P)


def standard_error(values: Floats) -> float:
    """Of the mean of `values` `(n,)`; 0 for a single one, which tells nothing of its spread."""
    return float(sem(values)) if len(values) > 1 else 0.0


def pooled_error(before: Share, after: Share) -> float:
    """The standard error of the difference of two shares that are really equal, which `proportions_ztest` keeps."""
    share = (before[0] + after[0]) / (before[1] + after[1])
    return math.sqrt(share * (1 - share) * (1 / before[1] + 1 / after[1]))


def wilson_interval(right: int, total: int, confidence: float) -> Interval:
    """The interval of a share."""
    low, high = proportion_confint(right, total, alpha=1 - confidence, method="wilson")
    return float(low), float(high)


def newcombe_interval(before: Share, after: Share, confidence: float) -> Interval:
    """The interval of the second share less the first, as if of different images (Newcombe 1998, method 10)."""
    low, high = confint_proportions_2indep(*after, *before, method="newcomb", compare="diff", alpha=1 - confidence)
    return float(low), float(high)


def percentile_interval(values: Floats, confidence: float) -> Interval:
    """The middle `confidence` of bootstrap `values` `(samples,)`."""
    low, high = np.quantile(values, ((1 - confidence) / 2, (1 + confidence) / 2))
    return float(low), float(high)


def _bootstrap_differences(base: Predicted, head: Predicted, samples: int) -> Floats:
    """The difference of each headline metric in each resample of the images, `(samples, 4)`."""
    sizes = [len(each.class_names) for each in (base, head)]
    tables = [
        columns_of(each.predictions, size, each.calibration_bins)
        for each, size in zip((base, head), sizes, strict=True)
    ]
    width = tables[0].shape[1]

    def difference(means: Floats) -> Floats:
        return headline_of(means[:, width:], sizes[1]) - headline_of(means[:, :width], sizes[0])

    return bootstrap(np.hstack(tables), difference, samples)


def bootstrap(table: Floats, statistic: Callable[[Floats], Floats], samples: int) -> Floats:
    """`statistic` of each of `samples` resamples of the rows of `table` `(images, columns)`, `(samples, metrics)`.

    Images are drawn with replacement. `statistic` gets the mean of each column, `(resamples, columns)`: a resample is
    then a row of weights, and all of them one matrix product. `scipy.stats.bootstrap` would hold each resample of each
    column, gigabytes, and take minutes.
    """
    generator, count, found = np.random.default_rng(_SEED), len(table), []
    for start in range(0, samples, _CHUNK):
        size = min(_CHUNK, samples - start)
        drawn = generator.integers(0, count, (size, count)) + np.arange(size)[:, np.newaxis] * count
        weights = np.bincount(drawn.ravel(), minlength=size * count).reshape(size, count)
        found.append(statistic(weights.astype(np.float64) @ table / count))
    return np.concatenate(found)


def columns_of(predictions: Predictions, num_classes: int, num_bins: int) -> Floats:
    """A row an image: loss; hit, label and prediction one-hot by class; and its calibration gap in its bin's column."""
    rows = np.arange(len(predictions.labels))
    table = np.zeros((len(rows), 1 + 3 * num_classes + num_bins))
    correct = predictions.predicted == predictions.labels
    table[:, 0] = predictions.loss
    table[rows, 1 + predictions.labels] = correct
    table[rows, 1 + num_classes + predictions.labels] = 1
    table[rows, 1 + 2 * num_classes + predictions.predicted] = 1
    bins = confidence_bins(predictions.confidence, num_bins)
    table[rows, 1 + 3 * num_classes + bins] = correct - predictions.confidence
    return table


def headline_of(means: Floats, num_classes: int) -> Floats:
    """Accuracy, loss, macro F1 and ECE of each row of column means `(resamples, columns)`, `(resamples, 4)`.

    `num_classes` is that of `columns_of`. A class that a resample has neither as label nor as prediction has F1 0.
    """
    loss, hits, labels, predicted, gaps = np.split(means, np.cumsum([1] + [num_classes] * 3), axis=1)
    both = labels + predicted
    f1 = np.divide(2 * hits, both, out=np.zeros_like(both), where=both > 0)
    return np.stack([hits.sum(axis=1), loss[:, 0], f1.mean(axis=1), np.abs(gaps).sum(axis=1)], axis=1)
