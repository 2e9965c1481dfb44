import html
import re

import pytest

from tools.compare.comparison_report import quote

HOSTILE = [
    "a|b",
    "</code><b>worse</b>",
    "`x` ``y`` `",
    "x\n\n# No evidence of a difference\n",
    "@everyone #1 !2 $3 ~4",
    "[x](javascript:alert(1)) ![x](http://evil.example/x.png)",
    "**bold** _it_ ~~no~~ <!-- --> &lt; &#124;",
    "www.evil.example http://evil.example a@evil.example",
    "\u202ekcab\u200b\x00\x1b[31m",
    "\\|",
    "| worse | **FAIL** |",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_quote_leaves_no_sign_that_markdown_or_html_heeds(text: str) -> None:
    inside = quote(text).removeprefix("<code>").removesuffix("</code>")
    assert not re.search(r"[`*|<>@!\[\]{}~\\\n\x00-\x1f\u200b\u202e]", inside)
    assert not re.search(r"&(?!#\d+;)|#(?!\d+;)|://|www\.|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])", inside)


@pytest.mark.parametrize("text", [text for text in HOSTILE if text.isprintable()])
def test_quote_can_be_read_back(text: str) -> None:
    assert html.unescape(quote(text)) == f"<code>{text.strip()}</code>"


def test_quote_leaves_ordinary_names_as_they_are() -> None:
    for name in ("main", "T-shirt/top", "Ankle boot", "compare.accuracy_seed_sd", "v1.2", "0.05"):
        assert quote(name) == f"<code>{name}</code>"


def test_quote_is_short_and_never_empty() -> None:
    assert quote("x" * 1000) == f"<code>{'x' * 79}&#8230;</code>"
    assert quote("") == quote("\n") == "<code> </code>"
