"""A stage run as the process that people run, in a folder of its own; and what it means that it refuses."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from tests.processes import ROOT

# No other place of the raw files can be reached: downloads meet a closed port, and there is no apt-get on the path.
OFFLINE = {f"{scheme}_proxy": "http://127.0.0.1:9" for scheme in ("http", "https")} | {"PATH": "/nowhere"}
TIMEOUT = 240  # seconds; a stage that refuses needs a few, and a hang must not last


def run_stage(name: str, folder: Path, *prefix: str) -> subprocess.CompletedProcess[str]:
    command = [*prefix, sys.executable, "-m", "stages", name]
    return subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=TIMEOUT)


def environment() -> dict[str, str]:
    return {**os.environ, **OFFLINE, "PYTHONPATH": str(ROOT)}


def assert_refuses(name: str, folder: Path, *words: str, code: int = 2, prefix: tuple[str, ...] = ()) -> str:
    """The one line in which the stage refuses, holding each of `words`; it exits with `code` and changes no file."""
    before = snapshot(folder)
    run = run_stage(name, folder, *prefix)
    message = run.stderr.strip()
    assert run.returncode == code, (run.returncode, run.stdout, message)
    assert message.startswith(f"{name}: error: "), message
    assert len(message.splitlines()) == 1, message
    for word in words:
        assert word in message, (word, message)
    assert snapshot(folder) == before
    return message


def snapshot(folder: Path) -> dict[str, str]:
    """Every path under `folder` and what stands there."""
    return {str(path.relative_to(folder)): describe(path) for path in sorted(folder.rglob("*"))}


def describe(path: Path) -> str:
    if path.is_symlink():
        return f"link to {path.readlink()}"
    if path.is_file() and path.stat().st_size < 10**9:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    return f"mode {path.stat().st_mode:o}, {path.stat().st_size} bytes" if path.is_file() else "not a file"


def edit_params(folder: Path, before: str, after: str) -> Path:
    """params.yaml of `folder`, the project's own with `before` replaced once."""
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    assert text.count(before) >= 1, before
    path = folder / "params.yaml"
    path.write_text(text.replace(before, after, 1), encoding="utf-8")
    return path
