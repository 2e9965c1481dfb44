"""DVC's Vega-Lite of three plots as one still figure: what waits for a mouse goes, colours and sizes are ours."""

from typing import Any

Spec = dict[str, Any]

_COLOURS = ("#0072b2", "#d55e00")  # base, head: blue and orange, which the colour-blind can tell apart
_INK, _GREY, _PALE = "#202124", "#5f6368", "#dadce0"
_DASHES = {"domain": ["val_loss", "train_loss"], "range": [[1, 0], [5, 4]]}
_CURVE, _MATRIX = (390, 230), 428  # pixels


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
