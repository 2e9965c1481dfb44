"""WebDataset's pairs: key.png beside key.cls or key.json, in tars as a rule; a key ends at its first dot."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from linear_classifier.data.splits import SplitName
from linear_classifier.preparation.source_image import Found, PassedOver, SourceImage, Unusable
from linear_classifier.preparation.source_names import split_named, suffix_of, why_no_image
from linear_classifier.preparation.source_tree import SourceFile, SourceFolder, Tree
from linear_classifier.preparation.table_columns import find_columns, label_of, split_of

MAX_LABEL = 10**6  # bytes of a .cls or .json


@dataclass
class _Sample:
    """The files of one key, which follow each other."""

    key: str
    images: list[SourceImage] = field(default_factory=list)
    label: str | None = None
    split: SplitName | None = None
    faults: list[str] = field(default_factory=list)


def find_pairs(tree: Tree) -> Iterator[Found]:
    """Every image of `tree`, labelled by the file beside it; its split is that of its first folder, if it is one."""
    sample = _Sample("")
    for entry in tree.walk():
        if isinstance(entry, SourceFolder):
            continue
        if not isinstance(entry, SourceFile):
            yield entry
            continue
        key = _key_of(entry.path)
        if key != sample.key:
            yield from _finish(sample)
            sample = _Sample(key)
        if passed_over := _add(sample, entry):
            yield passed_over
    yield from _finish(sample)


def _key_of(path: str) -> str:
    folder, _, name = path.rpartition("/")
    return f"{folder}/{name.split('.')[0]}"


def _add(sample: _Sample, file: SourceFile) -> PassedOver | None:
    """Take `file` into `sample`, or say why not."""
    if suffix_of(file.path) in (".cls", ".json"):
        try:
            label, split = _read_label(file)
        except ValueError as error:
            sample.faults.append(f"{file.shown.rpartition('/')[2]}: {error}")
            return None
        if label is not None and sample.label not in (None, label):
            sample.faults.append(f"two labels, {sample.label!r} and {label!r}")
        sample.label = label if label is not None else sample.label
        sample.split = split or sample.split
        return None
    if reason := why_no_image(file.path):
        return PassedOver(file.shown, reason)
    sample.images.append(SourceImage(file.shown, "", _split_of(file.path), file.load()))
    return None


def _split_of(path: str) -> SplitName | None:
    folder, slash, _ = path.partition("/")
    return split_named(folder) if slash else None


def _finish(sample: _Sample) -> Iterator[Found]:
    if not sample.images and (sample.label is not None or sample.faults):
        yield PassedOver(sample.key.lstrip("/"), "a label without an image beside it")
    for image in sample.images:
        if sample.faults:
            yield Unusable(image.path, "; ".join(sample.faults))
        elif len(sample.images) > 1:
            yield Unusable(image.path, f"one of {len(sample.images)} images of one key, expected one")
        elif sample.label is None:
            yield Unusable(image.path, "no .cls beside it, and no .json with a label")
        else:
            yield image._replace(label=sample.label, split=sample.split or image.split)


def _read_label(file: SourceFile) -> tuple[str | None, SplitName | None]:
    """The label that `file` has, None where it is JSON without one, and the split that JSON may have.

    Raises:
        ValueError: it is damaged or too large.
    """
    content = file.load()
    if isinstance(content, str):
        with Path(content).open("rb") as opened:
            content = opened.read(MAX_LABEL + 1)
    if len(content) > MAX_LABEL:
        raise ValueError(f"a label of more than {MAX_LABEL} bytes")
    text = content.decode("utf-8-sig").strip()
    if suffix_of(file.path) == ".cls":
        if not text:
            raise ValueError("the label is empty")
        return (str(int(text)) if text.isascii() and text.isdigit() else text), None
    return _parse_json(text)


def _parse_json(text: str) -> tuple[str | None, SplitName | None]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("damaged JSON") from None
    if not isinstance(value, dict):
        return label_of(value), None
    columns = find_columns(list(value))
    label = None if columns.label is None else label_of(value[columns.label])
    return label, None if columns.split is None else split_of(value[columns.split])
