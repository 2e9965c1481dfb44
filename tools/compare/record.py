"""A comparison as JSON, for machines: report.json and `--json`."""

from dataclasses import asdict
from typing import Any

from tools.compare.comparison import Comparison
from tools.compare.revisions import Revision
from tools.compare.verdicts import Finding


def as_json(comparison: Comparison, allowed: str | None) -> dict[str, Any]:
    """Plain values; fractions and nats as in metrics.json, intervals `[low, high]`, null where something is unknown."""
    failures = comparison.failures
    return {
        "verdict": comparison.verdict,
        "gate": {
            "passed": not failures or bool(allowed),
            "failures": [finding.evidence.name for finding in failures],
            "allowed": allowed if failures else None,
            "rules": asdict(comparison.rules),
            "rules_of": comparison.rules_of,
        },
        "base": _revision(comparison.base),
        "head": _revision(comparison.head),
        "paired": comparison.is_paired,
        "seed_factor": {name: comparison.seed_factor(name) for name in ("loss", "accuracy")},
        "metrics": {finding.evidence.name: _finding(finding) for finding in comparison.metrics},
        "training": {"before": comparison.base.training, "after": comparison.head.training},
        "classes": {finding.evidence.name: _finding(finding) for finding in comparison.classes},
        "params": {key: {"before": before, "after": after} for key, before, after in comparison.params},
        "data": {
            "same_test_images": comparison.data.same_test_images,
            "relabelled": [
                {"split": split, "before": old, "after": new, "images": count}
                for split, old, new, count in comparison.data.relabelled
            ],
            "counts": [
                {"split": split, "class": name, "before": old, "after": new}
                for split, name, old, new in comparison.data.counts
            ],
            "notes": comparison.data.notes,
        },
    }


def _revision(revision: Revision) -> dict[str, Any]:
    return {
        "name": revision.name,
        "commit": revision.commit,
        "num_images": revision.num_images,
        "no_predictions": revision.why_not or None,
    }


def _finding(finding: Finding) -> dict[str, Any]:
    evidence = finding.evidence
    return {
        "before": evidence.before,
        "after": evidence.after,
        "difference": evidence.difference,
        "verdict": finding.verdict,
        "fails": finding.fails,
        "p": finding.p,
        "interval": finding.interval,
        "test": evidence.test or None,
        "p_images": evidence.p,
        "interval_images": evidence.interval,
        "only_base_right": evidence.counts[0] if evidence.counts else None,
        "only_head_right": evidence.counts[1] if evidence.counts else None,
        "wilson": evidence.intervals,
    }
