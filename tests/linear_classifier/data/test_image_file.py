import pickle
from pathlib import Path

import numpy as np
import pytest

from linear_classifier.data.image_file import ImageFile

IMAGES = np.arange(7 * 2 * 3 * 4, dtype=np.uint8).reshape(7, 2, 3, 4)


@pytest.fixture
def file(tmp_path: Path) -> ImageFile:
    np.save(tmp_path / "images.npy", IMAGES)
    return ImageFile(tmp_path / "images.npy", IMAGES.shape, 128)


@pytest.mark.parametrize(
    "rows",
    [slice(None), slice(2, 5), slice(-2, None), slice(3, 3), slice(0, 99), slice(None, None, 3), np.array([5, 0])],
)
def test_image_file_gives_the_rows_of_the_array(rows: slice, file: ImageFile) -> None:
    np.testing.assert_array_equal(file[rows], IMAGES[rows])
    assert (len(file), file.shape, file.nbytes) == (7, IMAGES.shape, IMAGES.nbytes)


def test_image_file_is_an_array_for_numpy_and_opens_again_in_another_process(file: ImageFile) -> None:
    np.testing.assert_array_equal(np.array(file), IMAGES)
    np.testing.assert_array_equal(np.asarray(pickle.loads(pickle.dumps(file))), IMAGES)
    file.read_ahead([(0, 3), (5, 7)])


def test_image_file_that_became_shorter_is_refused(file: ImageFile) -> None:
    with file.path.open("r+b") as stream:
        stream.truncate(150)
    with pytest.raises(RuntimeError, match=r"images\.npy: became shorter while it was read"):
        file.read(0, 7)
