import sys
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from tools.compare.evidence import Evidence, ImageTest, mcnemar_p, standard_error
from tools.compare.verdict import Rule, judge, judge_family, normal_p, seed_factor

RULE = Rule(higher_is_better=True, seed_sd=0.001, tolerance=0.005, confidence=0.95)
LOWER = replace(RULE, higher_is_better=False)


def evidence(difference: float, error: float = 0.001, p: float = 1e-4) -> Evidence:
    interval = difference - 2 * error, difference + 2 * error
    images = ImageTest(name="McNemar", standard_error=error, interval=interval, exact_p=p)
    return Evidence(name="accuracy", before=0.5, after=0.5 + difference, images=images)


@pytest.mark.parametrize(
    ("difference", "rule", "verdict", "fails"),
    [
        (-0.01, RULE, "worse", True),
        (+0.01, RULE, "better", False),
        (-0.01, LOWER, "better", False),
        (+0.01, LOWER, "worse", True),
        (-0.01, replace(RULE, tolerance=0.02), "worse", False),
        (-0.01, replace(RULE, tolerance=0.01), "worse", False),  # more than the tolerance, not as much
        (-0.01, replace(RULE, seed_sd=0.01), "no evidence of a difference", False),
        (0.0, RULE, "no evidence of a difference", False),
    ],
)
def test_judge(difference: float, rule: Rule, verdict: str, fails: bool) -> None:
    finding = judge(evidence(difference), rule)
    assert (finding.verdict, finding.fails) == (verdict, fails)


def test_judge_wants_both_the_images_and_the_seeds_to_rule_out_chance() -> None:
    by_images = judge(evidence(0.01, p=0.2), RULE)
    assert (by_images.verdict, by_images.p) == ("no evidence of a difference", 0.2)
    by_seeds = judge(evidence(0.002, error=0.0001, p=1e-9), RULE)  # minute, sure as to images, within seed noise
    assert by_seeds.verdict == "no evidence of a difference"
    assert by_seeds.p == pytest.approx(0.158, abs=1e-3)  # 0.002 is 1.412 of sqrt(0.0001 ** 2 + 2 * 0.001 ** 2)


def test_judge_widens_the_interval_by_the_seeds() -> None:
    finding = judge(evidence(0.01, error=0.0), replace(RULE, seed_sd=0.001))
    assert finding.interval == pytest.approx((0.01 - 1.95996 * 2**0.5 * 0.001, 0.01 + 1.95996 * 2**0.5 * 0.001))
    untouched = judge(evidence(0.01), replace(RULE, seed_sd=0.0))
    assert untouched.interval == pytest.approx((0.008, 0.012))


def test_judge_says_so_where_nothing_is_known_of_the_error() -> None:
    finding = judge(Evidence(name="loss", before=0.4, after=9.0), LOWER)
    assert (finding.verdict, finding.fails, finding.p) == ("cannot be judged", False, None)


def test_judge_family_corrects_for_the_number_of_classes() -> None:
    alone, many = (judge_family([(evidence(-0.1, p=0.01), RULE)] * count) for count in (1, 10))
    assert [finding.verdict for finding in alone] == ["worse"]
    assert {finding.verdict for finding in many} == {"no evidence of a difference"}
    assert many[0].p == pytest.approx(0.1) and not many[0].fails


def test_judge_family_leaves_out_what_cannot_be_judged() -> None:
    found = judge_family([(Evidence(name="a", before=0.1, after=0.2), RULE), (evidence(-0.1, p=0.01), RULE)])
    assert [finding.verdict for finding in found] == ["cannot be judged", "worse"]


def test_fault_56_accuracy_differs_by_one_image() -> None:
    """accuracy differs by 0.0001 between hosts"""
    images = ImageTest(name="McNemar", standard_error=0.0001, interval=(-0.0003, 0.0), exact_p=mcnemar_p(1, 0))
    one_image = Evidence(name="accuracy", before=0.8575, after=0.8574, images=images)
    for seed_sd in (0.0, 0.0011):
        finding = judge(one_image, replace(RULE, seed_sd=seed_sd, tolerance=0.0))
        assert (finding.verdict, finding.fails, finding.p) == ("no evidence of a difference", False, 1.0)


def test_judge_family_gives_holms_answers_known_by_hand() -> None:
    loose = replace(RULE, seed_sd=0.0, confidence=0.51)
    for before, expected in (([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]), ([0.9, 0.8], [1.0, 1.0]), ([], [])):
        found = judge_family([(evidence(0.01, error=1e-9, p=p), loose) for p in before])
        assert [finding.p for finding in found] == pytest.approx(expected)


@pytest.mark.parametrize(("difference", "error"), [(0.1, 0.05), (-0.1, 0.05), (0.001, 1.0), (3.0, 0.1)])
def test_normal_p_matches_scipy(difference: float, error: float) -> None:
    assert normal_p(difference, error) == pytest.approx(2 * stats.norm.sf(abs(difference) / error), rel=1e-9)


def test_normal_p_without_difference_or_error() -> None:
    assert (normal_p(0.0, 0.0), normal_p(0.0, 1.0), normal_p(0.1, 0.0)) == (1.0, 1.0, sys.float_info.min)


def test_normal_p_of_a_paired_mean_is_that_of_the_paired_t_test() -> None:
    generator = np.random.default_rng(0)
    first = generator.exponential(size=5000)
    second = first + generator.normal(0.005, 0.2, size=5000)
    found = normal_p(float((second - first).mean()), standard_error(second - first))
    assert found == pytest.approx(stats.ttest_rel(second, first).pvalue, rel=0.01)


@pytest.mark.parametrize(
    ("scales", "metric", "expected"),
    [
        ((1.0, 1.0), "loss", 1.0),
        ((4.0, 4.0), "loss", 4.0),
        ((4.0, 4.0), "accuracy", 2.0),
        ((0.1, 0.1), "loss", 1.0),  # smaller steps were not measured: they get no credit
        ((None, None), "recall", 1.0),
        ((900.0, 900.0), "loss", 20.0),  # as far as it was checked
        ((1.0, 7.0), "loss", 5.0),  # the root of the mean square of 1 and 7
    ],
)
def test_seed_factor(scales: tuple[float | None, ...], metric: str, expected: float) -> None:
    assert seed_factor(scales, measured=1.0, metric=metric) == pytest.approx(expected)
