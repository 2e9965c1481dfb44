"""The git hooks of .pre-commit-config.yaml, installed as `make hooks` does and set off by real commits and pushes."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.processes import ROOT
from tests.workflows.project import Project

Git = Callable[..., subprocess.CompletedProcess[str]]
AUTHOR = {f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(project: Project, tmp_path_factory: pytest.TempPathFactory, no_network: list[str]) -> Path:
    """A clone with the hooks installed, without a network."""
    project.make_branch("hooks", lambda workspace: (workspace.path / "notes.md").write_text("notes\n"))
    project.open_pull_request("hooks")
    folder = project.check_out("hooks", 1, tmp_path_factory.mktemp("hooks") / "clone")
    for stamp in (".runs", ".checks"):
        (folder / ".venv" / stamp).touch()
    subprocess.run([*no_network, "make", "hooks"], cwd=folder, env=_environment(folder), check=True)
    return folder


@pytest.fixture
def git(folder: Path, no_network: list[str]) -> Git:
    """Runs git there; the working tree is clean before."""
    subprocess.run(["git", "reset", "--quiet", "--hard", "FETCH_HEAD"], cwd=folder, check=True)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [*no_network, "git", *arguments]
        return subprocess.run(command, cwd=folder, env=_environment(folder), capture_output=True, text=True)

    return run


def _environment(folder: Path) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    home = {"HOME": str(folder.parent), "PRE_COMMIT_HOME": str(folder.parent / "pre-commit")}
    return clean | AUTHOR | home | {"SKIP": "types"}  # what mypy says is no matter of hooks, and takes long


def test_every_hook_is_the_projects_own_and_needs_no_network() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    hooks = [hook for repo in config["repos"] for hook in repo["hooks"] if repo["repo"] == "local"]
    assert len(config["repos"]) == 1 and hooks
    assert all(
        hook["language"] == "pygrep" or (hook["language"] == "system" and hook["entry"].startswith(".venv/bin/"))
        for hook in hooks
    )


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("tools/bad.py", "print(missing)\n", "F821"),
        ("tools/bad.py", "x = (1,\n  2)\n", "files were modified by this hook"),
        ("notes.md", "see /ho" + "me/ada/notes\n", "notes.md:1:see"),
        ("notes.md", "see C:\\Us" + "ers\\ada\\notes\n", "notes.md:1:see"),
        ("notes.md", "<" * 7 + " HEAD\nb\n", "Merge conflict string"),
        ("data.bin", "\0" * 513_000, "exceeds 500 KB"),
        (".github/workflows/bad.yml", "on: push\njobs: {}\n", "jobs"),
    ],
)
def test_commit_of_what_does_not_belong_is_refused(
    name: str, content: str, complaint: str, folder: Path, git: Git
) -> None:
    (folder / name).write_text(content)
    git("add", "--force", name)
    done = git("commit", "--message", "bad")
    assert done.returncode != 0 and complaint in done.stdout + done.stderr
    assert git("log", "-1", "--format=%s").stdout.strip() == "Merge hooks"


def test_good_commit_passes_and_can_be_pushed(folder: Path, git: Git) -> None:
    (folder / "tools/good.py").write_text('"""A module."""\n')
    git("add", "tools/good.py")
    assert (done := git("commit", "--message", "good")).returncode == 0, done.stdout + done.stderr
    done = git("push", "origin", "HEAD:refs/heads/good")
    assert done.returncode == 0 and "dvc.lock is not stale" in done.stdout + done.stderr, done.stdout + done.stderr


def test_push_of_a_stale_lock_is_refused(folder: Path, git: Git) -> None:
    params = folder / "params.yaml"
    params.write_text(params.read_text().replace("lr: 0.03 ", "lr: 0.02 "))
    git("add", "params.yaml")
    assert (done := git("commit", "--message", "stale")).returncode == 0, done.stdout + done.stderr
    done = git("push", "origin", "HEAD:refs/heads/stale")
    assert done.returncode != 0 and "dvc.lock: stale: train" in done.stdout + done.stderr
