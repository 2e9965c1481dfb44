"""What people do to files while a run is on, and before one."""

import pytest

from tests.faults.job.workspace import JOB, Workspace, wait_for_training


def test_fault_49_params_edited(workspace: Workspace) -> None:
    """params.yaml edited during a run (DVC would record the new values for the old model)"""
    workspace.set_params(epochs=40)
    with workspace.running("dvc", "repro") as dvc:
        wait_for_training(workspace)
        workspace.set_params(lr=0.02)
        assert dvc.wait(240) != 0
    assert (
        "evaluate: error: models/model.pkl: made with train.lr = 0.03, but params.yaml says 0.02 "
        "(was it edited during a run?); run `dvc repro -f` to train with what it says now"
    ) in workspace.output
    assert workspace.refused(2, "python", "-m", "stages", "evaluate").startswith("evaluate: error: models/model.pkl: ")


def test_fault_49_params_edited_under_the_job(workspace: Workspace) -> None:
    """params.yaml edited during a run (DVC would record the new values for the old model)"""
    lock = workspace.read("dvc.lock")
    runs = sorted(workspace.path.glob(".dvc/cache/runs/*/*/*"))
    workspace.set_params(epochs=40)
    with workspace.running(*JOB) as job:
        wait_for_training(workspace)
        workspace.set_params(lr=0.02)
        assert job.wait(240) == 1
    assert "job: error: params.yaml: train changed while the job ran" in workspace.output
    assert workspace.read("dvc.lock") == lock and sorted(workspace.path.glob(".dvc/cache/runs/*/*/*")) == runs


def test_fault_50_code_edited(workspace: Workspace) -> None:
    """code edited during a run"""
    lock = workspace.read("dvc.lock")
    runs = sorted(workspace.path.glob(".dvc/cache/runs/*/*/*"))
    workspace.set_params(epochs=40)
    with workspace.running(*JOB) as job:
        wait_for_training(workspace)
        with (workspace.path / "linear_classifier/training/loop.py").open("a") as file:
            file.write("# edited\n")
        assert job.wait(240) == 1
    assert (
        "job: error: linear_classifier/training/loop.py changed while the job ran, so its results are not"
        in workspace.output
    )
    assert workspace.read("dvc.lock") == lock and sorted(workspace.path.glob(".dvc/cache/runs/*/*/*")) == runs
    workspace.set_params(epochs=1)
    assert "Running stage 'train'" in workspace.run(*JOB).stdout  # not restored as if the new code had made it


@pytest.mark.parametrize("content", ["<<<<<<< HEAD\n", None], ids=["broken", "deleted"])
def test_fault_50_pipeline_broken_during_a_run(workspace: Workspace, content: str | None) -> None:
    """code edited during a run"""
    lock = workspace.read("dvc.lock")
    workspace.set_params(epochs=40)
    with workspace.running(*JOB) as job:
        wait_for_training(workspace)
        path = workspace.path / "dvc.yaml"
        if content is None:
            path.unlink()
        else:
            path.write_text(path.read_text() + content)
        assert job.wait(240) == 1
    assert "job: error: dvc.yaml" in workspace.output and "Traceback" not in workspace.output
    assert workspace.read("dvc.lock") == lock


@pytest.mark.parametrize("name", ["dvc.yaml", ".dvc/config"])
def test_job_refuses_damaged_files_of_dvc(workspace: Workspace, name: str) -> None:
    with (workspace.path / name).open("a") as file:
        file.write("<<<<<<< HEAD\n")
    message = workspace.refused(2, *JOB)
    assert message.startswith(f"job: error: {name}: ") and f"`git checkout {name}`" in message


def test_job_of_one_stage_says_what_is_absent(workspace: Workspace) -> None:
    (workspace.path / "models/model.pkl").unlink()
    (workspace.path / "reports/evaluate/metrics.json").unlink()
    done = workspace.run(*JOB, "-s", "prepare")
    assert "outs are, byte for byte, those of dvc.lock, 2 more are absent" in done.stdout


def test_fault_51_damaged_lock(workspace: Workspace) -> None:
    """dvc.lock damaged, or with conflict markers"""
    lock = workspace.path / "dvc.lock"
    whole = lock.read_bytes()
    for damaged in (b"<<<<<<< HEAD\n" + whole + b"=======\n>>>>>>> other\n", whole[: len(whole) // 2] + b"\0"):
        lock.write_bytes(damaged)
        message = workspace.refused(2, *JOB)
        assert "'./dvc.lock' is invalid" in message or "'dvc.lock', YAML file structure is corrupted" in message
        assert "`git checkout dvc.lock`" in message
        assert lock.read_bytes() == damaged
    workspace.run("git", "checkout", "dvc.lock")
    assert "up to date" in workspace.run(*JOB).stdout
