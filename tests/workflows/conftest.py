"""One project is made a session; each test opens pull requests of its own in it."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.workflows.project import Project


@pytest.fixture(scope="session")
def project(raw_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="session")
def no_network() -> list[str]:
    """What to put before a command to run it without a network; nothing where this user may not take it away."""
    unshare = ["unshare", "--net", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    can = shutil.which("unshare") and subprocess.run([*unshare, "true"], capture_output=True).returncode == 0
    return unshare if can else []
