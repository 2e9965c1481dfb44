"""A comparison as Markdown for a reviewer in a hurry, verdict first."""

from tools.compare.comparison import Comparison
from tools.compare.markdown import SENTENCE, quote, table
from tools.compare.revisions import Revision
from tools.compare.significance import Interval
from tools.compare.verdicts import Finding

TITLES = {"accuracy": "accuracy", "loss": "loss (nats)", "macro_f1": "macro F1", "ece": "calibration error (ECE)"}


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
        parts += [_headline(comparison), _classes(comparison)]
    parts += [_params(comparison), _data(comparison)]
    if comparison.metrics:
        parts.append(_how_to_read(comparison))
    return "\n\n".join("\n".join(part).strip("\n") for part in parts) + "\n"


def summarise(comparison: Comparison) -> str:
    """The overall verdict in a few words: new, worse, better, better and worse, or no evidence of a difference."""
    if comparison.base.metrics is None:
        return "new"
    found = {finding.verdict for finding in comparison.metrics + comparison.classes}
    words = [word for word in ("better", "worse") if word in found]
    if words:
        return " and ".join(words)
    return "no evidence of a difference" if "no evidence of a difference" in found else "cannot be judged"


def format_p(p: float | None) -> str:
    """`p = 0.42`, two significant digits; never 0."""
    if p is None:
        return "p unknown"
    return f"p = {p:.2g}" if p >= 1e-300 else "p < 1e-300"


def _opening(comparison: Comparison, allowed: str | None) -> list[str]:
    base, head, words = comparison.base, comparison.head, summarise(comparison)
    changed = [finding for finding in comparison.metrics + comparison.classes if finding.verdict in ("better", "worse")]
    told = "; ".join(_tell(finding, finding in comparison.classes) for finding in changed)
    if words == "new":
        told = f"{quote(base.name)} has no metrics, so there is nothing to compare with"
    elif not changed:
        told = "; ".join(f"{_name(finding)} {format_p(finding.p)}" for finding in comparison.metrics if finding.p)
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


def _headline(comparison: Comparison) -> list[str]:
    header = ["metric", _title(comparison.base), _title(comparison.head), "difference", "verdict"]
    percent = f"{100 * comparison.rules.confidence:.4g} %"
    header += [f"{percent} interval: images", "images and seed", "p: images", "images and seed"]
    rows = [
        [TITLES[finding.evidence.name], *_numbers(finding), _verdict(finding), *_errors(finding)]
        for finding in comparison.metrics
    ]
    lines = ["### Metrics", "", *table(header, rows)]
    for finding in comparison.metrics:
        if counts := finding.evidence.counts:
            lines += [
                "",
                f"Accuracy by McNemar's exact test: {counts[0]:,} images only {quote(comparison.base.name)} has right, "
                f"{counts[1]:,} only {quote(comparison.head.name)}, {format_p(finding.evidence.p)}.",
            ]
    return lines


def _classes(comparison: Comparison) -> list[str]:
    header = ["recall of", _title(comparison.base), _title(comparison.head), "difference", "verdict"]
    rows = [[quote(finding.evidence.name), *_numbers(finding), _verdict(finding)] for finding in comparison.classes]
    names = comparison.base.class_names, comparison.head.class_names
    lines = ["### Classes, the largest change first", "", *table(header, rows)]
    for mine, others, revision in ((names[0], names[1], comparison.base), (names[1], names[0], comparison.head)):
        if lone := [name for name in mine if name not in others]:
            lines += ["", f"Only {quote(revision.name)} has the classes {', '.join(map(quote, lone))}."]
    return lines


def _params(comparison: Comparison) -> list[str]:
    rows = [[quote(key), quote(before), quote(after)] for key, before, after in comparison.params]
    if not rows:
        return ["### Params changed", "", "None."]
    lines = ["### Params changed", ""]
    if any(key.startswith("compare.") or key == "compare" for key, _, _ in comparison.params):
        lines += [
            f"**The rules of this comparison change themselves** (`compare`, below). "
            f"Those of {quote(comparison.rules_of)} were applied.",
            "",
        ]
    return [*lines, *table(["param", _title(comparison.base), _title(comparison.head)], rows)]


