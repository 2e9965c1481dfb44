"""The files of a revision, from git and from DVC's cache or remote, by DVC's own functions; nothing is checked out."""

import hashlib
import io
import re
from typing import Any

import numpy as np
from dvc.api import DVCFileSystem
from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.scm import Git, RevError, resolve_rev
from numpy.typing import NDArray
from scmrepo.exceptions import SCMError

WORKSPACE = "workspace"


class UnavailableError(ValueError):
    """A file of a revision is in neither workspace, cache nor remote, or not as it was made; the message says why."""


class Files:
    """The files of a commit, or of the workspace if it is None, whether git or DVC has them."""

    def __init__(self, commit: str | None) -> None:
        self._fs = DVCFileSystem(rev=commit)

    def has(self, path: str) -> bool:
        """Whether the revision knows a file `path`, even if it cannot be had."""
        try:
            self._fs.info(path)
        except FileNotFoundError:
            return False
        except Exception:  # DVC could not look, say for a damaged dvc.lock; reading will tell
            return True
        return True

    def read(self, path: str) -> bytes:
        """The bytes of `path`, streamed from the remote where the cache lacks them.

        Raises:
            UnavailableError: they cannot be had.
        """
        try:
            content: bytes = self._fs.read_bytes(path)
        except Exception as error:  # remotes raise nearly any type
            raise UnavailableError(f"{path}: {_cause(error)}") from None
        expected = self._info(path).get("md5")  # of what DVC has and neither git nor the workspace
        if expected and _md5(content) != expected:
            raise UnavailableError(f"{path}: its object in the DVC cache or remote is damaged")
        return content

    def md5(self, path: str) -> str | None:
        """The MD5 of `path`, `.dir` for a folder; None where it cannot be had, and of a folder that lies open."""
        info = self._info(path)
        if "md5" in info:
            return str(info["md5"])
        try:
            return _md5(self._fs.read_bytes(path))
        except Exception:  # a folder, too
            return None

    def _info(self, path: str) -> dict[str, Any]:
        """What DVC knows of `path`; nothing where it cannot look."""
        try:
            return dict(self._fs.info(path))
        except Exception:
            return {}

    def array(self, path: str) -> NDArray[Any]:
        """The NumPy array in `path`; raises as `read`."""
        try:
            found: NDArray[Any] = np.load(io.BytesIO(self.read(path)), allow_pickle=False)
        except (ValueError, EOFError, OSError) as error:
            raise UnavailableError(f"{path}: not an array ({error})") from None
        return found


def find_commit(name: str) -> str | None:
    """The SHA of the commit that `name` stands for, found as DVC finds it; None for the workspace.

    Raises:
        ValueError: nothing is called so here.
    """
    if name == WORKSPACE:
        return None
    try:
        with Repo() as repo:
            if not isinstance(repo.scm, Git):
                raise ValueError(f"{name}: no revision can be found without git; work in a git clone")
            return str(repo.scm.resolve_commit(resolve_rev(repo.scm, name if name.strip() else "''")).hexsha)
    except (RevError, SCMError, AttributeError):  # the last is of what is no commit, such as `main:params.yaml`
        raise ValueError(_unknown(name)) from None
    except DvcException as error:
        raise ValueError(f"{name!r}: {_cause(error)}; run from the root of a clone") from None


def _unknown(name: str) -> str:
    """That nothing is called `name`, and how to fetch it if it may be a branch."""
    branch = name.removeprefix("origin/")
    fetch = f"git fetch origin {branch}:refs/remotes/origin/{branch}"
    mend = f"fetch it: `{fetch}`" if re.fullmatch(r"\w[\w./-]*", branch) else "see `git branch --all`, `dvc exp list`"
    return f"{name!r}: not a branch, tag, commit or experiment of this clone; {mend}"


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _cause(error: Exception) -> str:
    """`error` as a few words on one line."""
    if isinstance(error, FileNotFoundError):
        return "in neither the workspace, the DVC cache nor a remote"
    return " ".join(str(error).split())[:200] or type(error).__name__
