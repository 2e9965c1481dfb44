"""Real processes, as a person at a shell would start them."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def run(
    *command: str, cwd: Path, check: bool = True, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """A finished process; this Python's `dvc` and `python` come first on its path, whatever the caller's shell has."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    settings = {**os.environ, "PATH": path, "DVC_NO_ANALYTICS": "1", **(environment or {})}
    done = subprocess.run(command, cwd=cwd, env=settings, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert not check or done.returncode == 0, f"{command} ended in {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return done
