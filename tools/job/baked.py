"""`python -m tools.job --baked`: the code that an image carries, on the data mounted at /data, with results in /out.

The job runs in a workspace of its own, `/out/.workspace`, which keeps DVC's cache, so that a second run makes again
only what has changed. Once all is done and verified, the results are copied to /out, named as they are in a clone.
"""

import os
import shutil
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path

from linear_classifier.io.files import replacing, write_bytes
from tools.job.hosts import follow
from tools.job.workspace import job_lock

CODE, DATA, OUT = Path(__file__).parents[2], Path("/data"), Path("/out")
CARRIED = (".dvcignore", "dvc.lock", "dvc.yaml", "params.yaml", "requirements.txt", "linear_classifier", "stages")
CONFIG = b"[core]\n    no_scm = true\n    analytics = false\n    check_update = false\n"


def run_baked(job: Callable[[], int], code: Path = CODE, data: Path = DATA, out: Path = OUT) -> int:
    """The exit code of `job`, run in a workspace below `out` with the code of `code` and the raw files in `data`.

    Without `data`, the raw files are fetched, as in a clone.

    Raises:
        RuntimeError: `out` cannot be written.
        BusyError: another run holds `out`.
    """
    if not os.access(out, os.W_OK | os.X_OK):
        raise RuntimeError(
            f"{out}: user {os.geteuid()} cannot write here; mount a folder of yours and run as its owner: "
            f'--volume "$PWD/out:{out}" --user "$(id -u):$(id -g)"'
        )
    workspace = out / ".workspace"
    with job_lock(workspace / "lock"):
        _lay_out(workspace, code, data)
        with chdir(workspace):
            exit_code = job()
        if exit_code == 0:
            _copy_results(workspace, out)
            print(f"job: the results are in {out}", flush=True)
    return exit_code


def join_baked(out: Path = OUT) -> int:
    """Take part in the job of node 0, in the workspace that it has made below `out`, a volume of both hosts."""
    return follow(out / ".workspace")


def _lay_out(workspace: Path, code: Path, data: Path) -> None:
    """Make `workspace` hold what `code` holds now, whatever an earlier image or a killed run left there."""
    for name in CARRIED:
        if (code / name).is_dir():
            shutil.rmtree(workspace / name, ignore_errors=True)
            shutil.copytree(code / name, workspace / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            write_bytes(workspace / name, (code / name).read_bytes())
    write_bytes(workspace / ".dvc/config", CONFIG)
    from linear_classifier.preparation.fashion_mnist import (
        NAME,
    )  # here, since it imports NumPy, which the other ways of the job do not need

    raw = workspace / "data/raw" / NAME
    if raw.is_symlink():
        raw.unlink()
    if data.is_dir():
        shutil.rmtree(raw, ignore_errors=True)  # fetched by a run without data
        raw.parent.mkdir(parents=True, exist_ok=True)
        raw.symlink_to(data, target_is_directory=True)


def _copy_results(workspace: Path, out: Path) -> None:
    results = [path for name in ("models", "reports") for path in (workspace / name).rglob("*") if path.is_file()]
    for path in (*results, workspace / "dvc.lock", workspace / "params.yaml"):
        with path.open("rb") as source, replacing(out / path.relative_to(workspace)) as copy:
            shutil.copyfileobj(source, copy)
