"""A clone mounted at /workspace and reproduced in the container."""

import re
import subprocess
import time
from pathlib import Path

import pytest

from tests.container.containers import STRANGER, Engine
from tests.processes import ROOT

COMMITTED = (ROOT / "dvc.lock").read_bytes()
METRICS = "reports/evaluate/metrics.json"


def set_params(folder: Path, **values: object) -> None:
    text = (folder / "params.yaml").read_text()
    for key, value in values.items():
        text = re.sub(rf"(?m)^  {key}: \S+", f"  {key}: {value}", text, count=1)
    (folder / "params.yaml").write_text(text)


def test_repro_in_a_container_gives_the_committed_lock_and_files_of_the_caller(reproduced: Path) -> None:
    assert (reproduced / "dvc.lock").read_bytes() == COMMITTED
    assert (reproduced / METRICS).read_bytes() == (ROOT / METRICS).read_bytes()
    assert {path.lstat().st_uid for path in reproduced.rglob("*")} == {STRANGER}
    assert len(list((reproduced / ".dvc/cache/files/md5").glob("*/*"))) > 10


def test_repro_with_worker_processes_needs_no_more_than_the_default_shared_memory(
    workspace: Path, engine: Engine
) -> None:
    set_params(workspace, num_workers=2)
    done = engine.run("-f", "-s", "train", volumes={workspace: "/workspace"})
    assert "Running stage 'train'" in done.stdout and (workspace / "dvc.lock").read_bytes() == COMMITTED


def test_job_with_nothing_to_do_says_so(workspace: Path, engine: Engine) -> None:
    done = engine.run(volumes={workspace: "/workspace"})
    assert "up to date" in done.stdout and "test accuracy" in done.stdout


@pytest.mark.parametrize(
    ("params", "code", "message"),
    [
        ({"lr": -1}, 2, "params.yaml: train.lr must be a number in (0, 10], got -1"),
        ({"source": "/nowhere", "val_fraction": 0.500001}, 2, "prepare.val_fraction must be a number in (0, 0.5]"),
        ({"device": "cuda"}, 1, "runtime.device is cuda, but no GPU can be used"),
        ({"lr": 10.0, "momentum": 0.99, "weight_decay": 1.0}, 1, "train: error: the loss is "),
    ],
    ids=["params", "range", "no-gpu", "diverged"],
)
def test_exit_code_of_the_job_is_the_container_s(
    params: dict[str, object], code: int, message: str, workspace: Path, engine: Engine
) -> None:
    set_params(workspace, **params)
    done = engine.run(volumes={workspace: "/workspace"}, check=False)
    assert done.returncode == code and message in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(("how", "code"), [(("stop", "--time=20"), 143), (("kill", "--signal=INT"), 130)])
def test_signal_reaches_the_job(how: tuple[str, ...], code: int, workspace: Path, engine: Engine) -> None:
    set_params(workspace, epochs=5000)
    with engine.running(volumes={workspace: "/workspace"}) as container:
        engine.wait_for(container, "epoch 2/")
        started = time.perf_counter()
        engine.call(*how, container)
        assert engine.exit_code(container) == code
        print(f"{how[0]}: ended in {code} after {time.perf_counter() - started:.1f} s")
    assert not list(workspace.glob("[!.]*/**/.*.tmp"))


def test_signal_reaches_the_job_while_it_starts(workspace: Path, engine: Engine) -> None:
    with engine.running(volumes={workspace: "/workspace"}) as container:
        time.sleep(0.2)  # it still imports, and as process 1 it hears only the signals that it handles
        engine.call("stop", "--time=20", container)
        assert engine.exit_code(container) == 143


def test_second_container_on_a_workspace_exits_75(workspace: Path, engine: Engine) -> None:
    set_params(workspace, epochs=5000)
    with engine.running(volumes={workspace: "/workspace"}) as first:
        engine.wait_for(first, "epoch 1/")
        second = engine.run(volumes={workspace: "/workspace"}, check=False)
        assert second.returncode == 75
        assert second.stderr.startswith("job: error: .dvc/tmp/job.lock: held by process 1 on ")


@pytest.mark.parametrize("options", [("--user=12345:12345",), ()], ids=["any-user", "the-image-s-user"])
def test_dvc_and_git_work_on_a_clone_that_another_user_owns(
    options: tuple[str, ...], workspace: Path, engine: Engine
) -> None:
    subprocess.run(["chown", "-R", "0:0", workspace], check=True)
    subprocess.run(["chmod", "-R", "a+rwX", workspace], check=True)
    text = (workspace / METRICS).read_text()
    (workspace / METRICS).write_text(text.replace('"accuracy": 0.8', '"accuracy": 0.7'))
    volumes = {workspace: "/workspace"}
    metrics = engine.run("--exec", "dvc", "metrics", "diff", volumes=volumes, options=options)
    assert re.search(r"metrics.json +accuracy +0\.8\d+ +0\.7\d+ +-0\.1", metrics.stdout)
    status = engine.run("--exec", "git", "status", "--short", volumes=volumes, options=options)
    assert METRICS in status.stdout
    log = engine.run("log", "-1", "--format=%H", volumes=volumes, options=(*options, "--entrypoint=git"))
    assert len(log.stdout.strip()) == 40


def test_job_without_a_clone_says_what_is_missing(tmp_path: Path, engine: Engine) -> None:
    tmp_path.chmod(0o777)
    done = engine.run(volumes={tmp_path: "/workspace"}, check=False)
    assert done.returncode == 2 and done.stderr.startswith("job: error: params.yaml: not found; run from ")
