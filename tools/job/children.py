"""Start a program, pass signals on to all that it started, and leave none of it behind."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from types import FrameType

GRACE = 1.5  # seconds to end by themselves: `docker stop` and the promise of 2 seconds leave no more
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h
_LIBC = ctypes.CDLL(None)


class StoppedError(BaseException):
    """SIGTERM or SIGINT came; like KeyboardInterrupt, nothing but the outermost code may take it."""

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.code = 128 + signum


def end_on_signals() -> None:
    """The first SIGTERM or SIGINT from now on ends this process, also process 1, with 143 or 130 and without a word."""
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda number, _: os._exit(128 + number))


def handle_signals() -> None:
    """The first SIGTERM or SIGINT from now on raises `StoppedError`, also in process 1; later ones are ignored."""
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, _stop)


def run(command: list[str], env: Mapping[str, str], keep_open: tuple[int, ...] = ()) -> int:
    """The exit code of `command`, 128 + n if signal n ended it; when this returns or raises, all it started has ended.

    It gets a process group of its own, so that a Ctrl-C comes here first and is passed on once.
    """
    if sys.platform == "linux":  # orphaned grandchildren become children of this process, which waits for them
        _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1)
    parent = os.getpid()
    child = subprocess.Popen(
        command, env=env, pass_fds=keep_open, process_group=0, preexec_fn=lambda: _end_with_parent(parent)
    )
    try:
        code = child.wait()
    finally:
        _end_group(child)
    return code if code >= 0 else 128 - code


def _stop(signum: int, frame: FrameType | None) -> None:
    for other in (signal.SIGTERM, signal.SIGINT):
        signal.signal(other, signal.SIG_IGN)
    raise StoppedError(signum)


def _end_with_parent(parent: int) -> None:
    """In the child: SIGTERM comes when the parent dies; elsewhere than on Linux there is nothing like it."""
    if sys.platform == "linux":
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died before we asked
            os._exit(143)


def _end_group(child: "subprocess.Popen[bytes]") -> None:
    """SIGTERM to what is left of the group of `child`, SIGKILL to what is left of that after `GRACE`; wait for all."""
    deadline = time.monotonic() + GRACE
    signum = signal.SIGTERM
    while _is_alive(child):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signum)
        while _is_alive(child) and (time.monotonic() < deadline or signum == signal.SIGKILL):
            time.sleep(0.01)
        signum = signal.SIGKILL


def _is_alive(child: "subprocess.Popen[bytes]") -> bool:
    """Whether a process of the group still lives, after every dead one of it was reaped."""
    child.poll()
    with suppress(ChildProcessError):
        while os.waitpid(-child.pid, os.WNOHANG)[0]:
            pass
    try:
        os.killpg(child.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # macOS says so of zombies
        return child.returncode is None
    return True
