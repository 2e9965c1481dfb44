"""Git, as every tool asks it: this repository and no other, no hook of the user's, no network, no prompt, no wait."""

import os
import re
import shlex
import subprocess
from pathlib import Path

TIMEOUT = 120.0  # seconds; no command that a tool runs takes more than a few
NOT_FETCHED = re.compile(r"could not fetch|promisor|lazy fetching|missing (?:blob|tree)|unable to read (?:sha1|tree)")
# As `git rev-parse --local-env-vars` lists them, without the settings of `git -c` and GIT_CONFIG_COUNT. Git exports
# them to hooks and to `rebase --exec`, where they name the commit under way and not the repository of the folder.
LOCAL_VARIABLES = frozenset(
    ("GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_OBJECT_DIRECTORY", "GIT_DIR", "GIT_WORK_TREE", "GIT_IMPLICIT_WORK_TREE")
    + ("GIT_GRAFT_FILE", "GIT_INDEX_FILE", "GIT_NO_REPLACE_OBJECTS", "GIT_REPLACE_REF_BASE", "GIT_PREFIX")
    + ("GIT_INTERNAL_SUPER_PREFIX", "GIT_SHALLOW_FILE", "GIT_COMMON_DIR", "GIT_QUARANTINE_PATH")
)
UNATTENDED = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_LAZY_FETCH": "1",  # an object of a partial clone; git before 2.44 heeds only the next line
    "GIT_ALLOW_PROTOCOL": "",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_LITERAL_PATHSPECS": "1",
    "LC_ALL": "C",  # its messages are read here
}


class GitError(RuntimeError):
    """Git failed; the message is one line that says why and what to do."""


def run_git(
    *arguments: str,
    cwd: Path | None = None,
    check: bool = True,
    timeout: float = TIMEOUT,
    env: dict[str, str] | None = None,
) -> str:
    """Run git in `cwd` and give its standard output; where it fails and not `check`, what it printed until then.

    `env` adds to the environment, as an index file of one's own.

    Raises:
        GitError: git failed, is not installed, or did not end within `timeout` seconds.
    """
    command = ["git", "--no-pager", "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", *arguments]
    environment = {**outside_hooks(os.environ.copy()), **UNATTENDED, **(env or {})}
    try:
        done = subprocess.run(
            command, cwd=cwd, env=environment, capture_output=True, stdin=subprocess.DEVNULL, timeout=timeout
        )
    except FileNotFoundError as error:
        raise GitError(f"{error.filename}: not found; install git, or work in a folder that is there") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise GitError(f"git {arguments[0]}: {error}; see whether git works here with `git status`") from None
    if done.returncode and check:
        raise GitError(_explain(arguments, os.fsdecode(done.stderr), cwd or Path()))
    return os.fsdecode(done.stdout)


def find_root(cwd: Path | None = None) -> Path:
    """The root of the work tree that `cwd` lies in: of this repository, linked work tree or submodule.

    Raises:
        GitError: `cwd` lies in none that git can work with.
    """
    return Path(run_git("rev-parse", "--show-toplevel", cwd=cwd).removesuffix("\n"))


def outside_hooks(environment: dict[str, str]) -> dict[str, str]:
    """`environment` without what git tells its hooks of the repository and the index that it works on."""
    return {name: value for name, value in environment.items() if name not in LOCAL_VARIABLES}


def leave_hook() -> None:
    """Do that to this process, for the libraries that DVC reads git with and for all that it starts."""
    for name in LOCAL_VARIABLES & os.environ.keys():
        del os.environ[name]


def _explain(arguments: tuple[str, ...], stderr: str, cwd: Path) -> str:
    """What went wrong and what to do, in one line."""
    reason = next((line for line in stderr.splitlines() if line.startswith(("fatal:", "error:"))), stderr.strip())
    reason = " ".join(reason.partition(":")[2].split()) or "failed without a message"
    if "dubious ownership" in reason:
        folder = shlex.quote(reason.partition("'")[2].rpartition("'")[0] or str(cwd.resolve()))
        return f"git: {reason}; if you trust it, run `git config --global --add safe.directory {folder}`"
    if "not a git repository" in reason:
        return f"{cwd.resolve()}: {reason}; work in a git clone, or repair the .git that leads nowhere"
    if NOT_FETCHED.search(stderr):
        return f"git {arguments[0]}: {reason}; fetch what this partial clone lacks: `git fetch --refetch --no-filter`"
    return f"git {' '.join(map(shlex.quote, arguments))}: {reason}"
