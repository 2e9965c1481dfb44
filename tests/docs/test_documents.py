"""Every link resolves, every block is run or known to be prose, and what pages say of figures and files is so."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from linear_classifier.exporting.onnx_file import format_onnx
from tests.docs.documents import PAGES, Block, anchors_of, blocks_of, console_commands, find_missing, links_of
from tests.docs.test_console import NOT_RUN, reason_not_to_run
from tests.good_model import save_small_run
from tests.processes import ROOT, run

RUN, PROSE = ("console", "python"), ("text",)
BLOCKS = [block for page in PAGES for block in blocks_of(page)]
README = (ROOT / "README.md").read_text(encoding="utf-8")
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def test_readme_is_one_sitting() -> None:
    assert (ROOT / "README.md").stat().st_size <= 8192


@every_page
def test_every_link_and_anchor_resolves(page: Path) -> None:
    for target in links_of(page):
        if target.startswith("https://"):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        assert file.exists() and file.is_relative_to(ROOT), f"{page.name}: {target}"
        assert not anchor or anchor in anchors_of(file), f"{page.name}: {target}"


def test_readme_leads_to_every_page() -> None:
    linked = {(ROOT / target).resolve() for target in links_of(ROOT / "README.md")}
    assert {page for page in PAGES if page.name != "README.md"} <= linked


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_every_block_says_by_its_tag_whether_it_is_run(block: Block) -> None:
    assert block.language in RUN + PROSE, "a tag that no test knows: is it run, or prose (`text`)?"
    assert block.language not in PROSE or "$ " not in block.text, "a command in a block that is not run"


def test_every_entry_of_what_is_not_run_is_of_a_command_on_a_page() -> None:
    commands = [command.text for page in PAGES for command in console_commands(page)]
    assert [start for start in NOT_RUN if not any(text.startswith(start) for text in commands)] == []


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.language == "python"], ids=str)
def test_python_blocks_run(block: Block, tmp_path: Path) -> None:
    saved = save_small_run(tmp_path)
    (tmp_path / "models/model.onnx").write_bytes(format_onnx(saved))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "error", "-c", block.text]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@every_page
def test_every_make_target_exists(page: Path) -> None:
    """Those in blocks and in the text; `make -n` runs nothing."""
    text = page.read_text(encoding="utf-8")
    found = {command.text for command in console_commands(page) if command.text.split()[0] == "make"}
    found |= set(re.findall(r"`(make(?: [^`…]+)?)`", text))
    for command in sorted(found):
        words = shlex.split(command)
        done = run(*words, "--dry-run", cwd=ROOT, check=False)
        assert done.returncode == 0, f"{page.name}: {command}: {done.stderr}"


def test_readme_has_the_committed_metrics() -> None:
    metrics = json.loads((ROOT / "reports/evaluate/metrics.json").read_text())
    rows = dict(re.findall(r"(?m)^\| ([\w ]+) \| \**(\d\.\d+)\**", README))
    names = {"accuracy": "accuracy", "loss": "loss", "macro F1": "macro_f1", "expected calibration error": "ece"}
    assert rows == {row: f"{metrics[name]:.4f}" for row, name in names.items()}


def test_architecture_lists_every_module_once_and_none_else() -> None:
    listed = re.findall(r"(?m)^\| `(\S+\.py)` \|", (ROOT / "docs/architecture.md").read_text(encoding="utf-8"))
    files = [path for package in ("linear_classifier", "stages", "tools") for path in (ROOT / package).rglob("*.py")]
    modules = {str(path.relative_to(ROOT)) for path in files if path.name != "__init__.py"}
    assert set(listed) == modules and len(listed) == len(modules)


@every_page
def test_every_path_that_a_page_names_exists(page: Path) -> None:
    named = re.findall(
        r"`((?:linear_classifier|stages|tools|tests|docs|deploy|setup)/[\w./-]+)`", page.read_text(encoding="utf-8")
    )
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_find_missing_takes_lines_in_order_and_dots_for_anything() -> None:
    printed = "one  1\ntwo 2\nthree 3\n"
    assert find_missing(["one 1", "th…3"], printed) is None
    assert find_missing(["three 3", "one 1"], printed) == "one 1"
    assert find_missing(["on"], printed) == "on"


def test_reason_not_to_run_is_of_the_command_and_not_of_its_like() -> None:
    assert reason_not_to_run("make bench") and not reason_not_to_run("makeshift")
    s3, folder = (f"dvc remote add --default store {url}" for url in ("s3://bucket", "/srv/folder"))
    assert reason_not_to_run(s3) and not reason_not_to_run(folder)
