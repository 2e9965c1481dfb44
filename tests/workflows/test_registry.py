"""README's lines for a version of the model: register it, push it, fetch it from another folder, open it."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from linear_classifier.model.model_file import read_model
from tests.faults.job.test_cache import damage, object_of
from tests.faults.job.workspace import Workspace
from tests.processes import ROOT
from tests.workflows.project import Project, copy_tree

NAME = "fashion-mnist-linear"

pytestmark = pytest.mark.slow


@pytest.fixture
def elsewhere(tmp_path: Path) -> Workspace:
    """A folder that is no git repository, of somebody whose DVC has seen nothing yet."""
    folder = Workspace(tmp_path / "elsewhere")
    folder.path.mkdir()
    folder.env["DVC_SITE_CACHE_DIR"] = str(tmp_path / "site-cache")
    return folder


@pytest.fixture(scope="module")
def registered(project: Project) -> Project:
    """Two versions: v1.0.0, which is main, and v1.1.0, which is the candidate, made with another lr."""
    for version, branch in (("v1.0.0", "main"), ("v1.1.0", "candidate")):
        project.work.run("gto", "register", NAME, branch, "--version", version)
        project.git("push", "--quiet", "origin", f"{NAME}@{version}")
    project.git("checkout", "--quiet", "--force", "main")
    project.work.run("dvc", "checkout", "--force")
    return project


def test_dvc_yaml_names_the_model_that_train_writes() -> None:
    artifact = yaml.safe_load((ROOT / "dvc.yaml").read_text())["artifacts"][NAME]
    assert artifact["path"] == "models/model.pkl" and artifact["type"] == "model"


def test_the_branch_of_an_experiment_is_ready_for_a_pull_request(project: Project, tmp_path: Path) -> None:
    clone = Workspace(tmp_path / "clone")
    command = ["git", "clone", "--quiet", "--branch", "candidate", str(project.origin), str(clone.path)]
    subprocess.run(command, check=True)
    assert "lr: 0.031" in (clone.path / "params.yaml").read_text()
    clone.run("python", "-m", "tools.check_committed")


def test_a_registered_version_is_fetched_to_the_byte_and_opens(registered: Project, elsewhere: Workspace) -> None:
    elsewhere.run("dvc", "artifacts", "get", str(registered.origin), NAME, "--rev", "v1.0.0")
    assert elsewhere.read("model.pkl") == registered.work.read("models/model.pkl")
    assert read_model(elsewhere.path / "model.pkl").made_with["train"]["lr"] == 0.03
    assert [path.name for path in elsewhere.path.iterdir()] == ["model.pkl"]


def test_each_version_is_its_own_and_the_newest_is_fetched_without_one(
    registered: Project, elsewhere: Workspace
) -> None:
    assert "v1.1.0" in elsewhere.run("gto", "show", "--repo", str(registered.origin)).stdout
    for arguments in (["--rev", "v1.1.0", "-o", "candidate.pkl"], ["-o", "newest.pkl"]):
        elsewhere.run("dvc", "artifacts", "get", str(registered.origin), NAME, *arguments)
    assert read_model(elsewhere.path / "candidate.pkl").made_with["train"]["lr"] == 0.031
    assert elsewhere.read("newest.pkl") == elsewhere.read("candidate.pkl")


def test_a_version_that_is_not_registered_is_refused(registered: Project, elsewhere: Workspace) -> None:
    done = elsewhere.run("dvc", "artifacts", "get", str(registered.origin), NAME, "--rev", "v9.0.0", check=False)
    assert done.returncode != 0 and f"Unable to find artifact '{NAME} @ v9.0.0'" in done.stderr
    assert list(elsewhere.path.iterdir()) == []


def test_a_clone_pulls_everything_and_a_damaged_remote_is_refused(
    project: Project, tmp_path: Path, elsewhere: Workspace
) -> None:
    subprocess.run(["git", "clone", "--quiet", str(project.origin), str(elsewhere.path)], check=True)
    elsewhere.run("dvc", "pull")
    assert elsewhere.run("dvc", "status").stdout == "Data and pipelines are up to date.\n"
    assert elsewhere.read("models/model.pkl") == project.work.read("models/model.pkl")

    copy_tree(project.store, tmp_path / "damaged")
    name = object_of(elsewhere, "models/model.pkl").relative_to(elsewhere.path / ".dvc/cache")
    damage(tmp_path / "damaged" / name)
    shutil.rmtree(elsewhere.path / ".dvc/cache")
    (elsewhere.path / "models/model.pkl").unlink()
    elsewhere.run("dvc", "remote", "modify", "--local", "store", "url", str(tmp_path / "damaged"))
    done = elsewhere.run("dvc", "pull", check=False)
    assert done.returncode != 0 and not (elsewhere.path / "models/model.pkl").exists()


def test_a_damaged_version_is_not_opened(registered: Project, tmp_path: Path, elsewhere: Workspace) -> None:
    copy_tree(registered.store, tmp_path / "damaged")
    name = object_of(registered.work, "models/model.pkl").relative_to(registered.work.path / ".dvc/cache")
    damage(tmp_path / "damaged" / name)
    remote = ["--remote", "store", "--remote-config", f"url={tmp_path / 'damaged'}"]
    done = elsewhere.run(
        "dvc", "artifacts", "get", str(registered.origin), NAME, "--rev", "v1.0.0", *remote, check=False
    )
    if done.returncode == 0:  # DVC 3.67 checks nothing here, `verify true` or not
        with pytest.raises(ValueError, match=r"model\.pkl"):
            read_model(elsewhere.path / "model.pkl")
