"""`python -m stages prepare` on images of one's own: what it says, and with which exit code it ends."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.processes import ROOT, run


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A working directory whose params name `images`, a folder of 30 images of each of two classes."""
    text = (ROOT / "params.yaml").read_text().replace("dataset: fashion-mnist", "dataset: folder")
    (tmp_path / "params.yaml").write_text(text.replace('source: ""', "source: images"))
    generator = np.random.default_rng(0)
    for number in range(60):
        path = tmp_path / "images" / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(generator.integers(0, 256, (9, 7), np.uint8)).save(path)
    return tmp_path


def edit(project: Path, before: str, after: str) -> None:
    text = (project / "params.yaml").read_text()
    assert before in text
    (project / "params.yaml").write_text(text.replace(before, after))


def prepare(project: Path, **variables: str) -> tuple[int, list[str], list[str]]:
    """The exit code, and the lines of the two streams."""
    environment = {"PYTHONPATH": str(ROOT), **variables}
    done = run("python", "-m", "stages", "prepare", cwd=project, check=False, environment=environment)
    return done.returncode, done.stdout.splitlines(), done.stderr.splitlines()


def test_prepare_counts_what_it_made_and_names_what_it_passed_over(project: Path) -> None:
    (project / "images/a/.hidden").touch()
    code, lines, errors = prepare(project)
    assert (code, errors) == (0, [])
    assert lines[-1] == "prepare: 44 images for train, 4 images for val, 12 images for test"
    assert lines[0].startswith("prepare: passed over: ") and ".hidden" in lines[0]


def test_prepare_names_every_image_that_cannot_be_used_and_exits_2(project: Path) -> None:
    (project / "images/a/text.png").write_text("text")
    (project / "images/b/empty.png").touch()
    code, _, errors = prepare(project)
    assert code == 2
    assert [line.split(": ")[:3] for line in errors[:2]] == [
        ["prepare", "error", "a/text.png"],
        ["prepare", "error", "b/empty.png"],
    ]
    assert len(errors) == 3 and "2 images cannot be used" in errors[2]
    assert not (project / "data/prepared").exists()


def test_prepare_skips_them_where_it_is_told_to(project: Path) -> None:
    (project / "images/a/text.png").write_text("text")
    edit(project, "unreadable: refuse", "unreadable: skip")
    code, lines, errors = prepare(project)
    assert (code, errors) == (0, [])
    assert any(line.startswith("prepare: skipped: a/text.png: not an image") for line in lines)


def test_prepare_takes_a_source_in_the_home_folder(project: Path, tmp_path: Path) -> None:
    edit(project, "source: images", "source: ~/elsewhere")
    shutil.move(project / "images", tmp_path / "elsewhere")
    assert prepare(project, HOME=str(tmp_path))[0] == 0


@pytest.mark.parametrize("source", ['""', "nothing"])
def test_prepare_refuses_a_source_that_is_not_there(source: str, project: Path) -> None:
    edit(project, "source: images", f"source: {source}")
    code, _, errors = prepare(project)
    assert code == 2 and len(errors) == 1 and (source.strip('"') or "prepare.source") in errors[0]
