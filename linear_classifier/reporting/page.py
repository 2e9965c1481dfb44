"""The page: one HTML file that shows what a run found and lets people try the model, offline and under a strict policy.

Its words are in page.html.jinja and trial.html.jinja. Whatever comes from data is escaped: in HTML by Jinja2, in JSON
by `_to_script`. The policy lets the browser run this one script, use this one style sheet and fetch nothing at all.
"""

import base64
import hashlib
import json
import zlib
from pathlib import Path
from typing import Any

from markupsafe import Markup

from linear_classifier.data.splits import ImageArray
from linear_classifier.reporting.charts import draw_accuracy, draw_calibration, draw_loss
from linear_classifier.reporting.missed import Missed
from linear_classifier.reporting.summary import FILTERS, Results, count_parameters, headlines
from linear_classifier.reporting.templates import open_template
from linear_classifier.reporting.trial import MAX_WEIGHT_BYTES
from linear_classifier.reporting.views import (
    lay_out_confusion,
    list_calibration,
    list_classes,
    list_counts,
    list_mistakes,
    list_params,
    thin_out,
)

SCRIPTS = ("model.js", "fitting.js", "signs.js", "picture.js", "photo.js", "drawing.js", "page.js")
SECTIONS = {
    "try": "Try it",
    "model": "What it is",
    "results": "Results",
    "classes": "Classes",
    "confusion": "Confusion",
    "mistakes": "Mistakes",
    "calibration": "Calibration",
    "data": "Data",
    "params": "Params",
}
_HERE = Path(__file__).parent


def build_page(results: Results, images: ImageArray, trial: dict[str, Any] | None, missed: Missed) -> bytes:
    """The page as HTML. `images` are the test images, `trial` is what `embed_model` gives."""
    style = (_HERE / "page.css").read_text(encoding="utf-8")
    script = "\n".join((_HERE / name).read_text(encoding="utf-8") for name in SCRIPTS)
    found = headlines(results)
    text = open_template(_HERE / "page.html.jinja", FILTERS).render(
        **vars(results),
        **_views(results, images),
        policy=_policy(style, script),
        style=Markup(style),  # noqa: S704 - both are files of this folder
        script=Markup(script),  # noqa: S704
        sections=SECTIONS.items(),
        headlines=found,
        accuracy=found[0],
        num_parameters=count_parameters(results.saved),
        trial=trial,
        missed=missed,
        trial_json=(data := _to_script(trial)),
        crc32=zlib.crc32(data.encode()),
        max_mb=MAX_WEIGHT_BYTES // 2**20,
    )
    return text.encode()


def _views(results: Results, images: ImageArray) -> dict[str, Any]:
    epochs, calibration = thin_out(results.history), list_calibration(results)
    charts = {
        "loss": draw_loss(epochs),
        "accuracy": draw_accuracy(epochs),
        "calibration": draw_calibration(calibration),
    }
    return {
        "epochs": epochs,
        "charts": {name: Markup(chart) for name, chart in charts.items()},  # noqa: S704 - of numbers alone
        "classes": list_classes(results),
        "confusion": lay_out_confusion(results),
        "mistakes": list(list_mistakes(results, images)),
        "calibration": calibration,
        "counts": list_counts(results),
        "param_rows": list_params(results),
    }


def _policy(style: str, script: str) -> str:
    """The Content-Security-Policy: of all that could load or run, these two texts and pictures in the page itself."""
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (style, script)]
    return (
        f"default-src 'none'; style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _to_script(value: Any) -> Markup:
    """`value` as JSON that no HTML parser can take for an end of its element."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704
