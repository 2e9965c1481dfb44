import numpy as np
import pytest

from linear_classifier.data.splits import Split
from linear_classifier.preparation.stratify import split_train_val


def labelled(*counts: int) -> Split:
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))
    return Split(np.arange(len(labels), dtype=np.uint8).reshape(-1, 1, 1, 1), labels)


def test_split_train_val_takes_the_fraction_of_every_class_and_loses_none() -> None:
    train, val = split_train_val(labelled(40, 20, 60), 0.1, seed=0)
    assert np.bincount(val.labels).tolist() == [4, 2, 6] and np.bincount(train.labels).tolist() == [36, 18, 54]
    both = np.concatenate([train.images, val.images]).ravel()
    assert sorted(both.tolist()) == list(range(120))


def test_split_train_val_keeps_each_label_with_its_image_and_the_order() -> None:
    split = labelled(40, 20, 60)
    for part in split_train_val(split, 0.25, seed=1):
        indices = np.asarray(part.images).ravel()
        assert (np.diff(indices.astype(int)) > 0).all()
        np.testing.assert_array_equal(part.labels, split.labels[indices])


def test_split_train_val_depends_on_the_seed_alone() -> None:
    images = [np.asarray(split_train_val(labelled(40, 20), 0.1, seed)[1].images).ravel().tolist() for seed in (0, 0, 1)]
    assert images[0] == images[1] != images[2]


@pytest.mark.parametrize("fraction", [0.01, 0.5])
def test_split_train_val_refuses_an_empty_side(fraction: float) -> None:
    with pytest.raises(ValueError, match=r"prepare\.val_fraction .* of the 1 images of class 0"):
        split_train_val(labelled(1, 200), fraction, seed=0)
