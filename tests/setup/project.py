"""A project as small as set-up needs: the Makefile and setup/ as they are, and one package of its own to install."""

import base64
import hashlib
import os
import shutil
import signal
import subprocess
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

from tests.processes import ROOT

TOOL = """import json, os, sys
import pinned
print(json.dumps({"arguments": sys.argv[1:], "version": pinned.VERSION, "path": os.environ["PATH"]}))
"""


def build_wheel(folder: Path, version: str) -> Path:
    """A wheel of the package `pinned`: a module that knows its version, and a script that prints it."""
    info = f"pinned-{version}.dist-info"
    files = {
        "pinned.py": f"VERSION = '{version}'\n\n\ndef main() -> None:\n    print(VERSION)\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: pinned\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[console_scripts]\npinned = pinned:main\n",
    }
    digests = {name: base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()) for name, text in files.items()}
    lines = [f"{name},sha256={digests[name].decode().rstrip('=')},{len(files[name])}\n" for name in files]
    path = folder / f"pinned-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in {**files, f"{info}/RECORD": "".join(lines) + f"{info}/RECORD,,\n"}.items():
            wheel.writestr(name, text)
    return path


@dataclass
class Project:
    """A folder in which `make` can be called."""

    path: Path
    wheels: Path
    env: dict[str, str] = field(default_factory=dict)

    @classmethod
    def create(cls, path: Path, wheels: Path) -> "Project":
        wheels.mkdir()
        path.mkdir()
        shutil.copy(ROOT / "Makefile", path)
        shutil.copytree(ROOT / "setup", path / "setup")
        for name in ("stages/__main__.py", "tools/compare.py", "tools/check_committed.py"):
            (path / name).parent.mkdir(exist_ok=True)
            (path / name).write_text(TOOL)
        project = cls(path, wheels)
        project.pin("1.0")
        (path / "requirements-dev.txt").write_text("-r requirements.txt\n")
        return project

    def pin(self, version: str) -> Path:
        """Put a wheel of `version` on the index, and pin it."""
        wheel = build_wheel(self.wheels, version)
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        (self.path / "requirements.txt").write_text(f"# What runs.\npinned=={version}\n")
        lock = f"#    make lock (pinned=={version})\npinned=={version} \\\n    --hash=sha256:{digest}\n"
        (self.path / "requirements.lock").write_text(lock)
        return wheel

    def environment(self, settings: dict[str, str] | None = None) -> dict[str, str]:
        """That of a user with no settings of pip's, whose one index is `wheels`."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PYTHON", "MAKE"))}
        index = {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": self.wheels.as_uri()}
        return {**kept, **index, **self.env, **(settings or {})}

    def start(self, *arguments: str, settings: dict[str, str] | None = None) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["make", *arguments],
            cwd=self.path,
            env=self.environment(settings),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # a process group, as a shell makes one: Ctrl-C goes to all of it
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )

    def make(self, *arguments: str, settings: dict[str, str] | None = None, code: int = 0) -> str:
        """What `make` printed, once it has ended in `code`; never a traceback."""
        process = self.start(*arguments, settings=settings)
        output, _ = process.communicate()
        assert process.returncode == code, output
        assert "Traceback" not in output
        return output

    def version(self) -> str:
        """That of `pinned` in .venv, by its script."""
        return subprocess.run([self.path / ".venv/bin/pinned"], capture_output=True, text=True).stdout.strip()
