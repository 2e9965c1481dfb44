"""The members of a tar, in one pass and strictly: tarfile takes a damaged header for the archive's end."""

import stat
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Self, cast

from linear_classifier.io.files import open_regular
from linear_classifier.preparation.archive_member import Member
from linear_classifier.preparation.inflating import open_inflated

MAX_IN_TAR = 20_000_000  # members
MAX_EXTRA = 256 * 2**10  # bytes of a header that precedes a member, as for a long name; tarfile reads it whole
_EXTRA = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)


class _StrictTarInfo(tarfile.TarInfo):
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


def list_tar(path: Path, compression: str) -> Iterator[Member]:
    """Each member of the tar `path`, which is compressed by gz, bz2, xz, or not at all."""
    with open_regular(path) as file, open_inflated(file, compression) as stream:
        source = cast("BinaryIO", stream)  # of which tarfile only reads
        tar = tarfile.open(fileobj=source, mode="r|", tarinfo=_StrictTarInfo, encoding="utf-8")  # noqa: SIM115
        count = 0
        while (info := tar.next()) is not None:
            tar.members.clear()  # type: ignore[attr-defined]  # tarfile keeps every one
            count += 1
            if count > MAX_IN_TAR:
                raise ValueError(f"{path}: more than {MAX_IN_TAR} members; split it into several")
            yield Member(info.name, _kind_of(info), info.size, _reader_of(tar, info))
        while stream.read(2**16):  # to its end, where a compressed file has its checksum
            pass


def _reader_of(tar: tarfile.TarFile, info: tarfile.TarInfo) -> Callable[[], bytes]:
    def read() -> bytes:
        file = tar.extractfile(info)
        return file.read() if file else b""

    return read


def _kind_of(info: tarfile.TarInfo) -> int:
    if info.isreg() and not info.issparse():
        return stat.S_IFREG
    if info.isdir():
        return stat.S_IFDIR
    return stat.S_IFLNK if info.issym() or info.islnk() else stat.S_IFIFO
