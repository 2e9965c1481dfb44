import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from linear_classifier.evaluation.metrics import (
    Predictions,
    count_confusion,
    expected_calibration_error,
    per_class_scores,
)
from linear_classifier.reporting.intervals import headline_intervals, wilson


@pytest.mark.parametrize(("hits", "total"), [(8567, 10_000), (0, 7), (7, 7), (1, 2)])
def test_wilson_is_that_of_statsmodels(hits: int, total: int) -> None:
    assert wilson(hits, total) == pytest.approx(proportion_confint(hits, total, method="wilson"), abs=1e-12)


def test_wilson_of_nothing_says_nothing() -> None:
    assert wilson(0, 0) == (0.0, 1.0)


def test_headline_intervals_are_those_of_a_bootstrap() -> None:
    predictions, num_classes, num_bins = _sure_predictions(4000), 4, 10
    found = headline_intervals(predictions, num_classes, num_bins)
    generator = np.random.default_rng(1)
    resamples = []
    for _ in range(600):
        rows = generator.integers(0, 4000, 4000)
        drawn = Predictions(*(column[rows] for column in vars(predictions).values()))
        f1 = per_class_scores(count_confusion(drawn, num_classes))[2].mean()
        resamples.append((drawn.loss.mean(), f1, expected_calibration_error(drawn, num_bins)))
    widths = 2 * 1.96 * np.std(resamples, axis=0)
    for name, width in zip(("loss", "macro_f1", "ece"), widths, strict=True):
        low, high = found[name]
        assert high - low == pytest.approx(width, rel=0.15), name


def _sure_predictions(count: int) -> Predictions:
    """Predictions that are surer than they are right, so that the calibration error is far from 0."""
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 4, count)
    confidence = generator.uniform(0.5, 1, count)
    hit = generator.random(count) < confidence - 0.2
    predicted = np.where(hit, labels, (labels + generator.integers(1, 4, count)) % 4)
    return Predictions(labels, predicted, confidence, generator.exponential(1, count))
