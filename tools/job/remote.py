"""Fetch from DVC's remote what is missing here, with an end to every wait, and say why where it cannot be had.

`python -m tools.job.remote NAME HASH` tries to read an object of a remote. It is a process of its own since the clients
of the clouds wait as long as they like: the job ends it when its time is over.
"""

import subprocess
import sys
from pathlib import Path

from dvc.repo import Repo

from tools.dvc_project import is_cached, list_outs, open_project

ANSWER = 45.0  # seconds in which a remote must answer
SLOWEST = 50_000  # bytes a second; a remote that gives less has failed


def pull_missing(repo: Repo) -> None:
    """Fetch what neither the workspace nor the cache has, where there is a remote; what it has not is made again."""
    missing = [out for out in list_outs(repo) if out.use_cache and not out.exists and not is_cached(out)]
    remotes = {out.remote or repo.config["core"].get("remote"): out.hash_info.value for out in reversed(missing)}
    for name, md5 in sorted((str(name), md5) for name, md5 in remotes.items() if name):
        paths = [str(out) for out in missing if (out.remote or repo.config["core"].get("remote")) == name]
        if reason := _run(["tools.job.remote", name, md5], ANSWER, quiet=True):
            print(f"job: remote {name} cannot be asked: {reason}; what is missing is made again", flush=True)
            continue
        size = sum(out.meta.size or 0 for out in missing)
        if reason := _run(["dvc", "pull", *paths], ANSWER + size / SLOWEST):
            print(
                f"job: remote {name} does not have all of {' '.join(paths)} ({reason}): what is missing is made again"
            )


def probe(name: str, md5: str) -> None:
    """Try to read one byte of an object on the remote `name`, whether it is there or not.

    Raises:
        Exception: the remote cannot be asked; of nearly any type, since its client raises it.
    """
    with open_project() as repo:
        remote = repo.cloud.get_remote(name)
        if remote.fs.protocol == "local" and not Path(remote.path).is_dir():
            raise FileNotFoundError(f"{remote.path}: no such folder")
        try:
            remote.fs.cat_file(remote.odb.oid_to_path(md5), 0, 1)
        except FileNotFoundError:
            return


def _run(arguments: list[str], limit: float, quiet: bool = False) -> str:
    """Run a module of Python for at most `limit` seconds; why it failed, in a few words, or "" if it did not."""
    pipe = subprocess.PIPE if quiet else None
    try:
        done = subprocess.run([sys.executable, "-m", *arguments], stdout=pipe, stderr=pipe, timeout=limit)
    except subprocess.TimeoutExpired:
        return f"no answer within {limit:.0f} seconds"
    if not done.returncode:
        return ""
    return (
        done.stdout.decode(errors="replace").strip() if done.stdout else f"`{arguments[0]}` ended in {done.returncode}"
    )


if __name__ == "__main__":
    try:
        probe(*sys.argv[1:])
    except Exception as error:
        print(" ".join(str(error).split())[:300] or type(error).__name__)
        sys.exit(1)
