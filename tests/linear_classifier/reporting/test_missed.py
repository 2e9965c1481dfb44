import numpy as np
import pytest

from linear_classifier.data.splits import Split
from linear_classifier.evaluation.usual_inputs import UsualInputs, measure_usual_inputs
from linear_classifier.reporting.missed import change, measure_missed, share_marked


@pytest.fixture
def things() -> Split:
    """Bright blocks of about one size in the middle of a black image."""
    generator = np.random.default_rng(0)
    images = np.zeros((200, 1, 28, 28), np.uint8)
    for image in images:
        top, left = generator.integers(2, 4, 2)
        image[0, top : 28 - top, left : 28 - left] = generator.integers(150, 250)
    return Split(images, np.arange(200) % 2)


@pytest.fixture
def usual(things: Split) -> UsualInputs:
    return measure_usual_inputs(things, 2)


def test_measure_missed_marks_what_is_changed_much_and_hardly_what_is_not(things: Split, usual: UsualInputs) -> None:
    missed = measure_missed(things, usual)
    shares = {row.name: row.share for row in missed.rows}
    assert missed.num_images == 200 and missed.unchanged < 0.1
    for name in ("noise", "light for dark", "half as large", "moved by 6 of 28 pixels"):
        assert shares[name] > 0.9, name
    assert shares["mirrored"] < 0.1 and shares["turned by 90 degrees"] < 0.1, "what the signs cannot see"


def test_share_marked_is_one_for_images_with_nothing_on_them(usual: UsualInputs) -> None:
    assert share_marked(np.zeros((5, 1, 28, 28), np.uint8), usual) == 1


def test_change_moves_and_halves_as_it_says() -> None:
    images = np.arange(2 * 28 * 28, dtype=np.uint8).reshape(2, 1, 28, 28)
    changed = change(images, np.array([7], np.uint8))
    moved, small = changed["moved by 6 of 28 pixels"], changed["half as large"]
    assert (moved[..., 6:] == images[..., :-6]).all() and (moved[..., :6] == 7).all()
    assert small[0, 0, 7, 7] == (int(images[0, 0, :2, :2].sum()) + 2) // 4 and (small[..., :7, :] == 7).all()
    assert all(each.shape == images.shape and each.dtype == np.uint8 for each in changed.values())


def test_change_of_images_that_are_not_square_or_tiny_keeps_their_shape() -> None:
    for shape in ((3, 3, 5, 4), (2, 1, 1, 1), (2, 1, 2, 1)):
        images = np.ones(shape, np.uint8)
        assert all(each.shape == shape for each in change(images, np.zeros(shape[1], np.uint8)).values())
