"""The one reader of dvc.yaml, dvc.lock, DVC's configuration, cache and status: by DVC's API, so as widely as DVC reads.

Outs and deps are DVC's own objects (`dvc.output.Output`): `out.hash_info` and `out.meta` are what dvc.lock records,
`str(out)` is the path as seen from here, `out.stage.addressing` the name by which a command takes the stage.
"""

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from dvc.config import ConfigError
from dvc.dependency import Dependency, ParamsDependency
from dvc.dvcfile import LOCK_FILE, PROJECT_FILE, Lockfile, load_file
from dvc.exceptions import DvcException
from dvc.output import Output
from dvc.repo import Repo
from dvc.scm import SCMError
from dvc.stage import Stage
from dvc.utils.strictyaml import YAMLSyntaxError, YAMLValidationError, determine_linecol, parse_yaml_for_update
from dvc_data.hashfile.build import build
from dvc_data.hashfile.db import HashFileDB
from dvc_data.hashfile.hash import hash_file
from dvc_data.hashfile.tree import Tree
from dvc_objects.errors import ObjectFormatError

from tools.file_hashes import FileHashes, cannot_hash
from tools.git import leave_hook

LOCK, PIPELINE, PARAMS = Path(LOCK_FILE), Path(PROJECT_FILE), Path("params.yaml")
_HASHES = FileHashes()
ABSENT = ("deleted", "not in cache")  # DVC's words for what a fresh clone does not have


@contextmanager
def open_project(folder: Path | None = None) -> Iterator[Repo]:
    """The DVC project at `folder`, or here; what DVC raises while it is open becomes a ValueError of one line.

    Raises:
        RuntimeError: there is no git repository, and DVC is not set to work without.
        ValueError: a file of DVC's is damaged, or DVC cannot do what it is asked.
    """
    leave_hook()
    try:
        with Repo(str(folder) if folder else None) as repo:
            yield repo
    except SCMError as error:
        raise RuntimeError(
            f".git: not found ({_one_line(error)}), and DVC refuses to work without it; work in a git clone, or go "
            "on without git with `dvc config --local core.no_scm true` (results cannot be compared with others then)"
        ) from None
    except DvcException as error:
        raise ValueError(explain(error)) from None


def check_pipeline(repo: Repo) -> None:
    """Raise ValueError if no stage would run: of nothing, all would be as it should."""
    if not any(stage.cmd for stage in repo.index.stages):
        raise ValueError(f"{PIPELINE}: no stages, expected a pipeline; `git diff HEAD` shows what was changed")


def list_outs(repo: Repo) -> list[Output]:
    """The files and folders that dvc.lock, or a .dvc file, records a hash of."""
    return [out for out in repo.index.outs if out.protocol == "local" and out.hash_info]


def list_outs_in_git(repo: Repo) -> list[str]:
    """The paths of the outs that are not in DVC's cache: metrics, and the history of the training."""
    return [str(out) for out in repo.index.outs if out.protocol == "local" and not out.use_cache]


def list_metrics(repo: Repo) -> list[Path]:
    """The metrics files that the stages list, and those at the top level of dvc.yaml."""
    keys = sorted(repo.index.metric_keys.get("repo", ()))
    return [Path(os.path.relpath(Path(repo.root_dir, *key))) for key in keys]


def record_of(stage: Stage) -> Path:
    """The file in which DVC notes what `stage` made: the dvc.lock beside its dvc.yaml, or its .dvc file."""
    path = Path(stage.dvcfile.path)
    return path.with_name(LOCK_FILE) if path.name == PROJECT_FILE else path


def read_record(repo: Repo, path: Path) -> dict[str, Any]:
    """The entry of each stage in a dvc.lock or .dvc file, in DVC's form; raises as DVC does where it is damaged."""
    if path.name != LOCK_FILE:
        return {path.name: load_file(repo, str(path)).load()}
    return dict(Lockfile(repo, str(path)).load().get("stages", {}))


def hash_path(repo: Repo, path: str, name: str = "md5") -> tuple[str, dict[str, str]]:
    """The hash that DVC gives to what lies at `path`, and of each file there, by its path: one, or those of a folder.

    It is of the bytes, not what DVC noted when it last looked; each version of a file is read once in this process.

    Raises:
        ValueError: there is something else than files, or a name that is not UTF-8.
    """
    try:
        _, _, found = build(
            HashFileDB(repo.fs, path, state=_HASHES), path, repo.fs, name, dry_run=True, ignore=repo.dvcignore
        )
    except FileNotFoundError as error:
        if error.filename and Path(error.filename).is_symlink():
            raise cannot_hash(error.filename, "a link to nothing") from None
        raise
    if not isinstance(found, Tree):
        return str(found.hash_info.value), {path: str(found.hash_info.value)}
    return str(found.hash_info.value), {str(Path(path, *key)): str(info.value) for key, _, info in found}


