"""The report of a comparison: Markdown for people, of which report.md.jinja has the words, and JSON for machines.

Names and values can hold anything, and the report is believed: whatever comes from a branch is made harmless.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from linear_classifier.reporting.templates import open_template
from tools.compare.changes import Changes, Setting
from tools.compare.figure import Figure
from tools.compare.revision import Measured, Predicted, Revision
from tools.compare.rules import Rules
from tools.compare.verdict import Finding, Judgement

TITLES = {"accuracy": "accuracy", "loss": "loss (nats)", "macro_f1": "macro F1", "ece": "calibration error (ECE)"}
NAME, SENTENCE = 80, 400  # how many characters of it are shown at most
_HARMFUL = re.compile(r"[^\w /.,()=+-]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|(?i:www\.)", re.ASCII)


class Markdown(Markup):
    """Text that may stand in a report as it is."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """All that a report says; `rules_of` names the revision whose rules apply."""

    base: Revision
    head: Revision
    rules: Rules
    rules_of: str
    changes: Changes
    judgement: Judgement

    @property
    def is_paired(self) -> bool:
        return isinstance(self.base, Predicted) and isinstance(self.head, Predicted)


def format_markdown(comparison: Comparison, allowed: str | None, figure: Figure, figure_name: str) -> str:
    """The report. `allowed` is the reason for which a failed gate passes; the figure is in the file `figure_name`."""
    judgement, rules, data = comparison.judgement, comparison.rules, comparison.changes.data
    findings = judgement.metrics + judgement.classes
    changed = [finding for finding in findings if finding.verdict in ("better", "worse")]
    text = _template().render(
        **vars(comparison),
        **vars(judgement),
        summary=judgement.summary,
        failures=judgement.failures,
        reported=changed or [finding for finding in judgement.metrics if finding.p is not None],
        paired=comparison.is_paired,
        allowed=allowed,
        figure=figure,
        figure_name=figure_name,
        data=data,
        relabelled_tests=[row for row in data.relabelled if row[0] == "test"],
        percent=Markdown(f"{100 * rules.confidence:.4g} %"),
        alpha=Markdown(f"{1 - rules.confidence:.4g}"),
        tolerances=[(name, getattr(rules, f"{name}_tolerance")) for name in TITLES],
    )
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n") + "\n"


def quote(text: object, longest: int = NAME) -> Markdown:
    """`text` as code on one line, in which nothing is Markdown, HTML, a link or a mention.

    All but plain letters, digits and a few signs become numeric entities, and what has no shape of its own or turns
    the direction of writing becomes `?`. It is HTML's code element, since backticks cannot hold entities, and in code
    neither GitHub nor GitLab looks for names to notify.
    """
    flat = " ".join(str(text).split())
    short = flat if len(flat) <= longest else flat[: longest - 1] + "…"
    return Markdown(f"<code>{_HARMFUL.sub(_escape, short) or ' '}</code>")


def format_p(p: float | None) -> Markdown:
    """`p = 0.42`, two significant digits; never 0."""
    if p is None:
        return Markdown("p unknown")
    return Markdown(f"p = {p:.2g}" if p >= 1e-300 else "p < 1e-300")


def as_json(comparison: Comparison, allowed: str | None) -> dict[str, Any]:
    """Plain values; fractions and nats as in metrics.json, intervals `[low, high]`, null where something is unknown."""
    judgement, changes = comparison.judgement, comparison.changes
    failures = [finding.evidence.name for finding in judgement.failures]
    return {
        "verdict": judgement.summary,
        "gate": {
            "passed": not failures or bool(allowed),
            "failures": failures,
            "allowed": allowed if failures else None,
            "rules": asdict(comparison.rules),
            "rules_of": comparison.rules_of,
        },
        "base": _revision(comparison.base),
        "head": _revision(comparison.head),
        "paired": comparison.is_paired,
        "seed_factor": judgement.seed_factors,
        "metrics": {finding.evidence.name: _finding(finding) for finding in judgement.metrics},
        "training": {"before": _training(comparison.base), "after": _training(comparison.head)},
        "classes": {finding.evidence.name: _finding(finding) for finding in judgement.classes},
        "params": _rows_by_key(changes.params),
        "rules": _rows_by_key(changes.rules),
        "data": {
            "same_test_images": changes.data.same_test_images,
            "classes": {
                "added": changes.data.added,
                "removed": changes.data.removed,
                "renamed": _as_dicts(changes.data.renamed, ("before", "after")),
            },
            "totals": _as_dicts(changes.data.totals, ("split", "before", "after")),
            "relabelled": _as_dicts(changes.data.relabelled, ("split", "before", "after", "images")),
            "counts": _as_dicts(changes.data.counts, ("split", "class", "before", "after")),
            "notes": changes.data.notes,
        },
    }


def _template() -> jinja2.Template:
    filters: dict[str, Callable[..., Markdown]] = {
        "p": format_p,
        "bare_p": lambda p: format_p(p)[2:].removeprefix("= ") if p is not None else Markdown(""),
        "fixed": lambda value, digits: Markdown(f"{value:.{digits}f}"),
        "signed": lambda value: Markdown(f"{round(value, 5) + 0.0:+.5f}"),  # there is no minus zero
        "short": lambda value: Markdown(f"{value:g}"),
        "short_signed": lambda value: Markdown(f"{value:+g}"),
        "count": lambda value: Markdown("none" if value is None else f"{value:,}"),
        "title": lambda name: Markdown(TITLES[name]),
        "plain_name": lambda name: Markdown(TITLES[name].split(" (")[0]),
        "sentence": partial(quote, longest=SENTENCE),
        "class_names": _class_names,
    }
    return open_template(Path(__file__).with_name("report.md.jinja"), filters, quote)


def _class_names(relabelled: Iterable[tuple[str, str, str, int]]) -> Markdown:
    names = dict.fromkeys(name for _, before, after, _ in relabelled for name in (before, after))
    return Markdown(", ").join(map(quote, names))


def _escape(match: re.Match[str]) -> str:
    return "".join("?" if unicodedata.category(char)[0] in "CZ" else f"&#{ord(char)};" for char in match[0])


def _revision(revision: Revision) -> dict[str, Any]:
    return {
        "name": revision.name,
        "commit": revision.commit,
        "num_images": revision.num_images,
        "no_predictions": revision.why_no_predictions or None,
    }


def _finding(finding: Finding) -> dict[str, Any]:
    evidence, images = finding.evidence, finding.evidence.images
    discordant = images.discordant if images and images.discordant else (None, None)
    return {
        "before": evidence.before,
        "after": evidence.after,
        "difference": evidence.difference,
        "verdict": finding.verdict,
        "fails": finding.fails,
        "p": finding.p,
        "interval": finding.interval,
        "test": images.name if images else None,
        "p_images": finding.p_images,
        "interval_images": images.interval if images else None,
        "only_base_right": discordant[0],
        "only_head_right": discordant[1],
        "wilson": images.wilson if images else None,
    }


def _training(revision: Revision) -> dict[str, float]:
    return revision.training if isinstance(revision, Measured) else {}


def _rows_by_key(rows: list[Setting]) -> dict[str, dict[str, str]]:
    return {key: {"before": before, "after": after} for key, before, after in rows}


def _as_dicts(rows: Iterable[tuple[Any, ...]], names: tuple[str, ...]) -> list[dict[str, Any]]:
    return [dict(zip(names, row, strict=True)) for row in rows]
