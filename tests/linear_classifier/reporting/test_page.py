import base64
import hashlib
import html.parser
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.linear_classifier.reporting.hostile_names import HOSTILE_NAMES
from tests.linear_classifier.reporting.run_results import build_results, build_trial, build_whole_page
from tests.processes import ROOT

BUILD = """
import hashlib
from tests.linear_classifier.reporting.run_results import build_whole_page
print(hashlib.sha256(build_whole_page()).hexdigest())
"""
FONTS = '<?xml version="1.0"?><fontconfig><dir>{folder}</dir></fontconfig>'


class Elements(html.parser.HTMLParser):
    """The elements of a page, as (tag, attributes), and the text of each style and script."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {"style": [], "script": []}
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag in self.texts:
            self.texts[tag].append("")

    def handle_data(self, data: str) -> None:
        if self.found and (tag := self.found[-1][0]) in self.texts and self.texts[tag][-1] == "":
            self.texts[tag][-1] = data


def test_build_page_allows_its_own_script_and_style_and_nothing_else() -> None:
    elements = Elements(build_whole_page())
    policy = next(attrs["content"] or "" for _, attrs in elements.found if attrs.get("http-equiv"))
    data, script = elements.texts["script"]
    allowed = {
        f"{kind}-src 'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
        for kind, text in (("style", elements.texts["style"][0]), ("script", script))
    }
    assert set(policy.split("; ")) == {
        "default-src 'none'", "img-src data:", "base-uri 'none'", "form-action 'none'", *allowed
    }  # fmt: skip
    assert json.loads(data)["class_names"] == ["square", "cross", "dot"]


def test_build_page_has_nothing_to_load_and_no_inline_style_or_handler() -> None:
    for tag, attrs in Elements(build_whole_page()).found:
        assert not {name for name in attrs if name == "style" or name.startswith("on")}, (tag, attrs)
        links = [attrs[name] or "" for name in ("src", "href", "action", "data", "poster") if name in attrs]
        assert all(link.startswith(("#", "data:")) for link in links), (tag, attrs)


def test_build_page_shows_hostile_names_as_text() -> None:
    page = build_whole_page(class_names=HOSTILE_NAMES, images_a_class=2)
    tame = build_whole_page(class_names=[f"class {index}" for index in range(len(HOSTILE_NAMES))], images_a_class=2)
    assert [tag for tag, _ in Elements(page).found] == [tag for tag, _ in Elements(tame).found]
    assert json.loads(Elements(page).texts["script"][0])["class_names"] == HOSTILE_NAMES


def test_build_page_of_a_thousand_classes_is_bounded() -> None:
    page = build_whole_page(class_names=[f"class {index}" for index in range(1000)], images_a_class=2)
    assert len(page) < 1_200_000, "most of it the model and its answers"


def test_build_page_without_the_model_says_so_and_has_all_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("linear_classifier.reporting.trial.MAX_WEIGHT_BYTES", 100)
    page = build_whole_page().decode()
    assert "The model is not embedded in this page" in page and "<script" not in page and 'id="trial"' not in page
    assert all(f'id="{name}"' in page for name in ("results", "classes", "confusion", "mistakes", "calibration"))


def test_build_page_gives_the_same_bytes_whatever_the_machine_has(tmp_path: Path) -> None:
    (tmp_path / "fonts.conf").write_text(FONTS.format(folder=tmp_path))
    settings = [
        {"TZ": "Asia/Kathmandu", "LC_ALL": "de_DE.UTF-8", "PYTHONHASHSEED": "7", "OMP_NUM_THREADS": "3"},
        {"TZ": "UTC", "LC_ALL": "C", "PYTHONHASHSEED": "0", "FONTCONFIG_FILE": str(tmp_path / "fonts.conf")},
    ]
    hashes = {
        subprocess.run(
            [sys.executable, "-c", BUILD], cwd=ROOT, env=setting, capture_output=True, text=True, check=True
        ).stdout
        for setting in settings
    }
    assert len(hashes) == 1


def test_build_page_labels_each_control_and_numbers_each_id_once() -> None:
    elements = Elements(build_whole_page()).found
    ids = [attrs["id"] for _, attrs in elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    page = build_whole_page().decode()
    targets = re.findall(r'(?:href="#|aria-labelledby="|aria-describedby="|aria-controls="|for=")([^"]+)"', page)
    assert set(targets) <= set(ids)


def test_embedded_logits_are_python_s_sum_in_order() -> None:
    results, test = build_results((3, 4, 2))
    images = np.asarray(test.images[:])
    trial = build_trial(results, test)
    assert trial
    logits = np.frombuffer(base64.b64decode(trial["logits"]), "<f8").reshape(len(trial["indices"]), -1)
    table = np.frombuffer(results.saved.pixel_table, "<f4").reshape(3, 256)
    weight = np.frombuffer(results.saved.weight, "<f4").reshape(3, -1)
    bias = np.frombuffer(results.saved.bias, "<f4")
    for index, row in zip(trial["indices"], logits.tolist(), strict=True):
        inputs = [float(table[channel][value]) for channel in range(3) for value in images[index, channel].ravel()]
        for label, logit in enumerate(row):
            total = float(bias[label])
            for value, number in zip(inputs, weight[label].tolist(), strict=True):
                total += number * value
            assert total == logit
