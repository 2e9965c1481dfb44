"""A file system that lacks calls, without one: a library that is loaded before the C library and answers for it."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_suffix(".c")


def lacking(folder: Path, calls: str) -> dict[str, str]:
    """What to add to the environment of a process in which `calls` fail: `flock=38` with ENOSYS; built in `folder`."""
    compiler = shutil.which("cc") or pytest.skip("there is no C compiler here")
    library = folder / "lacking.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-ldl"], check=True)
    return {"LD_PRELOAD": f"{library} {os.environ.get('LD_PRELOAD', '')}".strip(), "LACKING": calls}
