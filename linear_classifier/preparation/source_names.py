"""Names in a source: which splits they mean, which files are passed over, which paths are refused."""

import re
from collections.abc import Iterable
from functools import lru_cache

from linear_classifier.data.splits import SplitName

SPLIT_WORDS: dict[str, SplitName] = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
    **dict.fromkeys(("test", "testing", "eval", "evaluation"), "test"),
}
MAX_DEPTH = 50  # folders, one in another
IMAGE_SUFFIXES = {
    *(".apng", ".avif", ".bmp", ".dib", ".gif", ".heic", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm"),
    *(".png", ".pnm", ".ppm", ".tga", ".tif", ".tiff", ".webp"),
}
ARCHIVE_SUFFIXES = {".7z", ".bz2", ".gz", ".rar", ".tar", ".tbz2", ".tgz", ".txz", ".xz", ".zip", ".zst"}
TABLE_SUFFIXES = {".csv", ".jsonl", ".ndjson", ".parquet", ".tsv"}
_OTHER_SUFFIXES = {
    *TABLE_SUFFIXES,
    *(".cls", ".css", ".db", ".doc", ".docx", ".dvc", ".htm", ".html", ".ini", ".ipynb", ".js", ".json", ".lock"),
    *(".log", ".md", ".md5", ".npy", ".npz", ".pdf", ".pkl", ".py", ".rst", ".sh", ".sha256", ".toml", ".txt"),
    *(".xls", ".xlsx", ".xml", ".yaml", ".yml"),
}
_OTHER_NAMES = {"authors", "changelog", "copying", "licence", "license", "makefile", "notice", "readme"}
_OF_SYSTEMS = {
    "__macosx",
    "thumbs.db",
    "ehthumbs.db",
    "desktop.ini",
    "@eadir",
    "$recycle.bin",
    "system volume information",
}


@lru_cache  # asked for every file of a folder
def split_named(word: str) -> SplitName | None:
    """The split that `word` means, in any case, or None."""
    return SPLIT_WORDS.get(word.strip().lower())


def suffix_of(path: str) -> str:
    """The last suffix of the file `path`, in lower case, such as `.png`; "" if it has none."""
    _, dot, suffix = path.rpartition("/")[2].lstrip(".").rpartition(".")
    return f".{suffix.lower()}" if dot else ""


def why_hidden(name: str) -> str | None:
    """Why a file or folder of this name is passed over wherever it lies, or None."""
    if name.startswith("."):
        return "hidden"
    return "made by an operating system" if name.lower() in _OF_SYSTEMS else None


def why_no_image(path: str) -> str | None:
    """Why the file `path` is plainly no image, or None: then its content decides, whatever its suffix says."""
    suffix = suffix_of(path)
    if suffix in IMAGE_SUFFIXES:
        return None
    if suffix in ARCHIVE_SUFFIXES:
        return "an archive beside the images"
    is_other = suffix in _OTHER_SUFFIXES or path.rpartition("/")[2].lower() in _OTHER_NAMES
    return "no image, by its name" if is_other else None


def why_unsafe(path: str) -> str | None:
    """Why `path`, as an archive or a manifest has it, is refused, or None: it stays below its folder."""
    if not is_utf8(path):
        return "its name is not UTF-8"
    if not path.strip() or "\0" in path:
        return "it has no name" if not path.strip() else "its name has a zero byte"
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", path):
        return "an address, not a file"
    if "\\" in path:
        return "its path has a backslash; write /"
    if path.startswith("/") or re.match(r"[A-Za-z]:", path):
        return "its path is absolute"
    if ".." in path.split("/"):
        return "its path climbs with .."
    return f"more than {MAX_DEPTH} folders deep" if path.count("/") > MAX_DEPTH else None


def normalise(path: str) -> str:
    """`path` without empty parts and those that are `.`."""
    return "/".join(part for part in path.split("/") if part not in ("", "."))


def is_utf8(name: str) -> bool:
    """Whether `name` has no byte that the system could not decode."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def show(name: str) -> str:
    r"""`name` as UTF-8 can hold it: each byte that is not UTF-8 as `\xff`."""
    if is_utf8(name):
        return name
    bytes_shown = re.sub("[\udc80-\udcff]", lambda byte: rf"\x{ord(byte[0]) - 0xDC00:02x}", name)
    return bytes_shown.encode(errors="backslashreplace").decode()


def list_some(names: Iterable[str], total: int) -> str:
    """The first of `names`, as a message shows them; `total` is how many there are."""
    first = [repr(show(name)) for name, _ in zip(names, range(5), strict=False)]
    return ", ".join(first) + (f" and {total - len(first)} more" if total > len(first) else "")
