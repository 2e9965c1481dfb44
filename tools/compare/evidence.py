"""What the test images say of each metric: paired, image by image, where both revisions have predictions, else not."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from linear_classifier.evaluation.metrics import Floats, Predictions
from linear_classifier.io.sections import short_repr
from linear_classifier.params import CompareParams
from tools.compare.measures import HEADLINE, columns_of, headline_of
from tools.compare.metrics import Metrics
from tools.compare.revisions import Revision
from tools.compare.significance import (
    Interval,
    bootstrap,
    mcnemar_p,
    newcombe_interval,
    normal_p,
    normal_quantile,
    percentile_interval,
    pooled_error,
    standard_error,
    wilson_interval,
)
from tools.compare.verdicts import Evidence

Bools = NDArray[np.bool_]


def headline_evidence(base: Revision, head: Revision, rules: CompareParams) -> list[Evidence]:
    """Of accuracy, loss, macro F1 and ECE; from metrics alone, only of accuracy can an error be told."""
    before, after = metrics_of(base), metrics_of(head)
    plain = {name: Evidence(name, before.headline[name], after.headline[name]) for name in HEADLINE}
    if base.predictions is not None and head.predictions is not None:
        differences = _bootstrap_differences(base, head, rules.bootstrap_samples)
        same_bins = _calibration_bins(base) == _calibration_bins(head)
        return _paired(plain, base.predictions, head.predictions, differences, rules.confidence, same_bins)
    totals = base.num_images or head.num_images, head.num_images or base.num_images
    return [_unpaired(plain["accuracy"], totals, rules.confidence), *(plain[name] for name in HEADLINE[1:])]


def class_evidence(base: Revision, head: Revision, rules: CompareParams) -> list[Evidence]:
    """Of the recall of each class that both revisions have.

    Paired where the very same images bear the label in both; where labels moved, a pair would be of different classes.
    """
    before, after, found = metrics_of(base), metrics_of(head), []
    for name in before.recall:
        if name not in after.recall:
            continue
        plain = Evidence(name, before.recall[name], after.recall[name])
        mask, other = _images_of(base, name), _images_of(head, name)
        if mask is not None and other is not None and np.array_equal(mask, other) and mask.any():
            found.append(_paired_recall(plain, mask, base, head, rules.confidence))
        else:
            counts = _count_of(base, name) or _count_of(head, name), _count_of(head, name) or _count_of(base, name)
            found.append(_unpaired(plain, counts, rules.confidence))
    return found


def metrics_of(revision: Revision) -> Metrics:
    """The metrics, which a revision that gets here has."""
    if revision.metrics is None:
        raise RuntimeError(f"{revision.name}: has no metrics to compare")
    return revision.metrics


def _bootstrap_differences(base: Revision, head: Revision, samples: int) -> Floats:
    """The difference of each headline metric in each resample of the images, `(samples, 4)`."""
    tables, sizes = [], []
    for revision in (base, head):
        if revision.predictions is not None:
            sizes.append(len(revision.class_names))
            tables.append(columns_of(revision.predictions, sizes[-1], _calibration_bins(revision)))
    width = tables[0].shape[1]

    def difference(means: Floats) -> Floats:
        return headline_of(means[:, width:], sizes[1]) - headline_of(means[:, :width], sizes[0])

    return bootstrap(np.hstack(tables), difference, samples)


def _paired(
    plain: dict[str, Evidence],
    before: Predictions,
    after: Predictions,
    differences: Floats,
    confidence: float,
    same_bins: bool,
) -> list[Evidence]:
    """The evidence `plain`, filled in. For a mean over images the error has a formula, for the others the bootstrap."""
    right = before.predicted == before.labels, after.predicted == after.labels
    counts = count_discordant(*right)
    errors = {
        "accuracy": standard_error(right[1].astype(np.float64) - right[0]),
        "loss": standard_error(after.loss - before.loss),
    }
    found = []
    for name, column in zip(HEADLINE, differences.T, strict=True):
        if name == "ece" and not same_bins:
            found.append(plain[name])  # by other bins it is another metric
            continue
        error, evidence = errors.get(name, float(column.std(ddof=1))), plain[name]
        is_accuracy = name == "accuracy"
        p = mcnemar_p(*counts) if is_accuracy else normal_p(evidence.difference, error)
        interval = percentile_interval(column, confidence)
        test = "McNemar" if is_accuracy else "paired z" if name == "loss" else "paired bootstrap"
        found.append(
            Evidence(name, evidence.before, evidence.after, error, interval, p, test, counts if is_accuracy else None)
        )
    return found


def _paired_recall(plain: Evidence, mask: Bools, base: Revision, head: Revision, confidence: float) -> Evidence:
    """The evidence on one class, of the images under `mask`."""
    right = [_right(revision)[mask] for revision in (base, head)]
    counts = count_discordant(right[0], right[1])
    error = standard_error(right[1].astype(np.float64) - right[0])
    reach = normal_quantile(confidence) * error
    interval = plain.difference - reach, plain.difference + reach
    return Evidence(plain.name, plain.before, plain.after, error, interval, mcnemar_p(*counts), "McNemar", counts)


def _unpaired(plain: Evidence, totals: tuple[int | None, int | None], confidence: float) -> Evidence:
    """The evidence on a share of images, from the shares and their totals alone: weaker, as pairs say more."""
    if not totals[0] or not totals[1]:
        return plain
    pairs = (round(plain.before * totals[0]), totals[0]), (round(plain.after * totals[1]), totals[1])
    error = pooled_error(*pairs)
    wilson: tuple[Interval, Interval] = wilson_interval(*pairs[0], confidence), wilson_interval(*pairs[1], confidence)
    interval, p = newcombe_interval(*pairs, confidence), normal_p(plain.difference, error)
    return Evidence(plain.name, plain.before, plain.after, error, interval, p, "two proportions", None, wilson)


def count_discordant(first: Bools, second: Bools) -> tuple[int, int]:
    """The images that only the first, and only the second, classifies right."""
    return int((first & ~second).sum()), int((second & ~first).sum())


def _right(revision: Revision) -> Bools:
    predictions = revision.predictions
    if predictions is None:
        raise RuntimeError(f"{revision.name}: has no predictions to compare")
    right: Bools = predictions.predicted == predictions.labels
    return right


def _images_of(revision: Revision, name: str) -> Bools | None:
    if revision.predictions is None:
        return None
    mask: Bools = revision.predictions.labels == revision.class_names.index(name)
    return mask


def _count_of(revision: Revision, name: str) -> int | None:
    mask = _images_of(revision, name)
    if mask is not None:
        return int(mask.sum())
    counts = metrics_of(revision).class_counts
    return counts[name] if counts else None


def _calibration_bins(revision: Revision) -> int:
    section: Any = revision.params.get("evaluate")
    found = section.get("calibration_bins") if isinstance(section, dict) else None
    if type(found) is not int or not 1 <= found <= 1000:
        raise ValueError(
            f"{revision.name}: params.yaml: evaluate.calibration_bins must be a whole number in [1, 1000], "
            f"got {short_repr(found)}"
        )
    return found
