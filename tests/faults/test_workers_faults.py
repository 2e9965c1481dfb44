"""FAULTS row 67: processes that load batches, what they need and what becomes of the run without them."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.faults.stage_runs import edit_params, environment, run_stage
from tests.good_model import save_small_run

SECONDS = 60  # for what takes ten on an idle machine; a batch that no worker loads is waited for longer


def test_fault_67_small_shared_memory(workspace: Path, needs_root: None) -> None:
    """DataLoader workers and a small /dev/shm"""
    save_small_run(workspace, image_shape=(3, 256, 256))
    set_workers(
        workspace, "batch_size: 256", "batch_size: 20", "epochs: 10 ", "epochs: 1 ", "min_steps: 100", "min_steps: 0"
    )
    unshare, shell, mount = (str(shutil.which(name)) for name in ("unshare", "sh", "mount"))
    script = f'{mount} -t tmpfs -o size=64m tmpfs /dev/shm && exec "$@"'
    done = run_stage("train", workspace, unshare, "--mount", shell, "-c", script, shell)
    assert (done.returncode, done.stderr) == (0, ""), "workers hand over their batches through a pipe"


@pytest.mark.parametrize("which", [0, 1])
def test_fault_67_worker_killed(which: int, workspace: Path) -> None:
    """a worker that is killed"""
    save_small_run(workspace, image_shape=(1, 4, 4), num_classes=1000)  # a pass is 4000 batches
    model = (workspace / "models/model.pkl").read_bytes()
    set_workers(workspace, "batch_size: 256", "batch_size: 1", "epochs: 10 ", "epochs: 10000 ")
    command = [sys.executable, "-m", "stages", "train"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=workspace, env=environment(), stdout=pipe, stderr=pipe, text=True) as train:
        try:
            assert train.stdout and any(line.startswith("train: epoch 1/") for line in train.stdout)
            kill_worker(train.pid, which)
            _, message = train.communicate(timeout=SECONDS)
        finally:
            train.kill()
    assert train.returncode == 1 and message.count("\n") == 1, message
    assert message.startswith("train: error: DataLoader worker (pid") and "runtime.num_workers" in message
    assert (workspace / "models/model.pkl").read_bytes() == model


def set_workers(folder: Path, *edits: str) -> None:
    """Edit params.yaml of `folder`: two workers, and each of `edits` in the place of the one before it."""
    path = edit_params(folder, "num_workers: 0 ", "num_workers: 2 ")
    text = path.read_text(encoding="utf-8")
    for before, after in zip(edits[::2], edits[1::2], strict=True):
        assert before in text, before
        text = text.replace(before, after, 1)
    path.write_text(text, encoding="utf-8")


def kill_worker(parent: int, which: int) -> None:
    """Kill one of the two workers of `parent`, which starts new ones for every pass."""
    children = Path(f"/proc/{parent}/task/{parent}/children")
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        workers = children.read_text().split()
        if len(workers) == 2:
            try:
                os.kill(int(workers[which]), signal.SIGKILL)
            except ProcessLookupError:  # it had ended
                continue
            return
    raise AssertionError("no two workers were seen")
