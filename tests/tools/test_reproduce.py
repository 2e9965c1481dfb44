import re
from pathlib import Path

import pytest

from tests.processes import run
from tools import reproduce
from tools.job import __main__ as job
from tools.reproduce import find_changed

AUTHOR = {f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A git repository with two committed files, and the working directory."""
    run("git", "init", "--quiet", cwd=tmp_path)
    for name in ("dvc.lock", "metrics.json"):
        (tmp_path / name).write_text("one\n")
    run("git", "add", "--all", cwd=tmp_path)
    run("git", "commit", "--quiet", "--message", "start", cwd=tmp_path, environment=AUTHOR)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_find_changed_sees_another_byte_and_prints_it(repo: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert find_changed(["dvc.lock", "metrics.json"]) == []
    (repo / "dvc.lock").write_text("two\n")
    assert find_changed(["dvc.lock", "metrics.json"]) == ["dvc.lock"]
    assert "-one\n+two" in capfd.readouterr().out


def test_find_changed_is_not_misled_by_what_is_staged(repo: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (repo / "dvc.lock").write_text("two\n")
    run("git", "add", "dvc.lock", cwd=repo)
    assert find_changed(["dvc.lock"]) == ["dvc.lock"]
    assert "-one\n+two" in capfd.readouterr().out


def test_find_changed_sees_what_is_not_committed_or_not_made(repo: Path) -> None:
    run("git", "config", "status.showUntrackedFiles", "no", cwd=repo)  # as some have it, for speed
    (repo / "reports").mkdir()
    (repo / "reports/history.csv").write_text("")
    (repo / "metrics.json").unlink()
    assert sorted(find_changed(["reports/history.csv", "metrics.json"])) == ["metrics.json", "reports/history.csv"]


def test_find_changed_names_files_as_seen_from_a_project_below_the_root(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (repo / "ml").mkdir()
    (repo / "ml/made").touch()
    monkeypatch.chdir(repo / "ml")
    assert find_changed(["made"]) == ["made"]


def test_main_says_that_git_cannot_be_asked_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(job, "main", lambda arguments: pytest.fail("it began to work"))
    assert reproduce.main() == 1
    assert re.match(r"reproduce: error: .*not a git repository.*\n\Z", capsys.readouterr().err)


def test_main_ends_as_a_failed_job_does(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job, "main", lambda arguments: 75 if arguments == ["--force"] else 0)
    assert reproduce.main() == 75
