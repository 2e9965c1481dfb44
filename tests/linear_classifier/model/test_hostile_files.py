"""Every hostile file is refused, in under a second of CPU and 50 MB above a bare interpreter, with nothing executed."""

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.good_model import good_bytes
from tests.hostile.bombs import hash_bombs, memory_bombs, opcode_bombs, recursion_bombs, text_bombs
from tests.hostile.code import code_that_runs, other_code
from tests.hostile.foreign import foreign_files
from tests.hostile.wrong import damage, wrong_schema
from tests.processes import ROOT

MAX_SECONDS, MAX_KB = 1, 50 * 1024
PEAK = "import re; print(re.findall(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[0])"
Reports = dict[str, dict[str, Any]]


def build_hostile_files(folder: Path) -> dict[str, tuple[bytes, str]]:
    """Name to bytes and the words, between |, that the refusal has to hold, or ''."""
    good = good_bytes(folder / "good.pkl")
    bombs = memory_bombs() | hash_bombs() | recursion_bombs() | opcode_bombs() | text_bombs()
    silent = code_that_runs() | other_code() | bombs | damage(good) | wrong_schema(good)
    return {name: (data, "") for name, data in silent.items()} | foreign_files(good, folder)


def run_python(*arguments: str, cwd: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=cwd, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[bytes, str]]:
    return build_hostile_files(tmp_path_factory.mktemp("making"))


@pytest.fixture(scope="session")
def reports(hostile: dict[str, tuple[bytes, str]], tmp_path_factory: pytest.TempPathFactory) -> Reports:
    """What the reader did with each, by name; and with a good file, as "good"."""
    folder, empty = tmp_path_factory.mktemp("files"), tmp_path_factory.mktemp("empty")
    names = dict(enumerate([*hostile, "good"]))
    for index, name in names.items():
        path = folder / f"{index:04}.pkl"
        path.write_bytes(hostile[name][0]) if name in hostile else good_bytes(path)
    found = json.loads(run_python("-m", "tests.hostile.refuse", str(folder), cwd=empty))
    return {names[int(file.split(".")[0])]: report for file, report in found.items()}


def worst(reports: Reports, key: str) -> tuple[Any, str]:
    return max((report[key], name) for name, report in reports.items())


def test_hostile_files_are_many_and_of_every_kind(hostile: dict[str, tuple[bytes, str]]) -> None:
    kinds = {name.split(":")[0] for name in hostile}
    assert kinds >= {"code", "memory", "hash", "recursion", "opcodes", "text", "damage", "schema", "foreign"}
    assert len({data for data, _ in hostile.values()}) >= 60


def test_read_model_refuses_every_hostile_file(hostile: dict[str, tuple[bytes, str]], reports: Reports) -> None:
    outcomes = {name: report["outcome"] for name, report in reports.items()}
    assert outcomes == dict.fromkeys(hostile, "refused") | {"good": "accepted"}


def test_read_model_says_one_short_printable_line(hostile: dict[str, tuple[bytes, str]], reports: Reports) -> None:
    for name, (_, words) in hostile.items():
        message = reports[name]["message"]
        assert message.isprintable(), name
        assert len(message) < 800, name
        assert "dvc repro" in message, name
        assert all(word in message for word in words.split("|")), (name, message)


def test_read_model_executes_nothing(hostile: dict[str, tuple[bytes, str]], reports: Reports) -> None:
    """All that Python does for any file is to open it, and of a whole one to look at the numbers."""
    for name in hostile:
        assert set(reports[name]["events"]) <= {"open", "array.__new__", "builtins.id"}, name
        assert reports[name]["made"] == [], name


def test_read_model_takes_under_a_second_and_50_mb(hostile: dict[str, tuple[bytes, str]], reports: Reports) -> None:
    bare = int(run_python("-c", PEAK, cwd=ROOT))
    seconds, slowest = worst(reports, "seconds")
    peak, largest = worst(reports, "peak_kb")
    print(
        f"{len(hostile)} hostile files: at most {seconds:.3f} s ({slowest}), {(peak - bare) / 1024:.1f} MB ({largest})"
    )
    assert seconds < MAX_SECONDS, slowest
    assert peak - bare < MAX_KB, largest


@pytest.mark.parametrize("name", code_that_runs())
def test_hostile_code_would_run_if_it_were_unpickled(name: str, tmp_path: Path) -> None:
    """The set is hostile in earnest: a plain `pickle.loads` of each makes the folder."""
    path = tmp_path / "hostile.pkl"
    path.write_bytes(code_that_runs()[name])
    child = os.fork()
    if not child:
        try:
            os.chdir(tmp_path)
            pickle.loads(path.read_bytes())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert (tmp_path / "canary").is_dir()
