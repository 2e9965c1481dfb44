"""The pages that people read: their links, headings and fenced blocks, and the commands in these."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tests.processes import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"(`+)(.+?)\1", re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
COMMENT = re.compile(r"\s{2,}# (.*)$")


@dataclass(frozen=True, kw_only=True)
class Block:
    """A fenced block: its page, the line on which its text begins, its language tag and its text."""

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


@dataclass(kw_only=True)
class Command:
    """A command of a `console` block, the exit code it has to end with, and lines that it has to print, in order."""

    where: str
    text: str
    code: int
    output: list[str] = field(default_factory=list)


@cache
def blocks_of(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [
        Block(page=page, line=text.count("\n", 0, found.start()) + 2, language=found[1], text=found[2])
        for found in FENCE.finditer(text)
    ]


def links_of(page: Path) -> list[str]:
    """The target of each link and picture of `page`, those in code apart."""
    return LINK.findall(CODE.sub("", FENCE.sub("", page.read_text(encoding="utf-8"))))


def anchors_of(page: Path) -> set[str]:
    """What a link to a heading of `page` ends in, as GitHub makes it of the heading."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands_of(block: Block) -> list[Command]:
    """The commands of a `console` block: lines that begin with `$ `; what follows is what they print.

    A comment that says "exit code N" is of a command that has to end so, any other has to end in 0.
    """
    commands: list[Command] = []
    for number, line in enumerate(block.text.splitlines(), start=block.line):
        where = f"{block.page.relative_to(ROOT)}:{number}"
        if line.startswith("$ "):
            code = re.search(r"exit code (\d+)", line)
            text = COMMENT.sub("", line[2:]).strip()
            commands.append(Command(where=where, text=text, code=int(code[1]) if code else 0))
        else:
            assert commands, f"{where}: output of no command"
            commands[-1].output.append(line)
    return commands


def console_commands(page: Path) -> Iterator[Command]:
    for block in blocks_of(page):
        if block.language == "console":
            yield from commands_of(block)


def find_missing(output: list[str], printed: str) -> str | None:
    """The first line of `output` that `printed` does not have after the one before, or None.

    Blanks count as one, and `…` stands for anything.
    """
    lines = iter([" ".join(line.split()) for line in printed.splitlines()])
    for line in output:
        pattern = ".*".join(map(re.escape, " ".join(line.split()).split("…")))
        if not any(re.fullmatch(pattern, each) for each in lines):
            return line
    return None
