"""The tests and intervals against SciPy's, and against answers known from the papers."""

import numpy as np
import pytest
from scipy import stats

from linear_classifier.evaluation.metrics import Floats
from tools.compare.significance import (
    bootstrap,
    holm,
    mcnemar_p,
    newcombe_interval,
    normal_p,
    normal_quantile,
    percentile_interval,
    pooled_error,
    standard_error,
    wilson_interval,
)


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
    assert mcnemar_p(9000, 0) == 0.0  # 2 ** -8999, less than a float can hold


def test_mcnemar_p_of_one_image_is_1() -> None:
    assert mcnemar_p(1, 0) == 1.0


@pytest.mark.parametrize(("difference", "error"), [(0.1, 0.05), (-0.1, 0.05), (0.001, 1.0), (3.0, 0.1)])
def test_normal_p_matches_scipy(difference: float, error: float) -> None:
    assert normal_p(difference, error) == pytest.approx(2 * stats.norm.sf(abs(difference) / error), rel=1e-9)


def test_normal_p_without_difference_or_error() -> None:
    assert (normal_p(0.0, 0.0), normal_p(0.0, 1.0), normal_p(0.1, 0.0)) == (1.0, 1.0, 0.0)


def test_normal_p_of_a_paired_mean_is_that_of_the_paired_t_test() -> None:
    generator = np.random.default_rng(0)
    first = generator.exponential(size=5000)
    second = first + generator.normal(0.005, 0.2, size=5000)
    found = normal_p(float((second - first).mean()), standard_error(second - first))
    assert found == pytest.approx(stats.ttest_rel(second, first).pvalue, rel=0.01)


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
    assert normal_p(8436 / 9000 - 0.8575, pooled_error(first, second)) == pytest.approx(expected, rel=1e-9)


def test_holm_gives_the_answers_known_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_normal_quantile_matches_scipy() -> None:
    assert normal_quantile(0.95) == pytest.approx(stats.norm.ppf(0.975))


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
