"""What changed beside the metrics: params, rules, and the data's images, labels, counts and sources."""

import io
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linear_classifier.data.splits import Dataset, parse_dataset
from linear_classifier.io.sections import short_repr
from linear_classifier.io.yaml_file import parse_yaml
from tools.compare.revision import Revision
from tools.compare.revision_files import DATASET, IMAGES, LABELS, PREPARED, RULES, RevisionFiles

Setting = tuple[str, str, str]  # key, value before, value after


@dataclass(frozen=True, kw_only=True)
class DataChanges:
    """`same_test_images` is None where that cannot be known.

    `added`, `removed` and `renamed` are classes; those of (before, after) are renamed that the very same images have.
    `totals` are (split, images before, images after), `counts` (split, class, before, after), None for a class that is
    not there; `relabelled` are (split, label before, label after, images) of images that stayed; `notes` are
    sentences, for people.
    """

    same_test_images: bool | None
    added: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    renamed: list[tuple[str, str]] = field(default_factory=list)
    totals: list[tuple[str, int, int]] = field(default_factory=list)
    counts: list[tuple[str, str, int | None, int | None]] = field(default_factory=list)
    relabelled: list[tuple[str, str, str, int]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Changes:
    """Every changed key of params.yaml and of the rules, dotted, with both values as text; and the data's changes."""

    params: list[Setting]
    rules: list[Setting]
    data: DataChanges


def find_changes(files: tuple[RevisionFiles, RevisionFiles], base: Revision, head: Revision) -> Changes:
    """What `files`, those of `base` and `head`, differ in, as far as they can be had.

    Raises:
        ValueError: both were evaluated, on different test images.
    """
    data = _find_data_changes(files, base, head)
    if data.same_test_images is False and base.class_names:
        sizes = " and ".join(str(revision.num_images or "an unknown number of") for revision in (base, head))
        raise ValueError(
            f"{base.name} and {head.name}: their test images differ ({sizes} images{_tell_classes(data)}), so that "
            "their metrics are of different exams; evaluate both on the same images"
        )
    rules = diff_settings(_read_rules(base), _read_rules(head))
    return Changes(params=diff_settings(base.params, head.params), rules=rules, data=data)


def _tell_classes(data: DataChanges) -> str:
    """`; classes added: 'cat'; removed: 'dog'`, or nothing."""
    kinds = (("added", data.added), ("removed", data.removed))
    return "".join(f"; classes {kind}: {short_repr(names)}" for kind, names in kinds if names)


def diff_settings(before: Any, after: Any) -> list[Setting]:
    """Every key, dotted, whose value differs between two mappings."""
    old, new = _flatten(before), _flatten(after)
    keys = [key for key in {**old, **new} if key not in old or key not in new or old[key] != new[key]]
    return [(key, _value(old, key), _value(new, key)) for key in keys]


def _flatten(settings: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(settings, dict) or not settings:
        return {prefix: settings} if prefix else {}
    return {
        key: value
        for name, below in settings.items()
        for key, value in _flatten(below, f"{prefix}.{name}" if prefix else str(name)).items()
    }


def _value(settings: dict[str, Any], key: str) -> str:
    return short_repr(settings[key]) if key in settings else "not there"


def _read_rules(revision: Revision) -> Any:
    """rules.yaml, whatever keys it has."""
    try:
        return parse_yaml(revision.rules, RULES)
    except ValueError as error:
        return {"the file": str(error)}


def _find_data_changes(files: tuple[RevisionFiles, RevisionFiles], base: Revision, head: Revision) -> DataChanges:
    if _same(files, PREPARED):
        return DataChanges(same_test_images=True)
    same_test_images = _same(files, IMAGES["test"])
    if same_test_images is None and len({base.num_images, head.num_images} - {None}) > 1:
        same_test_images = False
    changes = DataChanges(same_test_images=same_test_images)
    for split in IMAGES:
        _compare_split(files, (base, head), split, changes)
    _compare_descriptions(files, changes)
    return changes


def _same(files: tuple[RevisionFiles, RevisionFiles], path: str) -> bool | None:
    """Whether both have the same `path`, by its MD5; None where that cannot be known."""
    md5s = [side.md5s[path] for side in files]
    return md5s[0] == md5s[1] if all(md5s) else None


def _compare_split(
    files: tuple[RevisionFiles, RevisionFiles], revisions: tuple[Revision, Revision], split: str, changes: DataChanges
) -> None:
    """Add to `changes` what became of the images and labels of `split`."""
    if _same(files, IMAGES[split]) is False:
        changes.notes.append(f"{split}: the images differ")
    if _same(files, IMAGES[split]) is False or _same(files, LABELS[split]) is not False:
        return
    try:
        before, after = (_parse_labels(side, LABELS[split]) for side in files)
    except ValueError as error:
        changes.notes.append(f"{split}: the labels differ; which ones cannot be said ({error})")
        return
    if before.shape != after.shape or before.ndim != 1:
        changes.notes.append(f"{split}: the labels differ in number, {before.size} and {after.size}")
        return
    names = zip(_names(revisions[0], before), _names(revisions[1], after), strict=True)
    moved = [(split, old, new, count) for (old, new), count in Counter(names).items() if old != new]
    changes.relabelled.extend(sorted(moved, key=lambda row: (-row[3], row[1:3])))


def _parse_labels(files: RevisionFiles, path: str) -> NDArray[Any]:
    if path in files.reasons:
        raise ValueError(files.reasons[path])
    try:
        labels: NDArray[Any] = np.load(io.BytesIO(files.contents.get(path, b"")), allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise ValueError(f"{path}: not an array ({error})") from None
    return labels


def _names(revision: Revision, labels: NDArray[Any]) -> list[str]:
    names = dict(enumerate(revision.class_names))
    return [names.get(label, f"class {label}") for label in labels.tolist()]


def _compare_descriptions(files: tuple[RevisionFiles, RevisionFiles], changes: DataChanges) -> None:
    """Add to `changes` what dataset.json says differently of the two."""
    try:
        before, after = (_parse_description(side) for side in files)
    except ValueError as error:
        changes.notes.append(f"the counts of each class cannot be compared: {error}")
        return
    for what in ("name", "image_shape"):
        if getattr(before, what) != getattr(after, what):
            found = f"{getattr(before, what)} before, {getattr(after, what)} after"
            changes.notes.append(f"{what.replace('_', ' ')}: {found}")
    if before.sources != after.sources:
        changes.notes.append("the source images differ")
    _compare_classes(files, before, after, changes)
    sums = [(split, sum(before.counts.get(split, [])), sum(after.counts.get(split, []))) for split in IMAGES]
    changes.totals.extend(row for row in sums if row[1] != row[2])


def _compare_classes(
    files: tuple[RevisionFiles, RevisionFiles], before: Dataset, after: Dataset, changes: DataChanges
) -> None:
    """Add to `changes` which classes there are, and how many images of each; what only has a new name has no more."""
    renamed = _find_renamed(files, before, after, changes.relabelled)
    changes.renamed.extend(renamed)
    changes.relabelled[:] = [row for row in changes.relabelled if row[1:3] not in renamed]
    old, new = ({pair[side] for pair in renamed} for side in (0, 1))
    changes.added.extend(name for name in after.class_names if name not in before.class_names and name not in new)
    changes.removed.extend(name for name in before.class_names if name not in after.class_names and name not in old)
    changes.counts.extend(row for row in _count_changes(before, after) if row[1] not in old | new)


def _find_renamed(
    files: tuple[RevisionFiles, RevisionFiles],
    before: Dataset,
    after: Dataset,
    relabelled: list[tuple[str, str, str, int]],
) -> list[tuple[str, str]]:
    """The classes, (before, after), of which all images, and no other one, bear another name now."""
    moved: Counter[tuple[str, str]] = Counter()
    for _, old, new, count in relabelled:
        moved[old, new] += count
    for split in IMAGES:
        if _same(files, IMAGES[split]) and _same(files, LABELS[split]):
            for old, new, count in zip(before.class_names, after.class_names, before.counts[split], strict=False):
                moved[old, new] += count
    sizes = [
        Counter({name: sum(counts) for name, *counts in zip(side.class_names, *side.counts.values(), strict=True)})
        for side in (before, after)
    ]
    return [
        (old, new)
        for (old, new), count in moved.items()
        if old not in sizes[1] and new not in sizes[0] and count == sizes[0][old] == sizes[1][new]
    ]


def _parse_description(files: RevisionFiles) -> Dataset:
    if DATASET in files.contents:
        return parse_dataset(files.contents[DATASET], f"{files.name}: {DATASET}")
    raise ValueError(files.reasons.get(DATASET, f"{DATASET}: not there"))


def _count_changes(before: Dataset, after: Dataset) -> list[tuple[str, str, int | None, int | None]]:
    rows = []
    for split in dict.fromkeys([*before.counts, *after.counts]):
        old = dict(zip(before.class_names, before.counts.get(split, []), strict=False))
        new = dict(zip(after.class_names, after.counts.get(split, []), strict=False))
        rows += [(split, name, old.get(name), new.get(name)) for name in dict.fromkeys([*old, *new])]
    return [row for row in rows if row[2] != row[3]]
