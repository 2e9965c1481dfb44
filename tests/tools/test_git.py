import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.processes import run
from tools.git import LOCAL_VARIABLES, GitError, find_root, run_git

AUTHOR = {f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """A repository with two commits of `file`, in a folder whose name has every printable ASCII character but /."""
    folder = tmp_path / "".join(chr(code) for code in range(32, 127) if chr(code) != "/")
    folder.mkdir()
    run("git", "init", "--quiet", cwd=folder)
    for text in ("one", "two"):
        (folder / "file").write_text(text)
        run("git", "add", "--all", cwd=folder)
        run("git", "commit", "--quiet", "--message", text, cwd=folder, environment=AUTHOR)
    return folder


def test_local_variables_are_those_that_git_lists() -> None:
    listed = set(run("git", "rev-parse", "--local-env-vars", cwd=Path()).stdout.split())
    settings = {name for name in listed if name.startswith("GIT_CONFIG")}
    assert listed - settings <= LOCAL_VARIABLES and not settings & LOCAL_VARIABLES


def test_run_git_asks_the_repository_of_the_folder_and_not_the_hooks(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    (repo / "below").mkdir()
    assert find_root(repo / "below") == repo
    assert run_git("show", "HEAD~1:./file", cwd=repo) == "one"


def test_run_git_runs_no_hook(repo: Path) -> None:
    hook = repo / ".git/hooks/post-checkout"
    hook.write_text("#!/bin/sh\ntouch acted\n")
    hook.chmod(0o755)
    run_git("checkout", "--quiet", "HEAD~1", cwd=repo)
    assert (repo / "file").read_text() == "one" and not (repo / "acted").exists()


def test_run_git_takes_a_path_for_a_path(repo: Path) -> None:
    (repo / ":(top)*").touch()
    assert run_git("status", "--porcelain", "-z", "--", ":(top)*", cwd=repo) == "?? :(top)*\0"


@pytest.mark.parametrize("revision", ["none", "HEAD~9", ""])
def test_run_git_gives_the_reason_in_a_line(repo: Path, revision: str) -> None:
    with pytest.raises(GitError, match=r"^git rev-parse --verify .*: Needed a single revision$"):
        run_git("rev-parse", "--verify", revision, cwd=repo)
    assert run_git("rev-parse", "--verify", revision, cwd=repo, check=False) == ""


def test_run_git_says_that_git_is_missing(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(repo))
    with pytest.raises(GitError, match=r"^git: not found; install git"):
        run_git("status", cwd=repo)


def test_run_git_has_an_end(repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "git").write_text("#!/bin/sh\nexec sleep 60\n")
    (tmp_path / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(GitError, match=r"^git status: .*timed out after 0\.2 seconds"):
        run_git("status", cwd=repo, timeout=0.2)


@pytest.mark.parametrize("gitfile", [None, "gitdir: /nowhere\n"])
def test_run_git_says_that_there_is_no_repository(tmp_path: Path, gitfile: str | None) -> None:
    if gitfile:
        (tmp_path / ".git").write_text(gitfile)
    with pytest.raises(GitError, match=r": not a git repository.*; work in a git clone"):
        run_git("status", cwd=tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="to give a folder to another user takes root")
def test_run_git_says_how_to_trust_a_repository_of_another_user(repo: Path, tmp_path: Path) -> None:
    os.chown(repo, 12345, 12345)
    os.chown(repo / ".git", 12345, 12345)
    with pytest.raises(GitError, match="dubious ownership") as caught:
        run_git("status", cwd=repo)
    advice = str(caught.value).partition("run `git config ")[2].removesuffix("`")
    home = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    subprocess.run(f"git config {advice}", shell=True, env=home, check=True)
    assert run_git("status", "--porcelain", cwd=repo, env=home) == ""


@pytest.mark.parametrize("objects", ["blob:none", "tree:0"])
def test_run_git_names_the_fetch_that_a_partial_clone_needs(repo: Path, tmp_path: Path, objects: str) -> None:
    shutil.move(repo, tmp_path / "up")
    run("git", "config", "uploadpack.allowFilter", "true", cwd=tmp_path / "up")
    run("git", "clone", "--quiet", f"--filter={objects}", f"file://{tmp_path}/up", "part", cwd=tmp_path)
    with pytest.raises(GitError, match="fetch what this partial clone lacks: `git fetch") as caught:
        run_git("show", "HEAD~1:file", cwd=tmp_path / "part")
    advice = str(caught.value).partition("lacks: `")[2].removesuffix("`")
    run(*advice.split(), cwd=tmp_path / "part")
    assert run_git("show", "HEAD~1:file", cwd=tmp_path / "part") == "one"
