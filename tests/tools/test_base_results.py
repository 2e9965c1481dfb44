from pathlib import Path

import pytest

from tests.processes import run
from tools import base_results
from tools.base_results import check_out

AUTHOR = {f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A git repository with two commits of one file, and DVC's folder; the working directory."""
    run("git", "init", "--quiet", cwd=tmp_path)
    run("dvc", "init", "--quiet", cwd=tmp_path)
    for text in ("old", "new"):
        (tmp_path / "file").write_text(text)
        run("git", "add", "--all", cwd=tmp_path)
        run("git", "commit", "--quiet", "--message", text, cwd=tmp_path, environment=AUTHOR)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_check_out_has_the_other_commit_and_is_gone_afterwards(repo: Path) -> None:
    with check_out("HEAD^") as folder:
        assert (folder / "file").read_text() == "old"
        (folder / "left").touch()
    assert not folder.exists() and (repo / "file").read_text() == "new"
    assert len(run("git", "worktree", "list", cwd=repo).stdout.splitlines()) == 1


def test_check_out_has_the_folder_of_a_project_that_is_not_the_root_of_its_repository(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    below = repo / "team/ml"
    below.mkdir(parents=True)
    run("dvc", "init", "--quiet", "--subdir", cwd=below)
    (below / "here").touch()
    run("git", "add", "--all", cwd=repo)
    run("git", "commit", "--quiet", "--message", "below", cwd=repo, environment=AUTHOR)
    monkeypatch.chdir(below)
    with check_out("HEAD") as folder:
        assert (folder / "here").exists() and not (folder / "file").exists()


def test_check_out_makes_files_as_a_clone_does(repo: Path) -> None:
    (repo / ".gitattributes").write_text("lines text\n")
    (repo / "lines").write_text("a\nb\n")
    run("git", "add", "--all", cwd=repo)
    run("git", "commit", "--quiet", "--message", "lines", cwd=repo, environment=AUTHOR)
    run("git", "config", "core.autocrlf", "true", cwd=repo)
    with check_out("HEAD") as folder:
        assert (folder / "lines").read_bytes() == b"a\r\nb\r\n"


def test_main_says_which_commit_could_not_be_had(repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert base_results.main(["no-such-branch"]) == 1
    assert "base-results: error: no-such-branch: its results cannot be made here" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], [""], ["a", "b"], ["--force"]])
def test_main_wants_one_commit(arguments: list[str], repo: Path) -> None:
    assert base_results.main(arguments) == 2


def test_main_does_not_claim_what_was_not_made(
    repo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (repo / "dvc.yaml").write_text("stages: {all: {cmd: 'true', outs: [model]}}\n")
    out = "{path: model, hash: md5, md5: d41d8cd98f00b204e9800998ecf8427e, size: 0}"
    (repo / "dvc.lock").write_text(f"schema: '2.0'\nstages: {{all: {{cmd: 'true', outs: [{out}]}}}}\n")
    run("git", "add", "--all", cwd=repo)
    run("git", "commit", "--quiet", "--message", "outs", cwd=repo, environment=AUTHOR)
    monkeypatch.setattr(base_results, "make_results", lambda folder: None)  # other bytes, under other packages
    assert base_results.main(["HEAD"]) == 1
    assert "what it makes here are other bytes than those of its dvc.lock" in capsys.readouterr().err