def _data(comparison: Comparison) -> list[str]:
    data, lines = comparison.data, ["### Data changed", ""]
    if data.same_test_images is None:
        lines += ["Whether the test images are the same cannot be known: they are in neither cache nor remote.", ""]
    if data.relabelled:
        rows = [[split, quote(old), quote(new), f"{count:,}"] for split, old, new, count in data.relabelled]
        classes = list(dict.fromkeys(name for row in data.relabelled for name in row[1:3]))
        lines += [f"**Labels of the same images changed**, of the classes {', '.join(map(quote, classes))}:", ""]
        lines += [*table(["split", "label before", "label now", "images"], rows, right_from=3), ""]
    if data.counts:
        rows = [[quote(split), quote(name), _count(old), _count(new)] for split, name, old, new in data.counts]
        lines += [*table(["split", "class", "images before", "now"], rows, right_from=2), ""]
    lines += [f"- {quote(note, SENTENCE)}" for note in data.notes]
    return lines if len(lines) > 2 else [*lines, "Nothing."]


def _how_to_read(comparison: Comparison) -> list[str]:
    rules, percent = comparison.rules, f"{100 * comparison.rules.confidence:.4g} %"
    alpha = f"{1 - rules.confidence:.4g}"
    lines = ["### How to read it", ""]
    if comparison.is_paired:
        lines += [
            "- *p: images* asks whether chance among the test images explains the difference (McNemar's exact test for "
            "accuracy and recall, a paired z-test for loss; a paired bootstrap of "
            f"{rules.bootstrap_samples:,} resamples for the rest and for the intervals).",
            "- *images and seed* adds what another training seed changes (`compare.*_seed_sd`). The verdict rests on "
            f"the larger p: better or worse if it is under {alpha}; for classes after Holm's correction.",
        ]
    else:
        lines += [
            "- Without both revisions' predictions only accuracy and recall can be judged: by a test of proportions, "
            f"seed noise added ({percent} Wilson intervals in brackets). Pairs of predictions would show smaller "
            "differences.",
        ]
    tolerances = ", ".join(f"{TITLES[name]} {getattr(rules, f'{name}_tolerance'):g}" for name in TITLES)
    return [
        *lines,
        f"- The gate fails where the verdict is worse, by more than is tolerated: {tolerances}, recall of a class "
        f"{rules.class_tolerance:g} (section `compare` of {quote(comparison.rules_of)}).",
    ]


def _numbers(finding: Finding) -> list[str]:
    evidence = finding.evidence
    before, after = f"{evidence.before:.5f}", f"{evidence.after:.5f}"
    if evidence.intervals:
        before, after = (
            f"{value} ({low:.4f} to {high:.4f})"
            for value, (low, high) in zip((before, after), evidence.intervals, strict=True)
        )
    return [before, after, _signed(evidence.difference)]


def _verdict(finding: Finding) -> str:
    if finding.verdict == "cannot be judged":
        return "cannot be judged from metrics alone"
    strong = "**" if finding.verdict in ("better", "worse") else ""
    return f"{strong}{finding.verdict}{strong} ({_p_words(finding)}){', fails the gate' if finding.fails else ''}"


def _p_words(finding: Finding) -> str:
    """The p-value that the verdict rests on; for a difference also McNemar's, which many will look for."""
    if finding.evidence.counts and finding.verdict in ("better", "worse"):
        return f"McNemar's {format_p(finding.evidence.p)}, with seed noise {format_p(finding.p)}"
    return format_p(finding.p)


def _errors(finding: Finding) -> list[str]:
    intervals = [_interval(interval) for interval in (finding.evidence.interval, finding.interval)]
    p_values = [format_p(p) if p is not None else "" for p in (finding.evidence.p, finding.p)]
    return intervals + [p.removeprefix("p ").removeprefix("= ") for p in p_values]


def _interval(interval: Interval | None) -> str:
    return f"{_signed(interval[0])} to {_signed(interval[1])}" if interval else ""


def _signed(value: float) -> str:
    """With its sign; there is no minus zero."""
    return f"{round(value, 5) + 0.0:+.5f}"


def _tell(finding: Finding, is_class: bool) -> str:
    evidence = finding.evidence
    name = f"recall of {quote(evidence.name)}" if is_class else _name(finding)
    return f"{name} {finding.verdict} by {abs(evidence.difference):.5f} ({_p_words(finding)})"


def _name(finding: Finding) -> str:
    return TITLES[finding.evidence.name].split(" (")[0]


def _count(value: int | None) -> str:
    return "none" if value is None else f"{value:,}"


def _title(revision: Revision) -> str:
    return quote(revision.name)


def _describe(revision: Revision) -> str:
    return quote(revision.name) + (f" ({revision.commit[:7]})" if revision.commit else "")
