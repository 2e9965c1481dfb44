"""A first look at a tree, files unopened: which folders, tables and archives it has, and how many images in each."""

from collections import Counter
from dataclasses import dataclass, field

from linear_classifier.preparation.source_image import PassedOver, Unusable
from linear_classifier.preparation.source_names import (
    ARCHIVE_SUFFIXES,
    IMAGE_SUFFIXES,
    TABLE_SUFFIXES,
    split_named,
    suffix_of,
    why_no_image,
)
from linear_classifier.preparation.source_tree import SourceFile, SourceFolder, Tree


@dataclass
class Survey:
    """What is where.

    `folders` has how many images lie below each folder of the first level; `in_split`, of such a folder with the name
    of a split, how many below each folder in it. `loose` are images on the first level. What is called flat lies there
    or in a folder with the name of a split; so do `tables` and `archives`. `first` are the first files.
    """

    folders: Counter[str] = field(default_factory=Counter)
    in_split: dict[str, Counter[str]] = field(default_factory=dict)
    tables: list[str] = field(default_factory=list)
    archives: list[str] = field(default_factory=list)
    loose: int = 0
    flat: int = 0
    flat_json: int = 0
    labels: int = 0  # WebDataset's files *.cls
    first: list[str] = field(default_factory=list)

    @property
    def has_pairs(self) -> bool:
        """Whether there are WebDataset's labels, or JSON beside images that all lie flat."""
        return self.labels > 0 or (self.flat_json > 0 and self.flat == self.num_images > 0)

    @property
    def num_images(self) -> int:
        return self.loose + self.folders.total()


def survey(tree: Tree) -> Survey:
    """What there is in `tree`; it is walked to its end."""
    found = Survey()
    for entry in tree.walk():
        if isinstance(entry, SourceFolder) and entry.path:
            top, _, rest = f"{entry.path}/".partition("/")
            _count(found, top, rest, 0)
        elif isinstance(entry, SourceFile):
            _note(found, entry.path)
        elif isinstance(entry, Unusable | PassedOver) and len(found.first) < 5:
            found.first.append(f"{entry.path} ({entry.reason})")
    return found


def _note(found: Survey, path: str) -> None:
    if len(found.first) < 5:
        found.first.append(path)
    suffix, (top, _, rest) = suffix_of(path), path.partition("/")
    is_flat = "/" not in rest and (not rest or split_named(top) is not None)
    is_image = not why_no_image(path) if rest else suffix in IMAGE_SUFFIXES
    if is_flat:
        found.flat += is_image
        found.flat_json += suffix == ".json"
        if suffix in TABLE_SUFFIXES:
            found.tables.append(path)
        if suffix in ARCHIVE_SUFFIXES:
            found.archives.append(path)
    found.labels += suffix == ".cls"
    if rest:
        _count(found, top, rest, is_image)
    else:
        found.loose += is_image


def _count(found: Survey, top: str, rest: str, images: int) -> None:
    """Count `images` for the folders above a file, whose path is `rest` below the folder `top`."""
    found.folders[top] += images
    if split_named(top):
        second = found.in_split.setdefault(top, Counter())
        if "/" in rest:
            second[rest.split("/")[0]] += images


def strip_top(tree: Tree, found: Survey) -> tuple[Tree, Survey]:
    """`tree` below the one folder that holds all there is, as archives often have it; not if it is a split or class."""
    while len(found.folders) == 1 and not (found.loose or found.tables or found.in_split):
        inner = tree.below(next(iter(found.folders)))
        below = survey(inner)
        if not (below.folders.total() or below.tables or below.has_pairs):
            break
        tree, found = inner, below
    return tree, found
