"""`reports/provenance.json`: how the last run of each stage came about, for people; never a DVC out.

Whatever may differ between two runs with the same result has its room here: versions, device, commit, durations,
memory.
"""

import json
import os
import platform
import resource
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from linear_classifier.io.files import open_regular, write_json

PACKAGES = ("torch", "torchvision", "numpy", "pillow", "dvc")


def record(path: Path, stage: str, started: float, **facts: Any) -> None:
    """Put the run of `stage`, begun at `started` (of `time.perf_counter`), into `path`, and `facts` with it.

    It is for people alone, so that nothing about it fails a stage: what is not known is "unknown", and a warning says
    that `path` cannot be written.
    """
    run = {
        "seconds": round(time.perf_counter() - started, 2),
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "git_commit": _git_commit(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        **{name: _version(name) for name in PACKAGES},
        **facts,
    }
    try:
        write_json(path, {**_read_runs(path), stage: run})
    except (OSError, ValueError) as error:
        print(f"warning: {path}: the run is not recorded: {error}", file=sys.stderr, flush=True)


def _read_runs(path: Path) -> dict[str, Any]:
    """The runs recorded so far; none if there is no record, or a damaged one."""
    try:
        with open_regular(path) as file:
            runs = json.load(file)
    except (OSError, ValueError, RecursionError):
        return {}
    return runs if isinstance(runs, dict) else {}


def _version(package: str) -> str:
    try:
        return version(package) or "unknown"
    except (PackageNotFoundError, OSError, ValueError):  # or its metadata cannot be read
        return "unknown"


def _git_commit() -> str:
    """The commit of the working folder, whatever repository a git hook's GIT_DIR names; "unknown" without git."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"], env=env, stdin=subprocess.DEVNULL, capture_output=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return done.stdout.decode(errors="replace").strip()
