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
        (MemoryError(), 1, "train: error: out of memory"),
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


def start(code: str) -> subprocess.Popen[str]:
    program = f"import sys, time; from stages.__main__ import run_stage\n{code}\nsys.exit(run_stage('s', main))"
    return subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_run_stage_ends_in_143_on_sigterm_and_cleans_up() -> None:
    code = "def main():\n  try: print('on', flush=True); time.sleep(60)\n  finally: print('cleaned', flush=True)"
    with start(code) as process:
        assert process.stdout and process.stdout.readline() == "on\n"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.read() == "cleaned\n" and process.wait(30) == 143


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
