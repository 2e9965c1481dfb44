"""Every out against dvc.lock, by its bytes: DVC itself believes what it noted when it last looked."""

import hashlib
import json
import os
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import yaml

_IGNORED = ("__pycache__", "*.pyc", ".*.tmp")  # as in .dvcignore, of what may lie in a folder that DVC hashes


@dataclass(frozen=True)
class Out:
    """One out as dvc.lock has it; `md5` ends in `.dir` for a folder."""

    stage: str
    path: str
    md5: str
    size: int


@dataclass(frozen=True)
class Damage:
    """An out that is not what dvc.lock says, and the command that mends it."""

    path: str
    what: str
    mend: str

    def __str__(self) -> str:
        return f"{self.path}: {self.what}; run {self.mend}"


def read_outs(lock: Path) -> list[Out]:
    """What dvc.lock lists as made; nothing if there is no such file.

    Raises:
        ValueError: the file is damaged, or has conflict markers.
    """
    try:
        stages = (yaml.safe_load(lock.read_bytes()) or {}).get("stages", {})
        return [
            Out(name, out["path"], out["md5"], out["size"])
            for name, stage in stages.items()
            for out in stage.get("outs", [])
        ]
    except FileNotFoundError:
        return []
    except (yaml.YAMLError, AttributeError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise ValueError(
            f"{lock}: damaged, or with conflict markers ({' '.join(str(error).split())}); "
            f"run `git checkout {lock}` (in the middle of a merge: `git checkout --ours {lock}`), then the job again"
        ) from None


def hash_path(path: Path) -> tuple[str, dict[str, str]]:
    """The md5 that DVC gives `path`, `.dir` for a folder, and of a folder the md5 of each file below it."""
    if not path.is_dir():
        return hash_file(path), {}
    files = {file.relative_to(path).as_posix(): hash_file(file) for file in _files_below(path)}
    listing = [{"md5": files[name], "relpath": name} for name in sorted(files)]
    return hashlib.md5(json.dumps(listing).encode(), usedforsecurity=False).hexdigest() + ".dir", files


def hash_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def find_damaged_objects(cache: Path, outs: list[Out]) -> list[Damage]:
    """The cache objects of `outs` whose content is not what their name says; those that are not there do not count."""
    damages = []
    for out in outs:
        for md5, name in _objects_of(cache, out):
            path = object_path(cache, md5)
            if path.is_file() and hash_file(path) != md5.removesuffix(".dir"):
                what = f"its object in the DVC cache, {path}, is corrupt"
                damages.append(Damage(name, what, f"`rm -f {path}` and then `dvc repro -f -s {out.stage}`"))
    return damages


def find_changed_outs(outs: list[Out]) -> list[Damage]:
    """The outs in the workspace whose bytes are not those that dvc.lock names; missing ones do not count."""
    damages = []
    for out in outs:
        if Path(out.path).exists() and (found := hash_path(Path(out.path))[0]) != out.md5:
            what = f"its bytes are not those of dvc.lock (md5 {found}, expected {out.md5})"
            damages.append(Damage(out.path, what, f"`dvc repro -f -s {out.stage}`"))
    return damages


def object_path(cache: Path, md5: str) -> Path:
    return cache / "files" / "md5" / md5[:2] / md5[2:]


def is_cached(cache: Path, out: Out) -> bool:
    """Whether every object of `out` is in the cache."""
    return all(object_path(cache, md5).is_file() for md5, _ in _objects_of(cache, out))


def _objects_of(cache: Path, out: Out) -> list[tuple[str, str]]:
    """The md5 of each cache object of `out`, and the path in the workspace that it stands for."""
    objects = [(out.md5, out.path)]
    if out.md5.endswith(".dir"):
        try:
            listing = json.loads(object_path(cache, out.md5).read_bytes())
            objects += [(entry["md5"], f"{out.path}/{entry['relpath']}") for entry in listing]
        except (OSError, ValueError, TypeError, KeyError):
            pass  # missing, or damaged, which its own md5 tells
    return objects


def _files_below(folder: Path) -> list[Path]:
    found = []
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not _is_ignored(name)]
        found += [Path(parent) / name for name in names if not _is_ignored(name)]
    return found


def _is_ignored(name: str) -> bool:
    return any(fnmatch(name, pattern) for pattern in _IGNORED)
