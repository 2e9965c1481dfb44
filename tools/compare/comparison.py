"""Two revisions side by side: every metric judged, and what changed in params and data beside it."""

from dataclasses import dataclass
from typing import Any

from linear_classifier.io.sections import check_section, short_repr
from linear_classifier.params import CompareParams
from tools.compare.data import DataChanges, find_data_changes
from tools.compare.evidence import class_evidence, headline_evidence
from tools.compare.measures import HIGHER_IS_BETTER
from tools.compare.revisions import Revision
from tools.compare.seeds import stretch
from tools.compare.verdicts import Evidence, Finding, Rule, judge, judge_family


@dataclass(frozen=True)
class Comparison:
    """All that a report says. `params` are the changed ones: key, before, after; `rules_of` names whose rules apply."""

    base: Revision
    head: Revision
    rules: CompareParams
    rules_of: str
    metrics: list[Finding]
    classes: list[Finding]
    params: list[tuple[str, str, str]]
    data: DataChanges

    def seed_factor(self, metric: str) -> float:
        """By how much more than measured a training seed was taken to change `metric`; see `stretch`."""
        return stretch((self.base.noise_scale, self.head.noise_scale), self.rules.seed_noise_scale, metric)

    @property
    def is_paired(self) -> bool:
        return self.base.predictions is not None and self.head.predictions is not None

    @property
    def verdict(self) -> str:
        """The whole in a few words: new, worse, better, better and worse, or no evidence of a difference."""
        if self.base.metrics is None:
            return "new"
        found = {finding.verdict for finding in self.metrics + self.classes}
        if words := [word for word in ("better", "worse") if word in found]:
            return " and ".join(words)
        return "no evidence of a difference" if "no evidence of a difference" in found else "cannot be judged"

    @property
    def failures(self) -> list[Finding]:
        """What fails the gate, the headline first."""
        return [finding for finding in self.metrics + self.classes if finding.fails]


def compare(base: Revision, head: Revision) -> Comparison:
    """What `head` is against `base`; there is nothing to judge where the base has no metrics yet.

    Raises:
        ValueError: they were tested on different images, or neither has valid rules.
    """
    rules, rules_of = choose_rules(base, head)
    data, params = find_data_changes(base, head), diff_params(base.params, head.params)
    if base.metrics is None:
        return Comparison(base, head, rules, rules_of, [], [], params, data)
    if data.same_test_images is False:
        sizes = " and ".join(str(revision.num_images or "an unknown number of") for revision in (base, head))
        raise ValueError(
            f"{base.name} and {head.name}: their test images differ ({sizes} images), so that their metrics are of "
            "different exams; evaluate both on the same images"
        )
    metrics, classes = judge_headline(base, head, rules), judge_classes(base, head, rules)
    return Comparison(base, head, rules, rules_of, metrics, classes, params, data)


def choose_rules(base: Revision, head: Revision) -> tuple[CompareParams, str]:
    """The section `compare` of the base, else of the head, and whose it is: no change may loosen its own gate.

    Raises:
        ValueError: the base has none that is valid, and neither has the head.
    """
    try:
        return check_section(base.params.get("compare"), CompareParams, "compare"), base.name
    except ValueError:
        return check_section(head.params.get("compare"), CompareParams, f"{head.name}: params.yaml: compare"), head.name


def diff_params(before: dict[str, Any], after: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Every key of params.yaml, dotted, whose value differs, with both values as text."""
    old, new = _flatten(before), _flatten(after)
    keys = [key for key in {**old, **new} if key not in old or key not in new or old[key] != new[key]]
    return [(key, _value(old, key), _value(new, key)) for key in keys]


def _value(params: dict[str, Any], key: str) -> str:
    return short_repr(params[key]) if key in params else "not there"


def _flatten(params: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(params, dict) or not params:
        return {prefix: params}
    return {
        key: value
        for name, below in params.items()
        for key, value in _flatten(below, f"{prefix}.{name}" if prefix else str(name)).items()
    }


def judge_headline(base: Revision, head: Revision, rules: CompareParams) -> list[Finding]:
    """The verdicts on accuracy, loss, macro F1 and ECE."""
    return [
        judge(evidence, _headline_rule(evidence.name, base, head, rules))
        for evidence in headline_evidence(base, head, rules)
    ]


def judge_classes(base: Revision, head: Revision, rules: CompareParams) -> list[Finding]:
    """The verdicts on the recall of each class, the largest change first."""
    family = [(recall, _class_rule(recall, base, head, rules)) for recall in class_evidence(base, head, rules)]
    return sorted(judge_family(family), key=lambda finding: -abs(finding.evidence.difference))


def _headline_rule(name: str, base: Revision, head: Revision, rules: CompareParams) -> Rule:
    seed_sd = getattr(rules, f"{name}_seed_sd") * _stretch(name, base, head, rules)
    return Rule(HIGHER_IS_BETTER[name], seed_sd, getattr(rules, f"{name}_tolerance"), rules.confidence)


def _class_rule(recall: Evidence, base: Revision, head: Revision, rules: CompareParams) -> Rule:
    """How the recall of a class is judged: another seed moves it in proportion to the errors there are."""
    errors = 1 - (recall.before + recall.after) / 2
    seed_sd = rules.class_seed_sd * errors * _stretch("recall", base, head, rules)
    return Rule(True, seed_sd, rules.class_tolerance, rules.confidence)


def _stretch(metric: str, base: Revision, head: Revision, rules: CompareParams) -> float:
    return stretch((base.noise_scale, head.noise_scale), rules.seed_noise_scale, metric)
