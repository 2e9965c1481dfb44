import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from linear_classifier.training.history import Epoch, format_history
from tests.faults.stage_runs import assert_refuses, run_stage
from tests.good_model import save_small_run
from tests.processes import ROOT


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which `report` is the next stage."""
    folder = tmp_path_factory.mktemp("evaluated")
    shutil.copy(ROOT / "params.yaml", folder)
    save_small_run(folder)
    (folder / "reports/train").mkdir(parents=True)
    (folder / "reports/train/history.csv").write_bytes(format_history([Epoch(1, 0.03, 1.0, 1.1, 0.5)]))
    (folder / "reports/train/metrics.json").write_text('{"best_epoch": 1, "epochs": 1}')
    done = run_stage("evaluate", folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def folder(evaluated: Path, tmp_path: Path) -> Path:
    return shutil.copytree(evaluated, tmp_path / "work")


def test_report_writes_page_and_card_twice_the_same(folder: Path) -> None:
    contents = []
    for _ in range(2):
        done = run_stage("report", folder)
        assert (done.returncode, done.stderr) == (0, "")
        contents.append([(folder / "reports/report" / name).read_bytes() for name in ("index.html", "MODEL_CARD.md")])
    assert contents[0] == contents[1]


def remove_history(folder: Path) -> None:
    (folder / "reports/train/history.csv").unlink()


def damage_history(folder: Path) -> None:
    (folder / "reports/train/history.csv").write_text("epoch,lr\n1,2\n")


def damage_metrics(folder: Path) -> None:
    (folder / "reports/evaluate/metrics.json").write_text('{"accuracy": ')


def empty_metrics(folder: Path) -> None:
    (folder / "reports/evaluate/metrics.json").write_text("{}")


def mix_predictions(folder: Path) -> None:
    path = folder / "reports/evaluate/predictions.csv"
    header, first, *others = path.read_text().splitlines(keepends=True)
    path.write_text("".join([header, first.replace("0,0,", "0,1,", 1), *others]))


def remove_usual_inputs(folder: Path) -> None:
    (folder / "models/usual_inputs.safetensors").unlink()


def take_another_model(folder: Path) -> None:
    save_small_run(folder.parent / "other", image_shape=(1, 20, 20))
    shutil.copy(folder.parent / "other/models/model.pkl", folder / "models/model.pkl")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (remove_history, ["reports/train/history.csv: not found", "dvc repro"]),
        (damage_history, ["reports/train/history.csv: ", "not a table of epochs"]),
        (damage_metrics, ["reports/evaluate/metrics.json: damaged", "dvc repro -f"]),
        (empty_metrics, ["reports/evaluate/metrics.json: damaged ('accuracy')", "dvc repro -f"]),
        (mix_predictions, ["reports/evaluate/predictions.csv: not of the test images of data/prepared", "dvc repro"]),
        (remove_usual_inputs, ["models/usual_inputs.safetensors: not found", "dvc repro"]),
        (take_another_model, ["models/model.pkl: ", "dvc repro"]),
    ],
)
def test_report_refuses_what_is_missing_damaged_or_of_another_run(
    change: Callable[[Path], None], words: list[str], folder: Path
) -> None:
    change(folder)
    assert_refuses("report", folder, *words)
