"""The job on a terminal, and without one."""

import os
import subprocess

import pytest

from tests.faults.job.workspace import JOB, Workspace, wait_for_training, wait_until
from tests.terminals import on_terminal


@pytest.mark.parametrize(
    ("command", "keys", "shown"),
    [
        (("sh", "-c", "seq 300 | less"), "q", "7"),
        (("dvc", "dag"), "q", "prepare"),
        (("sh", "-c", "read answer; echo got $answer"), "yes\n", "got yes"),
        (("python", "-c", "import getpass; print('got', getpass.getpass())"), "secret\n", "got secret"),
    ],
    ids=["pager", "dvc's pager", "answer", "password"],
)
def test_fault_68_child_reads_from_the_terminal(
    workspace: Workspace, command: tuple[str, ...], keys: str, shown: str
) -> None:
    """a child that reads from or writes to the terminal"""
    with on_terminal(*JOB, "--exec", *command, cwd=workspace.path, env=workspace.env) as terminal:
        if keys != "yes\n":
            terminal.wait_for("Password" if keys == "secret\n" else shown)
        terminal.type(keys)
        if keys != "q":
            terminal.wait_for(shown)
        assert terminal.wait() == 0


def test_fault_68_terminal_with_tostop(workspace: Workspace) -> None:
    """a child that reads from or writes to the terminal"""
    script = f"stty tostop; exec {' '.join(JOB)}"
    with on_terminal("sh", "-c", script, cwd=workspace.path, env=workspace.env) as terminal:
        assert terminal.wait() == 0, terminal.screen


def test_fault_68_stop_and_continue(workspace: Workspace) -> None:
    """a child that reads from or writes to the terminal (Ctrl-Z, `fg`, Ctrl-C at a shell)"""
    workspace.set_params(epochs=5000)
    with on_terminal("bash", "--norc", "-i", cwd=workspace.path, env=workspace.env) as shell:
        shell.type(f"{' '.join(JOB)}\n")
        shell.wait_for("epoch 1/")
        shell.type("\x1a")
        shell.wait_for("Stopped")
        shell.type("fg\n")
        shell.wait_for("fg")
        shell.wait_for("epoch ")
        shell.type("\x03")
        shell.wait_for("job: error: interrupted; nothing is lost, run it again")
        shell.type("exit $?\n")
        assert shell.wait() == 130
    assert not workspace.processes() and not workspace.leftovers()


def test_fault_68_hang_up(workspace: Workspace) -> None:
    """a child that reads from or writes to the terminal (which is closed)"""
    workspace.set_params(epochs=5000)
    with on_terminal(*JOB, cwd=workspace.path, env=workspace.env) as terminal:
        terminal.wait_for("epoch 1/")
        terminal.hang_up()
        assert terminal.process.wait(60) == 129
        assert not workspace.processes() and not workspace.leftovers()


def test_fault_68_hang_up_under_nohup(workspace: Workspace) -> None:
    """a child that reads from or writes to the terminal (which is closed)"""
    workspace.set_params(epochs=5000)
    with workspace.running("sh", "-c", f"trap '' HUP; exec {' '.join(JOB)}") as process:
        wait_for_training(workspace)
        os.killpg(process.pid, 1)
        epochs = workspace.output.count("epoch ")
        wait_until(lambda: workspace.output.count("epoch ") > epochs + 1)
        assert process.poll() is None


@pytest.mark.parametrize("closed", ["<&-", "<&- >&-", "<&- >&- 2>&-"])
def test_fault_75_standard_files_closed(workspace: Workspace, closed: str) -> None:
    """an ASCII terminal; stdout closed"""
    lock = workspace.read("dvc.lock")
    done = workspace.run("sh", "-c", f"exec {' '.join(JOB)} -f {closed}")
    assert "Traceback" not in done.stdout + done.stderr
    assert workspace.read("dvc.lock") == lock


def test_fault_75_nobody_reads_the_output(workspace: Workspace) -> None:
    """an ASCII terminal; stdout closed"""
    process = subprocess.Popen(JOB, cwd=workspace.path, env=workspace.env, stdout=subprocess.PIPE)
    assert process.stdout
    process.stdout.close()
    assert process.wait(240) == 0
