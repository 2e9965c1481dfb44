"""What became of the data between two revisions: images, labels, counts, sources."""

from collections import Counter
from dataclasses import dataclass, field

from linear_classifier.data.splits import Dataset, parse_dataset
from tools.compare.files import Files, UnavailableError
from tools.compare.revisions import PREPARED, Revision

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class DataChanges:
    """`same_test_images` is None where that cannot be known.

    `counts` are (split, class, before, after), None for a class that is not there; `relabelled` are (split, label
    before, label after, images) of images that stayed; `notes` are sentences, for people.
    """

    same_test_images: bool | None
    counts: list[tuple[str, str, int | None, int | None]] = field(default_factory=list)
    relabelled: list[tuple[str, str, str, int]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def find_data_changes(base: Revision, head: Revision) -> DataChanges:
    """What differs in `data/prepared`, as far as it can be had; names of classes are the revisions' own."""
    folders = base.files.md5(PREPARED), head.files.md5(PREPARED)
    if folders[0] and folders[0] == folders[1]:
        return DataChanges(same_test_images=True)
    changes = DataChanges(_have_same_test_images(base, head))
    for split in SPLITS:
        _compare_split(base, head, split, changes)
    _compare_descriptions(base, head, changes)
    return changes


def _have_same_test_images(base: Revision, head: Revision) -> bool | None:
    """By their MD5, or by their number where that already differs."""
    path = f"{PREPARED}/test/images.npy"
    md5s = base.files.md5(path), head.files.md5(path)
    if all(md5s):
        return md5s[0] == md5s[1]
    sizes = {size for size in (base.num_images, head.num_images) if size is not None}
    return False if len(sizes) > 1 else None


def _compare_split(base: Revision, head: Revision, split: str, changes: DataChanges) -> None:
    """Add to `changes` what became of the images and labels of `split`."""
    images, labels = (f"{PREPARED}/{split}/{name}.npy" for name in ("images", "labels"))
    if _same(base.files, head.files, images) is False:
        changes.notes.append(f"{split}: the images differ")
        return
    if _same(base.files, head.files, labels) is not False:
        return
    try:
        before, after = base.files.array(labels), head.files.array(labels)
    except UnavailableError as error:
        changes.notes.append(f"{split}: the labels differ; which ones cannot be said ({error})")
        return
    if before.shape != after.shape or before.ndim != 1:
        changes.notes.append(f"{split}: the labels differ in number, {len(before)} and {len(after)}")
        return
    pairs = Counter(
        (_name(base, old), _name(head, new)) for old, new in zip(before.tolist(), after.tolist(), strict=True)
    )
    moved = [(split, old, new, count) for (old, new), count in pairs.items() if old != new]
    changes.relabelled.extend(sorted(moved, key=lambda row: (-row[3], row[1:3])))


def _compare_descriptions(base: Revision, head: Revision, changes: DataChanges) -> None:
    """Add to `changes` what dataset.json says differently of the two."""
    try:
        before, after = _read_dataset(base), _read_dataset(head)
    except (UnavailableError, ValueError) as error:
        changes.notes.append(f"the counts of each class cannot be compared: {error}")
        return
    for what in ("name", "image_shape", "class_names"):
        if getattr(before, what) != getattr(after, what):
            changes.notes.append(
                f"{what.replace('_', ' ')}: {getattr(before, what)} before, {getattr(after, what)} after"
            )
    if before.sources != after.sources:
        changes.notes.append("the source images differ")
    changes.counts.extend(_count_changes(before, after))


def _read_dataset(revision: Revision) -> Dataset:
    path = f"{PREPARED}/dataset.json"
    return parse_dataset(revision.files.read(path), f"{revision.name}: {path}")


def _count_changes(before: Dataset, after: Dataset) -> list[tuple[str, str, int | None, int | None]]:
    rows = []
    for split in dict.fromkeys([*before.counts, *after.counts]):
        old = dict(zip(before.class_names, before.counts.get(split, []), strict=False))
        new = dict(zip(after.class_names, after.counts.get(split, []), strict=False))
        rows += [(split, name, old.get(name), new.get(name)) for name in dict.fromkeys([*old, *new])]
    return [row for row in rows if row[2] != row[3]]


def _same(base: Files, head: Files, path: str) -> bool | None:
    md5s = base.md5(path), head.md5(path)
    return md5s[0] == md5s[1] if all(md5s) else None


def _name(revision: Revision, label: int) -> str:
    names = revision.class_names
    return names[label] if 0 <= label < len(names) else f"class {label}"
