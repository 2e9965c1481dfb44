"""The tests and intervals against SciPy's, and against answers known from the papers; the resampling."""

import numpy as np
import pytest
from scipy import stats

from linear_classifier.evaluation.exact import Floats
from linear_classifier.evaluation.metrics import Predictions, compute_metrics
from tools.compare.evidence import (
    bootstrap,
    columns_of,
    headline_of,
    mcnemar_p,
    newcombe_interval,
    percentile_interval,
    pooled_error,
    standard_error,
    wilson_interval,
)
from tools.compare.revision import HEADLINE


@pytest.fixture
def predictions() -> Predictions:
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 4, 300)
    predicted = np.where(generator.random(300) < 0.7, labels, generator.integers(0, 4, 300))
    return Predictions(labels, predicted, generator.random(300), generator.exponential(size=300))


def take(predictions: Predictions, drawn: np.ndarray) -> Predictions:
    return Predictions(
        predictions.labels[drawn], predictions.predicted[drawn], predictions.confidence[drawn], predictions.loss[drawn]
    )


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_headline_of_is_what_evaluate_computes_of_any_resample(predictions: Predictions, seed: int) -> None:
    drawn = np.random.default_rng(seed).integers(0, 300, 300)
    means = columns_of(predictions, 4, 15)[drawn].mean(axis=0, keepdims=True)
    expected = compute_metrics(take(predictions, drawn), list("abcd"), 15)
    assert headline_of(means, 4)[0] == pytest.approx([expected[name] for name in HEADLINE], abs=5e-7)


def test_headline_of_gives_a_class_that_is_nowhere_the_f1_of_0(predictions: Predictions) -> None:
    means = columns_of(predictions, 5, 15).mean(axis=0, keepdims=True)
    expected = compute_metrics(predictions, list("abcde"), 15)
    assert headline_of(means, 5)[0] == pytest.approx([expected[name] for name in HEADLINE], abs=5e-7)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (0, 0),
        (1, 0),
        (0, 1),
        (1, 1),
        (5, 5),
        (10, 3),
        (3, 10),
        (0, 40),
        (105, 101),
        (318, 191),
        (2500, 2600),
        (4000, 3000),
    ],
)
def test_mcnemar_p_matches_the_exact_binomial_test(first: int, second: int) -> None:
    expected = stats.binomtest(first, first + second).pvalue if first + second else 1.0
    assert mcnemar_p(first, second) == pytest.approx(expected, rel=1e-9)


def test_mcnemar_p_of_thousands_against_none_is_tiny_and_no_error() -> None:
    assert mcnemar_p(0, 1000) == pytest.approx(2 * 0.5**1000, rel=1e-12)
    assert 0 < mcnemar_p(9000, 0) < 1e-300  # 2 ** -8999, less than a float can hold, and not 0


def test_mcnemar_p_of_one_image_is_1() -> None:
    assert mcnemar_p(1, 0) == 1.0


def test_standard_error_matches_scipy_and_of_one_value_is_0() -> None:
    values = np.array([1.0, 2.0, 4.0, 8.0])
    assert standard_error(values) == pytest.approx(stats.sem(values))
    assert standard_error(values[:1]) == 0.0


@pytest.mark.parametrize(("successes", "total"), [(0, 10), (10, 10), (1, 3), (8575, 10_000), (593, 1000)])
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.999])
def test_wilson_interval_matches_scipy(successes: int, total: int, confidence: float) -> None:
    expected = stats.binomtest(successes, total).proportion_ci(confidence, method="wilson")
    assert wilson_interval(successes, total, confidence) == pytest.approx((expected.low, expected.high), abs=1e-12)


@pytest.mark.parametrize(
    ("first", "second", "expected"),  # Newcombe 1998, table II, method 10, rows a, b, e and h
    [
        ((48, 80), (56, 70), (0.0524, 0.3339)),
        ((3, 10), (9, 10), (0.1705, 0.8090)),
        ((0, 29), (5, 56), (-0.0381, 0.1926)),
        ((0, 10), (10, 10), (0.6075, 1.0)),
    ],
)
def test_newcombe_interval_gives_the_papers_examples(
    first: tuple[int, int], second: tuple[int, int], expected: tuple[float, float]
) -> None:
    assert newcombe_interval(first, second, 0.95) == pytest.approx(expected, abs=5e-5)


def test_pooled_error_gives_the_p_of_the_chi_squared_test() -> None:
    first, second = (8575, 10_000), (8436, 9000)
    counts = [[successes, total - successes] for successes, total in (first, second)]
    expected = stats.chi2_contingency(counts, correction=False).pvalue
    assert 2 * stats.norm.sf((8436 / 9000 - 0.8575) / pooled_error(first, second)) == pytest.approx(expected, rel=1e-9)


def mean_of_first(means: Floats) -> Floats:
    return means[:, :1]


def test_bootstrap_of_a_paired_mean_gives_the_interval_and_the_error_of_scipys() -> None:
    values = np.random.default_rng(1).exponential(size=(2000, 1))
    found = bootstrap(values, mean_of_first, 4000)[:, 0]
    expected = stats.bootstrap((values[:, 0],), np.mean, n_resamples=4000, method="percentile", rng=2)
    low, high = percentile_interval(found, 0.95)
    width = expected.confidence_interval.high - expected.confidence_interval.low
    assert low == pytest.approx(expected.confidence_interval.low, abs=0.05 * width)
    assert high == pytest.approx(expected.confidence_interval.high, abs=0.05 * width)
    assert found.std(ddof=1) == pytest.approx(expected.standard_error, rel=0.05)


def test_bootstrap_draws_whole_images_and_the_same_ones_every_time() -> None:
    table = np.arange(30.0).repeat(2).reshape(30, 2)  # both columns equal, so they stay equal in every resample
    first, second = (bootstrap(table, lambda means: means, 120) for _ in range(2))
    assert first.shape == (120, 2)  # more than one chunk, the last one short
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first[:, 0], first[:, 1])
    assert len(set(first[:, 0].tolist())) > 60


def test_bootstrap_of_what_never_varies_is_exact() -> None:
    assert bootstrap(np.full((7, 1), 3.0), mean_of_first, 60).tolist() == [[3.0]] * 60


def test_percentile_interval_is_the_middle() -> None:
    assert percentile_interval(np.arange(1001.0), 0.9) == pytest.approx((50.0, 950.0))
