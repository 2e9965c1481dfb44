"""The images of a split on disk: read by ranges, so that memory does not grow with their number."""

import math
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


class ImageFile:
    """Images uint8 `(n, channels, height, width)` that begin at `offset` of the file `path`.

    It is read and not mapped: what is mapped counts as memory of the process, and looks like a leak.
    """

    def __init__(self, path: Path, shape: tuple[int, ...], offset: int) -> None:
        self.path, self.shape, self.offset = path, shape, offset
        self.image_bytes = math.prod(shape[1:])

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def nbytes(self) -> int:
        return len(self) * self.image_bytes

    def __getitem__(self, rows: slice | NDArray[np.int64]) -> NDArray[np.uint8]:
        """The images of `rows`, in their order, `(len(rows), channels, height, width)`."""
        if isinstance(rows, slice):
            start, stop, step = rows.indices(len(self))
            if step == 1:
                return self.read(start, stop)
            rows = np.arange(start, stop, step)
        if not len(rows):
            return np.empty((0, *self.shape[1:]), np.uint8)
        return np.concatenate([self.read(row, row + 1) for row in rows.tolist()])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return self.read(0, len(self)).astype(dtype or np.uint8, copy=False)

    def read(self, start: int, stop: int) -> NDArray[np.uint8]:
        """The images from `start` to before `stop`."""
        images = np.empty((max(stop - start, 0), *self.shape[1:]), np.uint8)
        self.read_into(images, start)
        return images

    def read_into(self, images: NDArray[np.uint8], start: int) -> None:
        """Read the images from `start` on into `images`, until it is full.

        Raises:
            RuntimeError: the file has become shorter since it was opened.
        """
        view, position = images.reshape(-1).data, self.offset + start * self.image_bytes
        with self.path.open("rb", buffering=0) as file:
            file.seek(position)
            while view:
                count = file.readinto(view)
                if not count:
                    raise RuntimeError(f"{self.path}: became shorter while it was read; run `dvc repro` again")
                view = view[count:]

    def read_ahead(self, ranges: Iterable[tuple[int, int]]) -> None:
        """Let the system begin to read the images of each (start, stop), which are wanted soon; not every one can."""
        if not hasattr(os, "posix_fadvise"):
            return
        with suppress(OSError), self.path.open("rb", buffering=0) as file:  # to read them will say what is wrong
            for start, stop in ranges:
                position, size = self.offset + start * self.image_bytes, (stop - start) * self.image_bytes
                os.posix_fadvise(file.fileno(), position, size, os.POSIX_FADV_WILLNEED)
