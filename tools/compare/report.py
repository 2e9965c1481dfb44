"""A comparison as Markdown for a reviewer in a hurry, verdict first."""

from tools.compare.comparison import Comparison
from tools.compare.markdown import SENTENCE, quote
from tools.compare.revisions import Revision
from tools.compare.sections import (
    TITLES,
    class_section,
    data_section,
    format_p,
    headline_section,
    p_words,
    params_section,
    plain_name,
)
from tools.compare.verdicts import Finding


def format_markdown(comparison: Comparison, allowed: str | None, chart: str, no_chart: str) -> str:
    """The report. `allowed` is the reason for which a failed gate passes, `chart` the path of the figure.

    `no_chart` says what the figure lacks and why, and is empty where it lacks nothing.
    """
    parts = [_opening(comparison, allowed)]
    if chart:
        parts.append([f"![Curves and confusion matrices of both revisions]({chart})"])
    if no_chart:
        parts.append([f"Charts: {quote(no_chart, SENTENCE)}"])
    if comparison.metrics:
        parts += [headline_section(comparison), class_section(comparison)]
    parts += [params_section(comparison), data_section(comparison)]
    if comparison.metrics:
        parts.append(_how_to_read(comparison))
    return "\n\n".join("\n".join(part).strip("\n") for part in parts) + "\n"


def _opening(comparison: Comparison, allowed: str | None) -> list[str]:
    base, head, words = comparison.base, comparison.head, comparison.verdict
    changed = [finding for finding in comparison.metrics + comparison.classes if finding.verdict in ("better", "worse")]
    told = "; ".join(_tell(finding, finding in comparison.classes) for finding in changed)
    if words == "new":
        told = f"{quote(base.name)} has no metrics, so there is nothing to compare with"
    elif not changed:
        told = "; ".join(f"{plain_name(finding)} {format_p(finding.p)}" for finding in comparison.metrics if finding.p)
    lines = [f"**{words.capitalize()}{_gate_words(comparison, allowed)}** {told}".rstrip() + "."]
    if comparison.failures and allowed:
        lines += ["", f"Allowed to be worse, for this reason: {quote(allowed, SENTENCE)}"]
    if moved := [row for row in comparison.data.relabelled if row[0] == "test"]:
        names = dict.fromkeys(name for _, old, new, _ in moved for name in (old, new))
        lines += ["", f"**{sum(row[3] for row in moved):,} test labels changed**, of {', '.join(map(quote, names))}: "
                  "each revision is judged by its own labels."]  # fmt: skip
    return [*lines, "", f"{_describe(head)} compared with {_describe(base)}, {_basis(comparison)}."]


def _gate_words(comparison: Comparison, allowed: str | None) -> str:
    if not comparison.failures:
        return ":"
    return ", and allowed:" if allowed else ", the gate fails:"


def _basis(comparison: Comparison) -> str:
    """On what the verdicts rest."""
    if not comparison.metrics:
        return "by params and data alone"
    same = {
        True: "the same test images",
        None: "test images that may differ (there is no cache to tell)",
        False: "different test images",
    }[comparison.data.same_test_images]
    if comparison.is_paired:
        return f"image by image, on {same} ({comparison.base.num_images:,})"
    missing = [
        f"{quote(revision.name)} has no predictions ({quote(revision.why_not, SENTENCE)})"
        for revision in (comparison.base, comparison.head)
        if revision.why_not
    ]
    return f"**by metrics alone**, on {same}: {'; '.join(missing)}; the verdicts are weaker than from predictions"


def _how_to_read(comparison: Comparison) -> list[str]:
    rules, percent = comparison.rules, f"{100 * comparison.rules.confidence:.4g} %"
    alpha = f"{1 - rules.confidence:.4g}"
    lines = ["### How to read it", ""]
    if comparison.is_paired:
        lines += [
            "- *p: images* asks whether chance among the test images explains the difference (McNemar's exact test for "
            "accuracy and recall, a paired z-test for loss; a paired bootstrap of "
            f"{rules.bootstrap_samples:,} resamples for the rest and for the intervals).",
            "- *images and seed* adds what another training seed changes (`compare.*_seed_sd`). The "
            "verdict rests on the larger p: better or worse if it is under "
            f"{alpha}; for classes after Holm's correction.",
        ]
    else:
        lines += [
            "- Without both revisions' predictions only accuracy and recall can be judged: by a test of proportions, "
            f"seed noise added ({percent} Wilson intervals in brackets). Pairs of predictions would show smaller "
            "differences.",
        ]
    if comparison.seed_factor("loss") > 1:
        lines += [
            "- These trainings kept epochs of larger steps than those in which seeds were measured. So the spread over "
            f"seeds was taken {comparison.seed_factor('loss'):.1f} times as large for loss, and "
            f"{comparison.seed_factor('accuracy'):.1f} times for the rest: small differences cannot be told.",
        ]
    tolerances = ", ".join(f"{TITLES[name]} {getattr(rules, f'{name}_tolerance'):g}" for name in TITLES)
    return [
        *lines,
        f"- The gate fails where the verdict is worse, by more than is tolerated: {tolerances}, recall of a class "
        f"{rules.class_tolerance:g} (section `compare` of {quote(comparison.rules_of)}).",
    ]


def _tell(finding: Finding, is_class: bool) -> str:
    evidence = finding.evidence
    name = f"recall of {quote(evidence.name)}" if is_class else plain_name(finding)
    return f"{name} {finding.verdict} by {abs(evidence.difference):.5f} ({p_words(finding)})"


def _describe(revision: Revision) -> str:
    return quote(revision.name) + (f" ({revision.commit[:7]})" if revision.commit else "")
