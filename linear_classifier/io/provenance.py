"""`reports/provenance.json`: how the last run of each stage came about, for people; never a DVC out.

Whatever may differ between two runs with the same result has its room here: versions, device, commit, durations,
memory.
"""

import json
import platform
import resource
import subprocess
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from linear_classifier.io.files import write_json

PACKAGES = ("torch", "torchvision", "numpy", "pillow", "dvc")


def record(path: Path, stage: str, started: float, **facts: Any) -> None:
    """Put the run of `stage`, begun at `started` (of `time.perf_counter`), into `path`, and `facts` with it."""
    try:
        runs = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # none yet, or damaged: it is a log, and starts anew
        runs = {}
    runs[stage] = {
        "seconds": round(time.perf_counter() - started, 2),
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "git_commit": _git_commit(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
        **facts,
    }
    write_json(path, runs)


def _git_commit() -> str:
    try:
        command = ["git", "rev-parse", "HEAD"]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return "none"
