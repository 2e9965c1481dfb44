"""`python -m stages NAME`: run one stage, with signals and errors turned into one line and an exit code.

Exit codes: 0 done; 2 bad params or data; 130 Ctrl-C; 143 SIGTERM; 1 the rest.
"""

import ctypes
import gc
import importlib
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType

STAGES = ("prepare", "train", "evaluate")
DONE, FAILED, BAD_INPUT, INTERRUPTED, TERMINATED = 0, 1, 2, 130, 143
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main(arguments: list[str]) -> int:
    """Run the stage that `arguments` name, and give its exit code.

    Its module is imported here, where signals and errors are handled already: PyTorch takes seconds to import, and a
    Ctrl-C or a SIGTERM may well come meanwhile.
    """
    if len(arguments) != 1 or arguments[0] not in STAGES:
        return _fail("stages", f"expected one of {', '.join(STAGES)}, as in `python -m stages train`", BAD_INPUT)
    name = arguments[0]
    return run_stage(name, lambda: _import_main(f"stages.{name}")())


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
        for note in getattr(error, "__notes__", []):  # what is wrong in several places: a line each
            _say(name, note)
        return _fail(name, str(error), BAD_INPUT)
    except KeyboardInterrupt:
        return _fail(name, "interrupted; nothing is lost, run it again", INTERRUPTED)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _fail(name, f"{where}{error.strerror or error}; mend that and run it again", FAILED)
    except (MemoryError, RuntimeError, ImportError) as error:
        return _fail(name, _explain(error), FAILED)
    return DONE


def _import_main(module: str) -> Callable[[], None]:
    """The `main` of `module`. PyTorch's import makes a million objects that all stay.

    To look through them for garbage costs half a second while it runs, and nearly one when the process ends.
    """
    gc.disable()
    main: Callable[[], None] = importlib.import_module(module).main
    gc.freeze()
    gc.enable()
    return main


def _explain(error: Exception) -> str:
    """The message of `error`, or, where another library raised it, its cause and a mend."""
    text = str(error)
    if type(error).__name__ == "OutOfMemoryError":  # PyTorch's, which this module does not import
        return (
            f"{text.split('. ')[0]}; lower train.batch_size, end what else uses the GPU, or set runtime.device to cpu"
        )
    if isinstance(error, MemoryError) or "can't allocate memory" in text:
        return f"out of memory ({text or 'no details'}); give it more, or lower train.batch_size"
    if isinstance(error, ImportError):
        return f"{text}; install what is missing with `pip install -r requirements.txt`"
    return text


def _fail(name: str, message: str, code: int) -> int:
    _say(name, message)
    _tell_job(code)
    return code


def _say(name: str, message: str) -> None:
    print(f"{name}: error: {' '.join(message.split())}", file=sys.stderr, flush=True)


def _tell_job(code: int) -> None:
    """Leave `code` for tools.job, if that is what runs: DVC's exit code is the same for every failure."""
    if path := os.environ.get("STAGE_EXIT_CODE_FILE"):
        with suppress(OSError):
            Path(path).write_text(str(code), encoding="ascii")


def _terminate(signum: int, frame: FrameType | None) -> None:
    signal.signal(signum, signal.SIG_IGN)  # a second one, as when `dvc` dies too, must not disturb the clearing up
    raise SystemExit(TERMINATED)


def _end_with_parent() -> None:
    """Ask Linux for SIGTERM when the parent dies; elsewhere there is nothing like it."""
    if sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died before we asked
            raise SystemExit(TERMINATED)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
