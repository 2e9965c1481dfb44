"""How a stage begins and ends: signals, and errors turned into one line and an exit code."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType

DONE, FAILED, BAD_INPUT, INTERRUPTED, TERMINATED = 0, 1, 2, 130, 143
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def run_stage(name: str, main: Callable[[], None]) -> int:
    """The exit code of `main`: 0, 2 for bad params or data, 130 and 143 by signal, 1 for the rest.

    What `main` raises becomes one line on standard error. SIGTERM ends it the way an exception does, so that temporary
    files go; and so does the death of the process that started it, so that no stage outlives its `dvc repro`.
    """
    _end_with_parent()
    signal.signal(signal.SIGTERM, _terminate)
    try:
        main()
    except ValueError as error:
        return _fail(name, str(error), BAD_INPUT)
    except KeyboardInterrupt:
        return _fail(name, "interrupted; nothing is lost, run it again", INTERRUPTED)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _fail(name, f"{where}{error.strerror or error}; mend that and run it again", FAILED)
    except MemoryError:
        return _fail(name, "out of memory; give it more, or lower train.batch_size", FAILED)
    except RuntimeError as error:
        return _fail(name, str(error), FAILED)
    return DONE


def _fail(name: str, message: str, code: int) -> int:
    print(f"{name}: error: {' '.join(message.split())}", file=sys.stderr, flush=True)
    _tell_job(code)
    return code


def _tell_job(code: int) -> None:
    """Leave `code` for tools/job.py, if that is what runs: DVC's exit code is the same for every failure."""
    if path := os.environ.get("STAGE_EXIT_CODE_FILE"):
        with suppress(OSError):
            Path(path).write_text(str(code), encoding="ascii")


def _terminate(signum: int, frame: FrameType | None) -> None:
    raise SystemExit(TERMINATED)


def _end_with_parent() -> None:
    """Ask Linux for SIGTERM when the parent dies; elsewhere there is nothing like it."""
    if sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died before we asked
            raise SystemExit(TERMINATED)
