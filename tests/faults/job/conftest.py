"""One workspace is prepared a session; every test gets a copy of its own to break."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.job.workspace import STRANGER, Workspace, copy_of, make_prepared


@pytest.fixture(scope="session")
def open_folder() -> Iterator[Path]:
    """A folder that other users can reach, which pytest's own are not."""
    folder = Path(tempfile.mkdtemp(prefix="faults-")).resolve()
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def prepared(open_folder: Path) -> Workspace:
    """The workspace that the others are copies of; not to be changed."""
    (open_folder / "prepared").mkdir()
    return make_prepared(open_folder / "prepared")


@pytest.fixture
def workspace(prepared: Workspace, open_folder: Path) -> Iterator[Workspace]:
    """Raw data, prepared data, a model of one epoch, a DVC cache and a git commit of all that."""
    folder = open_folder / "workspace"
    yield copy_of(prepared, folder)
    shutil.rmtree(folder)


@pytest.fixture
def as_stranger(needs_root: None) -> list[str]:
    """What to put before a command to run it as a user id that has no passwd entry."""
    user = [f"--reuid={STRANGER}", f"--regid={STRANGER}", "--clear-groups"]
    reading = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]  # where Python lies in root's home
    for options in (user, user + reading):
        prefix = ["setpriv", *options, "env", "-u", "USER", "-u", "LOGNAME", "HOME=/"]
        probe = subprocess.run([*prefix, sys.executable, "-c", "import torch, dvc"], capture_output=True, check=False)
        if probe.returncode == 0:
            return prefix
    pytest.skip("another user cannot reach this Python or its packages")
