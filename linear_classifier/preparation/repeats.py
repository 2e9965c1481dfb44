"""Which of millions of names come twice, in 8 bytes a name."""

import hashlib
from array import array

import numpy as np


def key_of(name: str) -> int:
    """64 bits of `name`: of 6 million names, two have the same by chance once in a million times."""
    digest = hashlib.blake2b(name.encode(errors="surrogateescape"), digest_size=8).digest()
    return int.from_bytes(digest, "little")


class Repeats:
    """Names are added; then those that were added more than once are known."""

    def __init__(self) -> None:
        self._keys = array("Q")

    def add(self, name: str) -> None:
        self._keys.append(key_of(name))

    def find(self) -> frozenset[int]:
        """The keys of the names that came more than once."""
        if not self._keys:
            return frozenset()
        keys = np.frombuffer(self._keys, np.uint64)
        keys.sort()  # in place
        return frozenset(keys[1:][keys[1:] == keys[:-1]].tolist())
