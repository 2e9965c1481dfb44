"""What a run notes down for later runs, as it was before, and how to take it back when it must not be believed."""

import json
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

from dvc.repo import Repo

from linear_classifier.io.files import write_bytes
from tools.dvc_project import LOCK, hash_path, hash_sources, list_outs_in_git, open_project, read_record, record_of
from tools.git import find_root, run_git

COPIES = "before"  # the folder of the copies, each named by its number, and empty if the file was not there
PATHS = "paths.json"  # in that folder: what each of them is a copy of


class Snapshot:
    """The dvc.lock and .dvc files, DVC's run-cache, git's index and the sources, as they were when this was made.

    DVC notes the code and the params that it finds after a stage has run, in dvc.lock and in its run-cache, from which
    it would later restore the results for that code. So both have to be taken back.
    """

    def __init__(self, repo: Repo, folder: Path) -> None:
        """Keep copies in `folder`: on the same disk, moving them back needs no space. They outlive a kill."""
        self._folder = folder / COPIES
        self._whole = False  # not known of the files until `restore_cut_records` was through
        stages = repo.index.stages
        records = sorted({record_of(stage) for stage in stages})
        self._before = {path: path.read_bytes() if path.exists() else None for path in records}
        self._copies = {path: self._folder / str(number) for number, path in enumerate(records)}
        self._entries = {path: read_record(repo, path) if self._before[path] else {} for path in records}
        self._declared = {
            (record_of(stage), getattr(stage, "name", record_of(stage).name)): {out.def_path for out in stage.outs}
            for stage in stages
        }
        self._runs = Path(repo.stage_cache.cache_dir)
        self._known_runs = self._list_runs()
        self._sources = hash_sources(repo)
        self._staged = _read_index([*records, *list_outs_in_git(repo)]) if repo.config["core"].get("autostage") else {}
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir()
        for path, copy in self._copies.items():
            write_bytes(copy, self._before[path] or b"")
        paths = [os.path.relpath(path) for path in self._copies]
        write_bytes(self._folder / PATHS, json.dumps(paths).encode("ascii"))  # last: with it, all are there

    def close(self) -> None:
        """Remove the copies, unless the files may need them: the next run then finds them, as after a kill."""
        if self._whole:
            shutil.rmtree(self._folder, ignore_errors=True)

    def changed_sources(self) -> list[str]:
        """The files of code and data, and the params, that are not what they were."""
        with open_project() as repo:
            pipelines = {name: md5 for name, md5 in self._sources.items() if Path(name).name == "dvc.yaml"}
            now = {name: hash_path(repo, name)[0] for name in pipelines if Path(name).exists()}
            if now == pipelines:  # else it may be broken, and to name it says it all
                now, pipelines = hash_sources(repo), self._sources
        return sorted(name for name in pipelines.keys() | now.keys() if pipelines.get(name) != now.get(name))

    def take_back(self) -> None:
        """Everything as it was, and no run-cache entry newer than this snapshot.

        In a shared cache those of other clones go too. It costs them time at most; to keep a wrong one would cost more.
        """
        for path, copy in self._copies.items():
            _restore(path, copy)
        for path in self._list_runs() - self._known_runs:
            path.unlink(missing_ok=True)
            if not any(path.parent.iterdir()):
                path.parent.rmdir()  # DVC takes an empty one for an entry
        _restore_index(self._staged)

    def restore_cut_records(self) -> list[str]:
        """The files that were left half written, by a kill or a full disk; each is now as it was."""
        cut = [path for path in self._copies if self._is_cut(path)]
        for path in cut:
            _restore(path, self._copies[path])
        self._whole = True
        return [os.path.relpath(path) for path in cut]

    def _is_cut(self, path: Path) -> bool:
        """DVC writes the file in place, so it may be cut anywhere: where the rest is no YAML, and where it is."""
        now = path.read_bytes() if path.exists() else None
        if now == self._before[path]:
            return False
        try:
            with open_project() as repo:
                after = read_record(repo, path) if now else {}
        except ValueError:
            return True
        before = self._entries[path]
        whole = all(
            after.get(name) == before.get(name) or _out_paths(after.get(name)) == self._declared.get((path, name))
            for name in before.keys() | after.keys()
        )
        return not (now and now.endswith(b"\n") and whole)

    def _list_runs(self) -> set[Path]:
        return {path for path in self._runs.glob("*/*/*") if path.is_file()}


def restore_after_kill(folder: Path) -> list[str]:
    """The files that a run left half written as it was killed together with its job; each is now as it was before.

    `folder` is that of its `Snapshot`. A run that ended otherwise left no copy there.
    """
    try:
        paths = json.loads((folder / COPIES / PATHS).read_text(encoding="ascii"))
    except (FileNotFoundError, ValueError):  # damaged, by a power cut
        return []
    cut = {number: Path(path) for number, path in enumerate(paths) if _is_left_cut(Path(path))}
    for number, path in cut.items():
        _restore(path, folder / COPIES / str(number))
    shutil.rmtree(folder / COPIES, ignore_errors=True)
    return [str(path) for path in cut.values()]


def _is_left_cut(path: Path) -> bool:
    """Whether DVC was killed as it wrote `path`. What people or git have made of the file since is none of that.

    DVC empties the file and then writes it in pieces of 8 KiB; only a lock file is longer than one.
    """
    if not path.exists():
        return False
    now = path.read_bytes()
    return not now or (path.name == LOCK.name and not now.endswith(b"\n"))


def _restore(path: Path, copy: Path) -> None:
    with suppress(FileNotFoundError):  # it was moved back already
        if copy.stat().st_size:
            if path.exists():
                shutil.copymode(path, copy)
            shutil.move(copy, path)
        else:
            path.unlink()


def _out_paths(entry: dict[str, Any] | None) -> set[str] | None:
    """The paths of the outs of a stage's `entry`; None where one has no size, which DVC writes last."""
    outs = (entry or {}).get("outs", [])
    return {out["path"] for out in outs} if all({"size", "files"} & out.keys() for out in outs) else None


def _read_index(paths: list[Path | str]) -> dict[str, str]:
    """Mode and object of each of `paths` in git's index, "" of those that are not in it, by the path from its root."""
    root = find_root()
    names = [os.path.relpath(Path(path).parent.resolve() / Path(path).name, root) for path in paths]
    listed = run_git("ls-files", "--stage", "-z", "--", *names, cwd=root).split("\0")[:-1]
    entries = {name: entry for entry, _, name in (line.partition("\t") for line in listed)}
    return {name: ",".join(entries.get(name, "").split()[:2]) for name in names}


def _restore_index(entries: dict[str, str]) -> None:
    """Stage again what was staged: with `core.autostage`, DVC stages what it writes."""
    for name, entry in entries.items():
        change = ("--add", "--cacheinfo", f"{entry},{name}") if entry else ("--force-remove", "--", name)
        run_git("update-index", *change, cwd=find_root())
