"""A real git repo with a real DVC remote, in which the project was trained on several branches, once a session."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.faults.job.workspace import Workspace, copy_of, make_prepared
from tests.tools.compare.toy import make_toy
from tools.compare.__main__ import main
from tools.compare.figure import Figure

EPOCHS = 10  # as committed: the seed noise in rules.yaml is that of these


class Outcome(NamedTuple):
    """How `tools.compare` ended, and what it printed."""

    code: int
    output: str
    errors: str


@pytest.fixture(scope="session")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """`main`, the branches `seed` and `swapped` (see below), and the experiment `brighter` (gamma 1).

    All branches are in the remote; main is checked out. Not to be changed.
    """
    folder = tmp_path_factory.mktemp("compare")
    (folder / "repo").mkdir()
    repo = make_prepared(folder / "repo", epochs=EPOCHS)
    repo.run("dvc", "remote", "add", "--default", "store", str(folder / "remote"))
    repo.run("git", "commit", "--quiet", "--all", "--message", "A remote")
    repo.run("dvc", "exp", "run", "--name", "reseeded", "-S", "train.seed=1")
    repo.run("dvc", "exp", "branch", "reseeded", "seed")
    repo.run("git", "checkout", "--quiet", "--force", "main")
    repo.run("dvc", "exp", "run", "--name", "brighter", "-S", "train.gamma=1.0")
    swap_train_labels(repo)
    repo.run("git", "checkout", "--quiet", "--force", "main")
    repo.run("dvc", "checkout", "--force", "--quiet")
    repo.run("dvc", "push", "--quiet", "--all-branches")
    return repo


def swap_train_labels(repo: Workspace) -> None:
    """The branch `swapped` of main, on which the labels Trouser and Bag change places in the training data."""
    repo.run("git", "checkout", "--quiet", "--force", "-b", "swapped", "main")
    path = repo.path / "stages/prepare.py"
    before, end = path.read_text(), "    sources = "
    swap = "    train = Split(train.images, np.array([0, 8, 2, 3, 4, 5, 6, 7, 1, 9])[train.labels])\n"
    path.write_text(before.replace(end, swap + end))
    assert path.read_text() != before
    repo.run("dvc", "repro")
    repo.run("git", "commit", "--quiet", "--all", "--message", "swapped")


@pytest.fixture(scope="session")
def toy_template(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Not to be changed: `toy` is a copy of it."""
    return make_toy(tmp_path_factory.mktemp("toy") / "template")


@pytest.fixture
def toy(toy_template: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A small repo of which main is `Run()`, as the working directory; no figure is drawn."""
    monkeypatch.chdir(copy_of(toy_template, tmp_path / "toy").path)
    monkeypatch.setattr("tools.compare.__main__.draw_figure", lambda base, head: Figure(b"", b"", ""))
    return Workspace(tmp_path / "toy")


@pytest.fixture
def compare(capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Runs `tools.compare` in the working directory."""

    def run(*arguments: str) -> Outcome:
        capsys.readouterr()
        code = main(list(arguments))
        return Outcome(code, *capsys.readouterr())

    return run
