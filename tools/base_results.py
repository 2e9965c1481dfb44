"""`python -m tools.base_results REVISION`: have the results of another commit in the DVC cache, to compare with.

What the cache lacks is made, by that commit's own code in a folder of its own, with the packages that are installed
here: the same inputs give the same bytes. This workspace and its repository stay as they are. Where it fails,
`tools.compare` can still compare the metrics.

Exit codes: 0 they are there; 1 they cannot be made; 2 no commit was named.
"""

import os
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from linear_classifier.io.console import open_console
from tools.compare.revision_files import find_commit
from tools.dvc_project import is_cached, list_outs, open_project
from tools.git import run_git
from tools.job.children import handle_signals, run
from tools.job.environment import prepare_environment
from tools.job.verify import find_damaged_objects

RAW = Path("data/raw")
CONFIG = "[core]\n    no_scm = true\n[cache]\n    dir = cache\n"  # this clone's, by a link that needs no quoting


def main(arguments: list[str]) -> int:
    if arguments[:1] in (["-h"], ["--help"]):
        print(__doc__)
        return 0
    if len(arguments) != 1 or not arguments[0] or arguments[0].startswith("-"):
        print("base-results: error: name one commit, as in `make base-results BASE=main`", file=sys.stderr)
        return 2
    revision = arguments[0]
    handle_signals()
    try:
        prepare_environment()
        with check_out(revision) as folder:
            if not has_results(folder):
                make_results(folder)
                if not has_results(folder):
                    raise ValueError("what it makes here are other bytes than those of its dvc.lock")
    except (RuntimeError, OSError, ValueError) as error:
        print(f"base-results: error: {revision}: its results cannot be made here: {error}", file=sys.stderr)
        return 1
    print(f"base-results: the results of {revision} are in the DVC cache")
    return 0


@contextmanager
def check_out(revision: str) -> Iterator[Path]:
    """A folder with this project as `revision` has it, with the DVC cache and the raw files of this workspace.

    It is no work tree of git's, so that no hook runs and nothing stays registered, whatever ends this process.
    """
    commit = find_commit(revision)
    if commit is None:
        raise ValueError("this is no commit; name one, as in `make base-results BASE=main`")
    with open_project() as repo:
        cache = Path(repo.cache.local_cache_dir).resolve()
    with tempfile.TemporaryDirectory() as parent:
        archive, folder = Path(parent) / "archive.tar", Path(parent) / "base"
        run_git("archive", f"--output={archive}", commit)  # of the folder it runs in
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")
        (folder / ".dvc/config.local").write_text(CONFIG, encoding="utf-8")
        cache.mkdir(parents=True, exist_ok=True)
        (folder / ".dvc/cache").symlink_to(cache, target_is_directory=True)
        RAW.mkdir(parents=True, exist_ok=True)
        (folder / RAW.parent).mkdir(exist_ok=True)
        (folder / RAW).symlink_to(RAW.resolve(), target_is_directory=True)
        yield folder


def has_results(folder: Path) -> bool:
    """Whether every out that dvc.lock in `folder` names, of which there are some, is in the cache, undamaged."""
    with open_project(folder) as repo:
        outs = [out for out in list_outs(repo) if out.use_cache]
        return bool(outs) and all(map(is_cached, outs)) and not find_damaged_objects(repo)


def make_results(folder: Path) -> None:
    """`dvc repro` in `folder`."""
    command = [sys.executable, "-m", "dvc", "--cd", str(folder), "repro"]
    if code := run(command, os.environ):
        raise RuntimeError(f"`dvc repro` ended in {code}, see above")


if __name__ == "__main__":
    open_console()
    sys.exit(main(sys.argv[1:]))
