"""`python -m tools.check_committed`: whether what is committed can be believed before anything is run.

Every metrics file is there, whole, and holds finite numbers alone; dvc.lock is of this code, these params and these
files. Outs that a fresh clone does not have do not count. DVC by itself passes all of it with a warning at most.

Exit codes: 0 fresh; 1 dvc.lock is stale; 2 a file is damaged or missing.
"""

import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dvc.utils.serialize import ParseError, load_path

from linear_classifier.io.console import open_console
from tools.command_line import expect_no_arguments
from tools.dvc_project import LOCK, check_pipeline, find_stale, list_metrics, open_project

FRESH, STALE, BAD_INPUT = 0, 1, 2
CURE = "run `dvc repro`, then commit dvc.lock and reports/"


def main() -> int:
    try:
        with open_project() as repo:
            check_pipeline(repo)
            if not LOCK.exists():
                raise ValueError(f"{LOCK}: missing; {CURE}")
            for path in list_metrics(repo):
                check_metrics(path, repo.fs)
            stale = find_stale(repo)
    except (ValueError, RuntimeError, OSError) as error:
        print(f"check-committed: error: {error}", file=sys.stderr)
        return BAD_INPUT
    for reason in stale:
        print(f"check-committed: error: {LOCK}: stale: {reason}; {CURE}", file=sys.stderr)
    if not stale:
        print("check-committed: dvc.lock is of this code and these params; the metrics are whole")
    return STALE if stale else FRESH


def check_metrics(path: Path, fs: Any) -> None:
    """Raise ValueError, naming file and key, unless `path` on DVC's `fs` holds finite numbers and nothing else.

    It is JSON, or by its name YAML, TOML or Python, as DVC takes it.
    """
    if not path.is_file():
        raise ValueError(f"{path}: missing; {CURE}")
    try:
        leaves = list(_leaves(load_path(str(path), fs)))
    except (ParseError, ValueError) as error:
        kind = path.suffix.strip(".").upper() or "JSON"
        raise ValueError(f"{path}: truncated or not {kind} ({' '.join(str(error).split())}); {CURE}") from None
    if not leaves:
        raise ValueError(f"{path}: holds no metric; {CURE}")
    for name, value in leaves:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise ValueError(f"{path}: {name or 'the whole'} is {value!r}, not a finite number; {CURE}")


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """The dotted name and the value of everything that is neither a mapping nor a list."""
    if isinstance(value, dict | list):
        for key, below in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _leaves(below, f"{name}.{key}".lstrip("."))
    else:
        yield name, value


if __name__ == "__main__":
    open_console()
    expect_no_arguments(__doc__)
    sys.exit(main())
