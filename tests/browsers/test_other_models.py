"""Pages of models that are not Fashion-MNIST's: of colour, of a thousand classes, of two, too large."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browsers.conftest import Watched
from tests.browsers.test_hostile import encode, thing, upload
from tests.linear_classifier.reporting.run_results import build_whole_page

MANY = [f"class {index}" for index in range(1000)]


@pytest.mark.parametrize(
    "options",
    [
        {"image_shape": (3, 20, 16)},
        {"image_shape": (1, 9, 30), "class_names": ["yes", "no"]},
        {"image_shape": (3, 8, 8), "class_names": MANY, "images_a_class": 2},
        {"image_shape": (3, 96, 128), "class_names": MANY[:20]},
    ],
    ids=["colour", "two-classes", "thousand-classes", "large-images"],
)
def test_page_of_any_model_checks_itself_and_answers_from_each_source(
    options: dict[str, Any], tmp_path: Path, watch: Callable[..., Watched]
) -> None:
    path = tmp_path / "index.html"
    path.write_bytes(build_whole_page(**options))
    watched = watch(path.as_uri(), viewport={"width": 360, "height": 800})
    page, said = watched.page, watched.page.locator("#said")
    expect(page.locator("#check")).to_contain_text("Checked itself")
    expect(said).to_contain_text("sure")
    page.get_by_label("A drawing").check()
    page.locator("#pad").click()
    expect(page.locator("#seen-note")).to_contain_text("Your drawing")
    upload(page, "thing.png", encode(thing(), "PNG"))
    expect(page.locator("#seen-note")).to_contain_text("Your picture")
    if len(options.get("class_names", [])) == 1000:
        page.get_by_role("button", name="All 1,000 classes").click()
        expect(page.locator("#bars tr")).to_have_count(1000)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert watched.complaints == []


def test_page_of_a_model_that_is_too_large_says_so_and_runs_nothing(
    tmp_path: Path, watch: Callable[..., Watched], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("linear_classifier.reporting.trial.MAX_WEIGHT_BYTES", 100)
    path = tmp_path / "index.html"
    path.write_bytes(build_whole_page())
    watched = watch(path.as_uri())
    expect(watched.page.get_by_text("The model is not embedded in this page")).to_be_visible()
    expect(watched.page.get_by_role("heading", name="Class by class")).to_be_visible()
    assert watched.page.locator("script").count() == 0 and watched.complaints == []
