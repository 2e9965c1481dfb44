"""`python -m tools.base REVISION`: have the results of another commit in the DVC cache, to compare with image by image.

What the cache has is used; the rest is made, by that commit's own code in a worktree of its own, with the packages
that are installed here. This workspace stays as it is. Where that fails, `tools.compare` compares the metrics alone.
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.environment import find_cache, prepare_environment

RAW = Path("data/raw")


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or not arguments[0] or arguments[0].startswith("-"):
        print("base: error: name one commit, as in `make base BASE=main`", file=sys.stderr)
        return 2
    revision, cache, env = arguments[0], find_cache().resolve(), prepare_environment()
    dvc = [sys.executable, "-m", "dvc"]
    try:
        with worktree(revision) as folder:
            (folder / RAW.parent).mkdir(exist_ok=True)
            (folder / RAW).symlink_to(RAW.resolve(), target_is_directory=True)
            subprocess.run([*dvc, "cache", "dir", "--local", str(cache)], cwd=folder, env=env, check=True)
            subprocess.run([*dvc, "repro"], cwd=folder, env=env, check=True)
    except (subprocess.CalledProcessError, OSError) as error:
        print(f"base: error: {revision}: its results cannot be made here (see above): {error}", file=sys.stderr)
        return 1
    print(f"base: the results of {revision} are in the DVC cache")
    return 0


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
