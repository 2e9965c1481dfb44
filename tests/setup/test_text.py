"""Text that a user gives reaches the tools as it is: no shell runs it, no make expands it. A clone has git's bytes."""

import json
import os
import re
import string
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import ROOT, run
from tests.setup.project import Project

PRINTABLE = string.digits + string.ascii_letters + string.punctuation + " "
FOLDER = re.sub(r"[/:{}]", "", PRINTABLE)  # a name has no /, PATH can hold no :, and DVC fails with { or }


def branch_names() -> list[str]:
    """A name of each printable character that git takes in one, and one of all of them."""
    check = ["git", "check-ref-format", "--branch"]
    taken = [c for c in PRINTABLE if not subprocess.run([*check, f"a{c}b"], capture_output=True).returncode]
    names = [f"a{c}b" for c in taken if not c.isalnum()]
    assert len(names) > 20
    return [
        *names,
        "".join(taken).replace("@{", "{@"),
        "$(touch run)",
        "`touch run`",
        "';touch${IFS}run;'",
        "$$(touch$IFS)",
    ]


@pytest.mark.parametrize("how", ["argument", "environment"])
def test_make_passes_branches_and_options_as_text(made: Project, how: str) -> None:
    for name in branch_names():
        text = {"BASE": name, "HEAD": name, "ARGS": f"--allow-worse * {name}"}
        given = [f"{key}={value}" for key, value in text.items()] if how == "argument" else []
        output = made.make("compare", *given, settings={} if given else text)
        assert json.loads(output)["arguments"] == ["--allow-worse", "*", *name.split(), "--", name, name]
    assert not (made.path / "run").exists()


def test_make_compares_with_main_where_nothing_else_is_said(made: Project) -> None:
    assert json.loads(made.make("compare"))["arguments"] == ["--", "main"]


def test_make_works_in_a_folder_of_any_name(project: Project, tmp_path: Path) -> None:
    project.path = project.path.rename(tmp_path / FOLDER)
    assert "compare" in project.make("help")
    python = json.loads(project.make("check-committed").splitlines()[-1])
    assert python["version"] == project.version() == "1.0"
    path = f"/$PATH/$(touch run):{os.environ['PATH']}"
    done = json.loads(project.make("check-committed", settings={"PATH": path}))
    assert done["path"] == f"{project.path}/.venv/bin:{path}"
    image = {"IMAGE": "fashion-mnist-job", "VARIANT": "cuda"}
    shown = project.make("image-run", settings={"CONTAINER_ENGINE": "echo", **image}).splitlines()[-1]
    assert f"--volume {project.path}:/workspace fashion-mnist-job:cuda" in shown
    assert not (project.path / "run").exists()


@pytest.mark.parametrize("name", ["a:b", "a{b", "a}b"])
def test_make_says_which_folders_it_cannot_work_in(project: Project, tmp_path: Path, name: str) -> None:
    project.path = project.path.rename(tmp_path / name)
    error, end = project.make(".venv/.runs", code=2).splitlines()
    assert error.endswith(": rename it") and end.startswith("make: ***")


def test_help_fits_a_screen_and_names_targets_that_there_are(made: Project) -> None:
    lines = made.make("help").splitlines()
    assert len(lines) <= 24 and max(map(len, lines)) <= 100
    listed = {line.split()[0] for line in lines if line.startswith("  ")}
    targets = re.search(r"(?s)\.PHONY: (.*?[^\\])\n", (ROOT / "Makefile").read_text())
    assert targets and listed <= set(targets[1].replace("\\\n", " ").split())


@pytest.mark.parametrize("crlf", ["true", "input"])
def test_fault_59_autocrlf(tmp_path: Path, crlf: str) -> None:
    """a clone with `core.autocrlf=true`"""
    clone = tmp_path / "clone"
    run("git", "clone", "--quiet", "--config", f"core.autocrlf={crlf}", str(ROOT), str(clone), cwd=tmp_path)
    for name in run("git", "ls-files", "-z", cwd=clone).stdout.split("\0")[:-1]:
        blob = subprocess.run(["git", "cat-file", "blob", f"HEAD:{name}"], cwd=clone, capture_output=True, check=True)
        assert (clone / name).is_symlink() or (clone / name).read_bytes() == blob.stdout, name
    run("git", "add", "--renormalize", ".", cwd=clone)
    assert run("git", "status", "--porcelain", cwd=clone).stdout == ""
    assert "the metrics are whole" in run(sys.executable, "-m", "tools.check_committed", cwd=clone).stdout
