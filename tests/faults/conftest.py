"""Workspaces for the faults: folders with params.yaml and what an earlier run left."""

import gzip
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from linear_classifier.preparation.fashion_mnist import NAME, load_raw_files
from tests.good_model import save_small_run
from tests.processes import ROOT


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A folder with params.yaml, and outputs of an earlier run, which no refusal may touch."""
    folder = tmp_path / "workspace"
    for path in ("data/prepared/dataset.json", "data/prepared/train/images.npy", "models/model.pkl"):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(b"of an earlier run")
    shutil.copy(ROOT / "params.yaml", folder)
    return folder


@pytest.fixture(scope="session")
def real_raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the four real raw files as .gz; they are fetched as `make` does where there are none."""
    try:
        contents = load_raw_files(ROOT / "data/raw" / NAME, "")
    except ValueError as error:
        pytest.skip(f"needs the real data, which cannot be had here: {error}")
    folder = tmp_path_factory.mktemp("raw")
    for name, content in contents.items():
        (folder / f"{name}.gz").write_bytes(gzip.compress(content, 1, mtime=0))
    return folder


@pytest.fixture
def raw(workspace: Path, real_raw: Path) -> Path:
    """`data/raw/fashion-mnist` of the workspace, its files links to the real ones."""
    folder = workspace / "data/raw" / NAME
    folder.mkdir(parents=True)
    for path in real_raw.iterdir():
        (folder / path.name).symlink_to(path)
    return folder


@pytest.fixture
def trained(workspace: Path) -> Path:
    """The workspace with small splits and a good model file, so that only a fault keeps `evaluate` from its end."""
    save_small_run(workspace)
    return workspace


@pytest.fixture
def needs_root() -> None:
    """Mounts and other users take root."""
    if os.geteuid() != 0 or subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode != 0:
        pytest.skip("needs root, with the right to mount")
