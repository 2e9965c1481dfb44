import re
from pathlib import Path

import pytest

from tests.processes import ROOT
from tools import check_committed
from tools.check_committed import check_metrics, find_cached_outs, find_metrics, find_outs_in_git, find_stale


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
        check_metrics([path])


def test_check_metrics_refuses_bytes_that_are_not_text_and_a_missing_file(tmp_path: Path) -> None:
    (tmp_path / "metrics.json").write_bytes(b'{"accuracy": 0.9\xff}')
    with pytest.raises(ValueError, match="truncated or not JSON"):
        check_metrics([tmp_path / "metrics.json"])
    with pytest.raises(ValueError, match=r"gone\.json: missing"):
        check_metrics([tmp_path / "gone.json"])


def test_check_metrics_accepts_the_committed_ones() -> None:
    paths = find_metrics(ROOT / "dvc.yaml")
    assert {str(path) for path in paths} == {"reports/train/metrics.json", "reports/evaluate/metrics.json"}
    check_metrics([ROOT / path for path in paths])


def test_outs_are_either_in_git_or_in_the_cache() -> None:
    in_git = find_outs_in_git(ROOT / "dvc.yaml")
    assert set(in_git) == {"reports/train/history.csv", "reports/train/metrics.json", "reports/evaluate/metrics.json"}
    cached = find_cached_outs(ROOT / "dvc.yaml")
    assert {"data/prepared", "models/model.pkl", "reports/evaluate/predictions.csv"} <= cached
    assert not cached & set(in_git)


def test_find_stale_tells_a_change_from_what_a_fresh_clone_does_not_have() -> None:
    status = {
        "prepare": [{"changed outs": {"data/prepared": "not in cache"}}],
        "train": [
            {"changed deps": {"data/prepared": "deleted", "params.yaml": {"train": "modified"}}},
            {"changed outs": {"models/model.pkl": "deleted", "reports/train/metrics.json": "deleted"}},
            "changed command",
        ],
    }
    assert find_stale(status, {"data/prepared", "models/model.pkl"}) == [
        "train: params.yaml train modified",
        "train: reports/train/metrics.json deleted",
        "train: changed command",
    ]


def test_find_stale_takes_a_cached_out_with_other_bytes_for_stale() -> None:
    status = {"train": [{"changed outs": {"models/model.pkl": "modified"}}]}
    assert find_stale(status, {"models/model.pkl"}) == ["train: models/model.pkl modified"]


def test_main_says_how_to_mend_a_damaged_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.yaml").write_text("stages: {}")
    (tmp_path / "dvc.lock").write_text("<<<<<<< HEAD\nstages: {}\n=======\n")
    assert check_committed.main() == 2
    assert re.match(r"check-committed: error: dvc\.lock: damaged, or with conflict markers", capsys.readouterr().err)


def test_main_passes_on_why_dvc_cannot_tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.yaml").write_text("stages: {}")
    assert check_committed.main() == 2
    assert "dvc status failed" in capsys.readouterr().err
