"""What an archive says of one of its members, and how large that may be."""

from collections.abc import Callable
from typing import NamedTuple

MAX_MEMBER = 100 * 10**6  # bytes of a file in an archive, which is read whole


class Member(NamedTuple):
    """A member whose content is not read yet; `kind` is one of the file system's, as `stat.S_IFREG`."""

    path: str
    kind: int
    size: int
    read: Callable[[], bytes]
