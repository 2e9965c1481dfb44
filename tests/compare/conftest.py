"""A real git repo with a real DVC remote, in which the project was trained on several branches, once a session."""

import pytest

from tests.faults.job.workspace import Workspace, make_prepared

AFTER_SPLIT = "    sources = {"


@pytest.fixture(scope="session")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """`main` and what changes it: the branch `seed`, the experiment `brighter` (gamma 1), the branches `swapped` and
    `relabelled`; all in the remote, main checked out. Not to be changed.
    """
    folder = tmp_path_factory.mktemp("compare")
    (folder / "repo").mkdir()
    repo = make_prepared(folder / "repo", epochs=EPOCHS)
    repo.run("dvc", "remote", "add", "--default", "store", str(folder / "remote"))
    repo.run("git", "commit", "--quiet", "--all", "--message", "A remote")
    repo.run("dvc", "exp", "run", "--name", "reseeded", "-S", "train.seed=1")
    repo.run("dvc", "exp", "branch", "reseeded", "seed")
    repo.run("dvc", "exp", "run", "--name", "brighter", "-S", "train.gamma=1.0")
    change_prepare(repo, "swapped", "train")
    change_prepare(repo, "relabelled", "train", "val", "test")
    repo.run("git", "checkout", "--quiet", "--force", "main")
    repo.run("dvc", "checkout", "--force", "--quiet")
    repo.run("dvc", "push", "--quiet", "--all-branches")
    return repo


EPOCHS = 10


def change_prepare(repo: Workspace, branch: str, *splits: str) -> None:
    """A branch of main on which the labels Trouser and Bag change places in `splits`."""
    repo.run("git", "checkout", "--quiet", "--force", "-b", branch, "main")
    path = repo.path / "stages/prepare/__main__.py"
    lines = ["    swap = np.array([0, 8, 2, 3, 4, 5, 6, 7, 1, 9])  # Trouser and Bag"]
    lines += [f"    {split} = Split({split}.images, swap[{split}.labels])" for split in splits]
    before = path.read_text()
    path.write_text(before.replace(AFTER_SPLIT, "\n".join([*lines, AFTER_SPLIT])))
    assert path.read_text() != before
    repo.run("dvc", "repro")
    repo.run("git", "commit", "--quiet", "--all", "--message", branch)
