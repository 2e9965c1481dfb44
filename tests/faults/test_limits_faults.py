"""FAULTS row 80: limits that a login or a scheduler sets."""

import shutil
from pathlib import Path

import pytest

from tests.faults.stage_runs import assert_refuses


def limited(*limits: str) -> tuple[str, ...]:
    """What to put before a command to run it within `limits` of `ulimit`."""
    shell = shutil.which("bash") or "bash"
    return (shell, "-c", f'{"; ".join(f"ulimit {limit}" for limit in limits)}; exec "$@"', "limited")


@pytest.mark.parametrize("kilobytes", [400_000, 1_500_000, 3_200_000])
def test_fault_80_limit_of_memory(kilobytes: int, trained: Path) -> None:
    """limits of memory, files, file size"""
    message = assert_refuses("train", trained, "memory", "ulimit -v", code=1, prefix=limited(f"-v {kilobytes}"))
    assert "pip install" not in message


def test_fault_80_limit_of_open_files(trained: Path) -> None:
    """limits of memory, files, file size"""
    message = assert_refuses("train", trained, "Too many open files", "ulimit -n", code=1, prefix=limited("-n 6"))
    assert "pip install" not in message


def test_fault_80_limit_of_file_size(workspace: Path, raw: Path) -> None:
    """limits of memory, files, file size"""
    assert_refuses("prepare", workspace, "images.npy: File too large", "ulimit -f", code=1, prefix=limited("-f 2000"))


def test_fault_80_package_missing(trained: Path, tmp_path: Path) -> None:
    """limits of memory, files, file size; "pip install" only for a package that is missing"""
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden/sitecustomize.py").write_text("import sys; sys.modules['torch'] = None")
    prefix = ("/usr/bin/env", f"PYTHONPATH={tmp_path / 'hidden'}:{Path(__file__).parents[2]}")
    assert_refuses("train", trained, "torch", "pip install -r requirements.txt", code=1, prefix=prefix)
