"""Sets in IDX files: MNIST, KMNIST, EMNIST and their kin, found in a folder by their usual names, gzipped or not."""

import gzip
import os
import re
import struct
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import numpy as np

from linear_classifier.data.splits import SplitName
from linear_classifier.io.files import open_regular
from linear_classifier.preparation.array_pairs import ArrayStream, check_pair, pair_images
from linear_classifier.preparation.idx import UINT8
from linear_classifier.preparation.inflating import damage_as_value_error
from linear_classifier.preparation.source_image import Found
from linear_classifier.preparation.source_names import list_some, split_named
from linear_classifier.preparation.source_tree import why_not_regular

IDX_NAME = re.compile(r"(?:(?P<set>.+)-)?(?P<split>[a-z0-9]+)-(?P<kind>images|labels)[-.]idx[1-4]-ubyte(?:\.gz)?", re.I)
Opened = tuple[ArrayStream, ArrayStream]


def find_idx(source: Path) -> Iterator[Found]:
    """Every image of the IDX files in the folder `source`; those of EMNIST, which are stored transposed, turned back.

    Raises:
        ValueError: the files are not there, not in pairs, of several sets, damaged, or not images and labels.
    """
    name, paths = _find_files(source)
    is_emnist = name.lower().startswith("emnist")
    with ExitStack() as stack:
        pairs = {split: _open_pair(split, paths, stack) for split in _splits_of(source, paths)}
        for pair in pairs.values():
            check_pair(*pair)
        name_class = _read_mapping(source / f"{name}-mapping.txt")
        for split, pair in pairs.items():
            yield from pair_images(*pair, split, name_class, transposed=is_emnist)


def _find_files(source: Path) -> tuple[str, dict[tuple[SplitName, str], Path]]:
    """The set's name, "" where files have none, and its files by split and kind."""
    if not source.is_dir():
        raise ValueError(f"{source}: expected the folder of the IDX files; name it as prepare.source")
    sets: dict[str, dict[tuple[SplitName, str], Path]] = defaultdict(dict)
    names = sorted(os.listdir(source))  # noqa: PTH208
    for name in names:
        match = IDX_NAME.fullmatch(name)
        split = match and ("test" if match["split"].lower() == "t10k" else split_named(match["split"]))
        if match and split:
            sets[match["set"] or ""].setdefault((split, match["kind"].lower()), source / name)
    if len(sets) == 1:
        return next(iter(sets.items()))
    if sets:
        raise ValueError(f"{source}: files of {len(sets)} sets, {', '.join(sets)}; put those of one in a folder")
    raise ValueError(
        f"{source}: found {list_some(names, len(names)) or 'nothing'}, expected files such as "
        "train-images-idx3-ubyte and train-labels-idx1-ubyte, plain or .gz"
    )


def _splits_of(source: Path, paths: dict[tuple[SplitName, str], Path]) -> list[SplitName]:
    splits = list(dict.fromkeys(split for split, _ in paths))
    for split in splits:
        for kind, other in (("images", "labels"), ("labels", "images")):
            if (split, kind) not in paths:
                raise ValueError(f"{paths[split, other]}: no file of the {kind} of {split} beside it; fetch that too")
    return splits


def _open_pair(split: SplitName, paths: dict[tuple[SplitName, str], Path], stack: ExitStack) -> Opened:
    images, labels = (_open_array(paths[split, kind], stack) for kind in ("images", "labels"))
    return images, labels


def _open_array(path: Path, stack: ExitStack) -> ArrayStream:
    """The array of the IDX file `path`, compressed if its content says so."""
    if reason := why_not_regular(os.fspath(path), os.path.realpath(path.parent)):
        raise ValueError(f"{path}: {reason}")
    file = stack.enter_context(open_regular(path))
    is_gzip = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    stream = stack.enter_context(gzip.GzipFile(fileobj=file)) if is_gzip else file
    read = _Reader(path, stream)
    magic = read(4)
    if magic[:3] != bytes([0, 0, UINT8]) or not magic[3]:
        raise ValueError(f"{path}: not an IDX file of uint8: it begins with {magic.hex()}; fetch it again")
    shape = struct.unpack(f">{magic[3]}I", read(4 * magic[3]))
    read.remaining = int(np.prod(shape, dtype=object))
    size = 4 + 4 * len(shape) + read.remaining
    if not is_gzip and os.fstat(file.fileno()).st_size != size:
        raise ValueError(f"{path}: {os.fstat(file.fileno()).st_size} bytes, expected {size}; fetch it again")
    return ArrayStream(path.name, shape, np.dtype(np.uint8), read)


class _Reader:
    """Reads exactly so many bytes of a file, or raises a ValueError; nothing may follow the last `remaining` ones."""

    def __init__(self, path: Path, stream: BinaryIO | gzip.GzipFile) -> None:
        self._path, self._stream = path, stream
        self.remaining = -1

    def __call__(self, size: int) -> bytes:
        with damage_as_value_error(self._path):
            content = self._stream.read(size)
            self.remaining -= size
            is_longer = self.remaining == 0 and self._stream.read(1)  # which has gzip compare its checksum, too
        if len(content) != size or is_longer:
            kind = "longer than its header says" if is_longer else "truncated"
            raise ValueError(f"{self._path}: {kind}; fetch it again")
        return content


def _read_mapping(path: Path) -> Callable[[int], str]:
    """The name of each label: EMNIST's character where its mapping file is there, else the number.

    A line of it is a label and the code points of the characters that it stands for.
    """
    if not path.exists():
        return str
    with open_regular(path) as file:
        lines = file.read(10**5).decode(errors="replace").splitlines()
    try:
        codes = {int(label): chr(int(code)) for label, code, *_ in (line.split() for line in lines if line.strip())}
    except (ValueError, OverflowError):
        raise ValueError(f"{path}: expected a label and the number of its character a line; fetch it again") from None
    # Class names have to differ in more than case.
    names = {
        label: f"lower-case {character}" if character.islower() and character.upper() in codes.values() else character
        for label, character in codes.items()
    }
    return lambda label: names.get(label, str(label))
