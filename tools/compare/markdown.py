"""Text from a branch, made harmless in Markdown: names and values can hold anything, and the report is believed."""

import re
import unicodedata
from collections.abc import Iterable, Sequence

_HARMFUL = re.compile(r"[^\w /.,()=+-]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|(?i:www\.)", re.ASCII)
NAME, SENTENCE = 80, 400  # how many characters of it are shown at most


def quote(text: object, longest: int = NAME) -> str:
    """`text` as code on one line, in which nothing is Markdown, HTML, a link or a mention.

    All but plain letters, digits and a few signs become numeric entities, and what has no shape of its own or turns
    the direction of writing becomes `?`. It is HTML's code element, since backticks cannot hold entities, and in code
    neither GitHub nor GitLab looks for names to notify.
    """
    flat = " ".join(str(text).split())
    short = flat if len(flat) <= longest else flat[: longest - 1] + "…"
    return f"<code>{_HARMFUL.sub(_escape, short) or ' '}</code>"


def table(header: Sequence[str], rows: Iterable[Sequence[str]], right_from: int = 1) -> list[str]:
    """The lines of a table, columns from `right_from` on aligned to the right; its cells are Markdown already."""
    ruler = ["---" if index < right_from else "---:" for index in range(len(header))]
    return [f"| {' | '.join(row)} |" for row in (header, ruler, *rows)]


def _escape(match: re.Match[str]) -> str:
    return "".join("?" if unicodedata.category(char)[0] in "CZ" else f"&#{ord(char)};" for char in match[0])
