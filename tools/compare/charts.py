"""Curves and confusion matrices of both revisions as one figure: DVC's own Vega-Lite, drawn offline."""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from typing import Any

from tools.compare.figure import compose
from tools.compare.files import WORKSPACE
from tools.compare.revisions import Revision

PLOTS = ("Loss", "Accuracy", "Confusion")  # of dvc.yaml
_LONGEST = 32  # characters of a revision's name in a legend


@dataclass(frozen=True)
class Figure:
    """The figure as SVG and PNG, both empty if there is none; `missing` says what it lacks and why, if anything."""

    svg: bytes
    png: bytes
    missing: str


def draw_charts(base: Revision, head: Revision) -> Figure:
    """Loss, accuracy and confusion of `base` and `head`, as far as `dvc plots diff` can have them."""
    try:
        import vl_convert  # here, since only the figure needs it: the report goes without
    except ImportError:
        return Figure(b"", b"", "vl-convert-python is not installed (`make setup`)")
    try:
        found = _ask_dvc(base, head)
        labels = label_revisions(base, head)
        panels = {name: _panel(found, name, labels) for name in PLOTS}
        svg = vl_convert.vegalite_to_svg(compose(panels, [label for label, _ in labels]), allowed_base_urls=[])
        png = vl_convert.svg_to_png(svg, scale=2)
    except Exception as error:  # a branch may hold any template, and Vega raises nearly any type
        return Figure(b"", b"", f"cannot be drawn ({' '.join(str(error).split())[:100]})")
    return Figure(svg.encode(), png, _missing(found, labels))


def label_revisions(base: Revision, head: Revision) -> list[tuple[str, str]]:
    """For each of the two a label, different from the other's, and what DVC calls it."""
    labels = [_shorten(revision.name) for revision in (base, head)]
    if labels[0] == labels[1]:
        labels = [f"{labels[0]} (base)", f"{labels[1]} (head)"]
    return [(label, revision.commit or WORKSPACE) for label, revision in zip(labels, (base, head), strict=True)]


def _ask_dvc(base: Revision, head: Revision) -> dict[str, Any]:
    """What `dvc plots diff --json` says: `data`, the Vega-Lite of each plot, and `errors`, what it could not have."""
    names = dict.fromkeys(revision.commit or WORKSPACE for revision in (base, head))
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "dvc", "plots", "diff", *names, "--targets", *PLOTS, "--json", "--out", folder]
        environment = {**os.environ, "DVC_NO_ANALYTICS": "1"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _panel(found: dict[str, Any], name: str, labels: list[tuple[str, str]]) -> dict[str, Any] | None:
    """The Vega-Lite of the plot `name` with the revisions' labels in its data, or None if neither has any."""
    plots = found["data"].get(name)
    if not plots:
        return None
    content: dict[str, Any] = plots[0]["content"]
    rows = content["data"]["values"]
    content["data"]["values"] = [{**row, "rev": label} for label, rev in labels for row in rows if row["rev"] == rev]
    return content if content["data"]["values"] else None


def _missing(found: dict[str, Any], labels: list[tuple[str, str]]) -> str:
    """Which plot of which revision the figure lacks."""
    rows = [(name, found["data"].get(name), label, rev) for name in PLOTS for label, rev in labels]
    lacking = [
        f"{name} of {label}" for name, plots, label, rev in rows if not plots or rev not in plots[0]["revisions"]
    ]
    return f"{', '.join(lacking)} cannot be had: in neither git, the DVC cache nor a remote" if lacking else ""


def _shorten(name: str) -> str:
    flat = " ".join(name.split())
    return flat if len(flat) <= _LONGEST else flat[: _LONGEST - 1] + "…"
