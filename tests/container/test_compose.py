"""compose.yaml, run for real by `docker compose` or podman-compose."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.container.containers import STRANGER, TIMEOUT, Engine
from tests.processes import ROOT


def compose(engine: Engine, folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    podman = [str(Path(sys.executable).parent / "podman-compose"), "--podman-path", engine.command[0]]
    command = [*engine.command, "compose"] if "docker" in engine.command[0] else podman
    environment = {**os.environ, "JOB_IMAGE": engine.image, "JOB_USER": f"{STRANGER}:{STRANGER}"}
    return subprocess.run(
        [*command, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )


@pytest.fixture(autouse=True)
def whole_command(engine: Engine) -> None:
    if len(engine.command) != 1:
        pytest.skip("CONTAINER_ENGINE is more than a program: compose takes no arguments for it")


def test_clone_service_reproduces_the_clone(workspace: Path, engine: Engine) -> None:
    done = compose(engine, workspace, "run", "--rm", "clone", "-f", "-s", "evaluate")
    assert done.returncode == 0 and "Running stage 'evaluate'" in done.stdout, done.stdout + done.stderr
    assert (workspace / "dvc.lock").read_bytes() == (ROOT / "dvc.lock").read_bytes()


def test_baked_service_puts_the_results_in_out(workspace: Path, engine: Engine) -> None:
    (workspace / "out").mkdir()
    os.chown(workspace / "out", STRANGER, STRANGER)
    done = compose(engine, workspace, "run", "--rm", "baked")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (workspace / "out/models/model.pkl").read_bytes() == (workspace / "models/model.pkl").read_bytes()
