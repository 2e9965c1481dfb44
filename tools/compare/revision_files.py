"""The door: all that a comparison reads of git and of DVC's cache and remote; nothing is checked out.

What cannot be had is settled here: each file is there as bytes, or its absence has a reason.
"""

import hashlib
import os
import re
import shlex
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from dvc.api import DVCFileSystem
from dvc.config import NoRemoteError
from dvc.exceptions import DvcException
from dvc.fs import GitFileSystem
from dvc.repo import Repo
from dvc.scm import Git, RevError, resolve_rev
from dvc_data.index import DataIndexDirError
from scmrepo.exceptions import SCMError

from tools.git import UNATTENDED, leave_hook, run_git
from tools.job.remote import ANSWER, SLOWEST

WORKSPACE = "workspace"
PARAMS, RULES = "params.yaml", "tools/compare/rules.yaml"
METRICS, PREDICTIONS = "reports/evaluate/metrics.json", "reports/evaluate/predictions.csv"
TRAINING, HISTORY = "reports/train/metrics.json", "reports/train/history.csv"
PREPARED, DATASET = "data/prepared", "data/prepared/dataset.json"
IMAGES, LABELS = (
    {split: f"{PREPARED}/{split}/{name}.npy" for split in ("train", "val", "test")} for name in ("images", "labels")
)
_FROM_GIT = ("dvc.yaml", "dvc.lock", ".dvc", ".dvcignore", PARAMS, RULES, "reports")
_NO_BRANCH = re.compile(r"[\s~^:?*\[\\\x7f]|\.\.|@\{|^-|^$")  # what git allows in no name


class RevisionFiles:
    """What was read of one revision; `commit` is None for the workspace.

    `contents` has bytes by path, `reasons` says of a path that the revision has why it cannot be read; a path in
    neither is not in the revision. `md5s` are of data; "" where one cannot be had, or a folder lies open.
    """

    def __init__(self, name: str, commit: str | None, fs: DVCFileSystem) -> None:
        self.name, self.commit, self._fs = name, commit, fs
        self.contents: dict[str, bytes] = {}
        self.reasons: dict[str, str] = {}
        self.md5s: dict[str, str] = {}

    def read(self, paths: Iterable[str]) -> None:
        """Put the bytes of `paths` into `contents`, streamed from the remote where the cache lacks them."""
        for path in paths:
            if info := self._info(path):
                try:
                    with _time_limit(info.get("size")):
                        content = self._fs.read_bytes(path)
                    self.contents[path] = _verified(content, info.get("md5"))
                except Exception as error:  # remotes raise nearly any type
                    self.reasons[path] = f"{path}: {self._explain(error)}"

    def hash(self, paths: Iterable[str]) -> None:
        """Put the MD5 of `paths` into `md5s`: as DVC knows it, else of the file, which need not fit into memory."""
        for path in paths:
            info = self._info(path)
            self.md5s[path] = str(info.get("md5") or self._hash_file(path, info))

    def _info(self, path: str) -> dict[str, Any]:
        """What DVC knows of `path`: nothing where the revision does not have it."""
        try:
            with _time_limit():
                return dict(self._fs.info(path))
        except FileNotFoundError:
            return {}
        except Exception:  # DVC could not look, say for a damaged dvc.lock; reading will tell
            return {"type": "unknown"}

    def _hash_file(self, path: str, info: dict[str, Any]) -> str:
        if info.get("type") != "file":
            return ""
        try:
            with _time_limit(info.get("size")), self._fs.open(path) as file:
                return hashlib.file_digest(file, _md5).hexdigest()
        except Exception:  # as in `read`
            return ""

    def _explain(self, error: Exception) -> str:
        """Why DVC could not read a file; it takes a remote that cannot be asked for one that lacks the file."""
        if not isinstance(error, FileNotFoundError | DataIndexDirError | ImportError):
            return _one_line(error)
        if reason := self._ask_remote():
            return f"in neither the workspace nor the DVC cache, and the remote cannot be asked: {reason}"
        return "in neither the workspace, the DVC cache nor a remote"

    def _ask_remote(self) -> str:
        """Why the default remote cannot be asked; "" if it can, or there is none."""
        try:
            remote = self._fs.repo.cloud.get_remote()
            if remote.fs.protocol == "local":
                return "" if Path(remote.path).is_dir() else f"there is no folder {remote.path}"
            with _time_limit():
                remote.fs.info(remote.path)
        except NoRemoteError:
            return ""
        except Exception as error:  # remotes raise nearly any type
            causes = (cause for cause in _causes(error) if not isinstance(cause, FileNotFoundError))
            return next((_one_line(cause) for cause in causes if isinstance(cause, OSError | ImportError)), "")
        return ""


