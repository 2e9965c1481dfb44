"""Which Python .venv is made with."""

import os
import sys
from pathlib import Path

import pytest

from tests.setup.project import Project

NEWEST_FIRST = ("python3.14", "python3.13", "python3.12", "python3.11", "python3", "python")
TAKEN = "#!/bin/sh\ncase $2 in -c) ;; *) echo taken: $0; esac\n"
BROKEN = "#!/bin/sh\necho no such version >&2; exit 127\n"


def answer(code: str) -> str:
    """A Python that is this one, apart from `code`, which it runs before what it is asked."""
    return f'#!/bin/sh\nexec {sys.executable} -I -c "import sys; {code}; exec(sys.argv[1])" "$3"\n'


OLD = answer("sys.version_info = (3, 10, 1)")
NEW = answer("sys.version_info = (3, 15, 0)")
OTHER = answer("sys.implementation.name = 'pypy'")
WITHOUT_VENV = answer("sys.modules['ensurepip'] = None")


@pytest.fixture
def pythons(project: Project, tmp_path: Path) -> Path:
    """The one folder of PATH with Pythons; the others are those of sh and make."""
    folder, tools = tmp_path / "pythons", tmp_path / "tools"
    for path in (folder, tools):
        path.mkdir()
    for name in ("sh", "make", "sed"):
        (tools / name).symlink_to(next(path for part in os.get_exec_path() if (path := Path(part, name)).exists()))
    project.env["PATH"] = f"{folder}:{tools}"
    return folder


def write(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


@pytest.mark.parametrize("name", NEWEST_FIRST)
def test_fault_81_newest_python(project: Project, pythons: Path, name: str) -> None:
    """Python 3.11, 3.12, 3.13: `make` takes the newest it supports"""
    for older in NEWEST_FIRST[NEWEST_FIRST.index(name) :]:
        write(pythons / older, TAKEN)
    assert project.make(".venv/.runs") == f"taken: {pythons / name}\n"


@pytest.mark.parametrize("useless", [BROKEN, OLD, NEW, OTHER, WITHOUT_VENV])
def test_fault_81_useless_python(project: Project, pythons: Path, useless: str) -> None:
    """another Python: `make` takes the newest it supports"""
    write(pythons / "python3.13", useless)
    write(pythons / "python3.12", TAKEN)
    assert project.make(".venv/.runs") == f"taken: {pythons / 'python3.12'}\n"


def test_find_python_takes_the_one_that_is_named(project: Project, pythons: Path) -> None:
    write(pythons / "python3.13", TAKEN)
    named = pythons / "my $python '3'"
    write(named, TAKEN)
    assert project.make(".venv/.runs", f"PYTHON={named}") == f"taken: {named}\n"
    assert project.make(".venv/.runs", settings={"PYTHON": str(named)}) == f"taken: {named}\n"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, "no Python 3.11, 3.12, 3.13 or 3.14"),
        (BROKEN, "python3 does not run"),
        (OLD, "python3 is cpython 3.10"),
        (NEW, "python3 is cpython 3.15"),
        (OTHER, "python3 is pypy 3."),
        (WITHOUT_VENV, "python3 has no module ensurepip (Debian, Ubuntu: apt-get install python3."),
    ],
)
def test_fault_81_no_python(project: Project, pythons: Path, text: str | None, reason: str) -> None:
    """no Python, or another: one line"""
    if text:
        write(pythons / "python3", text)
    error, end = project.make(".venv/.runs", code=2).splitlines()
    assert error.startswith("error: ") and reason in error and end.startswith("make: ***")


def test_find_python_says_that_the_one_named_is_of_no_use(project: Project, pythons: Path) -> None:
    write(pythons / "python3.12", TAKEN)
    assert "; nowhere does not run: " in project.make(".venv/.runs", "PYTHON=nowhere", code=2)


def test_find_python_keeps_that_of_a_whole_venv(made: Project, tmp_path: Path) -> None:
    write(tmp_path / "python3.14", TAKEN)
    assert made.make(".venv/.runs", settings={"PATH": f"{tmp_path}:{os.environ['PATH']}"}) == ""
