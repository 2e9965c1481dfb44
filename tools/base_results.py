"""`python -m tools.base_results REVISION`: have the results of another commit in the DVC cache, to compare with.

What the cache lacks is made, by that commit's own code in a worktree of its own, with the packages that are installed
here: the same inputs give the same bytes. This workspace stays as it is. Where it fails, `tools.compare` can still
compare the metrics.

Exit codes: 0 they are there; 1 they cannot be made; 2 no commit was named.
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.check_committed import find_outs_in_git
from tools.job.environment import find_cache, prepare_environment
from tools.job.record import LOCK, PIPELINE
from tools.job.verify import Out, find_damaged_objects, is_cached, read_outs

RAW = Path("data/raw")


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or not arguments[0] or arguments[0].startswith("-"):
        print("base-results: error: name one commit, as in `make base-results BASE=main`", file=sys.stderr)
        return 2
    revision = arguments[0]
    try:
        cache = find_cache().resolve()
        with worktree(revision) as folder:
            outs = list_outs(folder)
            if not has_results(outs, cache):
                make_results(folder, cache)
                if not has_results(outs, cache):
                    raise ValueError("what it makes here are other bytes than those of its dvc.lock")
    except (subprocess.CalledProcessError, OSError, ValueError) as error:
        print(f"base-results: error: {revision}: its results cannot be made here (see above): {error}", file=sys.stderr)
        return 1
    print(f"base-results: the results of {revision} are in the DVC cache")
    return 0


def list_outs(folder: Path) -> list[Out]:
    """The outs that dvc.lock in `folder` names, and that DVC's cache is to have."""
    in_git = find_outs_in_git(folder / PIPELINE)
    return [out for out in read_outs(folder / LOCK) if out.path not in in_git]


def has_results(outs: list[Out], cache: Path) -> bool:
    """Whether every one of `outs`, of which there are some, is in `cache`, undamaged."""
    return bool(outs) and all(is_cached(cache, out) for out in outs) and not find_damaged_objects(cache, outs)


def make_results(folder: Path, cache: Path) -> None:
    """`dvc repro` in `folder`, with the raw data of this workspace and with `cache`."""
    dvc, env = [sys.executable, "-m", "dvc"], prepare_environment()
    RAW.mkdir(parents=True, exist_ok=True)
    (folder / RAW.parent).mkdir(exist_ok=True)
    (folder / RAW).symlink_to(RAW.resolve(), target_is_directory=True)
    subprocess.run([*dvc, "cache", "dir", "--local", str(cache)], cwd=folder, env=env, check=True)
    subprocess.run([*dvc, "repro"], cwd=folder, env=env, check=True)


@contextmanager
def worktree(revision: str) -> Iterator[Path]:
    """A folder with `revision` checked out, which is gone afterwards."""
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / "base"
        subprocess.run(["git", "worktree", "add", "--quiet", "--detach", str(folder), revision], check=True)
        try:
            yield folder
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", str(folder)], check=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
