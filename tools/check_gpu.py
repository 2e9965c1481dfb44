"""`python -m tools.check_gpu`: test, compare and measure on this machine's GPU; all output also goes to build/gpu.txt.

The preflight names driver and card; the tests that need a GPU run; every stage runs again and must give what the CPU
gave, to the byte; the benchmark compares an epoch on the GPU with one on the CPU.

Exit codes: 0 all passed; else that of the step that failed.
"""

import subprocess
import sys
from itertools import chain
from pathlib import Path
from typing import TextIO

from linear_classifier.io.console import open_console
from tools.command_line import expect_no_arguments

REPORT = Path("build/gpu.txt")
STEPS = (
    ("tools.preflight",),
    ("pytest", "-q", "-m", "gpu"),
    ("tools.reproduce",),
    ("tools.benchmark", "gpu"),
)


def main() -> int:
    REPORT.parent.mkdir(exist_ok=True)
    with REPORT.open("w", encoding="utf-8") as report:
        for step in STEPS:
            if code := run_step(step, report):
                return code
    print(f"check-gpu: passed; the figures are in {REPORT}")
    return 0


def run_step(step: tuple[str, ...], report: TextIO) -> int:
    """The exit code of `python -m STEP`, whose output goes to the terminal and to `report`, line by line."""
    command = [sys.executable, "-u", "-m", *step]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        for line in chain([f"\n$ python -m {' '.join(step)}\n"], process.stdout or ()):
            print(line, end="", flush=True)
            report.write(line)
    return process.returncode


if __name__ == "__main__":
    open_console()
    expect_no_arguments(__doc__)
    sys.exit(main())
