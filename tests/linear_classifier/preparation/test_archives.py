"""Hostile, damaged and odd tars and zips: refused by name in one line, in bounded time and memory, or read right."""

import bz2
import gc
import gzip
import io
import lzma
import struct
import tarfile
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from linear_classifier.preparation import archives, inflating, tar_members, zip_members
from linear_classifier.preparation.layouts import find_images
from linear_classifier.preparation.source_image import SourceImage
from tests.linear_classifier.preparation.sources import (
    NO_SPLITS,
    WITHOUT_SPLITS,
    contents_of,
    find_all,
    images,
    pack_tar,
    pack_zip,
    passed_over,
    png,
    unusable,
    write_files,
)

Files = list[tuple[str, bytes | str]]
GOOD: Files = [("cat/1.png", png(1)), ("dog/1.png", png(2))]
PACKERS: dict[str, Callable[[Path, Files], Path]] = {"tar": pack_tar, "zip": pack_zip}

UNSAFE = {
    "../out.png": "its path climbs with ..",
    "cat/../../out.png": "its path climbs with ..",
    "cat/..": "its path climbs with ..",
    "/etc/cat.png": "its path is absolute",
    "C:/cat/1.png": "its path is absolute",
    "c:cat.png": "its path is absolute",
    "cat\\..\\out.png": "its path has a backslash; write /",
    "https://host/cat/1.png": "an address, not a file",
    "d/" * 51 + "1.png": "more than 50 folders deep",
    "cat/inner.zip": "an archive in an archive; unpack it",
    "cat/inner.tar.gz": "an archive in an archive; unpack it",
}


@pytest.mark.parametrize("path", UNSAFE)
@pytest.mark.parametrize("kind", PACKERS)
def test_open_archive_refuses_a_member(kind: str, path: str, tmp_path: Path) -> None:
    source = PACKERS[kind](tmp_path / "a", [*GOOD, (path, b"x")])
    assert unusable(source) == {f"a/{path}": UNSAFE[path]}
    assert len(images(source)) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["a"]  # nothing is unpacked


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("kind", PACKERS)
def test_open_archive_refuses_names_that_come_twice(kind: str, tmp_path: Path) -> None:
    source = PACKERS[kind](tmp_path / "a", [*GOOD, ("cat/2.png", b"x"), ("./cat//2.png", b"y"), ("cat/1.png", b"z")])
    reason = "more than once in the archive"
    assert unusable(source) == {"a/cat/1.png": reason, "a/cat/2.png": reason}


@pytest.mark.parametrize("kind", PACKERS)
def test_open_archive_refuses_a_member_too_large(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MAX_MEMBER", 1000)
    source = PACKERS[kind](tmp_path / "a", [*GOOD, ("cat/2.png", b"x" * 1001), ("cat/3.png", b"x" * 1000)])
    assert unusable(source) == {"a/cat/2.png": "it has 1001 bytes, expected at most 1000"}


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        (tarfile.SYMTYPE, "1.png"),
        (tarfile.SYMTYPE, "/etc/passwd"),
        (tarfile.LNKTYPE, "cat/1.png"),
        (tarfile.FIFOTYPE, ""),
        (tarfile.CHRTYPE, ""),
        (tarfile.BLKTYPE, ""),
    ],
)
def test_open_archive_refuses_links_and_special_files_in_a_tar(kind: bytes, target: str, tmp_path: Path) -> None:
    source = pack_tar(tmp_path / "a.tar", GOOD)
    info = tarfile.TarInfo("cat/odd.png")
    info.type, info.linkname = kind, target
    with tarfile.open(source, "a") as archive:
        archive.addfile(info)
    assert unusable(source)["a.tar/cat/odd.png"].startswith("a link" if target else "a FIFO, socket or device")


def test_open_archive_refuses_links_in_a_zip(tmp_path: Path) -> None:
    source = pack_zip(tmp_path / "a.zip", GOOD)
    info = zipfile.ZipInfo("cat/link.png")
    info.external_attr = 0o120777 << 16
    with zipfile.ZipFile(source, "a") as archive:
        archive.writestr(info, "/etc/passwd")
    assert unusable(source) == {"a.zip/cat/link.png": "a link"}


def test_open_archive_names_names_that_are_not_utf8(tmp_path: Path) -> None:
    source = tmp_path / "a.tar"
    with tarfile.open(source, "w", encoding="utf-8", errors="surrogateescape") as archive:
        for name in ("cat/1.png", "dog/1.png", "cat/\udcff.png"):
            archive.addfile(tarfile.TarInfo(name))
    assert unusable(source) == {"a.tar/cat/\\xff.png": "its name is not UTF-8"}
    packed = pack_zip(tmp_path / "a.zip", [*GOOD, ("cat/ä.png", b"x")]).read_bytes()
    (tmp_path / "a.zip").write_bytes(packed.replace("ä".encode(), b"\xff\xfe"))
    with pytest.raises(ValueError, match="a name that is not UTF-8"):
        find_all(tmp_path / "a.zip")


