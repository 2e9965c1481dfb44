"""Start a program, pass signals on to all that it started, and leave none of it behind."""

import ctypes
import os
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from types import FrameType
from typing import TypeVar

import psutil

GRACE = 1.5  # seconds to end by themselves: `docker stop` and the promise of 2 seconds leave no more
PATIENCE = 5.0  # seconds after SIGKILL: what lives on then waits for a disk, or is another user's
# DVC, whose work goes on when nobody reads its output any more. The last word is for `ps` to show `dvc repro`.
DVC = [
    sys.executable,
    "-c",
    "import sys; from linear_classifier.io.console import open_console; open_console(); "
    "from dvc.cli import main; sys.exit(main()) # dvc",
]
STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h
_LIBC = ctypes.CDLL(None)
Answer = TypeVar("Answer")


class StoppedError(BaseException):
    """SIGTERM, SIGINT or SIGHUP came; like KeyboardInterrupt, nothing but the outermost code may take it."""

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.code = 128 + signum


def end_on_signals() -> None:
    """End this process, also process 1, at the first SIGTERM, SIGINT or SIGHUP, with 143, 130 or 129, and silently."""
    _handle(lambda number, _: os._exit(128 + number))


def handle_signals() -> None:
    """Raise `StoppedError` at the first SIGTERM, SIGINT or SIGHUP, also in process 1; later ones are ignored."""
    _handle(_stop)


def run(
    command: list[str],
    env: Mapping[str, str],
    keep_open: tuple[int, ...] = (),
    leave_ctrl_c: bool = False,
    until: Callable[[], bool] | None = None,
) -> int:
    """The exit code of `command`, 128 + n if signal n ended it; when this returns or raises, all it started has ended.

    It stays in this process's group, which a terminal takes for one job: it may read and write there, a Ctrl-Z stops
    both, and `fg` continues both. A Ctrl-C is for this process alone; with `leave_ctrl_c` it is for the command alone,
    which decides what it means, as an editor or a pager does. What left the session on purpose, as a daemon, stays.
    It is ended when `until` says so.
    """
    if sys.platform == "linux":  # orphaned grandchildren become children of this process, which waits for them
        _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1)
    parent, others = os.getpid(), {process.pid for process in psutil.Process().children(recursive=True)}
    with _terminal_restored(), _ctrl_c_left_to_the_child() if leave_ctrl_c else nullcontext():
        child = None
        try:  # a signal may come as soon as the child runs, before this process knows of it
            child = subprocess.Popen(
                command, env=env, pass_fds=keep_open, preexec_fn=lambda: _prepare_child(parent, leave_ctrl_c)
            )
            code = _wait(child, 0.2 if until else None)
            while until and code is None and not until():
                code = _wait(child, 0.2)
        finally:
            _end_descendants(child, others)
    code = child.wait(PATIENCE) if code is None else code
    return code if code >= 0 else 128 - code


def _wait(child: "subprocess.Popen[bytes]", seconds: float | None) -> int | None:
    """Its exit code, or None if it has none yet after `seconds`."""
    with suppress(subprocess.TimeoutExpired):
        return child.wait(seconds)
    return None


def _handle(handler: Callable[[int, FrameType | None], object]) -> None:
    for signum in STOPPING:
        if signum != signal.SIGHUP or signal.getsignal(signum) != signal.SIG_IGN:  # under nohup it stays ignored
            signal.signal(signum, handler)


def _stop(signum: int, frame: FrameType | None) -> None:
    for other in STOPPING:
        signal.signal(other, signal.SIG_IGN)
    raise StoppedError(signum)


def _prepare_child(parent: int, hears_ctrl_c: bool) -> None:
    """In the child: SIGTERM comes when the parent dies; elsewhere than on Linux there is nothing like it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL if hears_ctrl_c else signal.SIG_IGN)
    if sys.platform == "linux":
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died before we asked
            os._exit(143)


@contextmanager
def _ctrl_c_left_to_the_child() -> Iterator[None]:
    """Ignore a SIGINT that the terminal has sent to the child, too; one from elsewhere stops this process as ever."""
    before = signal.signal(signal.SIGINT, lambda number, frame: None if _is_in_foreground() else _stop(number, frame))
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:  # else this process is being stopped
            signal.signal(signal.SIGINT, before)


@contextmanager
def _terminal_restored() -> Iterator[None]:
    """Give the terminal its modes back if this process is stopped, or an ended password prompt would leave it mute."""
    modes = _ask_terminal(termios.tcgetattr)
    try:
        yield
    except StoppedError:
        if modes and _is_in_foreground():
            _ask_terminal(lambda terminal: termios.tcsetattr(terminal, termios.TCSANOW, modes))
        raise


def _is_in_foreground() -> bool:
    """Whether a Ctrl-C at this process's terminal, if it has one, reaches it and its children."""
    return _ask_terminal(os.tcgetpgrp) == os.getpgrp()


def _ask_terminal(question: Callable[[int], Answer]) -> Answer | None:
    """What `question` gives for the descriptor of this process's terminal; None if it has none."""
    try:
        with Path("/dev/tty").open("rb", buffering=0) as terminal:
            return question(terminal.fileno())
    except (OSError, termios.error):
        return None


def _end_descendants(child: "subprocess.Popen[bytes] | None", others: set[int]) -> None:
    """End all that lives below this process, except `others`: SIGTERM, `GRACE`, SIGKILL; reap what has ended."""
    for signum, patience in ((signal.SIGTERM, GRACE), (signal.SIGKILL, PATIENCE)):
        deadline, signalled = time.monotonic() + patience, set[int]()
        # Asked twice: one whose parent ends while the list is made is in no family until the next.
        while (
            left := (_living_descendants(child) | _living_descendants(child)) - others
        ) and time.monotonic() < deadline:
            for pid in left - signalled:
                _signal(pid, signum)
            signalled |= left
            time.sleep(0.01)
    if left:
        print(f"job: processes {left} did not end by SIGKILL; see `ps -o pid,stat,cmd`", file=sys.stderr, flush=True)


def _signal(pid: int, signum: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signum)
        os.kill(pid, signal.SIGCONT)  # one that is stopped would not hear it


def _living_descendants(child: "subprocess.Popen[bytes] | None") -> set[int]:
    """The processes below this one in its session, after every dead one that is left to it was reaped."""
    if child:
        child.poll()
    living = set()
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess, ProcessLookupError, ChildProcessError):
            if process.status() == psutil.STATUS_ZOMBIE:
                if not (child and process.pid == child.pid):  # its exit code is for `run`
                    os.waitpid(process.pid, os.WNOHANG)
            elif os.getsid(process.pid) == os.getsid(0):
                living.add(process.pid)
    return living
