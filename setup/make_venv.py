"""`sh setup/find_python.sh runs`, or `checks`, by make: .venv with the pinned packages, whatever the settings here say.

It needs no package. A stamp in .venv says in which folder, and by its time when, it was made; written last and removed
first, so that a .venv without it is half-made, and made again. Of pip's settings only those hold that say how to fetch
packages; others can send them elsewhere.
"""

import ast
import fcntl
import os
import re
import signal
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from types import FrameType

FOLDER = Path(".venv")
PYTHON = str(FOLDER / "bin" / "python")
PYTHON_LIMIT, PIP_LIMIT = 120, 4 * 3600  # seconds to start; to fetch 3 GB, at 0.2 MB a second
STAMPS = {"runs": FOLDER / ".runs", "checks": FOLDER / ".checks"}
FETCHING = (
    *("index-url", "extra-index-url", "find-links", "no-index", "trusted-host", "proxy", "cert", "client-cert"),
    *("timeout", "default-timeout", "retries", "cache-dir", "no-cache-dir", "keyring-provider", "use-feature"),
)
# The scripts of .venv find their Python beside themselves: pip writes its path, which is another after a move.
RELOCATABLE = b"""#!/bin/sh
'''exec' "$(dirname -- "$(realpath -- "$0")")/python" "$0" "$@"
' '''
"""
# `python -m stages` looks into the current folder first. With PYTHONSAFEPATH it does not look there at all; to look
# there last is as safe: no file there can stand for another module.
SAFE_PATH = """import os, sys; \
sys.flags.safe_path and not sys.flags.isolated and os.path.isfile("stages/__main__.py") and sys.path.append(os.getcwd())
"""


class NothingInstalledError(RuntimeError):
    """pip failed before it changed .venv."""


def main(kind: str) -> int:
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    for name in [name for name in os.environ if name.startswith("PYTHON")]:
        del os.environ[name]
    try:
        if not is_up_to_date(kind):
            FOLDER.mkdir(exist_ok=True)
            descriptor = lock(FOLDER)
            if not is_up_to_date(kind):  # another process may have done it in the meantime
                set_up(kind, descriptor)
    except KeyboardInterrupt:
        print("error: the set-up of .venv was stopped: run `make` again", file=sys.stderr)
        return 130
    except (OSError, ValueError, RuntimeError, subprocess.TimeoutExpired) as error:
        print(f"error: .venv cannot be set up: {describe(error)}: fix this and run `make` again", file=sys.stderr)
        return 1
    return 0


def stop(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)


