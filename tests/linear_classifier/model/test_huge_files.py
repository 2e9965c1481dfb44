"""What it costs to refuse or accept a file of 256 MB: the limits that SECURITY.md states, as a function of the size."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from linear_classifier.model.model_file import MAX_BYTES
from tests.hostile.huge import huge_files, write_largest_good
from tests.linear_classifier.model.test_hostile_files import MAX_KB, MAX_SECONDS, PEAK, run_python
from tests.processes import ROOT

SECONDS_PER_100_MB, COPIES = 1, 2

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def bare() -> int:
    """The peak memory of an interpreter that does nothing, in kB."""
    return int(run_python("-c", PEAK, cwd=ROOT))


def read_in_child(build: Callable[[BinaryIO], Any], folder: Path, bare: int) -> dict[str, Any]:
    """What `read_model` did with the file that `build` writes, within the limits."""
    path, empty = folder / "files/model.pkl", folder / "empty"
    path.parent.mkdir()
    empty.mkdir()
    with path.open("wb") as file:
        build(file)
    size = min(path.stat().st_size, MAX_BYTES)
    report: dict[str, Any] = json.loads(run_python("-m", "tests.hostile.refuse", str(path.parent), cwd=empty))[
        path.name
    ]
    path.unlink()
    print(f"{report['seconds']:.2f} s, {(report['peak_kb'] - bare) / 1024:.0f} MB for {size / 2**20:.0f} MB")
    print(report["message"])
    assert size > 0.9 * MAX_BYTES
    assert report["seconds"] < MAX_SECONDS + SECONDS_PER_100_MB * size / 100e6
    assert report["peak_kb"] - bare < MAX_KB + COPIES * size / 1024
    assert report["made"] == []
    return report


@pytest.mark.parametrize("name", huge_files())
def test_read_model_refuses_a_huge_file_within_its_limits(name: str, tmp_path: Path, bare: int) -> None:
    report = read_in_child(huge_files()[name], tmp_path, bare)
    assert report["outcome"] == "refused"
    assert report["message"].isprintable() and len(report["message"]) < 800


def test_read_model_accepts_the_largest_model_within_its_limits(tmp_path: Path, bare: int) -> None:
    report = read_in_child(write_largest_good, tmp_path, bare)
    assert (report["outcome"], report["message"]) == ("accepted", "")
