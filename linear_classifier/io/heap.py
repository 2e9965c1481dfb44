"""How freed memory is kept for what is allocated next."""

import ctypes
from contextlib import suppress

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # malloc.h of glibc
_KEPT_BYTES, _MAPPED_BYTES = 2**23, 2**25


def keep_freed_memory() -> None:
    """Keep 8 MB of freed memory in one heap for all threads, where the C library is glibc; see mallopt(3).

    Left alone, it gives the megabytes of a batch back to the system, which clears them page by page for the next batch:
    a tenth of the time. And since one thread makes batches that another one frees, each has a heap that grows.
    """
    with suppress(AttributeError):  # of another C library
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_ARENA_MAX, 1)
        mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
        mallopt(_M_MMAP_THRESHOLD, _MAPPED_BYTES)  # only larger ones are had from the system and given back at once