def describe(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{text} (.venv takes 7 GB, and pip unpacks in TMPDIR)" if "No space left" in text else text


def is_up_to_date(kind: str) -> bool:
    """Whether .venv is whole, was made in this folder, and no list of packages has changed since."""
    return is_whole() and STAMPS["runs"].read_text("utf-8") in ("", here()) and not any(map(is_stale, parts_of(kind)))


def is_stale(part: str) -> bool:
    stamp = STAMPS[part]
    lists = Path().glob("requirements*" if part == "checks" else "requirements.*")
    return not stamp.exists() or any(path.stat().st_mtime > stamp.stat().st_mtime for path in lists)


def here() -> str:
    return str(FOLDER.resolve())


def is_whole() -> bool:
    """Whether an earlier set-up came to its end, with this version of Python, which still runs."""
    version = "import sys, pip; print(*sys.version_info[:2])"
    try:
        done = subprocess.run([PYTHON, "-I", "-c", version], capture_output=True, text=True, timeout=PYTHON_LIMIT)
    except OSError:
        return False
    return STAMPS["runs"].exists() and done.stdout.split() == [str(part) for part in sys.version_info[:2]]


def parts_of(kind: str) -> list[str]:
    return ["runs"] if kind == "runs" else ["runs", "checks"]


def lock(folder: Path) -> int:
    """Wait until no other process, nor a pip that it left behind, sets up `folder`.

    Returns:
        An open file: while this process or its pip has it open, others wait.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("waiting for another `make`, which sets up .venv", flush=True)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError:
        pass  # a disk without locks: nothing keeps two apart
    return descriptor


def set_up(kind: str, descriptor: int) -> None:
    """Install what `kind` needs into .venv: as it is where it is whole, else a new one."""
    whole = is_whole()
    if FOLDER.is_symlink() and not whole and any(FOLDER.iterdir()):
        raise ValueError(f".venv is a link to {FOLDER.resolve()}, which holds no whole environment (remove the link)")
    print("updating .venv" if whole else "setting up .venv: PyTorch, TorchVision and DVC take some minutes", flush=True)
    earlier = [(stamp, stamp.stat()) for stamp in STAMPS.values() if whole and stamp.exists()]
    for stamp in STAMPS.values():
        stamp.unlink(missing_ok=True)
    create(clear=not whole)
    try:
        for part in parts_of(kind):
            install(list_packages() if part == "runs" else ["-r", "requirements-dev.txt"], descriptor)
    except NothingInstalledError:
        for stamp, status in earlier:
            stamp.touch()
            os.utime(stamp, ns=(status.st_atime_ns, status.st_mtime_ns))
        raise
    make_relocatable()
    for part in parts_of(kind):
        STAMPS[part].write_text(here(), "utf-8")


def create(clear: bool) -> None:
    try:
        venv.EnvBuilder(clear=clear, symlinks=True, with_pip=True).create(FOLDER)
    except subprocess.CalledProcessError as error:  # of ensurepip, which brings pip
        raise RuntimeError(find_cause((error.output or b"").decode(errors="replace"))) from error


def list_packages() -> list[str]:
    """pip's options for what runs: requirements.lock, unless it was made from another requirements.txt."""
    lines = Path("requirements.txt").read_text("utf-8").splitlines()
    if f"({' '.join(line for line in lines if not line.startswith('#'))})" in Path("requirements.lock").read_text(
        "utf-8"
    ):
        return ["--require-hashes", "-r", "requirements.lock"]
    print("requirements.lock is not of this requirements.txt, which is installed without it: `make lock` renews it")
    return ["-r", "requirements.txt"]


def install(options: list[str], descriptor: int) -> None:
    done = run_pip(["install", "--progress-bar", "off", *options], pip_environment(), descriptor)
    if done.returncode:
        began = "Installing collected packages" in done.stdout
        raise (RuntimeError if began else NothingInstalledError)(find_cause(done.stderr))


def run_pip(arguments: list[str], environment: dict[str, str], *descriptors: int) -> subprocess.CompletedProcess[str]:
    """Run .venv's pip by a link with a plain name: setuptools builds nothing in a folder whose name has a $."""
    with tempfile.TemporaryDirectory() as folder:
        link = Path(folder, FOLDER.name)
        link.symlink_to(FOLDER.resolve())
        command = [str(link / "bin" / "python"), "-I", "-X", "utf8", "-m", "pip", *arguments]
        return subprocess.run(
            command,
            env=environment,
            pass_fds=descriptors,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=PIP_LIMIT,
        )


def pip_environment() -> dict[str, str]:
    """This environment, in which pip finds of its settings, whichever file or variable has them, those for fetching."""
    environment = {name: value for name, value in os.environ.items() if name != "PIP_PYTHON"} | {"PIP_USER": "0"}
    listed = run_pip(["config", "list"], environment)
    if listed.returncode:
        raise RuntimeError(f"pip's settings: {find_cause(listed.stderr)}")
    settings = re.findall(r"(?m)^(global|install|:env:)\.([\w-]+)=(.+)$", listed.stdout)
    settings.sort(key=lambda setting: ("global", "install", ":env:").index(setting[0]))
    fetching = {name: text for _, name, value in settings if name in FETCHING and (text := ast.literal_eval(value))}
    kept = {f"PIP_{name.upper().replace('-', '_')}": text for name, text in fetching.items()}
    others = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    return others | kept | {"PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}


def find_cause(text: str) -> str:
    """The part of pip's words that says why it failed, as one line."""
    lines = [line for line in text.splitlines() if line.strip()] or ["no reason given"]
    errors = [number for number, line in enumerate(lines) if line.startswith("ERROR:")]
    if "ERROR: Exception:" in lines or not errors:
        cause = lines[-1]
    else:
        cause = " ".join(" ".join(lines[errors[0] :]).replace("ERROR: ", "").split())[:500]
    broken = re.findall(r"connection broken by (.+)", text)
    return f"{cause} (connection broken by {broken[-1]})" if broken else cause


def make_relocatable() -> None:
    """Write .venv's scripts so that they work wherever the folder is moved, and from where PYTHONSAFEPATH is set."""
    own = re.compile(rb"""(?:#!|#!/bin/sh\n'''exec' ")[^\n]*/\.venv/bin/python[^\n]*\n(?:' '''\n)?""")
    for path in (FOLDER / "bin").iterdir():
        if path.is_file() and not path.is_symlink() and (found := own.match(content := path.read_bytes())):
            path.write_bytes(RELOCATABLE + content[found.end() :])
    packages = next(FOLDER.glob("lib/python*/site-packages"))
    (packages / "project_folder.pth").write_text(SAFE_PATH)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
