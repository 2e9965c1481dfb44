"""What a user names → the pictures there: a file, a folder, an archive, or standard input with one of these."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import NamedTemporaryFile

from linear_classifier.preparation.archives import is_archive, open_archive
from linear_classifier.preparation.decoding import MAX_BYTES
from linear_classifier.preparation.source_image import Found, PassedOver, SourceImage, Unusable
from linear_classifier.preparation.source_names import show, why_no_image
from linear_classifier.preparation.source_tree import SourceFile, SourceFolder, Tree, open_folder

STANDARD_INPUT = "-"


def find_pictures(name: str) -> Iterator[Found]:
    """Every picture at `name`, each not decoded yet, what cannot be used, and what is passed over."""
    try:
        if name == STANDARD_INPUT:
            with NamedTemporaryFile() as file:
                shutil.copyfileobj(sys.stdin.buffer, file)
                file.flush()
                yield from map(_read_now, _find_in(Path(file.name), name))
        else:
            yield from _find_in(Path(name), show(name))
    except (ValueError, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        yield Unusable(show(name), reason)


def _find_in(path: Path, shown: str) -> Iterator[Found]:
    if path.is_dir():
        yield from _walk(open_folder(path), f"{shown.rstrip('/')}/")
    elif is_archive(path):
        yield from _walk(open_archive(path, shown), "")
    else:
        yield SourceImage(shown, "", None, str(path))


def _read_now(found: Found) -> Found:
    """`found`, whose file is about to go."""
    if not isinstance(found, SourceImage) or not isinstance(found.content, str):
        return found
    with Path(found.content).open("rb") as file:
        return found._replace(content=file.read(MAX_BYTES))


def _walk(tree: Tree, prefix: str) -> Iterator[Found]:
    for entry in tree.walk():
        if isinstance(entry, SourceFile):
            reason = why_no_image(entry.path)
            path = prefix + entry.shown
            yield PassedOver(path, reason) if reason else SourceImage(path, "", None, entry.load())
        elif not isinstance(entry, SourceFolder):
            yield entry._replace(path=prefix + entry.path)
