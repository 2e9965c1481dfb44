from pathlib import Path

import pytest

from tests.processes import ROOT, run


@pytest.mark.parametrize("tool", ["reproduce", "check_committed", "show", "preflight"])
def test_expect_no_arguments_helps_or_refuses_before_any_work(tool: str, tmp_path: Path) -> None:
    environment = {"PYTHONPATH": str(ROOT)}  # where there is nothing to work on: any work would fail
    helped = run("python", "-m", f"tools.{tool}", "--help", cwd=tmp_path, environment=environment)
    assert (
        helped.stdout.startswith(f"usage: python -m tools.{tool} ") and f"`python -m tools.{tool}`: " in helped.stdout
    )
    refused = run("python", "-m", f"tools.{tool}", "nonsense", cwd=tmp_path, environment=environment, check=False)
    assert refused.returncode == 2 and "unrecognized arguments: nonsense" in refused.stderr
