"""A page that is not, bit for bit, what it was made as turns red and answers nothing."""

import base64
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browsers.conftest import Watched


def flip_bit(page: str, name: str, place: int) -> str:
    """`page` with the lowest bit of the byte at `place` of the embedded `name` the other way."""
    found = re.search(rf'"{name}":"([^"]*)"', page)
    assert found
    data = bytearray(base64.b64decode(found[1]))
    data[place] ^= 1
    return page[: found.start(1)] + base64.b64encode(data).decode() + page[found.end(1) :]


@pytest.mark.parametrize(
    ("name", "place", "said"),
    [
        ("weight", 4 * 400, "Do not trust this page: for 0 of 72 test images"),
        ("weight", 4 * 7839 + 3, "Do not trust this page"),
        ("bias", 0, "Do not trust this page: for 0 of 72 test images"),
        ("pixel_table", 4 * 200, "Do not trust this page"),
        ("images", 784 * 5 + 300, "Do not trust this page: for 71 of 72 test images"),
        ("logits", 80, "Do not trust this page: for 71 of 72 test images"),
    ],
)
def test_a_flipped_bit_turns_the_page_red(
    name: str, place: int, said: str, page_file: Path, tmp_path: Path, watch: Callable[..., Watched]
) -> None:
    damaged = tmp_path / "index.html"
    damaged.write_text(flip_bit(page_file.read_text(encoding="utf-8"), name, place), encoding="utf-8")
    assert_red(watch(damaged.as_uri()), said)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            '"class_names":["T-shirt',
            '"class_names":["U-shirt',
            "Do not trust this page: the model in it is not the one",
        ),
        ('"weight":"', '"weight":"?', "The model in this page is damaged"),
        ('"class_names":[', '"class_names":', "The model in this page is damaged"),
    ],
)
def test_a_damaged_model_turns_the_page_red(
    old: str, new: str, said: str, page_file: Path, tmp_path: Path, watch: Callable[..., Watched]
) -> None:
    text = page_file.read_text(encoding="utf-8")
    assert old in text
    damaged = tmp_path / "index.html"
    damaged.write_text(text.replace(old, new), encoding="utf-8")
    assert_red(watch(damaged.as_uri()), said)


def test_a_changed_script_does_not_run(page_file: Path, tmp_path: Path, watch: Callable[..., Watched]) -> None:
    damaged = tmp_path / "index.html"
    damaged.write_text(page_file.read_text(encoding="utf-8").replace("'use strict'", "'use strict';"), encoding="utf-8")
    watched = watch(damaged.as_uri())
    expect(watched.page.locator("#trial")).to_be_hidden()
    assert watched.complaints


def assert_red(watched: Watched, said: str) -> None:
    check = watched.page.get_by_role("alert")
    expect(check).to_contain_text(said)
    expect(watched.page.locator("#trial")).to_be_hidden()
    colours = check.evaluate(
        "each => [getComputedStyle(each).backgroundColor, getComputedStyle(document.documentElement).borderTopColor]"
    )
    assert colours == ["rgb(179, 38, 30)"] * 2, json.dumps(colours)
