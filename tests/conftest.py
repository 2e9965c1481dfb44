"""What several tests need: a small data set, params, and the real pipeline in a clone of its own."""

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from linear_classifier.data.splits import Dataset, Split
from linear_classifier.params import Params, load_params
from linear_classifier.preparation.fashion_mnist import NAME, load_raw_files
from tests.processes import ROOT, run

# Under nohup, and in some runners, SIGHUP is ignored, which every process that a test starts would inherit.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
# Thousands of processes are started, and each would compile the same modules again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@pytest.fixture(autouse=True)
def environment_restored() -> Iterator[None]:
    """What a tool that was called in this process did to its environment must not reach the next test."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def params() -> Params:
    """The committed params."""
    return load_params(ROOT / "params.yaml")


@pytest.fixture
def dataset() -> Dataset:
    """What describes `split`."""
    return Dataset(
        name="small",
        class_names=["square", "cross", "dot"],
        image_shape=[1, 4, 5],
        counts={"train": [3, 2, 2]},
        sources="",
    )


@pytest.fixture
def split() -> Split:
    """Seven images of 1 x 4 x 5 with every value different, of three classes."""
    images = np.arange(7 * 20, dtype=np.uint8).reshape(7, 1, 4, 5)
    return Split(images, np.array([0, 1, 2, 0, 1, 2, 0]))


@pytest.fixture(scope="session")
def raw_folder() -> Path:
    """The folder of the real raw files; they are fetched if this checkout does not have them yet."""
    folder = ROOT / "data/raw" / NAME
    load_raw_files(folder, "")
    if len(list(folder.glob("*-ubyte*"))) < 4:  # Debian's package is installed and was read in place
        shutil.copytree("/usr/share/datasets/fashion-mnist", folder, dirs_exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def clone(raw_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Makes a clone of this checkout as it is now, uncommitted changes too, with the raw files and no DVC cache."""

    def make() -> Path:
        folder = tmp_path_factory.mktemp("clone")
        run("git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(folder), cwd=ROOT)
        changed = run("git", "ls-files", "-z", "--modified", "--others", "--exclude-standard", cwd=ROOT).stdout
        for name in filter(None, changed.split("\0")):
            if (ROOT / name).exists():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, folder / name)
        shutil.copytree(raw_folder, folder / "data/raw" / NAME)
        return folder

    return make