# --- damaged


def pack(path: Path, mode: str) -> Path:
    files: Files = [(name, data) for name, data in NO_SPLITS.items()]
    return pack_zip(path, files) if mode == "zip" else pack_tar(path, files, mode)  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz", "zip"])
def test_open_archive_refuses_a_truncated_one(mode: str, tmp_path: Path) -> None:
    whole = pack(tmp_path / "whole", mode).read_bytes()
    end = whole.rstrip(b"\0") if mode == "w" else whole  # a tar's end is padded
    cuts = [len(end) * tenth // 10 for tenth in range(1, 10)] + [1, 300, len(end) - 1]
    cuts += range(512, len(end), 512) if mode == "w" else []
    for cut in cuts:
        source = tmp_path / f"cut-{cut}"
        source.write_bytes(whole[:cut])
        with pytest.raises(ValueError, match=f"cut-{cut}: ") as caught:
            find_all(source)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz", "zip"])
def test_open_archive_never_crashes_or_gives_other_bytes_for_a_damaged_one(mode: str, tmp_path: Path) -> None:
    """A plain tar has no checksum of its files' content; the rest notice every changed bit."""
    whole = pack(tmp_path / "whole", mode).read_bytes()
    source = tmp_path / "damaged"
    for place in range(0, len(whole), max(1, len(whole) // 150)):
        source.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        try:
            found = find_all(source)
        except ValueError as error:
            assert str(source) in str(error)
            continue
        contents = {item.content for item in found if isinstance(item, SourceImage)}
        assert mode == "w" or contents <= set(NO_SPLITS.values())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"the archive is empty \(0 bytes\)"),
        (b"not an archive", "neither a folder nor a tar or zip"),
        (png(1), "neither a folder nor a tar or zip"),
        (b"path,label\n1.png,cat\n", "neither a folder nor a tar or zip"),
        (b"\0" * 10240, "neither a folder nor a tar or zip"),
        (gzip.compress(b"text" * 1000, mtime=0), "damaged or truncated"),
        (gzip.compress(b"", mtime=0), "damaged or truncated"),
        (bz2.compress(png(1)), "damaged or truncated"),
        (lzma.compress(png(1)), "damaged or truncated"),
        (b"PK\3\4" + b"x" * 1000, "damaged or truncated"),
        (b"PK\5\6" + b"\0" * 18, "no images found"),
        (b"7z\xbc\xaf\x27\x1c" + b"x" * 100, "a 7z file, expected tar, tar.gz"),
        (b"Rar!\x1a\x07\0" + b"x" * 100, "a rar file, expected tar"),
        (b"\x28\xb5\x2f\xfd" + b"x" * 100, "a zstd file, expected tar"),
    ],
)
@pytest.mark.parametrize("name", ["images.zip", "images.tar.gz"])
def test_open_archive_refuses_what_is_none(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    source = tmp_path / name
    source.write_bytes(content)
    with pytest.raises(ValueError, match=f"{name}: .*{message}"):
        find_all(source)


def test_open_archive_goes_by_content_and_not_by_suffix(tmp_path: Path) -> None:
    files: Files = [(name, data) for name, data in NO_SPLITS.items()]
    assert contents_of(find_images("folder", pack_tar(tmp_path / "a.zip", files, "w:xz"))) == WITHOUT_SPLITS
    assert contents_of(find_images("folder", pack_zip(tmp_path / "a.tar", files))) == WITHOUT_SPLITS


# --- hostile


def test_open_archive_refuses_an_encrypted_zip(tmp_path: Path) -> None:
    source = pack_zip(tmp_path / "a.zip", GOOD)
    content = bytearray(source.read_bytes())
    content[content.rindex(b"PK\1\2") + 8] |= 1
    source.write_bytes(content)
    with pytest.raises(ValueError, match=r"a.zip: 'dog/1.png' is encrypted; pack it again without a password"):
        find_all(source)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, 93, 97])
def test_open_archive_refuses_another_compression_in_a_zip(method: int, tmp_path: Path) -> None:
    source = pack_zip(tmp_path / "a.zip", GOOD)
    content = bytearray(source.read_bytes())
    place = content.index(b"PK\1\2") + 10
    content[place : place + 2] = struct.pack("<H", method)
    source.write_bytes(content)
    with pytest.raises(ValueError, match=f"'cat/1.png' is compressed by method {method}, expected 0 .stored. or 8"):
        find_all(source)


