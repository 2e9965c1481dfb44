"""Whole processes, imports included: seconds, peak memory and what they print."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass

IMPORTS = "import torch, torchvision"
ONLY_TORCH = "import torch"

# scikit-learn on the same training images and the same pixel table, judged on the same test images.
LOGISTIC_REGRESSION = """
import numpy as np
from pathlib import Path
from sklearn.linear_model import LogisticRegression
from stages.model_file import read_model
from stages.splits import load_dataset, load_split
import warnings
warnings.simplefilter("ignore")  # 100 iterations do not converge, and are what was asked for
folder = Path("data/prepared")
dataset = load_dataset(folder)
table = np.frombuffer(read_model("models/model.pkl").pixel_table, "<f4")
train, test = (load_split(folder, name, dataset) for name in ("train", "test"))
model = LogisticRegression(solver="lbfgs", max_iter=100).fit(table[train.images.reshape(len(train), -1)], train.labels)
print(model.score(table[test.images.reshape(len(test), -1)], test.labels))
"""


@dataclass(frozen=True)
class Run:
    """A finished process: its wall time, the peak memory of it or its largest child (MB of 2**20 bytes), its output."""

    seconds: float
    peak_mb: float
    output: str


def run_process(*arguments: str) -> Run:
    """`arguments` as a process of its own.

    Raises:
        RuntimeError: it failed; the message ends with what it printed.
    """
    started = time.perf_counter()
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    with process:
        output = process.stdout.read() if process.stdout else ""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(arguments)[:80]} ended in {process.returncode}: {output[-2000:]}")
    return Run(time.perf_counter() - started, usage.ru_maxrss / 1024, output)


def run_python(*arguments: str) -> Run:
    """This Python with `arguments`; see `run_process`."""
    return run_process(sys.executable, *arguments)
