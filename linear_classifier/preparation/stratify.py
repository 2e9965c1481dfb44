"""The official training images → train and val, every class in the same proportion."""

import numpy as np
from numpy.typing import NDArray

from linear_classifier.data.splits import Split


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
