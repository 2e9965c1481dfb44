"""The environment in which DVC and git work for any user in any container: no name, no home, another user's repo."""

import os
import pwd
import sys
import tempfile
from pathlib import Path
from typing import Any

from dvc.config import Config, ConfigError

PRIVATE = Path(".dvc/tmp/job")
DVC_SITE_CACHE = "/var/tmp/dvc/repo"  # noqa: S108 - where DVC writes unless DVC_SITE_CACHE_DIR is set


def prepare_environment() -> dict[str, str]:
    """`os.environ` and what is missing in it for DVC to run here; files go below `.dvc/tmp/job/`, one folder a user."""
    env = dict(os.environ)
    private = (PRIVATE / str(os.geteuid())).resolve()
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
    if "DVC_SITE_CACHE_DIR" not in env and not _can_make(DVC_SITE_CACHE):
        env["DVC_SITE_CACHE_DIR"] = str(_make(private / "site-cache"))
    if Path().stat().st_uid != os.geteuid():
        env["XDG_CONFIG_HOME"] = str(_trust_repo(_make(private / "config"), env))
    return env


def find_cache() -> Path:
    """DVC's cache folder."""
    folder = Path(_read_config()["cache"].get("dir") or Path(".dvc/cache"))
    return folder if not folder.is_relative_to(Path.cwd()) else folder.relative_to(Path.cwd())


def find_remote() -> str | None:
    """The name of the default remote, if one is configured."""
    name = _read_config()["core"].get("remote")
    return str(name) if name else None


def _read_config() -> Any:
    """DVC's configuration.

    Raises:
        ValueError: one of its files is damaged.
    """
    try:
        return Config(".dvc", local_dvc_dir=".dvc")
    except ConfigError as error:
        reason = " ".join(str(error.__cause__ or error).split())
        raise ValueError(f".dvc/config: {reason}; mend it, or `git checkout .dvc/config`") from None


def _trust_repo(folder: Path, env: dict[str, str]) -> Path:
    """`folder` as the user's configuration, and git's in it says that this repo is safe though another user owns it.

    Git and the libraries that DVC reads git with heed this in a file alone, not in `GIT_CONFIG_*`.
    """
    before = Path(env.get("XDG_CONFIG_HOME") or Path(env["HOME"]) / ".config")
    if os.access(before, os.R_OK | os.X_OK) and before != folder:
        for entry in before.iterdir():
            if entry.name != "git" and not (folder / entry.name).is_symlink():
                (folder / entry.name).symlink_to(entry)
    (folder / "git").mkdir(exist_ok=True)
    config = f'[include]\n\tpath = "{before}/git/config"\n[safe]\n\tdirectory = "{Path.cwd()}"\n'
    (folder / "git" / "config").write_text(config, encoding="utf-8")
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


def _can_make(folder: str) -> bool:
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK | os.X_OK)


def _make(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
