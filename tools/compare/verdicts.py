"""The rules: what a difference, its error and its p-value make of a metric, and when the gate fails.

A difference between two trained models has two sources of chance. One is the test images, which a test or a bootstrap
over images knows. The other is the training seed, which it does not: two runs that differ in nothing else make slightly
different models, and on many images any slight difference is "significant". So its spread was measured, stands in
params.yaml, and is added: the variance of a difference is that of the images and twice that of a seed.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from tools.compare.significance import Interval, holm, normal_p, normal_quantile

Verdict = Literal["better", "worse", "no evidence of a difference", "cannot be judged"]


@dataclass(frozen=True)
class Evidence:
    """A metric of two revisions and what the test images alone say of the difference.

    `standard_error`, `interval` and `p` are None where they cannot be had. `counts` are the images that only the base
    and only the head classifies right; `intervals` are Wilson's, of each revision alone.
    """

    name: str
    before: float
    after: float
    standard_error: float | None = None
    interval: Interval | None = None
    p: float | None = None
    test: str = ""
    counts: tuple[int, int] | None = None
    intervals: tuple[Interval, Interval] | None = None

    @property
    def difference(self) -> float:
        return round(self.after - self.before, 6)


@dataclass(frozen=True)
class Rule:
    """How a metric is judged: which way is better, what training seeds do to it, how much worse the gate takes."""

    higher_is_better: bool
    seed_sd: float
    tolerance: float
    confidence: float


@dataclass(frozen=True)
class Finding:
    """A judged metric. `p` is what the verdict rests on; `interval` counts images and seeds."""

    evidence: Evidence
    interval: Interval | None
    p: float | None
    verdict: Verdict
    fails: bool


def judge(evidence: Evidence, rule: Rule) -> Finding:
    """The verdict on one metric: a difference counts if neither images nor seeds, nor both together, explain it."""
    if evidence.standard_error is None or evidence.interval is None or evidence.p is None:
        return Finding(evidence, None, None, "cannot be judged", False)
    seeds = math.sqrt(2) * rule.seed_sd
    p = max(evidence.p, normal_p(evidence.difference, math.hypot(evidence.standard_error, seeds)))
    reach = normal_quantile(rule.confidence) * seeds
    low, high = evidence.interval
    widened = (
        evidence.difference - math.hypot(evidence.difference - low, reach),
        evidence.difference + math.hypot(high - evidence.difference, reach),
    )
    return _decide(Finding(evidence, widened, p, "no evidence of a difference", False), rule)


def judge_family(family: Sequence[tuple[Evidence, Rule]]) -> list[Finding]:
    """The verdicts on several metrics of one kind, such as the recalls of all classes, each with its rule.

    Each p-value is made larger for there being several (Holm), so that ten classes have no ten chances to err.
    """
    findings = [judge(evidence, rule) for evidence, rule in family]
    judged = [index for index, finding in enumerate(findings) if finding.p is not None]
    for index, p in zip(judged, holm([findings[index].p or 0.0 for index in judged]), strict=True):
        findings[index] = _decide(replace(findings[index], p=p), family[index][1])
    return findings


def _decide(finding: Finding, rule: Rule) -> Finding:
    """`finding` with the verdict and the gate's answer that its p-value calls for."""
    difference = finding.evidence.difference
    if finding.p is None or difference == 0 or finding.p >= 1 - rule.confidence:
        return replace(finding, verdict="no evidence of a difference", fails=False)
    if (difference > 0) == rule.higher_is_better:
        return replace(finding, verdict="better", fails=False)
    return replace(finding, verdict="worse", fails=abs(difference) > rule.tolerance)
