"""Standard input, output and error made safe: what people see of a program never decides how it ends."""

import errno
import io
import os
import sys
from typing import Any, TextIO

GONE = (errno.EPIPE, errno.EIO)  # of writing to a pipe whose reader has ended, and to a terminal that was closed


def open_console() -> None:
    """Replace `sys.stdout` and `sys.stderr` of this process, to be called once, before anything is printed or opened.

    What the encoding lacks is escaped, and what nobody can read any more is dropped: `| head -1`, a terminal that was
    closed. A standard file that is closed becomes /dev/null; else the next file opened would take its number, and
    every `print` and child process would write into that. A full disk behind standard output ends the program in one
    line and exit code 1, since what it prints may be its result.
    """
    for descriptor in (0, 1, 2):
        _open_if_closed(descriptor)
    sys.stdout, sys.stderr = _console(1, sys.stdout), _console(2, sys.stderr)


class _Descriptor(io.FileIO):
    _failed = False

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError as error:
            if error.errno not in GONE and not self._failed:
                self._failed = True  # said once: Python writes what is left again at its end
                if self.fileno() == 1:
                    print(
                        f"error: standard output: {error.strerror}; make room there, and run it again", file=sys.stderr
                    )
                raise SystemExit(1) from None
            return memoryview(data).nbytes


def _open_if_closed(descriptor: int) -> None:
    try:
        os.fstat(descriptor)
    except OSError:
        os.open(os.devnull, os.O_RDWR)  # it gets the lowest free number, this one
        os.set_inheritable(descriptor, True)


def _console(descriptor: int, stream: TextIO | None) -> TextIO:
    """A stream to `descriptor` that encodes as `stream` does, and writes line by line as Python's to a terminal."""
    raw: Any = _Descriptor(descriptor, "wb", closefd=False)
    encoding = stream.encoding if stream else "utf-8"
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding, errors="backslashreplace", line_buffering=True)
