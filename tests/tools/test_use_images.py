"""`tools.use_images`: two files change by a few lines, and `dvc repro` follows the images."""

import shutil
from pathlib import Path

import pytest
import yaml

from tests.processes import ROOT, run
from tools.use_images import main

COMMITTED = {name: (ROOT / name).read_text() for name in ("params.yaml", "dvc.yaml")}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the two files and some images in it, as the working directory."""
    for name in COMMITTED:
        shutil.copy(ROOT / name, tmp_path)
    for folder in ("images/a", "data/prepared/train", "models", "reports"):
        (tmp_path / folder).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def lines_changed(project: Path, name: str) -> list[tuple[str, str]]:
    """The lines of the file that are no longer those committed: what was there, what is there."""
    before, after = set(COMMITTED[name].splitlines()), (project / name).read_text().splitlines()
    removed = [line for line in COMMITTED[name].splitlines() if line not in set(after)]
    added = [line for line in after if line not in before]
    return list(zip(removed, added, strict=True)) if removed else [("", line) for line in added]


def values_of(project: Path) -> dict[str, object]:
    return dict(yaml.safe_load((project / "params.yaml").read_text())["prepare"])


def deps_of(project: Path) -> list[str]:
    return list(yaml.safe_load((project / "dvc.yaml").read_text())["stages"]["prepare"]["deps"])


def test_main_changes_these_lines_and_no_other(project: Path) -> None:
    assert main(["images/", "--image-size", "64", "48", "--channels", "3"]) == 0
    changed = lines_changed(project, "params.yaml")
    assert [after.split("#")[0].split() for _, after in changed] == [
        ["dataset:", "folder"],
        ["source:", '"images"'],
        ["image_size:", "[64,", "48]"],
        ["channels:", "3"],
    ]
    assert all(before.partition("#")[2] == after.partition("#")[2] for before, after in changed), "comments stay"
    assert lines_changed(project, "dvc.yaml") == [("", "      - images")]


def test_main_twice_changes_nothing_more_and_back_is_back(project: Path) -> None:
    main(["images", "--image-size", "64", "48", "--channels", "3"])
    once = [(project / name).read_bytes() for name in COMMITTED]
    main(["images", "--image-size", "64", "48", "--channels", "3"])
    assert [(project / name).read_bytes() for name in COMMITTED] == once
    assert main(["--dataset", "fashion-mnist"]) == 0
    assert {name: (project / name).read_text() for name in COMMITTED} == COMMITTED


def test_main_replaces_the_source_and_leaves_other_deps(project: Path) -> None:
    (project / "mine.py").touch()
    text = COMMITTED["dvc.yaml"].replace("      - stages/prepare.py\n", "      - stages/prepare.py\n      - mine.py\n")
    (project / "dvc.yaml").write_text(text)
    (project / "other").mkdir()
    main(["images"])
    main(["other"])
    assert deps_of(project)[-2:] == ["mine.py", "other"]


def test_main_makes_what_dvc_tracks_the_dep(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "images/labels.csv").touch()
    main(["images/labels.csv", "--dataset", "manifest"])
    assert deps_of(project)[-1] == "images/labels.csv"
    assert "run `dvc add images/labels.csv`" in capsys.readouterr().out
    (project / "images.dvc").touch()
    main(["images/labels.csv", "--dataset", "manifest"])
    assert deps_of(project)[-1] == "images" and "images/labels.csv" not in deps_of(project)
    assert values_of(project)["source"] == "images/labels.csv"
    assert "dvc add" not in capsys.readouterr().out


@pytest.mark.parametrize("content", ["stages: []\n", "stages: {prepare: {}}\n", "stages: [\n", None])
def test_main_changes_nothing_where_the_pipeline_cannot_be_changed(
    content: str | None, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "dvc.yaml").unlink() if content is None else (project / "dvc.yaml").write_text(content)
    assert main(["images"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("use-images: error: dvc.yaml: ") and error.count("\n") == 1
    assert (project / "params.yaml").read_text() == COMMITTED["params.yaml"]


def test_main_takes_images_that_are_not_pulled_yet(project: Path) -> None:
    (project / "far.dvc").touch()
    assert main(["far"]) == 0
    assert deps_of(project)[-1] == "far"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["/etc"], "/etc: outside of this project"),
        (["."], "the project itself"),
        (["../images"], "outside of this project"),
        (["models"], "models: models/model.pkl is what a stage makes, see dvc.yaml; put the images elsewhere"),
        (["data/prepared/train"], "data/prepared/train: data/prepared is what a stage makes, see dvc.yaml; "),
        (["reports"], "reports: reports/"),
        (["nothing"], "nothing: not found; put the images there"),
        (["images", "--image-size", "0", "9"], r"prepare.image_size[0] must be a whole number in [1, 4096], got 0"),
    ],
)
def test_main_refuses_and_changes_nothing(
    arguments: list[str], message: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert message in capsys.readouterr().err
    assert {name: (project / name).read_text() for name in COMMITTED} == COMMITTED


@pytest.mark.parametrize("arguments", [[], ["images", "--dataset", "fashion-mnist"], ["images", "--dataset", "x"]])
def test_main_wants_a_source_or_fashion_mnist(arguments: list[str], project: Path) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2


def test_make_use_images_says_so_in_a_line(project: Path) -> None:
    done = run(
        "python", "-m", "tools.use_images", "nothing", cwd=project, check=False, environment={"PYTHONPATH": str(ROOT)}
    )
    assert done.returncode == 2 and done.stderr.count("\n") == 1


def test_main_takes_no_source_for_fashion_mnist(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["images", "--dataset", "fashion-mnist"])
    assert "--dataset fashion-mnist takes no source" in capsys.readouterr().err
