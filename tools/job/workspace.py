"""Whether this folder can be worked in, and by whom: checks before a run, the job's own lock, DVC's left-over ones."""

import errno
import fcntl
import json
import os
import shutil
import socket
import stat
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dvc.repo import Repo
from dvc.scm import NoSCM
from dvc_objects.fs.generic import test_links

from tools.dvc_project import LOCK, PARAMS, PIPELINE, check_pipeline, list_outs

JOB_LOCK = Path(".dvc/tmp/job.lock")
DVC_LOCKS = (Path(".dvc/tmp/lock"), Path(".dvc/tmp/rwlock.lock"))
RWLOCK = Path(".dvc/tmp/rwlock")
PATIENCE = 3.0  # seconds that DVC, too, waits for its own lock
SPARE = 16 * 2**20  # bytes for what is not in dvc.lock: temporary files, logs, run-cache entries
NO_FLOCK = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL)  # what disks without `flock` say


class BusyError(Exception):
    """Another run holds the workspace; the message names its lock."""


def check_workspace() -> None:
    """Whether this is the root of a project that this user can write to.

    Raises:
        RuntimeError: it is not; the message says what is in the way and what to do.
    """
    for needed in (PIPELINE, Path(".dvc/config"), PARAMS):
        if not needed.is_file():
            raise RuntimeError(f"{needed}: not found in {Path.cwd()}; run from the root of a clone")
    _check_writable(path for path in (Path(), Path(".dvc"), LOCK, Path(".dvc/tmp")) if path.exists())


def check_project(repo: Repo) -> None:
    """Whether there are stages, and the outs and the cache can be written and have room.

    Raises:
        ValueError: there are none.
        RuntimeError: no; the message says what is in the way and what to do.
    """
    check_pipeline(repo)
    if isinstance(repo.scm, NoSCM):
        print("job: no .git here (core.no_scm is set): results cannot be compared with other commits", flush=True)
    cache = Path(repo.cache.local_cache_dir)
    folders = {_nearest_folder(Path(out).parent) for out in map(str, list_outs(repo))} | {
        _nearest_folder(Path("reports"))
    }
    folders |= {Path(parent) for out in list_outs(repo) for parent, _, _ in os.walk(str(out))}  # DVC deletes them
    _check_writable(
        path for path in (*sorted(folders), cache, *cache.glob("files/md5/*"), *cache.glob("runs/*")) if path.is_dir()
    )
    _check_space(repo, cache)


def _check_writable(paths: Iterable[Path]) -> None:
    for path in paths:
        if not os.access(path, os.W_OK | (os.X_OK if path.is_dir() else 0)):
            shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
            raise RuntimeError(
                f"{shown}: cannot be written by user {os.geteuid()} (it belongs to {path.stat().st_uid}); "
                "run as its owner, `chown` it, or mount it writable"
            )


def _nearest_folder(folder: Path) -> Path:
    while not folder.is_dir():
        folder = folder.parent
    return folder


def _check_space(repo: Repo, cache: Path) -> None:
    """Room for the outs that are not there yet, in the workspace and in the cache."""
    sizes: Counter[str] = Counter()
    for out in list_outs(repo):
        sizes[out.stage.addressing] += 0 if out.exists else out.meta.size or 0
    missing, largest = sizes.total(), max(sizes.values(), default=0)
    in_workspace = {"link": 0, "symlink": largest, "copy": missing}[_how_cached(repo)]
    needed: dict[int, int] = {}
    for folder, size in ((_nearest_folder(cache), missing), (Path(), in_workspace)):
        device = folder.stat().st_dev
        needed[device] = needed.get(device, SPARE) + size
        total, _, free = shutil.disk_usage(folder)
        if total and free < needed[device]:  # some disks in the cloud do not tell their size
            raise RuntimeError(
                f"{folder.resolve()}: {free // 2**20} MB free, this run needs {needed[device] // 2**20} MB; "
                "free some space (`dvc gc --workspace` removes old versions from the cache)"
            )


