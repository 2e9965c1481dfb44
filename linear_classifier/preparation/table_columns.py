"""Which columns of a table are path, label and split, and what a cell of these says."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from linear_classifier.data.splits import SplitName
from linear_classifier.io.sections import short_repr
from linear_classifier.preparation.source_names import SPLIT_WORDS, split_named

# The first of each is ours and Hugging Face's, and wins; of the others one is to be there.
PATH_NAMES = (
    *("path", "file_name", "filename", "file", "filepath", "file_path"),
    *("image", "image_path", "image_name", "img"),
)
LABEL_NAMES = ("label", "class", "class_name", "classname", "label_name", "category", "target", "cls")
SPLIT_NAMES = ("split", "subset", "partition", "set")


class Columns(NamedTuple):
    """The names of the columns, None for one that is not there."""

    path: str | None
    label: str | None
    split: str | None


def find_columns(names: Sequence[str]) -> Columns:
    """Which of `names` are the columns of a manifest.

    Raises:
        ValueError: there are two for one of them, and none has the first of its names.
    """
    label = _choose(names, LABEL_NAMES) or _choose(names, ("text",))  # Hugging Face's name for a caption
    return Columns(_choose(names, PATH_NAMES), label, _choose(names, SPLIT_NAMES))


def need_columns(names: Sequence[str], where: str) -> Columns:
    """As `find_columns`, with a path and a label.

    Raises:
        ValueError: one of these is missing; the message begins with `where` and names the columns that were found.
    """
    try:
        columns = find_columns(names)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
    if columns.path and columns.label:
        return columns
    missing = " and no ".join(what for what, name in (("path", columns.path), ("label", columns.label)) if not name)
    found = ", ".join(short_repr(name) for name in names[:20]) or "nothing"
    raise ValueError(f"{where}: no {missing} column, found {found}; expected path, label and perhaps split")


def label_of(value: Any) -> str:
    """The label that a cell has; a whole number becomes text.

    Raises:
        ValueError: it is empty, or neither text nor a whole number.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if value is None or (isinstance(value, str) and not value.strip()):
        raise ValueError("the label is empty")
    if not isinstance(value, str):
        raise ValueError(f"the label is {short_repr(value)}, expected text or a whole number")
    return value.strip()


def split_of(value: Any) -> SplitName | None:
    """The split that a cell has, None for an empty one.

    Raises:
        ValueError: it is none that is understood.
    """
    if value is None or value == "":
        return None
    split = split_named(value) if isinstance(value, str) else None
    if split is None:
        raise ValueError(f"the split is {short_repr(value)}, expected one of {', '.join(SPLIT_WORDS)}, or nothing")
    return split


def _choose(names: Sequence[str], words: Sequence[str]) -> str | None:
    plain = {name: name.strip().lower().replace(" ", "_").replace("-", "_") for name in names}
    found = [name for name in names if plain[name] in words]
    best = [name for name in found if plain[name] == words[0]] or found
    if len(best) > 1:
        raise ValueError(f"{len(best)} columns may be the {words[0]}: {', '.join(best)}; rename one to {words[0]}")
    return best[0] if best else None
