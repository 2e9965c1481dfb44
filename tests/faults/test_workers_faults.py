"""FAULTS row 67: processes that load batches, and what may become of them."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.faults.stage_runs import OFFLINE, TIMEOUT, assert_refuses, edit_params
from tests.processes import ROOT

SMALL = (
    'PATH=$1; shift; mount -t tmpfs -o size=1m tmpfs /dev/shm && head -c 1040000 /dev/zero >/dev/shm/taken && exec "$@"'
)


def use_workers(folder: Path, epochs: int) -> None:
    path = edit_params(folder, "num_workers: 0 ", "num_workers: 2 ")
    text = path.read_text().replace("epochs: 10 ", f"epochs: {epochs} ").replace("batch_size: 256 ", "batch_size: 2 ")
    path.write_text(text)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small /dev/shm")
def test_fault_67_workers_and_a_small_dev_shm(trained: Path) -> None:
    """DataLoader workers and a small /dev/shm; a worker that is killed"""
    edit_params(trained, "num_workers: 0 ", "num_workers: 64 ")
    path = trained / "params.yaml"
    path.write_text(path.read_text().replace("batch_size: 256 ", "batch_size: 2 "))
    programs = [str(shutil.which(name)) for name in ("unshare", "sh")]
    prefix = (programs[0], "--mount", programs[1], "-c", SMALL, "small", os.environ["PATH"])
    assert_refuses("train", trained, "/dev/shm: 0 MB free", "set runtime.num_workers to 0", code=1, prefix=prefix)


def test_fault_67_worker_that_is_killed(trained: Path) -> None:
    """DataLoader workers and a small /dev/shm; a worker that is killed"""
    use_workers(trained, epochs=10_000)
    environment = {**os.environ, **OFFLINE, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [sys.executable, "-m", "stages", "train"],
        cwd=trained,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as stage:
        assert stage.stdout is not None
        while "epoch 1/" not in stage.stdout.readline():
            pass
        try:
            deadline = time.monotonic() + TIMEOUT
            while not (children := psutil.Process(stage.pid).children()) and time.monotonic() < deadline:
                time.sleep(0.001)
            children[0].send_signal(signal.SIGKILL)
            _, message = stage.communicate(timeout=TIMEOUT)
        finally:
            stage.kill()
    assert stage.returncode == 1
    assert message.startswith("train: error: ") and message.count("\n") == 1, message
    assert "DataLoader worker" in message
