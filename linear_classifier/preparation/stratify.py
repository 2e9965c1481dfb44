"""Images → the splits that their source does not give, every class in the same proportion."""

import numpy as np
from numpy.typing import NDArray

from linear_classifier.data.splits import SPLITS, Split

_TRAIN = SPLITS.index("train")
_BLOCK = 2**18


def split_train_val(split: Split, val_fraction: float, seed: int) -> tuple[Split, Split]:
    """Train and val: of each class, `val_fraction` of its images, rounded, drawn with `seed`, go to val; order is kept.

    Raises:
        ValueError: a class would have no image in train or in val.
    """
    in_val = choose_stratified(split.labels, val_fraction, np.random.default_rng(seed))
    images = np.asarray(split.images)
    return Split(images[~in_val], split.labels[~in_val]), Split(images[in_val], split.labels[in_val])


def choose_stratified(labels: NDArray[np.int64], fraction: float, generator: np.random.Generator) -> NDArray[np.bool_]:
    """A mask `(n,)` that is true for `fraction` of the images of each class, rounded to whole images."""
    chosen = np.zeros(len(labels), np.bool_)
    for label in np.unique(labels):
        of_class = np.flatnonzero(labels == label)
        count = round(len(of_class) * fraction)
        if not 0 < count < len(of_class):
            raise ValueError(
                f"params.yaml: prepare.val_fraction {fraction:g} takes {count} of the {len(of_class)} images "
                f"of class {label}, "
                "expected at least one for train and one for val; change it"
            )
        chosen[generator.permutation(of_class)[:count]] = True
    return chosen


def draw_splits(
    labels: NDArray[np.uint16],
    splits: NDArray[np.int8],
    keys: NDArray[np.uint64],
    class_names: list[str],
    fractions: dict[str, float],
) -> NDArray[np.int8]:
    """The split of each image, int8 `(n,)`: what is given stays, and a split that no image is given is drawn.

    It is drawn from the images of train and those without a split, which all go to train otherwise: of each class the
    first ones, `fractions["test"]` of them for test, then `fractions["val"]` of the rest for val. Images with the same
    key `(n,)` have the same pixels and stay together.

    Raises:
        ValueError: a class has no image for train or for a split that is drawn; a note names each one.
    """
    drawn = splits.copy()
    missing = [name for name in ("test", "val") if not (splits == SPLITS.index(name)).any()]
    for label in range(len(class_names)):
        pool = np.flatnonzero((labels == label) & (splits <= _TRAIN))
        drawn[pool] = _TRAIN
        for name in missing:
            end = _end_of_group(keys[pool], round(len(pool) * fractions[name]))
            drawn[pool[:end]] = SPLITS.index(name)
            pool = pool[end:]
    _check_classes_are_split(labels, drawn, class_names, [*missing, "train"])
    return drawn


def count_images(labels: NDArray[np.uint16], splits: NDArray[np.int8], num_classes: int) -> dict[str, list[int]]:
    """How many images of each class each split has; block by block, since `bincount` makes 8 bytes of each label."""
    counts = np.zeros(len(SPLITS) * num_classes, np.int64)
    for start in range(0, len(labels), _BLOCK):
        cells = splits[start : start + _BLOCK] * np.int64(num_classes) + labels[start : start + _BLOCK]
        counts += np.bincount(cells, minlength=len(counts))
    return dict(zip(SPLITS, counts.reshape(len(SPLITS), num_classes).tolist(), strict=True))


def _end_of_group(keys: NDArray[np.uint64], end: int) -> int:
    while 0 < end < len(keys) and keys[end] == keys[end - 1]:
        end += 1
    return end


def _check_classes_are_split(
    labels: NDArray[np.uint16], splits: NDArray[np.int8], class_names: list[str], needed: list[str]
) -> None:
    counts = count_images(labels, splits, len(class_names))
    error = ValueError("a class is too small to be split, see above; add images, or change the fractions of prepare")
    for label, class_name in enumerate(class_names):
        lacking = [name for name in needed if not counts[name][label]]
        if lacking:
            total = sum(counts[name][label] for name in needed)
            error.add_note(f"class {class_name!r}: {total} images, none of them for {' and '.join(lacking)}")
    if hasattr(error, "__notes__"):
        raise error
