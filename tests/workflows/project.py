"""A project to open pull requests in: a real git repository, a real DVC remote, and what a runner checks out of it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.faults.job.workspace import Workspace
from tests.processes import ROOT


class Project:
    """This checkout as it is now, with one epoch, reproduced, pushed to `origin` (git) and `store` (DVC).

    The branch `candidate` is that of an experiment, made as README tells.
    """

    def __init__(self, folder: Path) -> None:
        self.work = Workspace(folder / "work")
        self.origin, self.store, self.main_cache = folder / "origin.git", folder / "store", folder / "main-cache"
        _copy_checkout(self.work.path)
        self.work.set_params(epochs=1)
        self.git("init", "--quiet", "--initial-branch=main")
        self.git("config", "user.email", "test@example.org")
        self.git("config", "user.name", "Test")
        self.work.run("dvc", "remote", "add", "--default", "store", str(self.store))
        self.work.run("dvc", "remote", "modify", "store", "verify", "true")
        self.work.run("dvc", "repro")
        self.commit("start")
        subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", str(self.origin)], check=True)
        self.git("remote", "add", "origin", self.origin.as_uri())
        self.git("push", "--quiet", "origin", "main")
        self.work.run("dvc", "push")
        copy_tree(self.work.path / ".dvc/cache", self.main_cache)  # as a run on main leaves it to pull requests
        self._run_experiment()

    def _run_experiment(self) -> None:
        self.work.run("dvc", "exp", "run", "--name", "steeper", "-S", "train.lr=0.031")
        self.git("checkout", "--quiet", "--force", "main")
        self.work.run("dvc", "exp", "branch", "steeper", "candidate")
        self.git("checkout", "--quiet", "candidate")
        self.work.run("dvc", "checkout", "--force")
        self.work.run("dvc", "push")
        self.git("push", "--quiet", "origin", "candidate")
        self.git("checkout", "--quiet", "main")

    def git(self, *arguments: str) -> str:
        return self.work.run("git", *arguments).stdout.strip()

    def commit(self, message: str) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)

    def make_branch(self, name: str, change: Callable[[Workspace], object]) -> None:
        """A branch off main with `change`."""
        self.git("checkout", "--quiet", "--force", "-B", name, "main")
        change(self.work)
        self.commit(name)

    def open_pull_request(self, branch: str) -> None:
        """The merge of `branch` into main as GitHub makes it, at `refs/pull/BRANCH/merge`."""
        self.git("checkout", "--quiet", "--force", "--detach", "main")
        self.git("merge", "--quiet", "--no-ff", "--message", f"Merge {branch}", branch)
        self.git("push", "--quiet", "--force", "origin", f"HEAD:refs/pull/{branch}/merge")
        self.git("checkout", "--quiet", "main")

    def check_out(self, name: str, depth: int, folder: Path) -> Path:
        """The merge as actions/checkout leaves it, and the caches as actions/cache restores them, in `folder`."""
        folder.mkdir()
        git = ("git", "-C", str(folder))
        for command in (
            (*git, "init", "--quiet"),
            (*git, "remote", "add", "origin", self.origin.as_uri()),
            (*git, "fetch", "--quiet", "--no-tags", f"--depth={depth}", "origin", f"refs/pull/{name}/merge"),
            (*git, "checkout", "--quiet", "--detach", "FETCH_HEAD"),
        ):
            subprocess.run(command, check=True)
        copy_tree(self.work.path / "data/raw", folder / "data/raw")
        copy_tree(self.main_cache, folder / ".dvc/cache")
        _restore_venv(folder / ".venv")
        if (ROOT / ".mypy_cache").is_dir():  # checking PyTorch's types again takes most of a minute
            copy_tree(ROOT / ".mypy_cache", folder / ".mypy_cache")
        return folder


def copy_tree(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "-a", "--reflink=auto", str(source), str(target)], check=True)


def _copy_checkout(folder: Path) -> None:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0"):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    copy_tree(ROOT / "data/raw", folder / "data/raw")


def _restore_venv(venv: Path) -> None:
    """The environment that runs the tests, with stamps older than the checkout, as those from a cache are."""
    venv.mkdir()
    for name in ("bin", "lib", "pyvenv.cfg"):
        if (Path(sys.prefix) / name).exists():
            (venv / name).symlink_to(Path(sys.prefix) / name)
    for stamp in (".runs", ".checks"):
        (venv / stamp).touch()
        os.utime(venv / stamp, (0, 0))
