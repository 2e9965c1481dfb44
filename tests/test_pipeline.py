"""The whole pipeline on the real data: same inputs, same bytes; and what DVC makes of it."""

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from linear_classifier.model.model_file import read_model
from linear_classifier.preparation.fashion_mnist import NAME
from tests.processes import ROOT, run

COMMITTED = (ROOT / "dvc.lock").read_bytes()
OLD_CPU = {"ATEN_CPU_CAPABILITY": "default", "MKL_ENABLE_INSTRUCTIONS": "SSE4_2", "ONEDNN_MAX_CPU_ISA": "SSE41"}
OLDER_CPU = {"ATEN_CPU_CAPABILITY": "avx2", "MKL_CBWR": "COMPATIBLE", "ONEDNN_MAX_CPU_ISA": "SSE41"}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def workspace(clone: Callable[[], Path]) -> Path:
    """A clone in which the pipeline has run once."""
    folder = clone()
    run("dvc", "repro", cwd=folder)
    assert (folder / "dvc.lock").read_bytes() == COMMITTED, "the same bytes in another clone"
    run("git", "add", "--all", cwd=folder)
    run("git", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "As it is", "--allow-empty", cwd=folder)
    return folder


@pytest.fixture
def restored(workspace: Path) -> Path:
    """`workspace` as it was after its first run."""
    run("git", "checkout", "--quiet", "--", ".", cwd=workspace)
    run("dvc", "checkout", "--force", cwd=workspace)
    return workspace


def set_runtime(folder: Path, **values: int | str) -> None:
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["runtime"] |= values
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))


def assert_same_bytes(folder: Path) -> None:
    assert (folder / "dvc.lock").read_bytes() == COMMITTED
    committed = ("train/history.csv", "train/metrics.json", "evaluate/metrics.json", "report/MODEL_CARD.md")
    for name in (f"reports/{name}" for name in committed):
        assert (folder / name).read_bytes() == (ROOT / name).read_bytes()


def test_repro_in_another_clone_gives_the_committed_lock_and_metrics(workspace: Path) -> None:
    assert_same_bytes(workspace)
    assert "up to date" in run("dvc", "status", cwd=workspace).stdout


@pytest.mark.parametrize(
    ("runtime", "environment"),
    [
        ({}, {}),
        ({"num_workers": 2}, {}),
        ({"threads": 2}, {}),
        ({"processes": 2}, {}),
        ({}, OLD_CPU),
        ({}, OLDER_CPU),
    ],
    ids=["again", "2-workers", "2-threads", "2-ranks", "sse4-kernels", "avx2-kernels"],
)
def test_repro_gives_the_same_lock_whatever_runs_it(
    runtime: dict[str, int | str], environment: dict[str, str], restored: Path
) -> None:
    set_runtime(restored, **runtime)
    done = run("dvc", "repro", "--force", cwd=restored, environment=environment)
    assert done.stdout.count("Running stage") == 5, "a restored result would prove nothing"
    assert_same_bytes(restored)


def test_prepare_params_and_code_are_what_the_lock_depends_on(restored: Path) -> None:
    (restored / "linear_classifier/training/loop.py").write_text(
        (ROOT / "linear_classifier/training/loop.py").read_text() + "# edited\n"
    )
    stale = run("dvc", "status", cwd=restored).stdout
    shutil.copy(ROOT / "linear_classifier/training/loop.py", restored / "linear_classifier/training/loop.py")
    assert "train" in stale and "prepare:" not in stale


def test_committed_metrics_reach_what_is_promised() -> None:
    metrics = json.loads((ROOT / "reports/evaluate/metrics.json").read_text())
    assert metrics["accuracy"] >= 0.856 and math.isfinite(metrics["loss"]) and len(metrics["per_class"]) == 10


def test_model_is_7850_numbers_and_knows_what_it_was_made_with(restored: Path) -> None:
    saved = read_model(restored / "models/model.pkl")
    assert len(saved.weight) + len(saved.bias) == 4 * 7850
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    assert params["train"]["gamma"] == "auto"
    assert saved.made_with == {"prepare": params["prepare"], "train": params["train"] | {"gamma": 0.4}}


def test_prepared_splits_are_stratified_and_keep_the_official_test_apart(restored: Path) -> None:
    counts = json.loads((restored / "data/prepared/dataset.json").read_text())["counts"]
    assert counts == {"train": [5400] * 10, "val": [600] * 10, "test": [1000] * 10}


def test_dvc_compares_params_and_metrics_of_an_experiment_and_draws_plots(restored: Path) -> None:
    run("dvc", "exp", "run", "-S", "train.epochs=1", "-S", "train.lr=0.01", "--name", "short", cwd=restored)
    params = json.loads(run("dvc", "params", "diff", "--json", cwd=restored).stdout)
    assert params["params.yaml"]["train.epochs"]["new"] == 1
    metrics = json.loads(run("dvc", "metrics", "diff", "--json", cwd=restored).stdout)
    assert metrics["reports/evaluate/metrics.json"]["accuracy"]["diff"] < 0
    assert "short" in run("dvc", "exp", "show", "--csv", cwd=restored).stdout
    run("dvc", "plots", "show", cwd=restored)
    page = (restored / "dvc_plots/index.html").read_text()
    assert all(word in page for word in ("train_loss", "val_accuracy", "Ankle boot", "confusion.png"))


def test_dvc_queues_a_sweep_and_runs_it(restored: Path) -> None:
    run("dvc", "exp", "run", "--queue", "-S", "train.epochs=1", "-S", "train.lr=0.01,0.02", cwd=restored)
    run("dvc", "queue", "start", cwd=restored)
    run("dvc", "queue", "logs", "--follow", _last_task(restored), cwd=restored, check=False)
    assert run("dvc", "queue", "status", cwd=restored).stdout.count("Success") == 2


def _last_task(folder: Path) -> str:
    return run("dvc", "queue", "status", cwd=folder).stdout.splitlines()[-3].split()[0]


def test_stages_alone_work_without_git_and_dvc(restored: Path, tmp_path: Path) -> None:
    for package in ("linear_classifier", "stages"):
        shutil.copytree(restored / package, tmp_path / package)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    shutil.copytree(restored / "data/raw" / NAME, tmp_path / "data/raw" / NAME)
    for stage in ("prepare", "train", "evaluate", "report", "export"):
        run("python", "-m", "stages", stage, cwd=tmp_path)
    for name in ("models/model.pkl", "reports/evaluate/metrics.json", "reports/train/batch.png"):
        assert (tmp_path / name).read_bytes() == (restored / name).read_bytes()
