"""`python -m stages NAME`: run one stage, with signals and errors turned into one line and an exit code.

Exit codes: 0 done; 2 bad params or data; 129 SIGHUP; 130 Ctrl-C; 143 SIGTERM; 1 the rest.
"""

import ctypes
import errno
import gc
import importlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType

from linear_classifier.io.console import open_console
from linear_classifier.io.heap import use_one_heap

STAGES = ("prepare", "train", "evaluate", "report", "export")
DONE, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130
LIMITS = {  # of a login or a scheduler
    errno.EMFILE: "raise the limit of open files (`ulimit -n`)",
    errno.EFBIG: "raise the limit of a file's size (`ulimit -f`)",
    errno.ENOMEM: "give it more memory (`ulimit -v`)",
    errno.EAGAIN: "raise the limit of processes (`ulimit -u`)",
}
OUT_OF_MEMORY = ("can't allocate memory", "failed to map segment", "cannot allocate memory", "Cannot allocate memory")
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_INTERRUPTED = "interrupted; nothing is lost, run it again"
_ended_by: list[int] = []  # the signal that ends this process


def main(arguments: list[str]) -> int:
    """Run the stage that `arguments` name, and give its exit code.

    Its module is imported here, where signals and errors are handled already: PyTorch takes seconds to import, and a
    Ctrl-C or a SIGTERM may well come meanwhile.
    """
    if arguments in (["-h"], ["--help"]):
        print(__doc__)
        return DONE
    if len(arguments) != 1 or arguments[0] not in STAGES:
        found = " ".join(map(ascii, arguments)) or "nothing"
        _tell_job(BAD_INPUT)
        return _fail(
            "stages", f"expected one of {', '.join(STAGES)}, as in `python -m stages train`, got {found}", BAD_INPUT
        )
    name = arguments[0]
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "FATAL")  # ranks warn of each host name they cannot look up
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # NumPy starts threads as it is imported, in workers too
    return run_stage(name, lambda: _import_main(f"stages.{name}")())


def run_stage(name: str, main: Callable[[], None]) -> int:
    """The exit code of `main`: 0, 2 for bad params or data, 129, 130 and 143 by signal, 1 for the rest.

    What `main` raises becomes one line on standard error. SIGTERM and SIGHUP end it the way an exception does, so that
    temporary files go; and so does the death of the process that started it, so that no stage outlives its `dvc repro`.
    """
    _tell_job(128 + signal.SIGKILL)  # what stays there if that ends it
    code = FAILED  # as a bug ends it
    try:
        code = _run(name, main)
    except SystemExit as ended:  # by a signal, or a standard output that is full
        code = ended.code if isinstance(ended.code, int) else FAILED
        raise
    finally:
        _tell_job(code)
    return code


def _run(name: str, main: Callable[[], None]) -> int:
    _end_with_parent()
    use_one_heap()
    signal.signal(signal.SIGTERM, _terminate)
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # under nohup it stays ignored
        signal.signal(signal.SIGHUP, _terminate)
    if signal.getsignal(signal.SIGINT) == signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)
    try:
        main()
    except ValueError as error:
        for note in getattr(error, "__notes__", []):  # what is wrong in several places: a line each
            _say(name, note)
        return _fail(name, str(error), BAD_INPUT)
    except KeyboardInterrupt:
        return _fail(name, _INTERRUPTED, INTERRUPTED)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        todo = LIMITS.get(error.errno or 0, "fix that")
        return _fail(name, f"{where}{error.strerror or error}; {todo} and run it again", FAILED)
    except (MemoryError, RuntimeError, ImportError) as error:
        return _fail(name, _explain(error), getattr(error, "exit_code", FAILED))  # a rank has one of its own
    except Exception:
        if not _ended_by:
            raise  # a bug shows its traceback
        return _fail(name, "", FAILED)
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
    """The message of `error`, or, where another library raised it, its cause and what to do."""
    text = str(error).rpartition("Original error was: ")[2]  # NumPy's begins with a page of advice
    if type(error).__name__ == "OutOfMemoryError":  # PyTorch's, which this module does not import
        return (
            f"{text.split('. ')[0]}; lower train.batch_size, end what else uses the GPU, or set runtime.device to cpu"
        )
    if isinstance(error, MemoryError) or any(words in text for words in OUT_OF_MEMORY):
        return (
            f"out of memory ({text or 'no details'}); give it more (`ulimit -v` limits it), or lower train.batch_size"
        )
    if isinstance(error, ModuleNotFoundError) and (error.name or "").split(".")[0] not in (
        "linear_classifier",
        "stages",
    ):
        return f"{text}; install what is missing with `pip install -r requirements.txt`"
    if isinstance(error, ImportError):
        return f"{text}; what is installed cannot be loaded: see `ulimit -a` for limits, or install it again"
    if text.startswith("DataLoader worker"):
        return f"{text}; give it more memory if that ended it, or set runtime.num_workers to 0"
    if "can't start new thread" in text:
        return f"{text}; raise the limit of processes (`ulimit -u`), or lower runtime.threads and runtime.num_workers"
    return text


def _fail(name: str, message: str, code: int) -> int:
    if _ended_by and _ended_by[0] != signal.SIGINT:  # a library has made another exception of SystemExit, as NumPy may
        return 128 + _ended_by[0]
    if _ended_by:
        message, code = _INTERRUPTED, INTERRUPTED
    if path := os.environ.get("TORCHELASTIC_ERROR_FILE"):  # of a rank: the launcher says it when all have ended
        Path(path).write_text(json.dumps({"message": message, "timestamp": int(time.time())}), encoding="utf-8")
        return code
    _say(name, message)
    return code


def _say(name: str, message: str) -> None:
    print(f"{name}: error: {' '.join(message.split())}", file=sys.stderr, flush=True)


def _tell_job(code: int) -> None:
    """Leave `code`, or none if all is done, for tools.job, if that runs: DVC's own is the same for every failure."""
    path = os.environ.get("STAGE_EXIT_CODE_FILE")
    if path and not _is_rank():  # of several, the launcher tells
        with suppress(OSError):
            if code == DONE:
                Path(path).unlink()
            else:
                Path(path).write_text(str(code), encoding="ascii")


def _terminate(signum: int, frame: FrameType | None) -> None:
    signal.signal(signum, signal.SIG_IGN)  # a second one, as when `dvc` dies too, must not disturb the clearing up
    _ended_by.append(signum)
    raise SystemExit(128 + signum)


def _interrupt(signum: int, frame: FrameType | None) -> None:
    _ended_by.append(signum)
    raise KeyboardInterrupt


def _end_with_parent() -> None:
    """Ask Linux for SIGTERM when the parent dies; elsewhere there is nothing like it.

    A rank asks for SIGKILL: while it waits for another one, no handler of Python's would run.
    """
    if sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL if _is_rank() else signal.SIGTERM)
        if os.getppid() != parent:  # it died before we asked
            raise SystemExit(128 + signal.SIGTERM)


def _is_rank() -> bool:
    """As `linear_classifier.ranks.is_rank`, which imports PyTorch."""
    return "TORCHELASTIC_RUN_ID" in os.environ


if __name__ == "__main__":
    open_console()
    sys.exit(main(sys.argv[1:]))
