"""The build of the image itself; BUILD is the Makefile's: a command that takes a tag, a folder and options."""

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

from tests.container.containers import TIMEOUT, Engine
from tests.processes import ROOT

CONTEXT = (".dockerignore", "Dockerfile", "LICENSE", "dvc.lock", "dvc.yaml", "params.yaml", "requirements.txt")


def test_fault_57_hash_differs_at_image_build(engine: Engine, tmp_path: Path) -> None:
    """a package's hash differs at image build"""
    for name in (*CONTEXT, ".dvcignore"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("stages", "tools", "deploy"):
        shutil.copytree(ROOT / name, tmp_path / name)
    package, *others = re.split(r"(?m)^(?=[a-z])", (ROOT / "requirements.lock").read_text())[1:]
    forged = re.sub(r"sha256:[0-9a-f]{64}", "sha256:" + 64 * "0", package)
    (tmp_path / "requirements.lock").write_text(forged + "".join(others))

    tag = "localhost/forged:test"
    engine.call("rmi", "--force", tag, check=False)
    build = shlex.split(os.environ.get("BUILD", "")) or [*engine.command, "build", "--tag"]
    command = [*build, tag, str(tmp_path), "--build-arg", "VARIANT=cpu"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    assert done.returncode != 0
    assert "THESE PACKAGES DO NOT MATCH THE HASHES" in done.stdout + done.stderr
    assert engine.call("image", "inspect", tag, check=False).returncode != 0
