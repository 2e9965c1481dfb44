"""The verdict: what the evidence on each metric comes to by the rules, and whether the gate fails.

A difference between two trained models has two sources of chance. One is the test images, of which the evidence tells.
The other is the training seed: two runs that differ in nothing else make slightly different models, and on many images
any slight difference is "significant". So its spread was measured, stands in the rules, and is added: the variance of a
difference is that of the images and twice that of a seed.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from scipy.stats import norm
from statsmodels.stats.multitest import multipletests

from tools.compare.evidence import SMALLEST_P, Evidence, Interval
from tools.compare.revision import HIGHER_IS_BETTER, Measured
from tools.compare.rules import Rules

Verdict = Literal["better", "worse", "no evidence of a difference", "cannot be judged"]
LARGEST_FACTOR = 20.0  # as far as it was checked (2 epochs); beyond, a branch could excuse anything


@dataclass(frozen=True, kw_only=True)
class Rule:
    """How a metric is judged: which way is better, what training seeds do to it, how much worse the gate takes."""

    higher_is_better: bool
    seed_sd: float
    tolerance: float
    confidence: float


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A judged metric. `p_images` is of the images alone; `p`, on which the verdict rests, and `interval` add seeds."""

    evidence: Evidence
    p_images: float | None = None
    p: float | None = None
    interval: Interval | None = None
    verdict: Verdict = "cannot be judged"
    fails: bool = False


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """Every metric judged; of a base without metrics there is nothing to judge.

    `seed_factors` says by how much more than measured a training seed was taken to change the loss, and the rest.
    """

    metrics: list[Finding]
    classes: list[Finding]
    seed_factors: dict[str, float]

    @property
    def failures(self) -> list[Finding]:
        """What fails the gate, the headline first."""
        return [finding for finding in self.metrics + self.classes if finding.fails]

    @property
    def summary(self) -> str:
        """The whole in a few words: new, worse, better, better and worse, or no evidence of a difference."""
        found = {finding.verdict for finding in self.metrics + self.classes}
        if words := [word for word in ("better", "worse") if word in found]:
            return " and ".join(words)
        if not found:
            return "new"
        return "no evidence of a difference" if "no evidence of a difference" in found else "cannot be judged"


NOTHING_TO_JUDGE = Judgement(metrics=[], classes=[], seed_factors={"loss": 1.0, "accuracy": 1.0})


def judge_all(
    evidence: tuple[list[Evidence], list[Evidence]], base: Measured, head: Measured, rules: Rules
) -> Judgement:
    """The verdicts on the headline metrics, and on the recall of each class, the largest change first."""
    scales = base.noise_scale, head.noise_scale
    factors = {name: seed_factor(scales, rules.seed_noise_scale, name) for name in ("loss", "accuracy")}
    metrics = [judge(each, _headline_rule(each.name, factors, rules)) for each in evidence[0]]
    classes = judge_family([(each, _class_rule(each, factors, rules)) for each in evidence[1]])
    classes.sort(key=lambda finding: -abs(finding.evidence.difference))
    return Judgement(metrics=metrics, classes=classes, seed_factors=factors)


def _headline_rule(name: str, factors: dict[str, float], rules: Rules) -> Rule:
    return Rule(
        higher_is_better=HIGHER_IS_BETTER[name],
        seed_sd=getattr(rules, f"{name}_seed_sd") * factors.get(name, factors["accuracy"]),
        tolerance=getattr(rules, f"{name}_tolerance"),
        confidence=rules.confidence,
    )


def _class_rule(recall: Evidence, factors: dict[str, float], rules: Rules) -> Rule:
    """How the recall of a class is judged: another seed moves it in proportion to the errors there are."""
    seed_sd = rules.class_seed_sd * (1 - (recall.before + recall.after) / 2) * factors["accuracy"]
    return Rule(higher_is_better=True, seed_sd=seed_sd, tolerance=rules.class_tolerance, confidence=rules.confidence)


def seed_factor(scales: Sequence[float | None], measured: float, metric: str) -> float:
    """By how much seeds make runs of noise `scales` differ more than those of scale `measured`: 1 to `LARGEST_FACTOR`.

    Near its minimum the loss grows with the square of what the noise does to the weights, so with the scale; what is
    counted in images grows with the noise itself, so with the root of the scale.
    """
    power = 1.0 if metric == "loss" else 0.5
    factors = [min(max(1.0, (scale or measured) / measured), LARGEST_FACTOR) ** power for scale in scales]
    return math.sqrt(sum(factor**2 for factor in factors) / len(factors))


def judge(evidence: Evidence, rule: Rule) -> Finding:
    """The verdict on one metric: a difference counts if neither images nor seeds, nor both together, explain it."""
    images, difference = evidence.images, evidence.difference
    if images is None:
        return Finding(evidence=evidence)
    seeds = math.sqrt(2) * rule.seed_sd
    p_images = normal_p(difference, images.standard_error) if images.exact_p is None else images.exact_p
    p = max(p_images, normal_p(difference, math.hypot(images.standard_error, seeds)))
    reach, (low, high) = float(norm.ppf((1 + rule.confidence) / 2)) * seeds, images.interval
    interval = (
        difference - math.hypot(difference - low, reach),
        difference + math.hypot(high - difference, reach),
    )
    return _decide(Finding(evidence=evidence, p_images=p_images, p=p, interval=interval), rule)


def judge_family(family: Sequence[tuple[Evidence, Rule]]) -> list[Finding]:
    """The verdicts on several metrics of one kind, such as the recalls of all classes, each with its rule.

    Each p-value is made larger for there being several (Holm), so that ten classes have no ten chances to err.
    """
    findings = [judge(evidence, rule) for evidence, rule in family]
    judged = [(index, finding.p) for index, finding in enumerate(findings) if finding.p is not None]
    if judged:
        adjusted = multipletests([p for _, p in judged], method="holm")[1]
        for (index, _), p in zip(judged, adjusted.tolist(), strict=True):
            findings[index] = _decide(replace(findings[index], p=p), family[index][1])
    return findings


def normal_p(difference: float, error: float) -> float:
    """The two-sided p-value of a difference whose error is normal; 1 if there is no difference at all."""
    return max(float(2 * norm.sf(abs(difference) / max(error, SMALLEST_P))), SMALLEST_P)


def _decide(finding: Finding, rule: Rule) -> Finding:
    """`finding` with the verdict and the gate's answer that its p-value calls for."""
    difference = finding.evidence.difference
    if finding.p is None or difference == 0 or finding.p >= 1 - rule.confidence:
        return replace(finding, verdict="no evidence of a difference", fails=False)
    if (difference > 0) == rule.higher_is_better:
        return replace(finding, verdict="better", fails=False)
    return replace(finding, verdict="worse", fails=abs(difference) > rule.tolerance)
