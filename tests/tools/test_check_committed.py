import json
import re
import shutil
from pathlib import Path

import pytest
from dvc.fs import LocalFileSystem

from tests.processes import run
from tools import check_committed
from tools.check_committed import check_metrics

FS = LocalFileSystem()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('{"accuracy": NaN}', "accuracy is nan, not a finite number"),
        ('{"accuracy": 1e999}', "accuracy is inf, not a finite number"),
        ('{"per_class": {"Bag": {"f1": -Infinity}}}', "per_class.Bag.f1 is -inf, not a finite number"),
        ('{"accuracy": null}', "accuracy is None, not a finite number"),
        ('{"accuracy": "0.9"}', "accuracy is '0.9', not a finite number"),
        ('{"accuracy": true}', "accuracy is True, not a finite number"),
        ('{"accuracy": [0.9, NaN]}', "accuracy.1 is nan, not a finite number"),
        ("NaN", "the whole is nan, not a finite number"),
        ("{}", "holds no metric"),
        ('{"accuracy": 0.9', "truncated or not JSON"),
        ("", "truncated or not JSON"),
        ("<html>", "truncated or not JSON"),
    ],
)
def test_check_metrics_refuses_all_but_finite_numbers(text: str, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=rf"metrics\.json: {re.escape(complaint)}.*; run `dvc repro`, then commit"):
        check_metrics(path, FS)


def test_check_metrics_refuses_bytes_that_are_not_text_and_a_missing_file(tmp_path: Path) -> None:
    (tmp_path / "metrics.json").write_bytes(b'{"accuracy": 0.9\xff}')
    with pytest.raises(ValueError, match="truncated or not JSON"):
        check_metrics(tmp_path / "metrics.json", FS)
    with pytest.raises(ValueError, match=r"gone\.json: missing"):
        check_metrics(tmp_path / "gone.json", FS)


@pytest.mark.parametrize(("name", "text"), [("m.yaml", "accuracy: 0.9\n"), ("m.toml", "accuracy = 0.9\n")])
def test_check_metrics_takes_the_formats_that_dvc_takes(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    check_metrics(tmp_path / name, FS)


def test_main_accepts_what_is_committed(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check_committed.main() == 0
    assert "the metrics are whole" in capsys.readouterr().out


def test_main_tells_a_change_from_what_a_fresh_clone_does_not_have(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "code").write_text("other")
    (project / "model").write_text("other")
    assert check_committed.main() == 1
    assert re.findall("stale: (.*?);", capsys.readouterr().err) == ["all: code modified", "all: model modified"]
    (project / "code").write_text("code")
    (project / "model").unlink()
    shutil.rmtree(project / ".dvc/cache")
    assert check_committed.main() == 0


def test_main_says_where_the_lock_is_damaged(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "dvc.lock").write_text("<<<<<<< HEAD\nstages: {}\n=======\n")
    assert check_committed.main() == 2
    error = capsys.readouterr().err
    assert re.match(r"check-committed: error: dvc\.lock: line \d: not YAML \(possible merge conflicts\): ", error)
    assert "resolve the merge, or keep it aside" in error


def test_main_says_in_one_line_that_there_is_no_lock(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "dvc.lock").unlink()
    assert check_committed.main() == 2
    assert capsys.readouterr().err == f"check-committed: error: dvc.lock: missing; {check_committed.CURE}\n"


@pytest.mark.parametrize("content", ["stages: {}\n", None])
def test_main_refuses_a_project_without_stages(
    content: str | None, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "dvc.yaml").unlink() if content is None else (project / "dvc.yaml").write_text(content)
    assert check_committed.main() == 2, "of nothing, all would be as it should"
    assert "dvc.yaml: no stages, expected a pipeline" in capsys.readouterr().err


def test_main_passes_on_why_dvc_cannot_tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert check_committed.main() == 2
    assert "you are not inside of a DVC repository" in capsys.readouterr().err


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A DVC project of one stage, which has run; the working directory."""
    run("git", "init", "--quiet", cwd=tmp_path)
    run("dvc", "init", "--quiet", cwd=tmp_path)
    (tmp_path / "code").write_text("code")
    command = "echo m > model; echo '{\"accuracy\": 0.9}' > metrics.json"
    pipeline = {"cmd": command, "deps": ["code"], "outs": ["model"]}
    stages = {"stages": {"all": {**pipeline, "metrics": [{"metrics.json": {"cache": False}}]}}}
    (tmp_path / "dvc.yaml").write_text(json.dumps(stages))
    run("dvc", "repro", cwd=tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path
