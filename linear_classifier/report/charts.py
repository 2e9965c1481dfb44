"""The charts of the page as SVG: Vega-Lite, described by Altair and drawn by vl-convert, offline and without a browser.

Colours are the page's own custom properties, so that the charts follow its dark mode. A chart is a picture with a text
that says what it shows; the numbers stand in a table beside it.
"""

import html
import re

from typing import Any

import altair as alt
import vl_convert

from linear_classifier.training.history import Epoch

_WIDTH, _HEIGHT = 340, 200  # pixels, of the plot without its axes
_INK, _MUTED, _LINE = "var(--ink)", "var(--muted)", "var(--line)"
_FIRST, _SECOND = "var(--accent)", "var(--second)"


def draw_loss(history: list[Epoch]) -> str:
    """The loss of each epoch on the training and the validation images."""
    rows = [
        {"epoch": epoch.epoch, "split": split, "value": getattr(epoch, f"{split}_loss")}
        for epoch in history
        for split in ("val", "train")
    ]
    lines = _base(rows).encode(
        x=_epochs(),
        y=alt.Y("value:Q", title="nats per image", scale=alt.Scale(zero=False)),
        color=alt.Color("split:N", scale=alt.Scale(domain=["val", "train"], range=[_FIRST, _SECOND]), title=None),
        strokeDash=alt.StrokeDash("split:N", scale=alt.Scale(domain=["val", "train"], range=[[1, 0], [5, 4]])),
    )
    return _to_svg(lines.mark_line(strokeWidth=2), "Loss of each epoch, on the training and the validation images")


def draw_accuracy(history: list[Epoch]) -> str:
    """The share of the validation images that are classified right, after each epoch."""
    rows = [{"epoch": epoch.epoch, "value": epoch.val_accuracy} for epoch in history]
    line = _base(rows).encode(x=_epochs(), y=alt.Y("value:Q", title="share of val right", scale=alt.Scale(zero=False)))
    chart = line.mark_line(strokeWidth=2, color=_FIRST) + line.mark_point(color=_FIRST, fill=_FIRST, size=24)
    return _to_svg(chart, "Accuracy on the validation images after each epoch")


def draw_calibration(bins: list[dict[str, Any]]) -> str:
    """How often the model is right against how sure it is, a point for each of `bins`; a larger point has more images.

    A bin has the keys `confidence`, `accuracy` and `images`.
    """
    share = alt.Scale(domain=[0, 1])
    ideal = _base([{"x": 0, "y": 0}, {"x": 1, "y": 1}]).mark_line(color=_MUTED, strokeDash=[2, 4])
    ideal = ideal.encode(x=alt.X("x:Q", scale=share), y=alt.Y("y:Q", scale=share))
    points = _base(bins).encode(
        x=alt.X("confidence:Q", title="how sure the model is", scale=share),
        y=alt.Y("accuracy:Q", title="share right", scale=share),
    )
    dots = points.mark_circle(color=_FIRST, opacity=1).encode(size=alt.Size("images:Q", legend=None))
    return _to_svg(ideal + points.mark_line(color=_FIRST) + dots, "Calibration: share right against confidence")


def _base(rows: list[dict]) -> alt.Chart:
    return alt.Chart(alt.Data(values=rows))


def _epochs() -> alt.X:
    return alt.X("epoch:Q", axis=alt.Axis(tickMinStep=1, format="d", grid=False))


def _to_svg(chart, title: str) -> str:
    """`chart` as an SVG element that is named `title`; its size is for the page's style sheet to say."""
    spec = (
        chart.properties(width=_WIDTH, height=_HEIGHT)
        .configure(background="transparent", font="sans-serif")
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=_INK,
            titleColor=_MUTED,
            gridColor=_LINE,
            domainColor=_LINE,
            tickColor=_LINE,
            labelFontSize=11,
            titleFontSize=11,
            titleFontWeight="normal",
        )
        .configure_legend(labelColor=_INK, labelFontSize=11, orient="top")
        .to_dict()
    )
    return vl_convert.vegalite_to_svg(spec, allowed_base_urls=[])
