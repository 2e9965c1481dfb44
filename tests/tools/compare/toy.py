"""A small git and DVC repo whose results are written by hand: any two revisions can be had in a second."""

import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from linear_classifier.data.splits import Split, save_splits
from linear_classifier.evaluation.exact import Floats
from linear_classifier.evaluation.metrics import Ints, Predictions, compute_metrics
from linear_classifier.evaluation.tables import format_confusion, format_predictions
from linear_classifier.io.files import write_bytes, write_chunks, write_json
from tests.faults.job.workspace import Workspace
from tests.processes import ROOT

PIPELINE = """
stages:
  all:
    cmd: "true"
    params: [evaluate, prepare, train]
    outs:
      - data/prepared
      - reports/evaluate/confusion.csv
      - reports/evaluate/predictions.csv
      - reports/train/history.csv: {cache: false}
    metrics:
      - reports/evaluate/metrics.json: {cache: false}
"""
NUM_IMAGES = 600


def _draw_labels() -> Ints:
    return np.arange(NUM_IMAGES) % 3


@dataclass(frozen=True)
class Run:
    """The results of one revision: by default every tenth image is classified wrong."""

    labels: Ints = field(default_factory=_draw_labels)
    wrong: Ints = field(default_factory=lambda: np.arange(0, NUM_IMAGES, 10))
    class_names: tuple[str, ...] = ("square", "cross", "dot")
    pixel: int = 0  # of every test image
    bins: int = 15  # of the expected calibration error

    @property
    def predictions(self) -> Predictions:
        predicted, loss = self.labels.copy(), np.full(len(self.labels), 0.2)
        predicted[self.wrong] = (predicted[self.wrong] + 1) % len(self.class_names)
        loss[self.wrong] = 1.5
        noise: Floats = np.random.default_rng(0).random(len(self.labels)) / 10
        return Predictions(self.labels, predicted, 0.85 + noise, loss + noise)

    def worse(self, count: int) -> "Run":
        """The run with `count` more wrong images."""
        others = np.setdiff1d(np.arange(len(self.labels)), self.wrong)[:count]
        return replace(self, wrong=np.concatenate([self.wrong, others]))


def write_run(folder: Path, run: Run) -> None:
    """All that a revision has, as the stages write it."""
    names, predictions = list(run.class_names), run.predictions
    images = np.full((len(run.labels), 1, 2, 2), run.pixel, np.uint8)
    small = Split(images[:6], run.labels[:6])
    splits = {"train": small, "val": small, "test": Split(images, run.labels)}
    save_splits(folder / "data/prepared", splits, "toy", names, "")  # type: ignore[arg-type]
    write_json(folder / "reports/evaluate/metrics.json", compute_metrics(predictions, names, run.bins))
    write_chunks(folder / "reports/evaluate/predictions.csv", format_predictions(predictions))
    write_chunks(folder / "reports/evaluate/confusion.csv", format_confusion(predictions, names))
    write_bytes(folder / "reports/train/history.csv", b"epoch,train_loss,val_loss,val_accuracy\n1,0.5,0.6,0.8\n")


def make_toy(folder: Path) -> Workspace:
    """A repo with `Run()` committed on main."""
    folder.mkdir()
    toy = Workspace(folder)
    shutil.copy(ROOT / "params.yaml", folder)
    shutil.copy(ROOT / ".gitignore", folder)
    (folder / "tools/compare").mkdir(parents=True)
    shutil.copy(ROOT / "tools/compare/rules.yaml", folder / "tools/compare")
    plots = (ROOT / "dvc.yaml").read_text().split("\nplots:\n")[1].split("  - reports/")[0]
    (folder / "dvc.yaml").write_text(f"{PIPELINE}plots:\n{plots}")
    write_run(folder, Run())
    toy.run("git", "init", "--quiet", "--initial-branch=main")
    toy.run("git", "config", "user.email", "test@example.org")
    toy.run("git", "config", "user.name", "Test")
    toy.run("dvc", "init", "--quiet")
    commit(toy, "start")
    return toy


def commit(toy: Workspace, message: str) -> None:
    """What the workspace holds, noted by DVC and committed."""
    toy.run("dvc", "commit", "--force", "--quiet")
    toy.run("git", "add", "--all")
    toy.run("git", "commit", "--quiet", "--message", message)
