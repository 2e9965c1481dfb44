"""What becomes of the processes that a program started through `run` leaves, and of the terminal that it was on."""

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.processes import ROOT
from tests.terminals import Terminal, on_terminal

READ = "read answer; echo got $answer"
PROMPT = "prompt> "  # of a shell


def program(*command: str, leave_ctrl_c: bool = True) -> tuple[str, ...]:
    """A process that runs `command` as the job does, and ends in its exit code or in that of the signal."""
    code = (
        "import os, sys\nfrom tools.job.children import StoppedError, handle_signals, run\nhandle_signals()\n"
        f"try: sys.exit(run({list(command)!r}, os.environ, leave_ctrl_c={leave_ctrl_c}))\n"
        "except StoppedError as stopped: sys.exit(stopped.code)"
    )
    return (sys.executable, "-c", code)


@contextmanager
def running(*command: str, leave_ctrl_c: bool = True) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        program(*command, leave_ctrl_c=leave_ctrl_c),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        yield process


@contextmanager
def terminal_of(*command: str, leave_ctrl_c: bool = True) -> Iterator[Terminal]:
    with on_terminal(*program(*command, leave_ctrl_c=leave_ctrl_c), cwd=ROOT, env=os.environ) as terminal:
        yield terminal


def lives(pid: int) -> bool:
    try:
        return state_of(pid) != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize(("script", "code"), [("exit 7", 7), ("kill -KILL $$", 137), ("kill -INT $$", 130)])
def test_run_gives_the_exit_code(script: str, code: int) -> None:
    with running("sh", "-c", script) as process:
        assert process.wait(60) == code


@pytest.mark.parametrize(
    "script",
    [
        "sleep 1000 & echo $!",
        "(sleep 1000 & echo $!) & wait",
        "sh -c 'trap \"\" TERM; echo $$; exec >&-; while :; do sleep 1; done' & sleep 0.5",
        "sleep 1000 & kill -STOP $!; echo $!",
    ],
    ids=["in the background", "orphan", "ignores SIGTERM", "stopped"],
)
def test_run_leaves_nothing_behind(script: str) -> None:
    with running("sh", "-c", script) as process:
        assert process.stdout
        pid = int(process.stdout.readline())
        assert process.wait(60) == 0
        assert not lives(pid)


def test_run_leaves_a_daemon_alone() -> None:
    """As `dvc queue start` leaves its worker: it went into a session of its own, on purpose."""
    with running("sh", "-c", "setsid sh -c 'echo $$; exec sleep 1000 >&-' & sleep 0.5") as process:
        assert process.stdout
        pid = int(process.stdout.readline())
        assert process.wait(60) == 0 and lives(pid)
        os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_run_ends_what_it_started_on_a_signal(signum: signal.Signals) -> None:
    with running("sh", "-c", "sleep 1000 & echo $!; wait") as process:
        assert process.stdout
        pid = int(process.stdout.readline())
        process.send_signal(signum)
        assert process.wait(60) == 128 + signum
        assert not lives(pid)


