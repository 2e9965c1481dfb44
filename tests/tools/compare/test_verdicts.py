from dataclasses import replace

import pytest

from tools.compare.significance import mcnemar_p
from tools.compare.verdicts import Evidence, Rule, judge, judge_family

RULE = Rule(higher_is_better=True, seed_sd=0.001, tolerance=0.005, confidence=0.95)
LOWER = replace(RULE, higher_is_better=False)


def evidence(difference: float, error: float = 0.001, p: float = 1e-4) -> Evidence:
    return Evidence(
        "accuracy", 0.5, 0.5 + difference, error, (difference - 2 * error, difference + 2 * error), p, "McNemar"
    )


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
    assert untouched.interval == pytest.approx(untouched.evidence.interval)


def test_judge_says_so_where_nothing_is_known_of_the_error() -> None:
    finding = judge(Evidence("loss", 0.4, 9.0), LOWER)
    assert (finding.verdict, finding.fails, finding.p) == ("cannot be judged", False, None)


def test_judge_family_corrects_for_the_number_of_classes() -> None:
    alone, many = (judge_family([(evidence(-0.1, p=0.01), RULE)] * count) for count in (1, 10))
    assert [finding.verdict for finding in alone] == ["worse"]
    assert {finding.verdict for finding in many} == {"no evidence of a difference"}
    assert many[0].p == pytest.approx(0.1) and not many[0].fails


def test_judge_family_leaves_out_what_cannot_be_judged() -> None:
    found = judge_family([(Evidence("a", 0.1, 0.2), RULE), (evidence(-0.1, p=0.01), RULE)])
    assert [finding.verdict for finding in found] == ["cannot be judged", "worse"]


def test_fault_56_accuracy_differs_by_one_image() -> None:
    """accuracy differs by 0.0001 between hosts"""
    one_image = Evidence("accuracy", 0.8575, 0.8574, 0.0001, (-0.0003, 0.0), mcnemar_p(1, 0), "McNemar", (1, 0))
    for seed_sd in (0.0, 0.0011):
        finding = judge(one_image, Rule(True, seed_sd, tolerance=0.0, confidence=0.95))
        assert (finding.verdict, finding.fails, finding.p) == ("no evidence of a difference", False, 1.0)
