"""Curves and confusion matrices of both revisions as one figure: DVC's own Vega-Lite, made still and drawn offline."""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from typing import Any

from tools.compare.revision import Revision
from tools.compare.revision_files import WORKSPACE

Spec = dict[str, Any]

PLOTS = ("Loss", "Accuracy", "Confusion")  # of dvc.yaml
_LONGEST = 32  # characters of a revision's name in a legend
_COLOURS = ("#0072b2", "#d55e00")  # base, head: blue and orange, which the colour-blind can tell apart
_INK, _GREY, _PALE = "#202124", "#5f6368", "#dadce0"
_DASHES = {"domain": ["val_loss", "train_loss"], "range": [[1, 0], [5, 4]]}
DVC_LIMIT = 120  # seconds, of which it takes a few; it may wait for a remote
_CURVE, _MATRIX = (390, 230), 428  # pixels


@dataclass(frozen=True)
class Figure:
    """The figure as SVG and PNG, both empty if there is none; `missing` says what it lacks and why, if anything."""

    svg: bytes
    png: bytes
    missing: str


def draw_figure(base: Revision, head: Revision) -> Figure:
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
        try:
            done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=DVC_LIMIT)
        except subprocess.TimeoutExpired:
            raise RuntimeError(f"`dvc plots diff` did not end within {DVC_LIMIT} seconds") from None
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
    return f"{', '.join(lacking)} cannot be had from git, the DVC cache or a remote" if lacking else ""


def _shorten(name: str) -> str:
    flat = " ".join(name.split())
    return flat if len(flat) <= _LONGEST else flat[: _LONGEST - 1] + "…"


def compose(panels: dict[str, Spec | None], labels: list[str]) -> Spec:
    """The figure of the panels that there are; `labels` are the revisions', base first.

    Its background is white and not clear, so that it can be read on dark pages too.
    """
    curves = [_curve(panel, labels) for name in ("Loss", "Accuracy") if (panel := panels.get(name))]
    matrices = [_matrix(panel, labels) for name in ("Confusion",) if (panel := panels.get(name))]
    rows = ([{"hconcat": curves, "spacing": 48}] if curves else []) + matrices
    if not rows:
        raise ValueError("neither revision has anything to plot")
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "background": "white",
        "padding": 24,
        "vconcat": rows,
        "spacing": 40,
        "resolve": {"scale": {"color": "independent"}},
        "config": {
            "font": "sans-serif",
            "view": {"stroke": _PALE},
            "axis": {"labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal", "labelColor": _INK,
                     "titleColor": _GREY, "gridColor": "#eef0f2", "domainColor": _PALE, "tickColor": _PALE},
            "legend": {"labelFontSize": 12, "titleFontSize": 12, "labelLimit": 260, "titleFontWeight": "normal",
                       "titleColor": _GREY, "labelColor": _INK, "orient": "bottom"},
            "title": {"fontSize": 15, "color": _INK, "anchor": "start", "offset": 12},
            "header": {"labelFontSize": 13, "labelColor": _INK, "labelFontWeight": "bold", "labelLimit": 380},
        },
    }  # fmt: skip


def _curve(spec: Spec, labels: list[str]) -> Spec:
    """A line a revision, from DVC's `linear` template: its layer of plain lines, without smoothing."""
    lines = next(layer for layer in spec["layer"] if _mark_of(layer) == "line" and "transform" not in layer)
    ends = next(layer for layer in spec["layer"] if _mark_of(layer) == "circle")
    encoding, title = {**spec["encoding"], "color": _colour(labels)}, spec["title"]["text"]
    if encoding.pop("strokeDash", None):
        encoding["strokeDash"] = {"field": "field", "type": "nominal", "scale": _DASHES, "legend": None}
        title += ": val solid, train dashed"
    for layer in (lines, ends):
        layer["encoding"].pop("color", None)
        layer["encoding"]["x"]["axis"] = {"tickMinStep": 1, "format": "d", "grid": False}
    lines["mark"] = {"type": "line", "strokeWidth": 2}
    ends["mark"] = {"type": "circle", "size": 45, "opacity": 1}
    return {
        "data": spec["data"],
        "title": title,
        "width": _CURVE[0],
        "height": _CURVE[1],
        "encoding": encoding,
        "layer": [lines, ends],
    }


def _matrix(spec: Spec, labels: list[str]) -> Spec:
    """A matrix a revision, from DVC's `confusion` template: its counts shown, and shaded so that errors can be seen."""
    inner = spec["spec"]
    shade = next(
        layer for layer in inner["layer"] if "color" in layer.get("encoding", {}) and _mark_of(layer) == "rect"
    )
    text = next(layer for layer in inner["layer"] if _mark_of(layer) == "text")
    shade["encoding"]["color"] = {
        "field": "xy_count",
        "type": "quantitative",
        "scale": {"type": "sqrt", "range": ["#ffffff", "#08519c"], "interpolate": "rgb", "domainMin": 0},
        "legend": None,
    }
    del shade["width"], shade["height"]
    text["encoding"] = {
        "text": {"field": "xy_count", "type": "quantitative"},
        "color": {
            "condition": [
                {"test": "datum.xy_count === 0", "value": _PALE},
                {"test": "datum.percent_of_max > 0.3", "value": "white"},
            ],
            "value": _INK,
        },
    }
    axis = {"labelLimit": 110}
    inner["encoding"]["x"]["axis"] = {**axis, "labelAngle": -40}
    inner["encoding"]["y"]["axis"] = axis
    return {
        "data": spec["data"],
        "title": "Confusion: test images by label and prediction",
        "facet": {"column": {"field": "rev", "type": "nominal", "sort": labels, "title": None}},
        "spec": {**inner, "width": _MATRIX, "height": _MATRIX, "layer": [shade, text]},
    }


def _colour(labels: list[str]) -> Spec:
    return {
        "field": "rev",
        "type": "nominal",
        "scale": {"domain": labels, "range": list(_COLOURS)},
        "legend": {"title": "revision"},
    }


def _mark_of(layer: Spec) -> Any:
    mark = layer.get("mark")
    return mark.get("type") if isinstance(mark, dict) else mark
