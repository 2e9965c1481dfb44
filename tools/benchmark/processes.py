"""Whole processes, imports included: seconds, peak memory and what they print."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile

import yaml

IMPORTS = "import torch, torchvision"
ONLY_TORCH = "import torch"

# scikit-learn on the same training images and the same pixel table, judged on the same test images.
LOGISTIC_REGRESSION = """
import numpy as np
from pathlib import Path
from sklearn.linear_model import LogisticRegression
from linear_classifier.model.model_file import read_model
from linear_classifier.data.splits import load_dataset, load_split
import warnings
warnings.simplefilter("ignore")  # 100 iterations do not converge, and are what was asked for
folder = Path("data/prepared")
dataset = load_dataset(folder)
table = np.frombuffer(read_model("models/model.pkl").pixel_table, "<f4")
train, test = (load_split(folder, name, dataset) for name in ("train", "test"))
inputs, test_inputs = (table[np.asarray(split.images).reshape(len(split), -1)] for split in (train, test))
model = LogisticRegression(solver="lbfgs", max_iter=100).fit(inputs, train.labels)
print(model.score(test_inputs, test.labels))
"""


# Linux hands the peak memory of the process that starts a program on to it, so a small one starts it. Arguments: a file
# for the program's output, then the program's command. Prints exit code, seconds, seconds of all its CPUs, peak memory
# and the most anonymous memory that the process itself had, both in kB.
LAUNCHER = """
import os, signal, sys, time

def anonymous(pid):
    try:
        with open(f"/proc/{pid}/status") as status:
            return next((int(line.split()[1]) for line in status if line.startswith("RssAnon")), 0)
    except OSError:  # it has just ended
        return 0

started, most = time.perf_counter(), 0
output = os.open(sys.argv[1], os.O_WRONLY)
actions = [(os.POSIX_SPAWN_DUP2, output, 1), (os.POSIX_SPAWN_DUP2, output, 2)]
pid = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ, file_actions=actions)
signal.signal(signal.SIGALRM, lambda *_: os.kill(pid, signal.SIGKILL))
signal.alarm(3600)  # seconds; what is measured takes some minutes at most
while not (ended := os.wait4(pid, os.WNOHANG))[0]:
    most = max(most, anonymous(pid))
    time.sleep(0.005)
_, status, usage = ended
seconds = time.perf_counter() - started, usage.ru_utime + usage.ru_stime
print(os.waitstatus_to_exitcode(status), *seconds, usage.ru_maxrss, most)
"""


@dataclass(frozen=True, kw_only=True)
class Run:
    """A finished process with its children: wall and CPU time, output, and memory in MB of 2**20 bytes.

    `peak_mb` is the most that it or its largest child had, `anonymous_mb` the most that it had itself and of no file: a
    child that is about to start a program counts all of its parent's once more.
    """

    seconds: float
    cpu_seconds: float
    peak_mb: float
    anonymous_mb: float
    output: str


def run_process(*arguments: str, folder: Path | None = None) -> Run:
    """`arguments` as a process of its own, in `folder` or here; Python finds the modules of here.

    Raises:
        RuntimeError: it failed; the message ends with what it printed.
    """
    with NamedTemporaryFile("r", encoding="utf-8", errors="replace") as file:
        launcher = [sys.executable, "-I", "-S", "-c", LAUNCHER, file.name, *arguments]
        code, *figures = subprocess.run(
            launcher,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(Path.cwd())},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout.split()
        output = file.read()
    if int(code):
        raise RuntimeError(f"{' '.join(arguments)[:80]} ended in {code}: {output[-2000:]}")
    seconds, cpu, peak, anonymous = map(float, figures)
    return Run(seconds=seconds, cpu_seconds=cpu, peak_mb=peak / 1024, anonymous_mb=anonymous / 1024, output=output)


def run_python(*arguments: str, folder: Path | None = None) -> Run:
    """This Python with `arguments`; see `run_process`."""
    return run_process(sys.executable, *arguments, folder=folder)


def write_params(folder: Path, **sections: dict[str, object]) -> None:
    """Write the params.yaml of here to `folder`, with the keys of `sections` as they are there."""
    params = yaml.safe_load(Path("params.yaml").read_bytes())
    for name, values in sections.items():
        params[name] |= values
    (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
