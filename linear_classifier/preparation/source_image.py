"""What a layout finds in a source: images that are not decoded yet, and what cannot be used, each by its path."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from linear_classifier.data.splits import SplitName


class SourceImage(NamedTuple):
    """An image that is not decoded yet.

    `path` is below the source, as messages show it; that of an archive's member begins with the archive's name. `label`
    is the name of its class; `split` is None where the source does not say, and it is to be drawn. `content` is the
    path of the file, or its bytes where it lies in an archive, or its pixels, uint8 `(height, width)` or
    `(height, width, channels)`.
    """

    path: str
    label: str
    split: SplitName | None
    content: str | bytes | NDArray[np.uint8]  # a million Paths would take ten seconds to make


class Unusable(NamedTuple):
    """What was meant to be an image and cannot be used, and why, in a few words."""

    path: str
    reason: str


class PassedOver(NamedTuple):
    """What is no image of the data set, such as a hidden file, and why, in a few words."""

    path: str
    reason: str


Found = SourceImage | Unusable | PassedOver
