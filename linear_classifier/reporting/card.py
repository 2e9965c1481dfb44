"""The model card: Markdown for people, under a head of YAML that Hugging Face's hub reads as `model-index`.

Source of the head: https://huggingface.co/docs/hub/model-cards.
"""

import re
from pathlib import Path
from typing import Any

import yaml
from markupsafe import Markup

from linear_classifier.reporting.summary import FILTERS, Results, count_parameters, headlines
from linear_classifier.reporting.templates import open_template
from linear_classifier.reporting.views import list_classes, list_params

_HUB_TYPES = {"macro_f1": "f1"}  # metrics that the hub knows by another name
_KEPT = re.compile(r"[^\w /.,%-]|_", re.ASCII)  # of ASCII, all but these means something to Markdown or HTML somewhere


def format_card(results: Results) -> str:
    """The model card; names from the data stand in it as plain text, whatever they hold."""
    return open_template(Path(__file__).with_name("card.md.jinja"), FILTERS, quote).render(
        **vars(results),
        head=Markup(_format_head(results)),  # noqa: S704 - YAML, which ends where its own dashes say so
        headlines=headlines(results),
        classes=list_classes(results),
        param_rows=list_params(results),
        num_parameters=count_parameters(results.saved),
    )


def quote(value: object) -> Markup:
    """`value` as Markdown text on one line in which nothing is markup."""
    flat = " ".join(str(value).split())
    return Markup(_KEPT.sub(lambda match: f"&#{ord(match[0])};" if match[0].isascii() else match[0], flat))  # noqa: S704


def _format_head(results: Results) -> str:
    name = results.dataset.name
    metrics = [
        {"type": _HUB_TYPES.get(found.key, found.key), "name": found.title, "value": results.metrics[found.key]}
        for found in headlines(results)
    ]
    result = {
        "task": {"type": "image-classification", "name": "Image classification"},
        "dataset": {"type": name, "name": name, "split": "test"},
        "metrics": metrics,
    }
    head: dict[str, Any] = {
        "library_name": "pytorch",
        "pipeline_tag": "image-classification",
        "tags": ["image-classification", "softmax-regression"],
        "model-index": [{"name": f"{name}-linear", "results": [result]}],
    }
    return yaml.safe_dump(head, sort_keys=False, allow_unicode=True, width=1000)
