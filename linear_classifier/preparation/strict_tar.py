"""The headers of a tar, read without tarfile's mercy: it takes a damaged or missing header for the archive's end."""

import tarfile
from typing import Self

MAX_EXTRA = 256 * 2**10  # bytes of a header that precedes a member, as for a long name; tarfile reads it whole
_EXTRA = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)


class StrictTarInfo(tarfile.TarInfo):
    """A header that is whole and of bounded size, or a ValueError."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        if len(buf) != tarfile.BLOCKSIZE:
            raise tarfile.ReadError("ends without the empty blocks that end a tar")
        if not any(buf):
            return super().frombuf(buf, encoding, errors)  # which raises what ends the archive
        try:
            info = super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(f"a header is damaged: {error}") from None
        if info.size < 0 or info.type == tarfile.GNUTYPE_SPARSE:
            raise tarfile.ReadError(f"{info.name!r} has holes or a negative size")
        if info.type in _EXTRA and info.size > MAX_EXTRA:
            raise tarfile.ReadError(f"a header of {info.size} bytes, expected at most {MAX_EXTRA}")
        return info


def is_tar_header(block: bytes) -> bool:
    """Whether a file that begins with `block` is a tar, one from before the magic `ustar` too."""
    try:
        tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True
