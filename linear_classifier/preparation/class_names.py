"""The classes of a source: whether they are distinct, and their order."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from linear_classifier.preparation.source_names import list_some, show

MAX_CLASSES = 10_000
MAX_NAME = 255  # characters; the model file takes no longer one
MAX_LISTED = 100  # faults, so that a message ends


def natural_order(names: Iterable[str]) -> list[str]:
    """`names` sorted so that "2" stands before "10"."""
    return sorted(names, key=lambda name: (_natural_key(name), name))


def check_classes(counts: Mapping[str, int], where: str = "prepare.source") -> None:
    """Raise one ValueError that says all that is wrong with the classes of `where`; `counts` has the images of each."""
    faults = list(_find_faults(counts))
    if faults:
        more = f"; and {len(faults) - MAX_LISTED} faults more" if len(faults) > MAX_LISTED else ""
        raise ValueError(
            f"{where}: the classes cannot be used: {'; '.join(faults[:MAX_LISTED])}{more}; rename, remove or add some"
        )


def _find_faults(counts: Mapping[str, int]) -> Iterator[str]:
    names = natural_order(counts)
    if len(names) == 1:
        yield f"there is one class only, {_quote(names[0])}, expected two or more"
    if len(names) > MAX_CLASSES:
        yield f"there are {len(names)} or more, expected at most {MAX_CLASSES} (the first are {list_some(names, 0)})"
        return
    for name in names:
        if reason := _why_unfit(name):
            yield f"{_quote(name)} {reason}"
        if not counts[name]:
            yield f"{_quote(name)} is empty, without an image that can be used"
    alike: dict[str, list[str]] = defaultdict(list)
    for name in names:
        alike[_fold(name)].append(name)
    for group in alike.values():
        if len(group) > 1:
            yield f"{' and '.join(map(_quote, group))} differ only in case or Unicode form"


def _why_unfit(name: str) -> str | None:
    if not name:
        return "has no name"
    if len(name) > MAX_NAME:
        return f"has a name of {len(name)} characters, expected at most {MAX_NAME}"
    return None if name.isprintable() else "has a name that is not printable UTF-8"


def _fold(name: str) -> str:
    """The same for names that differ only in case or Unicode form (Unicode, D146: compatibility caseless match)."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKD", name).casefold())


def _quote(name: str) -> str:
    short = name if len(name) <= 60 else name[:57] + "..."
    return ascii(short) if unicodedata.normalize("NFC", short) != short else repr(show(short))


def _natural_key(name: str) -> list[tuple[int, str]]:
    """Text and numbers by turns; a number sorts by its length first, which no number is too long for."""
    parts = re.split("([0-9]+)", name)
    return [(len(digits := part.lstrip("0")), digits) if place % 2 else (0, part) for place, part in enumerate(parts)]
