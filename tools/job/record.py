"""What a run notes down for later runs, and how to take it back when it must not be believed."""

import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from linear_classifier.io.files import write_bytes
from linear_classifier.params import load_params
from tools.job.verify import hash_path, read_outs

LOCK, PARAMS, PIPELINE = Path("dvc.lock"), Path("params.yaml"), Path("dvc.yaml")
BACKUP = Path(".dvc/tmp/job.dvc.lock")


class Record:
    """dvc.lock, DVC's run-cache and the sources, as they were when this was made.

    DVC notes the code and the params that it finds after a stage has run, in dvc.lock and in its run-cache, from which
    it would later restore the results for that code. So both have to be taken back.
    """

    def __init__(self, cache: Path) -> None:
        self._runs, self._pipeline = cache / "runs", read_pipeline()
        self._lock = LOCK.read_bytes() if LOCK.exists() else None
        self._known_runs = self._list_runs()
        self._sources = hash_sources()
        if self._lock is not None:
            write_bytes(BACKUP, self._lock)  # on disk: moving it back needs no space

    def changed_sources(self) -> list[str]:
        """The code files and params sections that are not what they were."""
        now = hash_sources()
        return sorted(name for name in self._sources.keys() | now.keys() if self._sources.get(name) != now.get(name))

    def take_back(self) -> None:
        """dvc.lock as it was, and no run-cache entry newer than this record.

        In a shared cache those of other clones go too. It costs them time at most; to keep a wrong one would cost more.
        """
        self._restore_lock()
        for path in self._list_runs() - self._known_runs:
            path.unlink(missing_ok=True)
            if not any(path.parent.iterdir()):
                path.parent.rmdir()  # DVC takes an empty one for an entry

    def mend_lock(self) -> bool:
        """Whether dvc.lock was left half written, by a kill or a full disk; if so it is now as it was."""
        if not self._is_half_written():
            return False
        self._restore_lock()
        return True

    def _restore_lock(self) -> None:
        if self._lock is None:
            LOCK.unlink(missing_ok=True)
        elif BACKUP.exists():  # else it was moved back already
            BACKUP.replace(LOCK)

    def _is_half_written(self) -> bool:
        """DVC writes the file in place, so it may be cut anywhere: where the rest is no YAML, and where it is."""
        now = LOCK.read_bytes() if LOCK.exists() else None
        if now == self._lock:
            return False
        try:
            before, after = (
                _paths_by_stage(path) if content else {} for path, content in ((BACKUP, self._lock), (LOCK, now))
            )
        except ValueError:
            return True
        declared = {name: set(outs_of(stage)) for name, stage in self._pipeline.items()}
        whole = all(after.get(name) in (before.get(name), declared.get(name)) for name in before.keys() | after.keys())
        return now is None or not (now.endswith(b"\n") and whole)

    def _list_runs(self) -> set[Path]:
        return {path for path in self._runs.glob("*/*/*") if path.is_file()}


def hash_sources() -> dict[str, str]:
    """The md5 of dvc.yaml and of each file of the deps that no stage makes, and the tracked sections of params.yaml."""
    sources = _hash_each(PIPELINE)
    try:
        pipeline = read_pipeline()
    except (ValueError, OSError):  # broken or gone during a run: by its hash it has changed, which says it all
        return sources
    outs = {path for stage in pipeline.values() for path in outs_of(stage)}
    deps = {_path_of(dep) for stage in pipeline.values() for dep in stage.get("deps", [])} - outs
    for dep in sorted(deps):
        sources |= _hash_each(Path(dep))
    sections = {name for stage in pipeline.values() for name in stage.get("params", [])}
    return sources | _hash_params(sections)


def read_pipeline(path: Path = PIPELINE) -> dict[str, dict[str, Any]]:
    """The stages of dvc.yaml.

    Raises:
        ValueError: it is damaged, or has conflict markers.
    """
    try:
        stages = yaml.safe_load(path.read_bytes())["stages"]
        if all(isinstance(stage["cmd"], str) for stage in stages.values()):
            return dict(stages)
        reason = "a stage has no cmd"
    except (yaml.YAMLError, UnicodeDecodeError, AttributeError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split())
    raise ValueError(f"{path}: damaged, or with conflict markers ({reason}); mend it, or `git checkout {path}`")


def outs_of(stage: dict[str, Any], kinds: tuple[str, ...] = ("outs", "metrics", "plots")) -> dict[str, dict[str, Any]]:
    """The paths that a stage of dvc.yaml makes, of these `kinds`, and the options of each."""
    entries = [out for kind in kinds for out in stage.get(kind, [])]
    return {_path_of(out): {} if isinstance(out, str) else out[_path_of(out)] or {} for out in entries}


def _paths_by_stage(lock: Path) -> dict[str, set[str]]:
    """The paths of the outs that `lock` lists for each stage.

    Raises:
        ValueError: the file is damaged.
    """
    paths: dict[str, set[str]] = {}
    for out in read_outs(lock):
        paths.setdefault(out.stage, set()).add(out.path)
    return paths


def _hash_each(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    md5, files = hash_path(path)
    return {os.fspath(path / name): md5 for name, md5 in files.items()} or {os.fspath(path): md5}


def _hash_params(sections: set[str]) -> dict[str, str]:
    """Values, not bytes: a comment may be edited at any time."""
    try:
        params = asdict(load_params(PARAMS))
    except ValueError as error:
        return {str(PARAMS): str(error)}
    return {f"{PARAMS}: {name}": repr(params.get(name)) for name in sections}


def _path_of(entry: Any) -> str:
    """An out or dep of dvc.yaml is a path, or a mapping from the path to its options."""
    return str(entry if isinstance(entry, str) else next(iter(entry)))
