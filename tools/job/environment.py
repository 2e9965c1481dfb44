"""The environment in which DVC and git work for any user in any container: no name, no home, another user's repo."""

import os
import pwd
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from dvc.dirs import site_cache_dir

from tools.git import GitError, leave_hook, run_git

SHARED = Path(".dvc/tmp/job")  # as open as the folder of DVC's that it lies in; each user has a folder below it


def private_folder() -> Path:
    """This user's folder for the files of the job, which is made if need be."""
    return _make((SHARED / str(os.geteuid())).resolve())


def prepare_environment() -> None:
    """Add to `os.environ` what is missing in it for DVC and git to run here, and drop what a git hook put there."""
    env, private = os.environ, private_folder()
    leave_hook()
    env["DVC_NO_ANALYTICS"] = "1"
    env["SHELL"] = "/bin/sh"  # DVC runs stages with it; a service account's may be nologin
    env["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), env.get("PATH", os.defpath)])
    if not _has_passwd_entry():
        env.setdefault("USER", f"user{os.geteuid()}")
        env.setdefault("LOGNAME", env["USER"])
    if not os.access(env.get("HOME", ""), os.R_OK | os.X_OK):
        env["HOME"] = str(_make(private / "home"))
    if "TMPDIR" not in env and not _has_temporary_folder():
        env["TMPDIR"] = str(_make(private / "tmp"))
    if not _can_write(Path(site_cache_dir(), "repo")):  # DVC makes it, open to all users
        env["DVC_SITE_CACHE_DIR"] = str(_make(private / "site-cache"))
    root = next((folder for folder in (Path.cwd(), *Path.cwd().parents) if (folder / ".git").exists()), Path.cwd())
    if {root.stat().st_uid, Path().stat().st_uid} != {os.geteuid()}:
        env["XDG_CONFIG_HOME"] = str(_trust(root, _make(private / "config")))


def _trust(root: Path, folder: Path) -> Path:
    """`folder` as the user's configuration, and git's in it says that `root` is safe though another user owns it.

    Git and the libraries that DVC reads git with heed this in a file alone, not in `GIT_CONFIG_*`.
    """
    before = Path(os.environ.get("XDG_CONFIG_HOME") or Path(os.environ["HOME"]) / ".config")
    if os.access(before, os.R_OK | os.X_OK) and before != folder:
        for entry in before.iterdir():
            if entry.name != "git" and not (folder / entry.name).is_symlink():
                (folder / entry.name).symlink_to(entry)
    config = _make(folder / "git") / "config"
    config.unlink(missing_ok=True)
    with suppress(GitError):  # there is no git, and so nothing that distrusts
        for key, value in (("include.path", before / "git/config"), ("safe.directory", root)):
            run_git("config", "--file", str(config), "--add", key, str(value), cwd=folder)
    return folder


def _has_passwd_entry() -> bool:
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        return False
    return True


def _has_temporary_folder() -> bool:
    try:
        tempfile.gettempdir()
    except FileNotFoundError:
        return False
    return True


def _can_write(folder: Path) -> bool:
    """Whether a file can be made in `folder`, or `folder` itself where it is not there yet."""
    while not folder.is_dir():
        folder = folder.parent
    return os.access(folder, os.W_OK | os.X_OK)


def _make(folder: Path) -> Path:
    if SHARED.parent.is_dir() and not SHARED.is_dir():
        SHARED.mkdir()
        SHARED.chmod(SHARED.parent.stat().st_mode & 0o7777)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
