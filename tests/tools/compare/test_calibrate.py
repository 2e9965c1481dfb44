from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from linear_classifier.evaluation.metrics import Predictions
from linear_classifier.params import Params
from tests.good_model import save_small_run
from tests.processes import ROOT
from tools.compare.calibrate import GATE, count_false_alarms, main, open_splits, seed_deviations, train_with_seed
from tools.compare.revision import Metrics, Predicted
from tools.compare.revision_files import RULES
from tools.compare.rules import parse_rules


def run_of(accuracy: float, recall: tuple[float, float], wrong: int) -> Predicted:
    """A run of 2,000 images, of which the first `wrong` are classified wrong."""
    labels = np.arange(2000) % 2
    predicted = np.where(np.arange(2000) < wrong, 1 - labels, labels)
    confidence, loss = np.full(2000, 0.9), np.where(predicted == labels, 0.1, 2.3)
    headline = {"accuracy": accuracy, "loss": float(loss.mean()), "macro_f1": accuracy, "ece": 0.0}
    common: dict[str, Any] = {"commit": None, "params": {}, "rules": b"", "why_no_predictions": "", "training": {}}
    return Predicted(
        **common,
        name="run",
        metrics=Metrics(
            headline=headline, recall=dict(zip("ab", recall, strict=True)), num_images=2000, class_counts=None
        ),
        noise_scale=None,
        predictions=Predictions(labels, predicted, confidence, loss),
        calibration_bins=15,
    )


def test_seed_deviations_are_of_each_metric_and_of_recall_by_its_errors() -> None:
    found = seed_deviations([run_of(0.8, (0.8, 0.9), 0), run_of(0.9, (0.8, 0.7), 0)])
    assert found["accuracy"] == pytest.approx(0.1 / 2**0.5)
    assert found["class"] == pytest.approx(0.2 / 2**0.5 / 0.2)


def test_count_false_alarms_counts_pairs_and_failures_of_the_gate() -> None:
    rules = replace(parse_rules((ROOT / RULES).read_bytes()), bootstrap_samples=100)
    same, worse = run_of(1.0, (1.0, 1.0), 0), run_of(0.75, (0.75, 0.75), 500)
    num_pairs, alarms = count_false_alarms([same, same, worse], rules)
    assert (num_pairs, alarms["accuracy"], alarms[GATE]) == (3, 2, 2)


def test_train_with_seed_gives_the_same_run_for_the_same_seed(
    params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_small_run(tmp_path)
    monkeypatch.chdir(tmp_path)
    small = replace(params, train=replace(params.train, epochs=1, min_steps=0, batch_size=2))
    first, second, other = (train_with_seed(open_splits(), small, seed) for seed in (0, 0, 1))
    assert first.metrics == second.metrics and first.metrics != other.metrics
    assert first.noise_scale == pytest.approx(small.train.lr / 2 / (1 - small.train.momentum))


def test_main_refuses_a_folder_without_data_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([]) == 2
    errors = capsys.readouterr().err
    assert errors.startswith("calibrate: error: params.yaml: not found") and errors.count("\n") == 1
