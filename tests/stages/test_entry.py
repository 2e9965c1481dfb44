import signal
import subprocess
import sys
from pathlib import Path

import pytest

from stages.__main__ import run_stage
from tests.processes import ROOT


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (ValueError("params.yaml: train.lr\nis bad"), 2, "train: error: params.yaml: train.lr is bad\n"),
        (RuntimeError("the loss is nan"), 1, "train: error: the loss is nan\n"),
        (
            OSError(28, "No space left on device", "models/model.pkl"),
            1,
            "train: error: models/model.pkl: No space left",
        ),
        (OSError(24, "Too many open files"), 1, "train: error: Too many open files; raise the limit of open files"),
        (MemoryError(), 1, "train: error: out of memory"),
        (
            RuntimeError("can't start new thread"),
            1,
            "train: error: can't start new thread; raise the limit of processes",
        ),
        (ModuleNotFoundError("No module named 'x'", name="x.y"), 1, "train: error: No module named 'x'; install what"),
        (ModuleNotFoundError("No module", name="stages.x"), 1, "train: error: No module; what is installed cannot be"),
        (ImportError("x.so: failed to map segment"), 1, "train: error: out of memory (x.so: failed to map segment)"),
        (
            ImportError("advice\nOriginal error was: cause"),
            1,
            "train: error: cause; what is installed cannot be loaded",
        ),
        (KeyboardInterrupt(), 130, "train: error: interrupted"),
    ],
)
def test_run_stage_turns_an_error_into_one_line_and_a_code(
    error: BaseException, code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def main() -> None:
        raise error

    assert run_stage("train", main) == code
    printed = capsys.readouterr().err
    assert printed.startswith(message) and printed.count("\n") == 1


def test_run_stage_lets_a_bug_show_its_traceback() -> None:
    def main() -> None:
        raise KeyError("bug")

    with pytest.raises(KeyError):
        run_stage("train", main)


def start(code: str, stdin: int | None = None) -> subprocess.Popen[str]:
    program = f"import sys, time; from stages.__main__ import run_stage\n{code}\nsys.exit(run_stage('s', main))"
    return subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # which a shell's background ignores
    )


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGHUP])
def test_run_stage_ends_on_a_signal_and_cleans_up(signum: signal.Signals) -> None:
    code = "def main():\n  try: print('on', flush=True); time.sleep(60)\n  finally: print('cleaned', flush=True)"
    with start(code) as process:
        assert process.stdout and process.stdout.readline() == "on\n"
        process.send_signal(signum)
        assert process.stdout.read() == "cleaned\n" and process.wait(30) == 128 + signum


@pytest.mark.parametrize("error", ["ValueError", "TypeError"])
@pytest.mark.parametrize(
    ("signum", "code", "said"),
    [(signal.SIGTERM, 143, ""), (signal.SIGINT, 130, "s: error: interrupted; nothing is lost, run it again\n")],
)
def test_run_stage_ends_by_the_signal_whatever_a_library_makes_of_it(
    error: str, signum: signal.Signals, code: int, said: str
) -> None:
    program = (
        "def main():\n"
        "  try: print('on', flush=True); time.sleep(60)\n"
        f"  except BaseException: raise {error}('not a valid format') from None"
    )
    with start(program) as process:
        assert process.stdout and process.stderr and process.stdout.readline() == "on\n"
        process.send_signal(signum)
        assert (process.wait(30), process.stderr.read()) == (code, said)


def test_run_stage_goes_on_after_a_hang_up_under_nohup() -> None:
    code = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\ndef main(): print('on', flush=True); input()"
    with start(code, stdin=subprocess.PIPE) as process:
        assert process.stdout and process.stdout.readline() == "on\n"
        process.send_signal(signal.SIGHUP)
        process.communicate("\n")
        assert process.returncode == 0


def test_run_stage_ends_when_its_parent_dies(tmp_path: Path) -> None:
    child = "def main():\n  try: print('on', flush=True), time.sleep(60)\n  finally: open('ended', 'w').close()"
    program = f"import sys, time; from stages.__main__ import run_stage\n{child}\nrun_stage('s', main)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {program!r}])"
    with subprocess.Popen(
        [sys.executable, "-c", parent], cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout and process.stdout.readline() == "on\n"
        process.kill()
        assert process.stdout.read() == ""  # the pipe closes when the last process that holds it has ended
    assert (tmp_path / "ended").exists()
