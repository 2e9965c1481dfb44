"""A project to try the pages in: this checkout, reproduced and committed, and what it was pushed to."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.job.workspace import Workspace

GITCONFIG = "[user]\n    name = Test\n    email = test@example.org\n[init]\n    defaultBranch = main\n"


@pytest.fixture(scope="session")
def reader(clone: Callable[[], Path], tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A clone on a clean `main` of its own, made by `dvc repro`, whose `origin` is a bare repository beside it."""
    folder = tmp_path_factory.mktemp("reader")
    shutil.move(clone(), folder / "work")
    workspace = Workspace(folder / "work")
    use_home(workspace, folder / "home")
    workspace.run("git", "checkout", "--quiet", "-B", "main")
    workspace.run("dvc", "repro")
    workspace.run("git", "add", "--all")
    workspace.run("git", "commit", "--quiet", "--allow-empty", "--message", "start")
    workspace.run("git", "init", "--quiet", "--bare", str(folder / "origin.git"))
    workspace.run("git", "remote", "set-url", "origin", str(folder / "origin.git"))
    workspace.run("git", "push", "--quiet", "origin", "main")
    return workspace


def use_home(workspace: Workspace, home: Path) -> None:
    """Let nothing of who runs the tests show: no settings of git's or DVC's, nothing that DVC has seen."""
    home.mkdir()
    (home / ".gitconfig").write_text(GITCONFIG)
    workspace.env |= {"HOME": str(home), "DVC_SITE_CACHE_DIR": str(home / "site-cache"), "GIT_CONFIG_NOSYSTEM": "1"}
    for name in [name for name in os.environ if name.startswith("XDG_")]:
        workspace.env.pop(name, None)
