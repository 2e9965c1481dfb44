"""A folder a class: SOURCE/cat/1.png, or, with splits, SOURCE/train/cat/1.png; folders in a class belong to it."""

from collections import Counter
from collections.abc import Iterator

from linear_classifier.preparation.class_names import check_classes
from linear_classifier.preparation.source_image import Found, PassedOver, SourceImage, Unusable
from linear_classifier.preparation.source_names import (
    IMAGE_SUFFIXES,
    SPLIT_WORDS,
    list_some,
    split_named,
    suffix_of,
    why_no_image,
)
from linear_classifier.preparation.source_survey import Survey
from linear_classifier.preparation.source_tree import SourceFile, SourceFolder, Tree


def find_class_folders(tree: Tree, found: Survey) -> Iterator[Found]:
    """Every image of `tree`, which `found` was seen in, labelled by its folder.

    Raises:
        ValueError: the classes cannot be used, or no splits follow from them.
    """
    class_level = 1 if has_splits(tree, found) else 0
    check_classes(_count_classes(found) if class_level else found.folders, str(tree.source))
    for entry in tree.walk():
        if isinstance(entry, SourceFile):
            yield _place(entry, class_level)
        elif not isinstance(entry, SourceFolder):
            yield entry


def has_splits(tree: Tree, found: Survey) -> bool:
    """Whether the first level's folders are splits: all are named so, and hold folders.

    Raises:
        ValueError: some are splits with folders, others are not, or two mean one split.
    """
    with_folders = [name for name in found.in_split if found.in_split[name]]
    others = [name for name in found.folders if name not in found.in_split]
    if not with_folders and others:
        return False
    if not with_folders:
        empty = list_some(found.in_split, len(found.in_split))
        raise ValueError(f"{tree.source}: {empty} without folders of classes, expected such as train/cat/1.png")
    if others:
        raise ValueError(
            f"{tree.source}: {list_some(others, len(others))} beside the split {with_folders[0]!r}, expected folders "
            f"named as splits only ({', '.join(SPLIT_WORDS)}); move it away, or rename what is a class"
        )
    for split, count in Counter(map(split_named, found.in_split)).items():
        if count > 1:
            names = [name for name in found.in_split if split_named(name) == split]
            raise ValueError(f"{tree.source}: {list_some(names, count)} all mean the split {split}; keep one of them")
    return True


def _count_classes(found: Survey) -> dict[str, int]:
    """The images of each class, over all splits; `Counter` would leave out those without any."""
    counts: Counter[str] = Counter()
    for split in found.in_split.values():
        counts.update(split)
    return counts


def _place(file: SourceFile, class_level: int) -> Found:
    if reason := why_no_image(file.path):
        return PassedOver(file.shown, reason)
    folders = file.path.split("/")[:-1]
    if len(folders) <= class_level:
        is_image = suffix_of(file.path) in IMAGE_SUFFIXES
        return (Unusable if is_image else PassedOver)(file.shown, "lies in no folder of a class")
    split = split_named(folders[0]) if class_level else None
    return SourceImage(file.shown, folders[class_level], split, file.load())
