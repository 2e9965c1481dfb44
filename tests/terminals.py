"""A real terminal (a pty) with a real process on it, and somebody who reads and types."""

import fcntl
import os
import pty
import select
import signal
import subprocess
import termios
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

TIMEOUT = 240  # seconds, for what takes ten on an idle machine


class Terminal:
    """A process that leads the session of a new terminal, as a login shell does; `screen` is all that it has shown."""

    def __init__(self, command: tuple[str, ...], cwd: Path, env: Mapping[str, str]) -> None:
        self._ours, theirs = pty.openpty()
        self.screen = ""
        self.process = subprocess.Popen(
            command, cwd=cwd, env={**env, "TERM": "xterm", "COLUMNS": "60", "LINES": "8"},
            stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True, preexec_fn=_take_terminal,
        )  # fmt: skip
        os.close(theirs)

    def type(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def wait_for(self, text: str) -> None:
        """Read until `text` is shown, after what earlier calls have waited for."""
        deadline = time.monotonic() + TIMEOUT
        while text not in self.screen:
            assert time.monotonic() < deadline and self.read(), f"{text!r} was not shown: {self.screen[-2000:]}"
        self.screen = self.screen.partition(text)[2]

    def wait(self) -> int:
        """Read to the end; the exit code of the process."""
        deadline = time.monotonic() + TIMEOUT
        while self.read():
            assert time.monotonic() < deadline, f"does not end: {self.screen[-2000:]}"
        return self.process.wait(TIMEOUT)

    def hang_up(self) -> None:
        os.close(self._ours)
        self._ours = -1

    def echoes(self) -> bool:
        return bool(termios.tcgetattr(self._ours)[3] & termios.ECHO)

    def close(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        if self._ours >= 0:
            self.hang_up()
        self.process.wait(TIMEOUT)

    def read(self) -> bool:
        """Whether anything can still come."""
        if not select.select([self._ours], [], [], 0.1)[0]:
            return True
        try:
            data = os.read(self._ours, 4096)
        except OSError:  # the last process on the terminal has ended
            return False
        self.screen += data.decode(errors="replace")
        return bool(data)


@contextmanager
def on_terminal(*command: str, cwd: Path, env: Mapping[str, str]) -> Iterator[Terminal]:
    terminal = Terminal(command, cwd, env)
    try:
        yield terminal
    finally:
        terminal.close()


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # which what a shell starts in the background ignores
