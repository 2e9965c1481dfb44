"""`python -m tools.check_committed`: whether what is committed can be believed before anything is run.

Every metrics file is there, whole, and holds finite numbers alone; dvc.lock is of this code, these params and these
files. Outs that a fresh clone does not have do not count. DVC by itself passes all of it with a warning at most.

Exit codes: 0 fresh; 1 dvc.lock is stale; 2 a file is damaged or missing.
"""

import json
import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tools.job.record import LOCK, PIPELINE, outs_of, read_pipeline
from tools.job.verify import read_outs

FRESH, STALE, BAD_INPUT = 0, 1, 2
MEND = "run `dvc repro`, then commit dvc.lock and reports/"
ABSENT = ("deleted", "not in cache")  # DVC's words for what a fresh clone does not have


def main() -> int:
    try:
        check_metrics(find_metrics(PIPELINE))
        read_outs(LOCK)  # a damaged one is told of better here than by DVC
        stale = find_stale(read_status(), find_cached_outs(PIPELINE))
    except (ValueError, OSError) as error:
        print(f"check-committed: error: {error}", file=sys.stderr)
        return BAD_INPUT
    for reason in stale:
        print(f"check-committed: error: {LOCK}: stale: {reason}; {MEND}", file=sys.stderr)
    if not stale:
        print("check-committed: dvc.lock is of this code and these params; the metrics are whole")
    return STALE if stale else FRESH


def find_metrics(pipeline: Path) -> list[Path]:
    """The metrics files that dvc.yaml lists."""
    return [Path(name) for stage in read_pipeline(pipeline).values() for name in outs_of(stage, ("metrics",))]


def find_cached_outs(pipeline: Path) -> set[str]:
    """The outs of dvc.yaml that are in DVC's cache and not in git."""
    return {name for name, options in _list_outs(pipeline) if options.get("cache", True)}


def find_outs_in_git(pipeline: Path) -> list[str]:
    """The outs of dvc.yaml that are in git and not in DVC's cache: metrics, and the history of the training."""
    return [name for name, options in _list_outs(pipeline) if not options.get("cache", True)]


def check_metrics(paths: list[Path]) -> None:
    """Raise ValueError, naming file and key, unless each of `paths` is JSON with finite numbers in it and no other."""
    for path in paths:
        if not path.is_file():
            raise ValueError(f"{path}: missing; {MEND}")
        try:
            metrics = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"{path}: truncated or not JSON ({error}); {MEND}") from None
        leaves = list(_leaves(metrics))
        if not leaves:
            raise ValueError(f"{path}: holds no metric; {MEND}")
        for name, value in leaves:
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                raise ValueError(f"{path}: {name or 'the whole'} is {value!r}, not a finite number; {MEND}")


def read_status() -> dict[str, Any]:
    """What `dvc status` finds changed, by stage.

    Raises:
        ValueError: DVC cannot tell; the message is its own.
    """
    command = [sys.executable, "-m", "dvc", "status", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ValueError(f"dvc status failed: {' '.join(done.stderr.split())}")
    status: dict[str, Any] = json.loads(done.stdout)
    return status


def find_stale(status: dict[str, Any], cached: set[str]) -> list[str]:
    """What makes dvc.lock stale, one stage and path a line; `cached` outs that are only absent do not."""
    reasons = []
    for stage, changes in status.items():
        for change in changes:
            if isinstance(change, str):  # "changed command"
                reasons.append(f"{stage}: {change}")
                continue
            for paths in change.values():
                for path, state in paths.items():
                    if not (path in cached and state in ABSENT):
                        reasons.append(f"{stage}: {path} {_describe(state)}")
    return reasons


def find_outdated(status: dict[str, Any], cached: set[str]) -> list[str]:
    """What the outs in the workspace are not of: changed code, params and data, as `find_stale` tells it."""
    causes = {
        stage: [change for change in changes if isinstance(change, str) or "changed outs" not in change]
        for stage, changes in status.items()
    }
    return find_stale(causes, cached)


def _describe(state: str | dict[str, str]) -> str:
    """`modified`, or of params `train modified`."""
    if isinstance(state, str):
        return state
    return ", ".join(f"{key} {how}" for key, how in state.items())


def _list_outs(pipeline: Path) -> list[tuple[str, dict[str, Any]]]:
    """Path and options of each out of dvc.yaml, stage by stage."""
    return [out for stage in read_pipeline(pipeline).values() for out in outs_of(stage).items()]


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """The dotted name and the value of everything that is neither a mapping nor a list."""
    if isinstance(value, dict | list):
        for key, below in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _leaves(below, f"{name}.{key}".lstrip("."))
    else:
        yield name, value


if __name__ == "__main__":
    sys.exit(main())
