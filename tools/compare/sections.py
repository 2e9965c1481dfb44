"""The tables of a report, as lines of Markdown."""

from tools.compare.comparison import Comparison
from tools.compare.markdown import SENTENCE, quote, table
from tools.compare.revisions import Revision
from tools.compare.significance import Interval
from tools.compare.verdicts import Finding

TITLES = {"accuracy": "accuracy", "loss": "loss (nats)", "macro_f1": "macro F1", "ece": "calibration error (ECE)"}


def headline_section(comparison: Comparison) -> list[str]:
    """Every headline metric in a row, then what McNemar counted and what the training says of itself."""
    header = ["metric", _title(comparison.base), _title(comparison.head), "difference", "verdict"]
    percent = f"{100 * comparison.rules.confidence:.4g} %"
    header += [f"{percent} interval: images", "images and seed", "p: images", "images and seed"]
    rows = [
        [TITLES[finding.evidence.name], *_numbers(finding), _verdict(finding, comparison.is_paired), *_errors(finding)]
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
    before, after = comparison.base.training, comparison.head.training
    if both := [name for name in before if name in after]:
        rows = [
            [quote(name), f"{before[name]:g}", f"{after[name]:g}", f"{after[name] - before[name]:+g}"] for name in both
        ]
        lines += ["", "Of the training, on val, not judged:", "", *table(["metric", *header[1:4]], rows)]
    return lines


def class_section(comparison: Comparison) -> list[str]:
    """The recall of each class in a row."""
    header = ["recall of", _title(comparison.base), _title(comparison.head), "difference", "verdict"]
    rows = [
        [quote(finding.evidence.name), *_numbers(finding), _verdict(finding, comparison.is_paired)]
        for finding in comparison.classes
    ]
    names = comparison.base.class_names, comparison.head.class_names
    lines = ["### Classes, the largest change first", "", *table(header, rows)]
    for mine, others, revision in ((names[0], names[1], comparison.base), (names[1], names[0], comparison.head)):
        if lone := [name for name in mine if name not in others]:
            lines += ["", f"Only {quote(revision.name)} has the classes {', '.join(map(quote, lone))}."]
    return lines


def params_section(comparison: Comparison) -> list[str]:
    """The changed params in rows."""
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


def data_section(comparison: Comparison) -> list[str]:
    """What became of images, labels and counts."""
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


def p_words(finding: Finding) -> str:
    """The p-value that the verdict rests on; for a difference also McNemar's, which many will look for."""
    if finding.evidence.counts and finding.verdict in ("better", "worse"):
        return f"McNemar's {format_p(finding.evidence.p)}, with seed noise {format_p(finding.p)}"
    return format_p(finding.p)


def plain_name(finding: Finding) -> str:
    """The metric's name in a sentence."""
    return TITLES[finding.evidence.name].split(" (")[0]


def format_p(p: float | None) -> str:
    """`p = 0.42`, two significant digits; never 0."""
    if p is None:
        return "p unknown"
    return f"p = {p:.2g}" if p >= 1e-300 else "p < 1e-300"


def _numbers(finding: Finding) -> list[str]:
    evidence = finding.evidence
    before, after = f"{evidence.before:.5f}", f"{evidence.after:.5f}"
    if evidence.intervals:
        before, after = (
            f"{value} ({low:.4f} to {high:.4f})"
            for value, (low, high) in zip((before, after), evidence.intervals, strict=True)
        )
    return [before, after, _signed(evidence.difference)]


def _verdict(finding: Finding, is_paired: bool) -> str:
    if finding.verdict == "cannot be judged":
        return "cannot be judged: the calibration bins differ" if is_paired else "cannot be judged from metrics alone"
    strong = "**" if finding.verdict in ("better", "worse") else ""
    return f"{strong}{finding.verdict}{strong} ({p_words(finding)}){', fails the gate' if finding.fails else ''}"


def _errors(finding: Finding) -> list[str]:
    intervals = [_interval(interval) for interval in (finding.evidence.interval, finding.interval)]
    p_values = [format_p(p) if p is not None else "" for p in (finding.evidence.p, finding.p)]
    return intervals + [p.removeprefix("p ").removeprefix("= ") for p in p_values]


def _interval(interval: Interval | None) -> str:
    return f"{_signed(interval[0])} to {_signed(interval[1])}" if interval else ""


def _signed(value: float) -> str:
    """With its sign; there is no minus zero."""
    return f"{round(value, 5) + 0.0:+.5f}"


def _count(value: int | None) -> str:
    return "none" if value is None else f"{value:,}"


def _title(revision: Revision) -> str:
    return quote(revision.name)
