"""docs/own-images.md: every line of its console blocks is run, in a clone with photographs made on the spot."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from tests.processes import ROOT, run

PAGE = (ROOT / "docs/own-images.md").read_text(encoding="utf-8")
BLOCKS = [
    [line.removeprefix("$ ") for line in block.splitlines()]
    for block in re.findall(r"^```console\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
]

pytestmark = pytest.mark.slow


@pytest.fixture
def project(clone: Callable[[], Path]) -> Path:
    """A clone whose set-up is done and whose origin may be pushed to, with photographs of cats and dogs; one epoch."""
    folder = clone()
    (folder / ".venv").mkdir()
    for path in Path(sys.prefix).iterdir():
        if path.name not in (".runs", ".checks"):
            (folder / ".venv" / path.name).symlink_to(path)
    for name in (".runs", ".checks"):
        (folder / ".venv" / name).touch()
    run("git", "init", "--quiet", "--bare", str(folder.parent / "origin.git"), cwd=folder)
    run("git", "remote", "set-url", "origin", str(folder.parent / "origin.git"), cwd=folder)
    for name, value in (("user.name", "Somebody"), ("user.email", "somebody@example.com")):
        run("git", "config", name, value, cwd=folder)
    run("git", "checkout", "--quiet", "-B", "main", cwd=folder)
    run("sed", "--in-place", "s/^  epochs: 10 /  epochs: 1 /", "params.yaml", cwd=folder)  # three trainings in seconds
    run("git", "add", "--all", cwd=folder)
    run("git", "commit", "--quiet", "--allow-empty", "--message", "As it is now", cwd=folder)
    make_photographs(folder / "images")
    return folder


def make_photographs(folder: Path) -> None:
    """200 JPEGs of 90 x 70 a class: dogs are brighter below, cats above."""
    generator = np.random.default_rng(0)
    slope = np.linspace(0, 120, 70)[:, np.newaxis, np.newaxis]
    for name, light in (("cat", slope[::-1]), ("dog", slope)):
        (folder / name).mkdir(parents=True)
        for number in range(200):
            pixels = generator.integers(0, 136, (70, 90, 3)) + light
            Image.fromarray(pixels.astype(np.uint8)).save(folder / name / f"{number:04}.jpg")


def run_line(line: str, project: Path) -> str:
    environment = {**os.environ, "DVC_NO_ANALYTICS": "1"}
    done = subprocess.run(["bash", "-c", line], cwd=project, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_every_line_of_the_page_runs(project: Path) -> None:
    setup, use, make, share, change, verdict, another, back, *layouts, link = BLOCKS
    for line in (*setup, *use):
        run_line(line, project)
    run_line(make[0], project)
    dataset = json.loads((project / "data/prepared/dataset.json").read_text())
    assert dataset["class_names"] == ["cat", "dog"] and dataset["image_shape"] == [3, 64, 64]
    assert dataset["counts"] == {"train": [144, 144], "val": [16, 16], "test": [40, 40]}
    for line in (*share, *change):
        run_line(line, project)
    assert "accuracy" in run_line(verdict[0], project)
    for line in (*verdict[1:], *another):
        run_line(line, project)
    changed = json.loads((project / "data/prepared/dataset.json").read_text())
    assert sum(map(sum, changed["counts"].values())) == 401 and changed["sources"] != dataset["sources"]
    run_line(back[0], project)
    assert yaml.safe_load((project / "dvc.yaml").read_text()) == yaml.safe_load((ROOT / "dvc.yaml").read_text())
    for line in link:
        run_line(line, project)
    assert (project / "models/model.pkl").stat().st_nlink == 2
    for (line,), dataset in zip(layouts, ("folder", "manifest", "idx", "npz"), strict=True):
        (project / line.split("SOURCE=")[1].split()[0]).touch()  # its images are read by other tests
        run_line(line, project)
        assert yaml.safe_load((project / "params.yaml").read_text())["prepare"]["dataset"] == dataset


def test_the_page_names_every_param_of_prepare() -> None:
    names = yaml.safe_load((ROOT / "params.yaml").read_text())["prepare"]
    table = PAGE.split("## Params")[1].split("##")[0]
    assert set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)))) == set(names)


def test_links_within_the_page_lead_somewhere() -> None:
    anchors = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in re.findall(r"(?m)^#+ (.*)$", PAGE)}
    assert set(re.findall(r"\]\(#([\w-]+)\)", PAGE)) <= anchors
