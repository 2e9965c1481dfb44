"""Pictures → answers: the likeliest classes, and two signs that a picture is not like those of the training."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from typing import NamedTuple

import numpy as np

from linear_classifier.evaluation.exact import ExactModel, softmax
from linear_classifier.evaluation.usual_inputs import (
    UNUSUAL,
    Pixels,
    UsualInputs,
    describe_look,
    farther_than,
    measure_signs,
)
from linear_classifier.model.model_file import SavedModel
from linear_classifier.prediction.fitting import EMPTY
from linear_classifier.preparation.decoding import Decoding
from linear_classifier.preparation.decoding_pool import Decoded, decode_all
from linear_classifier.preparation.source_image import SourceImage, Unusable

BATCH, BATCH_BYTES = 1000, 2**22  # images that are answered at once


class Answer(NamedTuple):
    """Probabilities are fractions. `farther_than` is the percent of the training images nearer to a class mean.

    `look` is `usual`, or what is unusual about the size, the position and the contrast of what the picture shows.
    """

    label: str
    probability: float
    runner_up: str
    runner_up_probability: float
    farther_than: int
    look: str

    @property
    def is_unusual(self) -> bool:
        return self.farther_than >= UNUSUAL or self.look != "usual"


class Classifier:
    """A saved model, and what its training images were like."""

    def __init__(self, saved: SavedModel, usual: UsualInputs) -> None:
        self._names, self._shape = saved.class_names, saved.image_shape
        self._model, self._usual = ExactModel(saved), usual

    def classify(self, images: Pixels) -> list[Answer | str]:
        """For each of `images` uint8 `(n, channels, height, width)` its answer, or, where nothing is on it, why not."""
        logits = self._model.logits(images)
        order = np.argsort(-logits, axis=1, kind="stable")[:, :2]
        shares = np.take_along_axis(softmax(logits), order, axis=1)
        signs = measure_signs(images, self._usual.class_means, self._usual.background)
        farther, looks = farther_than(signs.distances, self._usual), describe_look(signs, self._usual)
        columns = (order.tolist(), shares.tolist(), farther.tolist(), looks, (signs.areas > 0).tolist())
        return [
            Answer(self._names[first], share, self._names[second], other, percent, look) if is_seen else EMPTY
            for (first, second), (share, other), percent, look, is_seen in zip(*columns, strict=True)
        ]

    def answer_all(
        self, found: Iterable[SourceImage | Unusable], decoding: Decoding
    ) -> Iterator[tuple[str, Answer | str]]:
        """The path of each picture and its answer, or why there is none; in order, those that cannot be used last.

        Raises:
            RuntimeError: a worker that decodes was killed, or hangs.
        """
        unusable: list[Unusable] = []
        size = max(1, min(BATCH, BATCH_BYTES // decoding.num_bytes))
        with closing(decode_all(_only_images(found, unusable), decoding)) as outcomes:
            while batch := list(islice(outcomes, size)):
                images = [outcome.pixels for _, outcome in batch if isinstance(outcome, Decoded)]
                answers = iter(self.classify(self._to_array(images)))
                for image, outcome in batch:
                    yield image.path, next(answers) if isinstance(outcome, Decoded) else outcome
        yield from unusable

    def _to_array(self, images: Sequence[bytes]) -> Pixels:
        return np.frombuffer(b"".join(images), np.uint8).reshape(len(images), *self._shape)


def _only_images(found: Iterable[SourceImage | Unusable], unusable: list[Unusable]) -> Iterator[SourceImage]:
    for item in found:
        if isinstance(item, SourceImage):
            yield item
        else:
            unusable.append(item)