def test_run_ends_what_it_started_on_a_signal_while_it_starts() -> None:
    """The child runs, and this process does not know of it yet: as on a busy machine, for longer."""
    slow = (
        "import subprocess, time\nquick = subprocess.Popen.__init__\n"
        "def start(*given, **more): quick(*given, **more); time.sleep(60)\nsubprocess.Popen.__init__ = start\n"
    )
    python, option, code = program("sh", "-c", "sleep 1000 & echo $!; wait")
    with subprocess.Popen([python, option, slow + code], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        pid = int(process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 143
        assert not lives(pid)


def test_run_goes_on_after_a_hang_up_under_nohup() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with running("sh", "-c", "echo on; sleep 1; exit 3") as process:
            assert process.stdout and process.stdout.readline() == "on\n"
            os.killpg(process.pid, signal.SIGHUP)
            assert process.wait(60) == 3
    finally:
        signal.signal(signal.SIGHUP, before)


def test_run_lets_a_child_read_from_the_terminal() -> None:
    with terminal_of("sh", "-c", f"echo on; {READ}") as terminal:
        terminal.wait_for("on")
        terminal.type("yes\n")
        terminal.wait_for("got yes")
        assert terminal.wait() == 0


def test_run_lets_a_child_use_the_modes_of_the_terminal() -> None:
    with terminal_of("sh", "-c", "stty tostop; echo on; stty -echo; echo off") as terminal:
        terminal.wait_for("off")
        assert terminal.wait() == 0


def test_run_leaves_ctrl_c_to_a_child_that_handles_it() -> None:
    code = "try:\n print('on', flush=True); import time; time.sleep(1000)\nexcept KeyboardInterrupt: print('caught')"
    with terminal_of(sys.executable, "-c", code) as terminal:
        terminal.wait_for("on")
        terminal.type("\x03")
        terminal.wait_for("caught")
        assert terminal.wait() == 0


@pytest.mark.parametrize("leave_ctrl_c", [True, False])
def test_run_ends_in_130_on_ctrl_c(leave_ctrl_c: bool) -> None:
    with terminal_of("sh", "-c", "sleep 1000 & echo on; wait", leave_ctrl_c=leave_ctrl_c) as terminal:
        terminal.wait_for("on")
        below = descendants_of(terminal.process.pid)
        assert len(below) == 2
        terminal.type("\x03")
        assert terminal.wait() == 130
        assert not any(map(lives, below))


def test_run_gives_the_terminal_its_echo_back(tmp_path: Path) -> None:
    """A password prompt that is killed cannot."""
    job = write_job(tmp_path, "stty -echo; echo Password:; sleep 1000", leave_ctrl_c=False)
    with on_terminal("sh", "-c", f"sh {job} || echo ended in $?; read answer", cwd=ROOT, env=os.environ) as terminal:
        terminal.wait_for("Password:")
        assert not terminal.echoes()
        os.kill(descendants_of(terminal.process.pid)[0], signal.SIGTERM)
        terminal.wait_for("ended in 143")
        assert terminal.echoes()


def test_run_stops_and_goes_on_with_its_child(tmp_path: Path) -> None:
    """Ctrl-Z and `fg` at a real shell with job control, then a start in its background."""
    job = write_job(tmp_path, f"echo on; {READ}")
    with on_terminal("bash", "--norc", "-i", cwd=ROOT, env={**os.environ, "PS1": PROMPT}) as terminal:
        terminal.wait_for(PROMPT)  # before it, the shell may lose or swap what is typed
        terminal.type(f"sh {job}\n")
        terminal.wait_for("on\r\n")
        terminal.type("\x1a")
        terminal.wait_for("Stopped")
        terminal.wait_for(PROMPT)
        wait_until_stopped(terminal)
        terminal.type("fg\n")
        terminal.wait_for(f"sh {job}\r\n")
        terminal.type("yes\n")
        terminal.wait_for("got yes")
        terminal.wait_for(PROMPT)
        terminal.type(f"sh {job} &\n")
        terminal.wait_for("on\r\n")
        wait_until_stopped(terminal)  # it reads: a shell stops it
        terminal.type("fg\n")
        terminal.wait_for(f"sh {job}\r\n")
        terminal.type("no\n")
        terminal.wait_for("got no")
        terminal.wait_for(PROMPT)
        terminal.type("exit 5\n")
        assert terminal.wait() == 5


def write_job(folder: Path, script: str, leave_ctrl_c: bool = True) -> Path:
    """A shell script that becomes `program` of the shell command `script`."""
    path = folder / "job"
    path.write_text(f"exec {shlex.join(program('sh', '-c', script, leave_ctrl_c=leave_ctrl_c))}\n")
    return path


def descendants_of(pid: int) -> list[int]:
    return [process.pid for process in psutil.Process(pid).children(recursive=True)]


def wait_until_stopped(terminal: Terminal) -> None:
    """Till then one that reads may still take what is typed for the shell, which waits for its own child alone."""
    while any(state_of(pid) != "T" for pid in descendants_of(terminal.process.pid)):
        terminal.read()


def state_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_run_ends_a_child_when_it_is_told_to() -> None:
    code = (
        "import os; from tools.job.children import run; print(run(['sleep', '1000'], os.environ, until=lambda: True))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True, timeout=60)
    assert done.stdout == f"{128 + signal.SIGTERM}\n"
