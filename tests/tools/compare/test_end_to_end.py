"""`python -m tools.compare` on the real data and models, in a real git repo with a real DVC remote."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.faults.job.workspace import Workspace, copy_of

pytestmark = pytest.mark.slow

CARD = r'<rect width="\d+" height="\d+" fill="white"'  # of the whole figure


def compare(folder: Workspace, *arguments: str) -> tuple[int, str]:
    """The exit code and the report."""
    done = folder.run("python", "-m", "tools.compare", *arguments, check=False)
    assert done.stderr == "" and "Traceback" not in done.stdout
    return done.returncode, done.stdout


def record_of(folder: Workspace) -> Any:
    return json.loads((folder.path / "build/compare/report.json").read_text())


def test_a_branch_that_changes_the_seed_alone_is_no_different(repo: Workspace) -> None:
    code, output = compare(repo, "main", "seed")
    assert code == 0 and output.startswith("**No evidence of a difference:** accuracy p = ")
    assert "| <code>train.seed</code> | <code>0</code> | <code>1</code> |" in output
    found = record_of(repo)
    assert {metric["verdict"] for metric in found["metrics"].values()} == {"no evidence of a difference"}
    assert found["metrics"]["accuracy"]["difference"] != 0, "or the branch would prove nothing"


def test_an_experiment_with_gamma_1_is_worse_fails_the_gate_and_is_drawn(repo: Workspace) -> None:
    code, output = compare(repo, "main", "brighter")
    assert code == 1 and output.startswith("**Worse, the gate fails:** accuracy worse by ")
    assert "| <code>train.gamma</code> | <code>&#39;auto&#39;</code> | <code>1.0</code> |" in output
    accuracy, loss = (record_of(repo)["metrics"][name] for name in ("accuracy", "loss"))
    assert accuracy["verdict"] == loss["verdict"] == "worse" and accuracy["fails"] and loss["fails"]
    assert accuracy["p_images"] < 1e-6 and loss["p"] < 1e-6
    assert "![Curves and confusion matrices of both revisions](comparison.svg)" in output
    assert_whole_figure(repo.path / "build/compare")


def assert_whole_figure(folder: Path) -> None:
    svg = (folder / "comparison.svg").read_text()
    for words in ("Loss", "Accuracy", "Confusion", ">main<", ">brighter<", "Ankle boot", "nats per image"):
        assert words in svg, words
    assert not re.search(r"(?:href|src)=|@import|url\((?!#)", svg), "it must be complete in itself"
    assert re.search(CARD, svg), "it can be read on dark pages too"
    png = (folder / "comparison.png").read_bytes()
    assert png.startswith(b"\x89PNG") and len(png) > 100_000


def test_labels_of_two_classes_swapped_for_training_are_named(repo: Workspace) -> None:
    code, output = compare(repo, "main", "swapped")
    opening = output.split("\n")[0]
    assert code == 1 and "recall of <code>Trouser</code> worse" in opening and "<code>Bag</code> worse" in opening
    assert "| train | <code>Trouser</code> | <code>Bag</code> | 5,400 |" in output and "| test |" not in output
    assert {"Trouser", "Bag", "accuracy"} <= set(record_of(repo)["gate"]["failures"])


def test_a_shallow_clone_reads_both_revisions_from_the_remote(repo: Workspace, tmp_path: Path) -> None:
    clone = shallow_clone(repo, tmp_path / "clone")
    refused = clone.run("python", "-m", "tools.compare", "origin/main", check=False)
    assert refused.returncode == 2 and "`git fetch origin main:refs/remotes/origin/main`" in refused.stderr
    clone.run("git", "fetch", "--quiet", "--depth", "1", "origin", "main:refs/remotes/origin/main")
    code, output = compare(clone, "origin/main")
    assert code == 0 and output.startswith("**No evidence of a difference:**")
    assert "image by image, on the same test images (10,000)" in output
    assert clone.run("git", "status", "--porcelain").stdout == ""
    assert not (clone.path / "data/prepared").exists(), "the workspace is as it was"


def test_deleting_the_cache_without_a_remote_falls_back_and_says_so(repo: Workspace, tmp_path: Path) -> None:
    copy = copy_of(repo, tmp_path / "copy")
    shutil.rmtree(copy.path / ".dvc/cache")
    copy.run("dvc", "remote", "remove", "store")
    code, output = compare(copy, "main", "swapped")
    assert code == 1 and "**by metrics alone**, on test images that may differ" in output
    assert "has no predictions (<code>reports/evaluate/predictions.csv&#58; in neither the workspace" in output
    assert re.search(r"\| accuracy \| 0\.\d+ \(0\.\d+ to 0\.\d+\) \| 0\.\d+ \(0\.\d+ to 0\.\d+\) \|", output)
    assert "recall of <code>Trouser</code> worse" in output.split("\n")[0]


def shallow_clone(repo: Workspace, folder: Path) -> Workspace:
    """A clone of the tip of the branch `seed` alone, with no DVC cache."""
    subprocess.run(
        ["git", "clone", "--quiet", "--depth", "1", "--branch", "seed", f"file://{repo.path}", str(folder)], check=True
    )
    return Workspace(folder)
