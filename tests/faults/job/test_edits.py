"""What people do to files while a run is on, and before one."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.faults.job.workspace import JOB, Workspace, wait_for_training


def test_fault_49_params_edited(workspace: Workspace) -> None:
    """params.yaml edited during a run (DVC would record the new values for the old model)"""
    workspace.set_params(epochs=12)
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
    workspace.set_params(epochs=12)
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
    workspace.set_params(epochs=12)
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
    workspace.set_params(epochs=12)
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
def test_fault_65_damaged_file_of_dvc(workspace: Workspace, name: str) -> None:
    """a damaged file of DVC's that holds an edit"""
    with (workspace.path / name).open("a") as file:
        file.write("<<<<<<< HEAD\n")
    message = workspace.refused(2, *JOB)
    assert message.startswith(f"job: error: {name}: ") and message.count("\n") == 1
    assert re.search(r"line \d+", message) and "checkout" not in message and "correct it there" in message


def test_fault_65_invalid_pipeline(workspace: Workspace) -> None:
    """a dvc.yaml that is YAML and not what DVC takes"""
    edit(workspace, "dvc.yaml", "    outs:\n      - data/prepared", "    outz:\n      - data/prepared")
    message = workspace.refused(2, *JOB)
    assert re.match(r"job: error: dvc\.yaml: line \d+: extra keys not allowed, in stages -> prepare", message)


def edit(workspace: Workspace, name: str, old: str, new: str) -> None:
    text = workspace.read(name).decode()
    assert old in text
    (workspace.path / name).write_text(text.replace(old, new, 1))


NOTES = '    cmd: echo ${item} > reports/note${item}.txt\n    outs: [{"reports/note${item}.txt": {cache: false}}]\n'
FORMS = {
    "vars": ("      - models/model.pkl\n      - reports", "      - ${model}\n      - reports"),
    "cmd list": (
        "cmd: exec python -m stages train",
        "cmd:\n      - echo training\n      - exec python -m stages train",
    ),
    "params of another file": ("params: [prepare, train]", "params: [prepare, train, {team.yaml: [owner]}]"),
    "foreach": (
        "\nplots:\n",
        "  note:\n    foreach: [1, 2]\n    do:\n" + NOTES.replace("    ", "      ") + "\nplots:\n",
    ),
    "matrix": ("\nplots:\n", "  note:\n    matrix: {n: [1, 2]}\n" + NOTES.replace("item}", "item.n}") + "\nplots:\n"),
    "dot": ("      - data/prepared\n  train", "      - ./data/prepared\n  train"),
    "slash": ("      - data/prepared\n  train", "      - data/prepared/\n  train"),
    "wdir": ("  train:\n    cmd", "  train:\n    wdir: .\n    cmd"),
    "frozen": ("  prepare:\n    cmd", "  prepare:\n    frozen: true\n    cmd"),
}


@pytest.mark.parametrize("form", FORMS)
def test_fault_65_form_that_dvc_takes(workspace: Workspace, form: str) -> None:
    """any form of dvc.yaml that DVC takes"""
    old, new = FORMS[form]
    edit(workspace, "dvc.yaml", old, new)
    if form == "vars":
        edit(workspace, "dvc.yaml", "stages:\n", "vars:\n  - model: models/model.pkl\nstages:\n")
    (workspace.path / "team.yaml").write_text("owner: vision\n")
    workspace.set_params(num_mistakes=23)
    workspace.run(*JOB)
    assert workspace.run("dvc", "status", "-q", check=False).returncode == 0
    workspace.run("python", "-m", "tools.check_committed")


def test_fault_65_pipeline_in_a_folder_and_added_data(workspace: Workspace) -> None:
    """a second dvc.yaml, and data that `dvc add` keeps"""
    folder = workspace.path / "extra"
    folder.mkdir()
    (folder / "data").write_text("one")
    workspace.run("dvc", "add", "extra/data")
    (folder / "dvc.yaml").write_text("stages: {copy: {cmd: cp data copy, deps: [data], outs: [copy]}}\n")
    workspace.run(*JOB, "--all-pipelines")
    assert (folder / "dvc.lock").exists() and (folder / "copy").read_text() == "one"
    (folder / "copy").unlink()
    assert "1 more are absent" in workspace.run(*JOB).stdout  # a plain `dvc repro` does not make it
    (folder / "copy").write_text("damaged")
    workspace.run(*JOB, "--all-pipelines")
    assert (folder / "copy").read_text() == "one"
    workspace.run("python", "-m", "tools.check_committed")


def test_fault_65_refused_run_is_out_of_the_index_too(workspace: Workspace) -> None:
    """`core.autostage`: what the job takes back, DVC has staged in git"""
    workspace.run("dvc", "config", "--local", "core.autostage", "true")
    (workspace.path / "staged").touch()
    workspace.run("git", "add", "staged")
    workspace.set_params(epochs=12)
    with workspace.running(*JOB) as job:
        wait_for_training(workspace)
        workspace.set_params(lr=0.02)
        assert job.wait(240) == 1
    assert workspace.run("git", "diff", "--cached", "--name-only").stdout == "staged\n"


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
        assert re.match(r"job: error: dvc\.lock: line \d+: not YAML", message)
        assert "resolve the merge, or keep it aside and take the committed one" in message
        assert lock.read_bytes() == damaged
    subprocess.run(message.split("`")[1], shell=True, cwd=workspace.path, check=True)
    assert (workspace.path / "dvc.lock.kept").read_bytes() == damaged  # nothing is lost
    assert "up to date" in workspace.run(*JOB).stdout


@pytest.mark.parametrize(
    ("name", "found"),
    [
        (b"pipe", "a FIFO, socket or device, which DVC cannot hash; remove it, or name it in .dvcignore"),
        (b"link", "a link to nothing, which DVC cannot hash; remove it, or name it in .dvcignore"),
        (b"\xff.png", "its name is not UTF-8, as DVC needs; rename it"),
    ],
)
def test_fault_65_dep_that_dvc_cannot_hash(name: bytes, found: str, workspace: Workspace) -> None:
    """any form of dvc.yaml, dvc.lock or config that DVC takes"""
    path = Path(os.fsdecode(os.fsencode(workspace.path / "linear_classifier/io/") + b"/" + name))
    if name == b"pipe":
        os.mkfifo(path)
    elif name == b"link":
        path.symlink_to("nowhere")
    else:
        path.touch()
    message = workspace.refused(2, *JOB)
    assert (
        message.startswith("job: error: ") and message.endswith(f": {found}\n") and "linear_classifier/io/" in message
    )
    if name != b"\xff.png":
        with (workspace.path / ".dvcignore").open("a") as ignored:
            ignored.write(f"{path.name}\n")
        workspace.run(*JOB)
