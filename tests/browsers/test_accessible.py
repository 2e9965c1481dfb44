"""Whoever cannot see it well, use a pointer, or has a small screen can use all of the page."""

import importlib.util
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browsers.conftest import Watched
from tests.linear_classifier.reporting.run_results import build_whole_page
from tests.processes import ROOT

LONG = ["w" * 300, "a name of many words " * 14 + "end", "x"]
TOKENS = ("ink", "muted", "accent", "second", "good", "bad")
WIDTHS = [1280, 360]
each_look = pytest.mark.parametrize(
    ("width", "scheme"), [(width, scheme) for width in WIDTHS for scheme in ("light", "dark")]
)


@pytest.fixture(scope="module")
def axe() -> str:
    """The code of axe-core, which a package brings along."""
    found = importlib.util.find_spec("axe_playwright_python")
    assert found and found.origin
    return (Path(found.origin).parent / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def long_names(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page whose classes have names of 300 characters."""
    path = tmp_path_factory.mktemp("long") / "index.html"
    path.write_bytes(build_whole_page(class_names=LONG))
    return path


def look(width: int, scheme: str) -> dict[str, Any]:
    return {"viewport": {"width": width, "height": 800}, "color_scheme": scheme}


def find_violations(page: Page, axe: str) -> list[str]:
    page.evaluate(axe)
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")["violations"]
    return [f"{rule['id']}: {node['html'][:120]}: {node['failureSummary']}" for rule in found for node in rule["nodes"]]


@each_look
def test_axe_finds_nothing_before_and_after_each_kind_of_prediction(
    width: int, scheme: str, page_file: Path, photo: Path, axe: str, watch: Callable[..., Watched]
) -> None:
    page = watch(page_file.as_uri(), **look(width, scheme)).page
    assert find_violations(page, axe) == []
    page.get_by_label("A drawing").check()
    assert find_violations(page, axe) == []
    page.locator("#pad").click()
    page.get_by_text("What these two signs miss").click()
    expect(page.locator("#said")).to_contain_text("sure")
    assert find_violations(page, axe) == []
    page.get_by_label("A picture of yours").check()
    assert find_violations(page, axe) == []
    page.set_input_files("#file", photo)
    expect(page.locator("#said")).to_contain_text("sure")
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    assert find_violations(page, axe) == []


def test_axe_finds_nothing_in_a_page_that_is_red(
    page_file: Path, tmp_path: Path, axe: str, watch: Callable[..., Watched]
) -> None:
    damaged = tmp_path / "index.html"
    damaged.write_text(
        page_file.read_text(encoding="utf-8").replace('"class_names":[', '"class_names":'), encoding="utf-8"
    )
    page = watch(damaged.as_uri()).page
    expect(page.get_by_role("alert")).to_be_visible()
    assert find_violations(page, axe) == []


def test_axe_can_find_something(page_file: Path, axe: str, watch: Callable[..., Watched]) -> None:
    page = watch(page_file.as_uri()).page
    page.evaluate("byId('seen').removeAttribute('aria-label')")
    assert any(finding.startswith("role-img-alt") for finding in find_violations(page, axe))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_of_text_stand_out_from_what_is_behind_them(scheme: str) -> None:
    colours = read_tokens(scheme)
    for background in ("page", "card"):
        for token in TOKENS:
            assert contrast(colours[token], colours[background]) >= 4.5, (token, background)
    assert contrast(colours["on-bad"], colours["bad"]) >= 4.5
    tints = {"second": (6, 14, 22, 30), "accent": (20,)}  # of the confusion matrix: page.css, .h1 to .h4 and .right
    for token, percents in tints.items():
        for percent in percents:
            assert contrast(colours["ink"], mix(colours[token], colours["page"], percent / 100)) >= 4.5, (
                token,
                percent,
            )


def read_tokens(scheme: str) -> dict[str, list[int]]:
    light, dark = re.findall(r":root \{(.*?)\}", (ROOT / "linear_classifier/reporting/page.css").read_text(), re.S)[:2]
    values = dict(re.findall(r"--([\w-]+): #(\w{6})", light if scheme == "light" else dark))
    return {name: [int(value[place : place + 2], 16) for place in (0, 2, 4)] for name, value in values.items()}


def mix(colour: list[int], background: list[int], share: float) -> list[float]:
    return [share * one + (1 - share) * other for one, other in zip(colour, background, strict=True)]


def contrast(one: list[Any], other: list[Any]) -> float:
    """https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio"""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: list[Any]) -> float:
    parts = [part / 255 for part in colour]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return float(0.2126 * red + 0.7152 * green + 0.0722 * blue)


@pytest.mark.parametrize("width", [360, 320])  # 320: a window of 1,280 pixels at 400 %
def test_page_does_not_scroll_sideways(
    width: int, page_file: Path, long_names: Path, photo: Path, watch: Callable[..., Watched]
) -> None:
    for path in (page_file, long_names):
        page = watch(path.as_uri(), **look(width, "light")).page
        expect(page.locator("#said")).to_contain_text("sure")
        for summary in page.locator("main summary").all():
            summary.click()
        for source in ("A test image", "A drawing", "A picture of yours"):
            page.get_by_label(source).check()
            if source == "A picture of yours":
                page.set_input_files("#file", photo)
                expect(page.locator("#photo")).to_be_visible()
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (path, source)


def test_everything_can_be_done_by_keyboard(page_file: Path, watch: Callable[..., Watched]) -> None:
    page = watch(page_file.as_uri()).page
    said, announced = page.locator("#said"), page.locator("#announced")
    first = said.inner_text()
    press(page, "Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    tab_to(page, "[name=source]:checked")
    tab_to(page, "#kind")
    press(page, "ArrowDown")  # the mistakes
    tab_to(page, "[name=example]:checked")
    mistake = said.inner_text()
    assert mistake != first
    press(page, "ArrowRight")
    assert said.inner_text() != mistake or "Test image" in page.locator("#seen-note").inner_text()
    expect(announced).to_contain_text(said.inner_text().removesuffix(" sure"))

    press(page, "Shift+Tab", "Shift+Tab", "ArrowDown")  # the drawing
    expect(said).to_have_text("Nothing to answer yet.")
    expect(announced).to_have_text("Nothing to answer yet.")
    tab_to(page, "#pad")
    press(page, " ", *["Shift+ArrowDown"] * 3, *["Shift+ArrowLeft"] * 2, "ArrowUp", " ")
    expect(said).to_contain_text("sure")
    expect(announced).to_contain_text("; then ")
    tab_to(page, "#pen")
    press(page, "ArrowRight")
    assert page.locator("#pen").input_value() == "19"
    tab_to(page, "#undo")
    press(page, "Enter")
    expect(said).to_have_text("Nothing to answer yet.")

    tab_to(page, "[name=source]:checked", "Shift+Tab")
    press(page, "ArrowDown")  # a picture
    tab_to(page, "#file")
    with page.expect_file_chooser():
        press(page, "Enter")


def test_controls_of_a_picture_work_by_keyboard(page_file: Path, photo: Path, watch: Callable[..., Watched]) -> None:
    page = watch(page_file.as_uri()).page
    page.get_by_label("A picture of yours").check()
    page.set_input_files("#file", photo)
    said = page.locator("#said")
    expect(said).to_contain_text("T-shirt/top")
    before = page.evaluate("Array.from(current.inputs)")
    for control, key in (("#cut-left", "PageUp"), ("#cut-bottom", "PageUp"), ("#tolerance", "PageUp")):
        tab_to(page, control)
        press(page, *[key] * 4)
        after = page.evaluate("Array.from(current.inputs)")
        assert after != before, control
        before = after
    tab_to(page, "[name=invert]:checked")
    press(page, "ArrowDown", "ArrowDown")  # from "by the background" to "keep them"
    assert page.evaluate("Array.from(current.inputs)") != before
    tab_to(page, "#reset")
    press(page, "Enter")
    expect(said).to_contain_text("T-shirt/top")


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def tab_to(page: Page, selector: str, key: str = "Tab") -> None:
    for _ in range(40):
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
        page.keyboard.press(key)
    raise AssertionError(f"{key} does not come to {selector}")


def test_page_heeds_what_the_system_asks_for(page_file: Path, watch: Callable[..., Watched]) -> None:
    page = watch(page_file.as_uri(), reduced_motion="reduce", forced_colors="active").page
    assert page.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "auto"
    bar = page.locator(".bars .first .bar")
    assert bar.evaluate("bar => getComputedStyle(bar).backgroundColor") not in (
        "rgba(0, 0, 0, 0)",
        "rgb(255, 255, 255)",
    )


def test_print_leaves_out_what_paper_cannot_do(page_file: Path, watch: Callable[..., Watched]) -> None:
    page = watch(page_file.as_uri()).page
    page.emulate_media(media="print")
    expect(page.locator("#trial")).to_be_hidden()
    expect(page.get_by_role("navigation")).to_be_hidden()
    expect(page.get_by_role("heading", name="Results")).to_be_visible()
    assert len(page.pdf()) > 10_000
