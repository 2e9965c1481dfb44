"""Many images decoded at once: on every core this process may use, in the order they come in, in bounded memory."""

import ctypes
import hashlib
import multiprocessing
import os
import signal
import sys
import warnings
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import NamedTuple, NoReturn

import numpy as np

from linear_classifier.preparation.decoding import Content, Decoding
from linear_classifier.preparation.source_image import SourceImage

CHUNK_IMAGES = 128  # decoded at a time by a worker,
CHUNK_BYTES = 2**22  # or fewer, where their pixels or what is in memory of their files take more
AHEAD = 3  # chunks for each worker that may be under way
SECONDS_AN_IMAGE = 60  # the largest one allowed takes three: whoever takes as long was made to
SECONDS_A_CHUNK = 600  # then the worker hangs, as on a disk that is gone
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


class Decoded(NamedTuple):
    """Pixels uint8 `(channels, height, width)` and their SHA-256."""

    pixels: bytes
    sha256: bytes


Outcome = Decoded | str
"""A string says why an image cannot be used."""


def decode_all(images: Iterable[SourceImage], decoding: Decoding) -> Generator[tuple[SourceImage, Outcome]]:
    """Each of `images`, in order, with what it decodes to; closing it ends the workers.

    Raises:
        RuntimeError: a worker was killed, or hangs.
    """
    num_workers = count_cores()
    under_way: deque[tuple[list[SourceImage], Future[list[Outcome]]]] = deque()
    with _pool(num_workers) as pool:
        for chunk in _cut(images, decoding.num_bytes):
            under_way.append((chunk, _start(pool, [image.content for image in chunk], decoding)))
            if len(under_way) >= AHEAD * num_workers:
                yield from _finish(*under_way.popleft())
        while under_way:
            yield from _finish(*under_way.popleft())


def count_cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


@contextmanager
def _pool(num_workers: int) -> Iterator[ProcessPoolExecutor]:
    """Workers that start when there is work, and are gone at the end, whatever they do then."""
    context = multiprocessing.get_context("spawn")  # a fork would copy threads' locks, those of NumPy and tqdm
    pool = ProcessPoolExecutor(num_workers, context, initializer=_start_worker)
    try:
        yield pool
    except BaseException:
        for worker in multiprocessing.active_children():
            worker.kill()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _cut(images: Iterable[SourceImage], image_bytes: int) -> Iterator[list[SourceImage]]:
    chunk: list[SourceImage] = []
    size = 0
    for image in images:
        chunk.append(image)
        size += image_bytes + _size_in_memory(image.content)
        if len(chunk) == CHUNK_IMAGES or size >= CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _size_in_memory(content: Content) -> int:
    return len(content) if isinstance(content, bytes) else content.nbytes if isinstance(content, np.ndarray) else 0


def _start(pool: ProcessPoolExecutor, contents: list[Content], decoding: Decoding) -> Future[list[Outcome]]:
    if all(isinstance(content, np.ndarray) and decoding.fits(content) for content in contents):
        done: Future[list[Outcome]] = Future()  # nothing is to be decoded: to send them away would take longer
        done.set_result([_decode(content, decoding) for content in contents])
        return done
    return pool.submit(_decode_in_worker, contents, decoding)


def _finish(chunk: list[SourceImage], future: Future[list[Outcome]]) -> Iterator[tuple[SourceImage, Outcome]]:
    where = f"{chunk[0].path} or one of the {len(chunk) - 1} images after it" if len(chunk) > 1 else chunk[0].path
    try:
        outcomes = future.result(timeout=SECONDS_A_CHUNK)
    except TimeoutError:
        raise RuntimeError(
            f"{where}: not decoded within {SECONDS_A_CHUNK} seconds; look whether the disk answers, and run it again"
        ) from None
    except BrokenProcessPool:
        raise RuntimeError(
            f"{where}: the process that decoded it was killed, as the system does where memory runs out; give it more "
            "memory, or fewer cores (as `taskset` does), and run it again"
        ) from None
    return zip(chunk, outcomes, strict=True)


def _decode(content: Content, decoding: Decoding) -> Outcome:
    try:
        pixels = decoding.decode(content)
    except ValueError as error:
        return str(error)
    return Decoded(pixels, hashlib.sha256(pixels).digest())


def _decode_in_worker(contents: list[Content], decoding: Decoding) -> list[Outcome]:
    outcomes = []
    for content in contents:
        signal.setitimer(signal.ITIMER_REAL, SECONDS_AN_IMAGE)
        outcomes.append(_decode(content, decoding))
    signal.setitimer(signal.ITIMER_REAL, 0)
    return outcomes


def _start_worker() -> None:
    """Die with the stage, leave Ctrl-C to it, and say nothing: the libraries of the formats print of their own."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, _give_up)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    warnings.simplefilter("ignore")


def _give_up(*_: object) -> NoReturn:
    raise TimeoutError(f"it takes more than {SECONDS_AN_IMAGE} seconds to decode")
