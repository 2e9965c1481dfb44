"""What another training seed does to each metric, and how often `tools.compare` takes it for more than that."""

import json
from collections import Counter
from dataclasses import asdict
from itertools import combinations

import numpy as np

from linear_classifier.evaluation.metrics import Floats, compute_metrics
from linear_classifier.params import CompareParams, Params
from tools.benchmark.seeds import SeedRun
from tools.compare.comparison import judge_classes, judge_headline
from tools.compare.files import Files
from tools.compare.metrics import parse_metrics
from tools.compare.revisions import Revision
from tools.compare.seeds import noise_scale


def as_revision(name: str, run: SeedRun, class_names: list[str], params: Params) -> Revision:
    """A run as `tools.compare` would find it."""
    metrics = compute_metrics(run.predictions, class_names, params.evaluate.calibration_bins)
    parsed = parse_metrics(json.dumps(metrics).encode(), name)
    scale = noise_scale(run.kept.lr, params.train.batch_size, params.train.momentum)
    return Revision(name, None, Files(None), asdict(params), parsed, run.predictions, "", {}, scale)


def seed_deviations(runs: list[Revision]) -> dict[str, float]:
    """The standard deviation of each headline metric over `runs`, and `class`: that of recall divided by error rate.

    The last is of the class in which it is largest: a gate that cries wolf over one class is soon ignored.
    """
    metrics = [run.metrics for run in runs if run.metrics]
    found = {name: _deviation([each.headline[name] for each in metrics]) for name in metrics[0].headline}
    recalls: Floats = np.array([list(each.recall.values()) for each in metrics])
    ratios = recalls.std(axis=0, ddof=1) / np.maximum(1 - recalls.mean(axis=0), 1e-9)
    return {**found, "class": float(ratios.max())}


def count_false_alarms(runs: list[Revision], rules: CompareParams) -> tuple[int, Counter[str]]:
    """How many pairs of `runs` there are, and in how many of them each metric is judged better or worse, or any is."""
    alarms: Counter[str] = Counter()
    pairs = list(combinations(runs, 2))
    for base, head in pairs:
        findings = judge_headline(base, head, rules) + judge_classes(base, head, rules)
        names = {finding.evidence.name for finding in findings if finding.verdict in ("better", "worse")}
        alarms.update(names | ({"any of them"} if names else set()))
        alarms.update({"the gate fails"} if any(finding.fails for finding in findings) else set())
    return len(pairs), alarms


def _deviation(values: list[float]) -> float:
    return float(np.std(values, ddof=1))
