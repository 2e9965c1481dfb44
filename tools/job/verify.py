"""Every out against dvc.lock, by its bytes: DVC itself believes what it noted when it last looked."""

import os
import shlex
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dvc.output import Output
from dvc.repo import Repo

from tools.dvc_project import find_objects, hash_object, hash_path, list_outs


@dataclass(frozen=True)
class Damage:
    """An out that is not what dvc.lock says, and the command that makes it so."""

    path: str
    what: str
    cure: str

    def __str__(self) -> str:
        return f"{self.path}: {self.what}; run {self.cure}"


def find_damaged_objects(repo: Repo) -> list[Damage]:
    """The objects of DVC's cache whose content is not what their name says; those that are not there do not count."""
    damages = []
    for out in list_outs(repo):
        for path, name in find_objects(out).items() if out.use_cache else ():
            expected = path.parent.name + path.name.removesuffix(".dir")
            if path.is_file() and hash_object(out, path) != expected:
                path = Path(os.path.relpath(path)) if path.is_relative_to(Path.cwd()) else path
                what = f"its object in the DVC cache, {path}, is corrupt"
                damages.append(Damage(name, what, f"`rm -f {shlex.quote(str(path))}` and then {_again(out)}"))
    return damages


def find_changed_outs(repo: Repo) -> list[Damage]:
    """The outs in the workspace whose bytes are not those that dvc.lock names; missing ones do not count."""
    return [
        Damage(
            str(out), f"its bytes are not those of dvc.lock (md5 {md5}, expected {out.hash_info.value})", _again(out)
        )
        for out in list_outs(repo)
        if out.exists and (md5 := hash_path(repo, out.fs_path, out.hash_name)[0]) != out.hash_info.value
    ]


def find_absent_outs(repo: Repo) -> list[Damage]:
    """The outs that dvc.lock lists and that are not in the workspace."""
    absent = [out for out in list_outs(repo) if not out.exists]
    return [Damage(str(out), "missing, though dvc.lock lists it", _again(out)) for out in absent]


def make_dvc_look_again(repo: Repo) -> None:
    """Touch each out that is not what dvc.lock says: DVC goes by the file's time, and would believe its old note."""
    for damage in find_changed_outs(repo):
        path = Path(damage.path)
        for file in [path, *path.rglob("*")]:
            with suppress(OSError):  # a link into a cache of other users' objects; what DVC then misses, the end finds
                os.utime(file)


def _again(out: Output) -> str:
    return f"`dvc repro -f -s {shlex.quote(out.stage.addressing)}`"
