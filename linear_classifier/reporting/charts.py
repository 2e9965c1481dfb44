"""The charts of the page as SVG: Vega-Lite, written by Altair and drawn by vl-convert, offline and without a browser.

Colours are the page's own custom properties, so that the charts follow its dark mode. No chart stands alone: the page
has its numbers as a table beside it.
"""

from typing import Any

import altair as alt
import vl_convert

from linear_classifier.training.history import Epoch

Rows = list[dict[str, Any]]

_WIDTH, _HEIGHT = 340, 200  # pixels, of the plot without its axes
_INK, _MUTED, _LINE = "var(--ink)", "var(--muted)", "var(--line)"
_FIRST, _SECOND = "var(--accent)", "var(--second)"
_CONFIG = {
    "background": "transparent",
    "font": "sans-serif",
    "view": {"stroke": None},
    "axis": {
        "labelColor": _INK,
        "titleColor": _MUTED,
        "gridColor": _LINE,
        "domainColor": _LINE,
        "tickColor": _LINE,
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "titlePadding": 8,
    },
    "legend": {"labelColor": _INK, "labelFontSize": 12, "orient": "top-right", "title": None},
}


def draw_loss(history: list[Epoch]) -> str:
    """The loss of each epoch on the training and the validation images."""
    splits = ["val", "train"]
    rows = [
        {"epoch": epoch.epoch, "split": split, "value": getattr(epoch, f"{split}_loss")}
        for epoch in history
        for split in splits
    ]
    return _draw(
        _plot(rows, _epochs(), alt.Y("value:Q", title="nats per image", scale=alt.Scale(zero=False)))
        .mark_line(strokeWidth=2)
        .encode(
            color=alt.Color("split:N", scale=alt.Scale(domain=splits, range=[_FIRST, _SECOND])),
            strokeDash=alt.StrokeDash("split:N", scale=alt.Scale(domain=splits, range=[[1, 0], [5, 4]])),
        )
    )


def draw_accuracy(history: list[Epoch]) -> str:
    """The share of the validation images that are classified right, after each epoch."""
    rows = [{"epoch": epoch.epoch, "value": epoch.val_accuracy} for epoch in history]
    share = alt.Y("value:Q", title="share right", scale=alt.Scale(zero=False))
    return _draw(_plot(rows, _epochs(), share).mark_line(strokeWidth=2, color=_FIRST))


def draw_calibration(bins: Rows) -> str:
    """How often the model is right against how sure it is, a point for each of `bins`; a larger point has more images.

    A bin has the keys `confidence`, `accuracy` and `images`. The dotted line is where the two are the same.
    """
    ends = [{"confidence": end, "accuracy": end} for end in (0, 1)]
    axes = _share("confidence", "how sure"), _share("accuracy", "share right")
    ideal, found = _plot(ends, *axes), _plot(bins, *axes)
    points = found.mark_circle(color=_FIRST, opacity=1).encode(size=alt.Size("images:Q", legend=None))
    return _draw(ideal.mark_line(color=_MUTED, strokeDash=[2, 4]) + found.mark_line(color=_FIRST) + points)


def _plot(rows: Rows, x: alt.X, y: alt.Y) -> alt.Chart:
    return alt.Chart(alt.InlineData(values=rows)).encode(x=x, y=y)


def _epochs() -> alt.X:
    return alt.X("epoch:Q", axis=alt.Axis(tickMinStep=1, format="d", grid=False), scale=alt.Scale(nice=False))


def _share(name: str, title: str) -> Any:
    channel = alt.X if name == "confidence" else alt.Y
    return channel(f"{name}:Q", title=title, scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(tickCount=5))


def _draw(chart: Any) -> str:
    """`chart` as an SVG element, whose size on the page is for its style sheet to say."""
    spec = {**chart.properties(width=_WIDTH, height=_HEIGHT).to_dict(), "config": _CONFIG}
    svg: str = vl_convert.vegalite_to_svg(spec, allowed_base_urls=[])
    return svg
