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


def test_main_ends_as_a_failed_job_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job, "main", lambda arguments: 75 if arguments == ["--force"] else 0)
    assert reproduce.main() == 75
