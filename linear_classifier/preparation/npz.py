"""NumPy's .npz with images and labels: MedMNIST's keys (train_images, train_labels, val_...), or Keras's (x_train).

The arrays are read in a stream, stored or deflated; no pickle is ever loaded.
"""

import io
import re
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO

import numpy as np

from linear_classifier.data.splits import SplitName
from linear_classifier.io.files import open_regular
from linear_classifier.preparation.array_pairs import ArrayStream, check_pair, pair_images
from linear_classifier.preparation.inflating import damage_as_value_error
from linear_classifier.preparation.source_image import Found
from linear_classifier.preparation.source_names import list_some, split_named
from linear_classifier.preparation.zip_members import check_zip_member

_IMAGES, _LABELS = ("images", "x", "image", "data"), ("labels", "y", "label", "target", "targets")
MAX_ARRAYS = 1000


def find_npz(source: Path) -> Iterator[Found]:
    """Every image of the file `source`.

    Raises:
        ValueError: it is no such file, or is damaged, or its arrays are not images and labels.
    """
    if source.is_dir():
        raise ValueError(f"{source}: a folder, expected a file .npz; name it as prepare.source, or set prepare.dataset")
    with open_regular(source) as file, damage_as_value_error(source), ExitStack() as stack:
        archive = stack.enter_context(zipfile.ZipFile(file))
        pairs = _pair_keys(source, archive)
        streams = {
            split: (_open_array(source, archive, images, stack), _open_array(source, archive, labels, stack))
            for split, (images, labels) in pairs.items()
        }
        for pair in streams.values():
            check_pair(*pair)
        for split, pair in streams.items():
            yield from pair_images(*pair, split)


def _pair_keys(source: Path, archive: zipfile.ZipFile) -> dict[SplitName | None, tuple[str, str]]:
    """For each split the names of its two arrays."""
    names = [name.removesuffix(".npy") for name in archive.namelist()]
    if len(names) > MAX_ARRAYS or len(set(names)) < len(names):
        raise ValueError(f"{source}: {len(names)} arrays, some perhaps twice; expected a few, each once")
    found: dict[SplitName | None, dict[str, list[str]]] = defaultdict(lambda: {"images": [], "labels": []})
    for name in names:
        if meaning := _understand(name):
            found[meaning[0]][meaning[1]].append(name)
    pairs = {
        split: (kinds["images"][0], kinds["labels"][0])
        for split, kinds in found.items()
        if len(kinds["images"]) == len(kinds["labels"]) == 1
    }
    if not pairs or len(pairs) < len(found) or (None in pairs and len(pairs) > 1):
        raise ValueError(
            f"{source}: the arrays {list_some(names, len(names))}, expected pairs such as train_images and "
            "train_labels, x_train and y_train, or images and labels; save it with such names"
        )
    return pairs


def _understand(name: str) -> tuple[SplitName | None, str] | None:
    """Which split's images or labels the array `name` holds, if any."""
    words = [word for word in re.split("[_-]", name.lower()) if word]
    kinds = [word for word in words if word in _IMAGES + _LABELS]
    splits = [split for word in words if (split := split_named(word))]
    if len(kinds) != 1 or len(words) != 1 + len(splits) or len(splits) > 1:
        return None
    return (splits[0] if splits else None), "images" if kinds[0] in _IMAGES else "labels"


def _open_array(source: Path, archive: zipfile.ZipFile, name: str, stack: ExitStack) -> ArrayStream:
    where = f"{source.name}/{name}"
    info = next(info for info in archive.infolist() if info.filename.removesuffix(".npy") == name)
    check_zip_member(source, info)
    member = stack.enter_context(archive.open(info))
    shape, is_fortran, dtype = _read_header(member, where)
    if dtype.hasobject:
        raise ValueError(f"{where}: Python objects, expected uint8 images and whole numbers as labels; nothing is run")
    if is_fortran and len(shape) > 1:
        raise ValueError(f"{where}: in Fortran order, expected C order; save np.ascontiguousarray of it")
    return ArrayStream(where, shape, dtype, lambda size: _read_exactly(source, member, size, where))


def _read_header(member: IO[bytes], where: str) -> tuple[tuple[int, ...], bool, "np.dtype[np.generic]"]:
    """Shape, whether it is in Fortran order, and dtype of the .npy file `member`."""
    try:
        version = np.lib.format.read_magic(member)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, is_fortran, dtype = read(member)
    except (zipfile.BadZipFile, EOFError):
        raise
    except Exception as error:  # NumPy evaluates the header, and a damaged one raises nearly any type
        raise ValueError(f"{where}: no array ({' '.join(str(error).split())[:200]})") from None
    if not shape or min(shape) < 0:
        raise ValueError(f"{where}: an array of shape {shape}, expected one with a row an image")
    return shape, is_fortran, dtype


def _read_exactly(source: Path, member: IO[bytes], size: int, where: str) -> bytes:
    with damage_as_value_error(source):
        parts = io.BytesIO()
        while part := member.read(size - parts.tell()):
            parts.write(part)
    if parts.tell() != size:
        raise ValueError(f"{source}: {where} is truncated; fetch it again")
    return parts.getvalue()
