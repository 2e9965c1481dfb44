"""Thousands of damaged archives, arrays and manifests: each is read, or refused in one line that names it."""

import random
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from linear_classifier.preparation.layouts import Layout
from tests.linear_classifier.preparation.sources import find_all, pack_tar, pack_zip

FILES: list[tuple[str, bytes | str]] = [("cat/1.png", b"x" * 40), (f"dog/{'ä' * 60}.png", b"y" * 40), ("dog/2", b"z")]
ODD_BYTES = (b"\xff\xff\xff\xff", bytes(4), b"\x7f\xff\xff\xff", b"\x80\0\0\0\0\0\0\1", b"-1", b"99999999", b'"', b"\n")


def write_seeds(folder: Path) -> Iterator[tuple[Layout, str, bytes]]:
    """A layout, a suffix and a good file's bytes, for each kind of file."""
    path = folder / "seed"
    for mode in ("w", "w:gz", "w:bz2", "w:xz"):
        yield "folder", ".tar", pack_tar(path, FILES, mode).read_bytes().rstrip(b"\0") + bytes(1100)
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as archive:
        for name, _ in FILES:
            archive.addfile(tarfile.TarInfo(name))
    yield "folder", ".tar", path.read_bytes()[:8000]
    for method in (0, 8):
        yield "folder", ".zip", pack_zip(path, FILES, method).read_bytes()
    for save in (np.savez, np.savez_compressed):
        with path.open("wb") as file:
            save(file, train_images=np.zeros((3, 4, 5), np.uint8), train_labels=np.array(["a", "b", "c"]))
        yield "npz", ".npz", path.read_bytes()
    yield "manifest", ".csv", b"path,label,split\n1.png,cat,train\n2.png,dog,\n" * 3
    yield "manifest", ".jsonl", b'{"path": "1.png", "label": 7}\n{"path": "2.png", "label": "dog"}\n' * 3


def damage(content: bytes, chance: random.Random) -> bytes:
    data = bytearray(content)
    for _ in range(chance.choice((1, 1, 1, 2, 4, 8))):
        place = chance.randrange(len(data))
        length = chance.randrange(1, 600)
        kind = chance.randrange(6)
        if kind < 2:
            data[place] = chance.randrange(256)
        elif kind == 2:
            odd = chance.choice(ODD_BYTES)
            data[place : place + len(odd)] = odd
        elif kind == 3:
            del data[place + 1 : place + length]
        elif kind == 4:
            data[place:place] = data[length : length + length]
        else:
            del data[place + 1 :]
    return bytes(data)


@pytest.mark.parametrize("seed", range(4))
def test_find_images_reads_or_refuses_every_damaged_file(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    seeds = list(write_seeds(tmp_path))
    for _ in range(1000):
        layout, suffix, content = chance.choice(seeds)
        source = tmp_path / f"damaged{suffix}"
        source.write_bytes(damage(content, chance))
        try:
            find_all(source, layout)
        except ValueError as error:
            assert source.name in str(error)
            assert "\n" not in str(error)
