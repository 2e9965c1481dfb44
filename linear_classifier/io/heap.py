"""Where threads have their memory from."""

import ctypes
from contextlib import suppress

_M_ARENA_MAX = -8  # malloc.h of glibc


def use_one_heap() -> None:
    """Have all threads of this process allocate from one heap, where the C library is glibc; see mallopt(3).

    One thread makes batches and another one frees them. With a heap for each, memory grows, and more of what is freed
    goes back to the system, which clears it page by page for the next batch: up to a tenth of the time.
    """
    with suppress(AttributeError):  # of another C library
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)
