"""What one revision has: read from git and from DVC's cache or remote by DVC itself; the workspace stays as it is."""

import hashlib
import io
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from dvc.api import DVCFileSystem
from dvc.exceptions import DvcException, NotDvcRepoError
from dvc.repo import Repo
from dvc.scm import Git, RevError, resolve_rev
from numpy.typing import NDArray
from scmrepo.exceptions import SCMError

from stages.evaluate.metrics import Predictions
from stages.yaml_file import parse_yaml
from tools.compare.metrics import Metrics, parse_metrics
from tools.compare.predictions import check_agreement, parse_predictions

WORKSPACE = "workspace"
METRICS, PREDICTIONS = "reports/evaluate/metrics.json", "reports/evaluate/predictions.csv"
PREPARED, PARAMS = "data/prepared", "params.yaml"


class UnavailableError(Exception):
    """A file of a revision is in neither workspace, cache nor remote, or not as it was made; the message says why."""


class Files:
    """The files of a commit, or of the workspace if it is None, whether git or DVC has them."""

    def __init__(self, commit: str | None) -> None:
        self._fs = DVCFileSystem(rev=commit)

    def has(self, path: str) -> bool:
        """Whether the revision knows a file `path`, had or not."""
        try:
            return bool(self._fs.exists(path))
        except Exception:  # DVC knows of it, and could not look into it
            return True

    def read(self, path: str) -> bytes:
        """The bytes of `path`, streamed from the remote where the cache lacks them.

        Raises:
            UnavailableError: they cannot be had.
        """
        try:
            content: bytes = self._fs.read_bytes(path)
            expected = self._fs.info(path).get("md5")
        except Exception as error:  # remotes raise nearly any type
            raise UnavailableError(f"{path}: {_cause(error)}") from None
        if expected and _md5(content) != expected:
            raise UnavailableError(f"{path}: its object in the DVC cache or remote is damaged")
        return content

    def md5(self, path: str) -> str | None:
        """The MD5 of `path`, `.dir` for a folder; None where it cannot be had, and of a folder that lies open."""
        try:
            info = self._fs.info(path)
            if info["type"] == "directory" or "md5" in info:
                return str(info["md5"]) if "md5" in info else None
            return _md5(self._fs.read_bytes(path))
        except Exception:  # as in `read`
            return None

    def array(self, path: str) -> NDArray[Any]:
        """The NumPy array in `path`; raises as `read`."""
        try:
            found: NDArray[Any] = np.load(io.BytesIO(self.read(path)), allow_pickle=False)
        except (ValueError, EOFError, OSError) as error:
            raise UnavailableError(f"{path}: not an array ({error})") from None
        return found


@dataclass(frozen=True)
class Revision:
    """A revision by the name it was asked for; `commit` is None for the workspace.

    `metrics` is None if it has none. `why_not` says why there are no `predictions`, and is empty if there are.
    """

    name: str
    commit: str | None
    files: Files
    params: dict[str, Any]
    metrics: Metrics | None
    predictions: Predictions | None
    why_not: str

    @property
    def class_names(self) -> list[str]:
        return list(self.metrics.recall) if self.metrics else []

    @property
    def num_images(self) -> int | None:
        """How many test images it was judged on, by its predictions or else its metrics; None if neither says."""
        if self.predictions is not None:
            return len(self.predictions.labels)
        return self.metrics.num_images if self.metrics else None


def load_revision(name: str) -> Revision:
    """The revision `name`: a branch, tag, commit, experiment, `HEAD~1`, or `workspace`.

    Raises:
        ValueError: there is no such revision, or its params, metrics or predictions are damaged.
    """
    commit = find_commit(name)
    try:
        files = Files(commit)
        params = _read_params(files, name)
    except NotDvcRepoError:  # a commit from before there was a pipeline: git has its files all the same
        raise ValueError(f"{name}: not a DVC project, expected `.dvc` and `dvc.yaml` there; choose another") from None
    if not files.has(METRICS):
        return Revision(name, commit, files, params, None, None, f"{METRICS}: not there")
    metrics = _read_metrics(files, name)
    try:
        predictions = _read_predictions(files, name, metrics)
    except UnavailableError as error:
        return Revision(name, commit, files, params, metrics, None, str(error))
    return Revision(name, commit, files, params, metrics, predictions, "")


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


def _read_params(files: Files, name: str) -> dict[str, Any]:
    """params.yaml, whatever keys it has; nothing if there is none."""
    if not files.has(PARAMS):
        return {}
    found = parse_yaml(files.read(PARAMS), f"{name}: {PARAMS}")
    return found if isinstance(found, dict) else {}


def _read_metrics(files: Files, name: str) -> Metrics:
    try:
        return parse_metrics(files.read(METRICS), f"{name}: {METRICS}")
    except UnavailableError as error:
        raise ValueError(f"{name}: {error}; metrics belong in git: `cache: false` in dvc.yaml") from None


def _read_predictions(files: Files, name: str, metrics: Metrics) -> Predictions:
    predictions = parse_predictions(files.read(PREDICTIONS), len(metrics.recall), f"{name}: {PREDICTIONS}")
    check_agreement(predictions, metrics.headline["accuracy"], metrics.headline["loss"], f"{name}: {METRICS}")
    return predictions


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _cause(error: Exception) -> str:
    """`error` as a few words on one line."""
    if isinstance(error, FileNotFoundError):
        return "in neither the workspace, the DVC cache nor a remote"
    return " ".join(str(error).split())[:200] or type(error).__name__
