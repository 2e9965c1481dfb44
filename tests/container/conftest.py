"""Real containers of the image TEST_IMAGE, run by CONTAINER_ENGINE (docker or podman); skipped without one."""

import os
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.container.containers import STRANGER, Engine


@pytest.fixture(scope="session")
def engine() -> Engine:
    if not os.environ.get("CONTAINER_ENGINE"):
        pytest.skip("CONTAINER_ENGINE is not set: no container engine")
    engine = Engine(shlex.split(os.environ["CONTAINER_ENGINE"]), os.environ.get("TEST_IMAGE", "fashion-mnist-job:cpu"))
    engine.call("image", "inspect", engine.image)  # built before, by `make image`
    return engine


@pytest.fixture(scope="session")
def reproduced(engine: Engine, clone: Callable[[], Path]) -> Path:
    """A clone that belongs to user 12345, in which the whole pipeline has run once, in a container."""
    folder = clone()
    give_to(folder, STRANGER)
    done = engine.run(volumes={folder: "/workspace"})
    assert done.stdout.count("Running stage") == 5, done.stdout + done.stderr
    return folder


@pytest.fixture
def workspace(reproduced: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy of `reproduced` to break."""
    folder = tmp_path / "workspace"
    subprocess.run(["cp", "-a", "--reflink=auto", reproduced, folder], check=True)
    yield folder
    shutil.rmtree(folder)


def give_to(folder: Path, user: int) -> None:
    """Make `user` the owner of all of `folder`; skips where that takes more rights than there are."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to give a clone to another user")
    subprocess.run(["chown", "-R", f"{user}:{user}", folder], check=True)