def _how_cached(repo: Repo) -> str:
    """How DVC brings an out to its cache: by a `link`, or a copy, which with `symlink` takes the place of the out."""
    cache = repo.cache.local
    link = "hardlink" if cache.cache_types[0] == "hardlink" else "reflink"  # as dvc_objects.db.ObjectDB.add has it
    if test_links([link], cache.fs, cache.path, repo.fs, str(Path(repo.root_dir, LOCK))):
        return "link"
    return "symlink" if cache.cache_types[0] == "symlink" else "copy"


@contextmanager
def job_lock(path: Path = JOB_LOCK) -> Iterator[int]:
    """Hold the lock of the workspace; gives its file descriptor.

    It is an `flock`, which the kernel lifts when its holder dies and which is seen from every container, where DVC's
    own locks go by process id. A disk may lack it: then a line warns, and nothing is locked.

    Raises:
        BusyError: another run holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = _open_for_lock(path)
    try:
        locked = _flock(descriptor)
        if locked is None:
            print(f"job: warning: {path}: this disk has no `flock`: a second run here will not be noticed", flush=True)
        elif not locked:
            holder = os.pread(descriptor, 200, 0).decode(errors="replace").strip() or "an unknown process"
            raise BusyError(f"{path}: held by {holder}: another run works here; wait for it, or end it")
        with suppress(OSError):  # read-only descriptor, full disk: the words are a courtesy, the lock holds without
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)


def clear_dvc_locks(hardlink: bool) -> None:
    """Remove what a killed run left of DVC's locks, damaged or not. To be called with the job's lock held.

    `hardlink` is DVC's `core.hardlink_lock`: its lock is then the file itself, which no kernel lifts
    and which names no holder.

    Raises:
        BusyError: a DVC process that was started without the job is at work here.
    """
    for path in DVC_LOCKS:
        _clear_lock_file(path, hardlink)
    holders = _rwlock_holders()
    for holder in holders or ():
        if _is_dvc_at_work_here(holder):
            raise BusyError(f"{RWLOCK}: held by process {holder}: a `dvc` works here; wait for it, or end it")
    if RWLOCK.exists() and holders != set():
        print(f"job: {RWLOCK}: left by a run that was ended or killed; removed", flush=True)
        RWLOCK.unlink()


def _clear_lock_file(path: Path, hardlink: bool) -> None:
    """Make `path` a file that DVC can lock. Without `hardlink`, only who has it locked counts, not what it holds."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISREG(mode):
        raise RuntimeError(f"{path}: not a file; remove it with `rm -r {path}`")
    descriptor = os.open(path, os.O_RDONLY)
    deadline = time.monotonic() + PATIENCE
    try:
        while _flock(descriptor) is False or (hardlink and any(map(_is_dvc_at_work_here, _processes()))):
            if time.monotonic() > deadline:
                raise BusyError(f"{path}: held by a running `dvc`; wait for it, or end it")
            time.sleep(0.1)
        if hardlink or not os.access(path, os.W_OK):  # another user's: DVC could not open it
            path.unlink(missing_ok=True)
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


def _processes() -> list[int]:
    return [int(process.name) for process in Path("/proc").glob("[0-9]*")]


def _is_dvc_at_work_here(pid: int) -> bool:
    """Whether `pid` is a living `dvc` in this very folder: a process id alone says little, it is used again."""
    process = Path("/proc") / str(pid)
    try:
        command = (process / "cmdline").read_text(errors="replace").split("\0")[:3]  # `dvc`, or Python with it
        is_dvc = any(Path(word).name == "dvc" and not Path(word).is_dir() for word in command)
        return is_dvc and pid != os.getpid() and (process / "cwd").resolve(strict=True) == Path.cwd()
    except (FileNotFoundError, ProcessLookupError):
        return False
    except PermissionError:  # another user's process; its command line was readable, and said dvc
        return True


def _open_for_lock(path: Path) -> int:
    """A descriptor of `path`, made if need be; of another user's file a read-only one, which locks as well."""
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except PermissionError:
        return os.open(path, os.O_RDONLY)


def _flock(descriptor: int) -> bool | None:
    """Whether the file is now locked; None where the disk has no such lock."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in NO_FLOCK:
            raise
        return None
    return True
