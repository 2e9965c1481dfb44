import re
from dataclasses import replace
from typing import Any

import yaml
from huggingface_hub import ModelCard

from linear_classifier.reporting.card import format_card, quote
from tests.linear_classifier.reporting.hostile_names import HOSTILE_NAMES
from tests.linear_classifier.reporting.run_results import build_results


def test_format_card_opens_with_a_model_index_of_the_committed_metrics() -> None:
    results, _ = build_results()
    head = yaml.safe_load(format_card(results).split("---\n")[1])
    (model,) = head["model-index"]
    (result,) = model["results"]
    assert model["name"] == "small-linear" and result["dataset"]["split"] == "test"
    values = {metric["name"]: metric["value"] for metric in result["metrics"]}
    assert values["Accuracy"] == results.metrics["accuracy"] and values["Macro F1"] == results.metrics["macro_f1"]


def test_format_card_is_read_by_the_hub_s_own_library() -> None:
    results, _ = build_results()
    card = ModelCard(format_card(results))
    data: dict[str, Any] = card.data.to_dict()  # type: ignore[no-untyped-call]
    (model,) = data["model-index"]
    (result,) = model["results"]
    found = {metric["name"]: metric["value"] for metric in result["metrics"]}
    assert model["name"] == "small-linear" and result["dataset"]["name"] == "small"
    assert len(found) == 4 and found["Accuracy"] == results.metrics["accuracy"]
    assert ModelCard(str(card)).data.to_dict() == data  # type: ignore[no-untyped-call]


def test_format_card_names_hostile_classes_and_data_sets_as_text() -> None:
    results, _ = build_results(class_names=HOSTILE_NAMES, images_a_class=2)
    hostile = replace(results, dataset=replace(results.dataset, name="---\n# <b>evil</b>: [x](y)"))
    _, head, body = re.split(r"(?m)^---\n", format_card(hostile), maxsplit=2)
    assert yaml.safe_load(head)["model-index"][0]["name"].startswith("---\n# <b>evil</b>")
    assert "<b>" not in body and "<script" not in body and "](" not in body.split("```")[0]
    tables = [line for line in body.splitlines() if line.startswith("|")]
    assert all(len(re.findall(r"(?<!\\)\|", line)) in (3, 4, 6) for line in tables)


def test_quote_leaves_plain_names_as_they_are() -> None:
    assert quote("T-shirt/top") == "T-shirt/top"
    assert quote("a*b_c|d\ne") == "a&#42;b&#95;c&#124;d e"
