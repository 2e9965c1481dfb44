"""scikit-learn's digits as a folder of PNGs, through the whole pipeline in a clone."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from tests.processes import run
from tests.test_pipeline import OLD_CPU, OLDER_CPU

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def reproduced(clone: Callable[[], Path]) -> Path:
    """A clone that uses `images`, 1797 digits of 8 x 8, tracked by DVC, after `dvc repro`."""
    folder = clone()
    digits = load_digits()
    for number, (pixels, label) in enumerate(zip(digits.images, digits.target, strict=True)):
        path = folder / "images" / str(label) / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((pixels * 255 / 16).astype(np.uint8)).save(path)
    run("dvc", "add", "--quiet", "images", cwd=folder)
    run("python", "-m", "tools.use_images", "images", "--image-size", "8", "8", cwd=folder)
    run("dvc", "repro", cwd=folder)
    return folder


@pytest.fixture
def project(reproduced: Path, tmp_path: Path) -> Path:
    """`reproduced` once more, for one test."""
    run("cp", "--archive", str(reproduced), str(tmp_path / "project"), cwd=reproduced)
    return tmp_path / "project"


def test_digits_go_through_the_pipeline_and_a_new_one_runs_it_again(project: Path) -> None:
    dataset = json.loads((project / "data/prepared/dataset.json").read_text())
    assert dataset["class_names"] == [str(digit) for digit in range(10)]
    assert sum(map(sum, dataset["counts"].values())) == 1797
    metrics = json.loads((project / "reports/evaluate/metrics.json").read_text())
    assert metrics["num_images"] == sum(dataset["counts"]["test"]) and metrics["accuracy"] > 0.8
    assert "Data and pipelines are up to date" in run("dvc", "repro", cwd=project).stdout
    shutil.copy(project / "images/3/3.png", project / "images/3/again.png")
    run("dvc", "add", "--quiet", "images", cwd=project)
    assert "Running stage 'prepare'" in run("dvc", "repro", "prepare", cwd=project).stdout
    changed = json.loads((project / "data/prepared/dataset.json").read_text())
    assert changed["duplicates"]["repeats"] == dataset["duplicates"]["repeats"] + 1


@pytest.mark.parametrize(
    ("threads", "environment"), [(2, {}), (1, OLD_CPU), (1, OLDER_CPU)], ids=["2-threads", "sse4", "avx2"]
)
def test_digits_give_the_same_lock_whatever_runs_them(threads: int, environment: dict[str, str], project: Path) -> None:
    lock, params = (project / "dvc.lock").read_bytes(), project / "params.yaml"
    text = params.read_text()
    params.write_text(text.replace("\n  threads: 1 ", f"\n  threads: {threads} "))
    assert (params.read_text() != text) == (threads > 1)
    assert run("dvc", "repro", "--force", cwd=project, environment=environment).stdout.count("Running stage") == 5
    assert (project / "dvc.lock").read_bytes() == lock


def test_an_experiment_in_a_copy_has_the_images(project: Path) -> None:
    """They are a dep that DVC tracks, so that `dvc exp run --temp` brings them along."""
    run("git", "config", "user.name", "Somebody", cwd=project)
    run("git", "config", "user.email", "somebody@example.com", cwd=project)
    run("git", "add", "--all", cwd=project)
    run("git", "commit", "--quiet", "--message", "Digits", cwd=project)
    done = run("dvc", "exp", "run", "--temp", "-S", "prepare.seed=1", "-S", "train.epochs=1", cwd=project)
    assert "Running stage 'prepare'" in done.stdout