def bomb(mode: str, path: Path, size: int) -> Path:
    files: Files = [*GOOD, *((f"cat/{number}.bmp", bytes(size // 4)) for number in range(2, 6))]
    return pack_zip(path, files) if mode == "zip" else pack_tar(path, files, mode)  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", ["w:gz", "w:bz2", "w:xz", "zip"])
def test_open_archive_refuses_a_bomb_by_ratio(mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inflating, "FREE", 10**6)
    source = bomb(mode, tmp_path / "bomb", 8 * 10**6)
    with pytest.raises(ValueError, match=r"bomb.*: grows from .* bytes or more, as a bomb does"):
        find_all(source)


def test_open_archive_reads_no_more_of_a_bomb_than_is_free(tmp_path: Path) -> None:
    source = tmp_path / "bomb.tar.gz"
    with gzip.open(source, "wb", 9) as file:
        info = tarfile.TarInfo("cat/1.png")
        info.size = 10**12
        file.write(info.tobuf(tarfile.GNU_FORMAT))
        for _ in range(300):
            file.write(bytes(10**6))
    tracemalloc.start()
    with pytest.raises(ValueError, match="as a bomb does"):
        find_all(source)
    assert tracemalloc.get_traced_memory()[1] < 3 * 10**6
    tracemalloc.stop()


def test_open_archive_believes_no_declared_size(tmp_path: Path) -> None:
    """A member that says 10 bytes and inflates to a million is damaged; no more than 10 are ever kept."""
    source = pack_zip(tmp_path / "a.zip", [*GOOD, ("cat/2.png", bytes(10**6))])
    content = source.read_bytes().replace(struct.pack("<I", 10**6), struct.pack("<I", 10))
    source.write_bytes(content)
    with pytest.raises(ValueError, match=r"damaged or truncated .*CRC"):
        find_all(source)


def test_open_archive_refuses_members_that_overlap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As D. Fifield's zip bomb: many entries, one compressed kernel."""
    monkeypatch.setattr(inflating, "FREE", 10**6)
    kernel = zlib.compress(bytes(10**5), 9)[2:-4]
    local = struct.pack("<4sHHHHHIIIHH", b"PK\3\4", 20, 0, 8, 0, 33, zlib.crc32(bytes(10**5)), len(kernel), 10**5, 9, 0)
    listed = b"".join(
        struct.pack(
            "<4sHHHHHHIIIHHHHHII",
            *(b"PK\1\2", 20, 20, 0, 8, 0, 33, zlib.crc32(bytes(10**5)), len(kernel), 10**5, 9, 0, 0, 0, 0, 0, 0),
        )
        + f"cat/{number:05}".encode()
        for number in range(1000)
    )
    body = local + b"cat/00000" + kernel
    end = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 1000, 1000, len(listed), len(body), 0)
    (tmp_path / "a.zip").write_bytes(body + listed + end)
    with pytest.raises(ValueError, match=r"grows from .* to 100000000 bytes or more"):
        find_all(tmp_path / "a.zip")


def test_open_archive_refuses_a_bomb_by_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    many: Files = [*GOOD, *((f"cat/{number}", b"") for number in range(100))]
    monkeypatch.setattr(tar_members, "MAX_IN_TAR", 100)
    with pytest.raises(ValueError, match=r"a.tar: more than 100 members"):
        find_all(pack_tar(tmp_path / "a.tar", many))
    monkeypatch.setattr(zip_members, "MAX_IN_ZIP", 100)
    with pytest.raises(ValueError, match=r"a.zip: 102 members, expected at most 100; pack it as tar"):
        find_all(pack_zip(tmp_path / "a.zip", many))
    monkeypatch.setattr(zip_members._BoundedFile, "limit", 5000)
    with pytest.raises(ValueError, match=r"a list of .* bytes, expected at most 5000"):
        find_all(tmp_path / "a.zip")


def tar_of(*blocks: bytes) -> bytes:
    return b"".join(block + bytes(-len(block) % 512) for block in blocks) + bytes(1024)


def header(name: str, size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    return info.tobuf(tarfile.GNU_FORMAT)


HOSTILE_TARS: dict[str, tuple[Callable[[], bytes], str]] = {
    "a size below zero": (lambda: tar_of(header("cat/1.png", -512)), "negative size"),
    "a size below zero in a pax header": (
        lambda: tar_of(header("x", 14, tarfile.XHDTYPE), b"14 size=-5120\n", header("cat/1.png", 0), b"") * 2,
        "damaged or truncated",
    ),
    "a pax header that is no number": (
        lambda: tar_of(header("x", 11, tarfile.XHDTYPE), b"99999 size=", header("cat/1.png", 0)),
        "damaged or truncated|no images|one class",
    ),
    "a pax header of a gigabyte": (lambda: tar_of(header("x", 2**30, tarfile.XHDTYPE), b"x"), "a header of 1073741824"),
    "a name of a gigabyte": (
        lambda: tar_of(header("x", 2**30, tarfile.GNUTYPE_LONGNAME), b"x"),
        "a header of 1073741824 bytes, expected at most",
    ),
    "ten thousand names in a row": (
        lambda: tar_of(*[header("x", 1, tarfile.GNUTYPE_LONGNAME), b"x"] * 10_000),
        "too many headers in a row|damaged",
    ),
    "holes": (lambda: tar_of(header("cat/1.png", 2**40, tarfile.GNUTYPE_SPARSE)), "has holes"),
    "a header changed in its middle": (
        lambda: tar_of(header("cat/1.png", 0), header("dog/1.png", 0).replace(b"dog", b"dag")),
        "a header is damaged",
    ),
    "text behind a header": (lambda: tar_of(header("cat/1.png", 0), b"text" * 128), "a header is damaged"),
}


@pytest.mark.parametrize("name", HOSTILE_TARS)
def test_open_archive_refuses_a_hostile_tar(name: str, tmp_path: Path) -> None:
    make, message = HOSTILE_TARS[name]
    (tmp_path / "a.tar").write_bytes(make())
    with pytest.raises(ValueError, match=f"a.tar: .*({message})"):
        find_all(tmp_path / "a.tar")


def test_open_archive_limits_what_xz_may_take(tmp_path: Path) -> None:
    source = pack_tar(tmp_path / "a.tar", GOOD)
    stream = lzma.LZMACompressor(filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 2**16}])
    packed = bytearray(stream.compress(source.read_bytes()) + stream.flush())
    packed[16] = 36  # the dictionary's size: 2 GiB. To make such a file in earnest takes ten times as much
    packed[20:24] = struct.pack("<I", zlib.crc32(packed[12:20]))
    source.write_bytes(packed)
    with pytest.raises(ValueError, match=r"a.tar: damaged or truncated .*[Mm]emory"):
        find_all(source)


# --- odd but good


def test_open_archive_takes_odd_ones(tmp_path: Path) -> None:
    long = "cat/" + "ä" * 120 + ".png"
    files: Files = [
        ("./", b""),
        ("cat/", b""),
        *GOOD,
        (long, b"x"),
        ("dog/sub/deeper/2.png", b"y"),
        ("dog/空.png", b"z"),
    ]
    for number, form in enumerate((tarfile.PAX_FORMAT, tarfile.GNU_FORMAT)):
        source = tmp_path / f"{number}.tar"
        with tarfile.open(
            source, "w", format=form, pax_headers={"comment": "x" * 1000} if not number else None
        ) as archive:
            for name, content in files:
                info = tarfile.TarInfo(name)
                info.size = len(content)
                info.type = tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE
                archive.addfile(info, io.BytesIO(content if isinstance(content, bytes) else b""))
        assert len(images(source)) == 5
        assert not unusable(source)
    assert len(images(pack_zip(tmp_path / "a.zip", files[1:]))) == 5


def test_open_archive_reads_names_that_macos_writes_as_utf8_without_a_flag(tmp_path: Path) -> None:
    source = pack_zip(tmp_path / "a.zip", [("käse/1.png", b"x"), ("dog/1.png", b"y")])
    content = bytearray(source.read_bytes())
    for signature, place in ((b"PK\3\4", 7), (b"PK\1\2", 9)):
        content[content.index(signature) + place] &= ~0x08
    source.write_bytes(content)
    assert {label for _, label, _ in images(source)} == {"käse", "dog"}


def test_open_archive_passes_over_what_is_hidden(tmp_path: Path) -> None:
    stray: Files = [("__MACOSX/cat/._1.png", b"x"), (".DS_Store", b"x"), ("cat/Thumbs.db", b"x"), ("cat/a.txt", b"x")]
    for source in (pack_tar(tmp_path / "a", [*GOOD, *stray]), pack_zip(tmp_path / "b", [*GOOD, *stray])):
        assert passed_over(source).keys() == {f"{source.name}/{name}" for name, _ in stray}
        assert len(images(source)) == 2


def test_open_archive_takes_an_archive_beside_folders_for_no_image(tmp_path: Path) -> None:
    write_files(tmp_path, dict(GOOD))
    pack_tar(tmp_path / "original.tar", GOOD)
    assert passed_over(tmp_path) == {"original.tar": "an archive beside the images"}


def test_open_archive_keeps_no_member_in_memory(tmp_path: Path) -> None:
    source = pack_tar(tmp_path / "a.tar", [(f"{label}/{n}.png", b"x") for label in ("cat", "dog") for n in range(500)])
    for number, _ in enumerate(find_images("folder", source), 1):
        kept = sum(type(item) is tarfile.TarInfo for item in gc.get_objects()) if number == 1000 else 0
        assert kept < 5
    assert number == 1000