def hash_object(out: Output, path: Path) -> str:
    """The hash of an object of DVC's cache; as `hash_path`, and many times as fast for many."""
    fs, name = out.cache.fs, str(path)
    return str(hash_file(name, fs, out.hash_name, state=_HASHES, info=fs.info(name))[1].value)


def find_objects(out: Output) -> dict[Path, str]:
    """The objects of DVC's cache that `out` consists of, and the path in the workspace that each stands for."""
    store, path = out.cache, str(out)
    objects = {Path(store.oid_to_path(out.hash_info.value)): path}
    if out.hash_info.isdir:
        with suppress(FileNotFoundError, ObjectFormatError):  # missing or damaged: by its own hash, which tells
            tree = Tree.from_list(out.files, out.hash_name) if out.files else Tree.load(store, out.hash_info)
            objects |= {Path(store.oid_to_path(info.value)): str(Path(path, *key)) for key, _, info in tree}
    return objects


def is_cached(out: Output) -> bool:
    """Whether all of `out` is in DVC's cache."""
    return out.use_cache and all(path.is_file() for path in find_objects(out))


def hash_sources(repo: Repo) -> dict[str, str]:
    """The hash of each dvc.yaml and of each file that a stage needs and none makes, and the values of its params."""
    pipelines = {stage.dvcfile.path for stage in repo.index.stages if stage.cmd}
    sources = {os.path.relpath(path): hash_path(repo, path)[0] for path in pipelines}
    made = [out.fs_path for stage in repo.index.stages if stage.cmd for out in stage.outs]
    for dep in repo.index.deps:
        if isinstance(dep, ParamsDependency):
            values = dep.read_params()
            sources |= {f"{dep}: {name}": repr(values.get(name)) for name in dep.params or values}
        elif type(dep) is Dependency and dep.protocol == "local" and not _is_below(dep.fs_path, made) and dep.exists:
            files = hash_path(repo, dep.fs_path)[1]
            sources |= {os.path.relpath(path): md5 for path, md5 in files.items() if not _is_below(path, made)}
    return sources


def find_stale(repo: Repo, outs_too: bool = True) -> list[str]:
    """What `dvc status` finds changed since dvc.lock was written, one stage and path an entry.

    Cached outs that are only absent, as in a fresh clone, do not count; without `outs_too` no out does.
    """
    cached = {str(out) for out in repo.index.outs if out.use_cache}
    reasons = []
    for stage, changes in repo.status().items():
        for change in changes:
            if isinstance(change, str):  # "changed command"
                reasons.append(f"{stage}: {change}")
                continue
            paths = [item for kind in change if outs_too or kind != "changed outs" for item in change[kind].items()]
            reasons += [
                f"{stage}: {path} {_describe(how)}" for path, how in paths if path not in cached or how not in ABSENT
            ]
    return reasons


def find_outdated() -> list[str]:
    """What the outs in the workspace are not of: code, params and data that have changed, as `find_stale` tells it."""
    with open_project() as repo:
        return find_stale(repo, outs_too=False)


def explain(error: Exception) -> str:
    """What DVC found wrong, where, and how to look at it, in one line; what it may cost an edit, it does not advise."""
    if isinstance(error, YAMLSyntaxError):
        cause = error.exc.__cause__ or error
        mark, problem = getattr(cause, "problem_mark", None), getattr(cause, "problem", None) or cause
        line = mark.line if mark else error.yaml_text.count("\n", 0, getattr(cause, "position", 0))
        return _add_cure(error.relpath, f"line {line + 1}: not YAML{error.hint}: {_one_line(problem)}")
    if isinstance(error, YAMLValidationError):
        first = error.exc.errors[0]
        line = determine_linecol(parse_yaml_for_update(error.text, error.path), list(first.path))[0]
        keys = " -> ".join(map(str, first.path))
        return _add_cure(error.path, f"line {line or 1}: {first.error_message}" + (f", in {keys}" if keys else ""))
    if isinstance(error, ConfigError):
        return f".dvc/config: {_one_line(error.__cause__ or error)}; correct it there, or in .dvc/config.local"
    return _one_line(error)


def _add_cure(path: str, problem: str) -> str:
    """`problem` of a file, and what to do: the outs' hashes can be had again, what people write by hand cannot."""
    path = os.path.normpath(path)
    name = shlex.quote(path)
    if Path(path).name != LOCK_FILE:
        return f"{path}: {problem}; correct it there: `git diff {name}` shows what was changed"
    keep = f"`mv {name} {name}.kept && git checkout {name}`"
    return f"{path}: {problem}; resolve the merge, or keep it aside and take the committed one: {keep}"


def _one_line(error: BaseException | str) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _describe(state: str | dict[str, str]) -> str:
    """`modified`, or of params `train modified`."""
    return state if isinstance(state, str) else ", ".join(f"{key} {how}" for key, how in state.items())


def _is_below(path: str, folders: list[str]) -> bool:
    return any(Path(path).is_relative_to(folder) for folder in folders)