def read_files(base: str, head: str) -> tuple[RevisionFiles, RevisionFiles]:
    """What there is to compare of the revisions `base` and `head`: of their data no more than differs.

    Raises:
        ValueError: there is no such revision, or it is no DVC project.
        GitError: git cannot be asked, or has not fetched what is needed; it is never waited for.
    """
    leave_hook()
    os.environ.update(UNATTENDED)
    commits = [find_commit(name) for name in (base, head)]
    workspace = Repo()
    first, second = (_open_revision(workspace, commit) for commit in commits)
    sides = RevisionFiles(base, commits[0], first), RevisionFiles(head, commits[1], second)
    for side in sides:
        side.read((PARAMS, RULES, METRICS, TRAINING, HISTORY, PREDICTIONS))
        side.hash([PREPARED])
    if "" != sides[0].md5s[PREPARED] == sides[1].md5s[PREPARED]:
        return sides
    for side in sides:
        side.read([DATASET])
        side.hash([*IMAGES.values(), *LABELS.values()])
    for labels in LABELS.values():
        if sides[0].md5s[labels] != sides[1].md5s[labels]:
            for side in sides:
                side.read([labels])
    return sides


def find_commit(name: str) -> str | None:
    """The SHA of the commit that `name` stands for, found as DVC finds it; None for the workspace.

    Raises:
        ValueError: nothing is called so here.
        GitError: git cannot be asked, or has not fetched the commit's files.
    """
    if name == WORKSPACE:
        return None
    try:
        Repo.find_root()
        run_git("rev-parse", "--git-dir")  # says in one line what keeps git from working here
        with Repo() as repo:
            if not isinstance(repo.scm, Git):
                raise ValueError(f"{name}: no revision can be found without git; work in a git clone")
            commit = str(repo.scm.resolve_commit(resolve_rev(repo.scm, name if name.strip() else "''")).hexsha)
    except (RevError, SCMError, AttributeError):  # the last is of what is no commit, such as `main:params.yaml`
        raise ValueError(_unknown(name)) from None
    except DvcException as error:
        raise ValueError(f"{name!r}: {_one_line(error)}; run from the root of a clone") from None
    if " BAD\t" in run_git("ls-tree", "-r", "--long", commit, "--", *_FROM_GIT):  # a size cannot be had, or git fails
        raise ValueError(f"{name}: this partial clone lacks its files; fetch them: `git fetch --refetch --no-filter`")
    return commit


def _open_revision(workspace: Repo, commit: str | None) -> DVCFileSystem:
    """The files of `commit`, with the cache and the remotes of `workspace`, maybe a folder of a larger repository.

    `DVCFileSystem(rev=…)` would look for the project at the root of the git repository alone.
    """
    if commit is None:
        return DVCFileSystem(repo=workspace)
    config = {"cache": {"dir": workspace.cache.local_cache_dir}}
    fs, scm, root = GitFileSystem(scm=workspace.scm, rev=commit), workspace.scm, workspace.root_dir
    inside = workspace.fs.relparts(root, scm.root_dir) if workspace.fs.isin(root, scm.root_dir) else ()
    repo = Repo(fs.join("/", *inside), fs=fs, scm=scm, config=config, uninitialized=True)
    repo.config.update({key: workspace.config[key] for key in ("core", "remote")})  # in place of the commit's own
    return DVCFileSystem(repo=repo)


def _unknown(name: str) -> str:
    """That nothing is called `name`, and how to fetch it if it may be a branch or older than a shallow clone."""
    branch = name.removeprefix("origin/")
    fetch = f"fetch it: `git fetch origin {shlex.quote(f'{branch}:refs/remotes/origin/{branch}')}`"
    if _NO_BRANCH.search(branch):
        is_shallow = run_git("rev-parse", "--is-shallow-repository").strip() == "true"
        fetch = (
            "fetch older commits: `git fetch --unshallow`" if is_shallow else "see `git branch --all`, `dvc exp list`"
        )
    return f"{name!r}: not a branch, tag, commit or experiment of this clone; {fetch}"


@contextmanager
def _time_limit(num_bytes: int | None = None) -> Iterator[None]:
    """Raise TimeoutError if what is done meanwhile takes too long: the clients of the clouds wait as they like."""
    seconds = ANSWER + (num_bytes or 0) / SLOWEST

    def give_up(*_: object) -> NoReturn:
        raise TimeoutError(f"no answer within {seconds:.0f} seconds")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _verified(content: bytes, md5: str | None) -> bytes:
    """`content`, which must be what `md5` says, of what DVC has and neither git nor the workspace."""
    if md5 and _md5(content).hexdigest() != md5:
        raise ValueError("its object in the DVC cache or remote is damaged")
    return content


def _md5(content: bytes = b"") -> "hashlib._Hash":
    return hashlib.md5(content, usedforsecurity=False)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
