"""Whether this folder can be worked in, and by whom: checks before a run, the job's own lock, DVC's left-over ones."""

import fcntl
import json
import os
import shutil
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tools.job.verify import Out

LOCK = Path(".dvc/tmp/job.lock")
DVC_LOCKS = (Path(".dvc/tmp/lock"), Path(".dvc/tmp/rwlock.lock"))
RWLOCK = Path(".dvc/tmp/rwlock")
PATIENCE = 3.0  # seconds that DVC, too, waits for its own lock
SPARE = 16 * 2**20  # bytes for what is not in dvc.lock: temporary files, logs, run-cache entries


class BusyError(Exception):
    """Another run holds the workspace; the message names its lock."""


def check_workspace(cache: Path, outs: list[Out]) -> None:
    """Whether a run can begin here: the project's root, with git, and all that a run writes can be written.

    `cache` is DVC's cache folder, `outs` what dvc.lock lists.

    Raises:
        RuntimeError: it cannot; the message says what is in the way and how to mend it.
    """
    for needed in ("dvc.yaml", ".dvc/config", "params.yaml"):
        if not Path(needed).is_file():
            raise RuntimeError(f"{needed}: not found in {Path.cwd()}; run from the root of a clone")
    _check_git()
    for path in _written(cache, outs):
        if not os.access(path, os.W_OK | (os.X_OK if path.is_dir() else 0)):
            raise RuntimeError(
                f"{path}: cannot be written by user {os.geteuid()} (it belongs to {path.stat().st_uid}); "
                "run as its owner, `chown` it, or mount it writable"
            )
    _check_space(cache, outs)


def _check_git() -> None:
    """DVC wants a git repository, unless it is told that there is none."""
    if Path(".git").exists():
        return
    configs = [path.read_text("utf-8") for path in (Path(".dvc/config"), Path(".dvc/config.local")) if path.is_file()]
    if any("no_scm = true" in config.lower() for config in configs):
        print("job: no .git here (core.no_scm is set): results cannot be compared with other commits", flush=True)
        return
    raise RuntimeError(
        ".git: not found, and DVC refuses to work without it; work in a git clone, or go on without git with "
        "`dvc config --local core.no_scm true` (results cannot be compared with other commits then)"
    )


def _written(cache: Path, outs: list[Out]) -> Iterator[Path]:
    """Every existing path that a run must be able to write: the folders of the outs, the cache, dvc.lock."""
    yield from (Path(), Path(".dvc"))
    yield from (path for path in (Path("dvc.lock"), Path(".dvc/tmp"), cache) if path.exists())
    yield from (folder for folder in cache.glob("files/md5/*") if folder.is_dir())
    yield from (folder for folder in cache.glob("runs/*") if folder.is_dir())
    folders = {_nearest_folder(Path(out.path).parent) for out in outs} | {_nearest_folder(Path("reports"))}
    yield from sorted(folders)
    for out in outs:
        if Path(out.path).is_dir():  # DVC deletes it before the stage runs
            yield from (Path(folder) for folder, _, _ in os.walk(out.path))


def _nearest_folder(folder: Path) -> Path:
    while not folder.is_dir():
        folder = folder.parent
    return folder


def _check_space(cache: Path, outs: list[Out]) -> None:
    """Room for the outs that are not there yet, once in the workspace and once in the cache."""
    missing = sum(out.size for out in outs if not Path(out.path).exists())
    needed: dict[int, int] = {}
    for folder in (Path(), _nearest_folder(cache)):
        device = folder.stat().st_dev
        needed[device] = needed.get(device, SPARE) + missing
        free = shutil.disk_usage(folder).free
        if free < needed[device]:
            raise RuntimeError(
                f"{folder.resolve()}: {free // 2**20} MB free, this run needs {needed[device] // 2**20} MB; "
                "free some space (`dvc gc --workspace` removes old versions from the cache)"
            )


@contextmanager
def job_lock(path: Path = LOCK) -> Iterator[int]:
    """Hold the lock of the workspace; gives its file descriptor.

    It is an `flock`, which the kernel lifts when its holder dies and which is seen from every container, where DVC's
    own locks go by process id.

    Raises:
        BusyError: another run holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = _open_for_lock(path)
    try:
        if not _flock(descriptor):
            holder = os.pread(descriptor, 200, 0).decode(errors="replace").strip() or "an unknown process"
            raise BusyError(f"{path}: held by {holder}: another run works here; wait for it, or end it")
        with suppress(OSError):  # read-only descriptor, full disk: the words are a courtesy, the lock holds without
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)


def clear_dvc_locks() -> None:
    """Remove what a killed run left of DVC's locks, damaged or not. To be called with the job's lock held.

    Raises:
        BusyError: a DVC process that was started without the job is at work here.
    """
    for path in DVC_LOCKS:
        _clear_lock_file(path)
    holders = _rwlock_holders()
    for holder in holders or ():
        if _is_dvc_at_work_here(holder):
            raise BusyError(f"{RWLOCK}: held by process {holder}: a `dvc` works here; wait for it, or end it")
    if RWLOCK.exists() and holders != set():
        print(f"job: {RWLOCK}: left by a run that was ended or killed; removed", flush=True)
        RWLOCK.unlink()


def _clear_lock_file(path: Path) -> None:
    """Make `path` a file that DVC can lock. What it holds does not count, only who has it locked."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISREG(mode):
        raise RuntimeError(f"{path}: not a file; remove it with `rm -r {path}`")
    descriptor = os.open(path, os.O_RDONLY)
    try:
        deadline = time.monotonic() + PATIENCE
        while not _flock(descriptor):
            if time.monotonic() > deadline:
                raise BusyError(f"{path}: held by a running `dvc`; wait for it, or end it")
            time.sleep(0.1)
        if not os.access(path, os.W_OK):  # another user's: DVC could not open it
            path.unlink()
    finally:
        os.close(descriptor)


def _rwlock_holders() -> set[int] | None:
    """The process ids in DVC's rwlock; None if it is missing or damaged."""
    try:
        content = json.loads(RWLOCK.read_bytes())
        entries = [
            *content.get("write", {}).values(),
            *(info for infos in content.get("read", {}).values() for info in infos),
        ]
        return {int(entry["pid"]) for entry in entries}
    except (OSError, ValueError, AttributeError, TypeError, KeyError):
        return None


def _is_dvc_at_work_here(pid: int) -> bool:
    """Whether `pid` is a living `dvc` in this very folder: a process id alone says little, it is used again."""
    process = Path("/proc") / str(pid)
    if pid == os.getpid() or not process.is_dir():
        return False
    try:
        return b"dvc" in (process / "cmdline").read_bytes() and (process / "cwd").resolve(strict=True) == Path.cwd()
    except FileNotFoundError:
        return False
    except PermissionError:  # another user's process; its command line was readable, and said dvc
        return True


def _open_for_lock(path: Path) -> int:
    """A descriptor of `path`, made if need be; of another user's file a read-only one, which locks as well."""
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except PermissionError:
        return os.open(path, os.O_RDONLY)


def _flock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
