"""A real workspace of the project to break: git, DVC, the real data, a model trained for one epoch."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.processes import ROOT

TIMEOUT = 240  # seconds, for what takes ten on an idle machine
STRANGER = 12345  # a user id that no passwd file knows
JOB = ("python", "-m", "tools.job")


class Workspace:
    """A folder to run the project in, as people do: real processes, the tools of this Python first on the path."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.env = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "DVC_", "PYTEST"))},
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "DVC_NO_ANALYTICS": "1",
        }

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command, cwd=self.path, env=self.env, capture_output=True, text=True, timeout=TIMEOUT, check=False
        )
        assert not check or done.returncode == 0, f"{command} ended in {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def refused(self, code: int, *command: str) -> str:
        """What `command` printed to standard error as it ended in `code`; no traceback is in it."""
        done = self.run(*command, check=False)
        assert done.returncode == code, f"{command} ended in {done.returncode}\n{done.stdout}{done.stderr}"
        assert "Traceback" not in done.stdout + done.stderr
        return done.stderr

    @contextmanager
    def running(self, *command: str) -> Iterator[subprocess.Popen[str]]:
        """`command` in a session of its own, its output to the file `output`; killed with all it started at the end."""
        with (self.path.parent / f"{self.path.name}.output").open("w") as output:
            process = subprocess.Popen(
                command,
                cwd=self.path,
                env=self.env,
                stdout=output,
                stderr=output,
                text=True,
                start_new_session=True,
                # What a shell starts in the background ignores Ctrl-C, and so does all below it, these tests too.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )
        try:
            yield process
        finally:
            for pid in {process.pid, *self.processes()}:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            process.wait(TIMEOUT)

    @property
    def output(self) -> str:
        return (self.path.parent / f"{self.path.name}.output").read_text()

    def processes(self, pattern: str = "") -> list[int]:
        """The living processes that work in this folder and whose command line has `pattern` in it."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                at_home = (process / "cwd").resolve(strict=True) == self.path
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if at_home and command and re.search(pattern, command):
                found.append(int(process.name))
        return found

    def set_params(self, **values: object) -> None:
        """Set keys of params.yaml, each of which occurs once in it or whose first one is meant."""
        path = self.path / "params.yaml"
        for key, value in values.items():
            path.write_text(re.sub(rf"(?m)^  {key}: \S+", f"  {key}: {value}", path.read_text(), count=1))

    def leftovers(self) -> list[Path]:
        return [path for path in self.path.rglob(".*.tmp") if ".dvc/tmp" not in str(path)]

    def read(self, name: str) -> bytes:
        return (self.path / name).read_bytes()


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def wait_for_training(workspace: Workspace) -> int:
    """The process id of the train stage, once its first epoch is on disk."""
    wait_until(lambda: (workspace.path / "reports/train/history.csv").exists() and "epoch 1/" in workspace.output)
    return workspace.processes("stages train")[0]


def make_prepared(folder: Path, epochs: int = 1) -> Workspace:
    """A commit of this checkout as it is now, with `epochs`, reproduced, and dvc.lock and metrics committed too."""
    workspace = Workspace(folder)
    names = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file() and not name.startswith(("tests/", "README", "docs/")):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    if (ROOT / "data/raw").is_dir():
        shutil.copytree(ROOT / "data/raw", folder / "data/raw")
    workspace.set_params(epochs=epochs)
    workspace.run("git", "init", "--quiet", "--initial-branch=main")
    workspace.run("git", "config", "user.email", "test@example.org")
    workspace.run("git", "config", "user.name", "Test")
    workspace.run("dvc", "repro")
    workspace.run("git", "add", "--all")
    workspace.run("git", "commit", "--quiet", "--message", "start")
    return workspace


def copy_of(prepared: Workspace, folder: Path) -> Workspace:
    subprocess.run(["cp", "-a", "--reflink=auto", str(prepared.path), str(folder)], check=True)
    return Workspace(folder)
