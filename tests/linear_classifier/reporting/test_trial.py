from dataclasses import replace

import numpy as np

from linear_classifier.evaluation.metrics import Predictions
from linear_classifier.reporting.trial import MAX_EXAMPLES, choose_examples, count_examples
from tests.good_model import build_saved


def test_choose_examples_takes_sure_mistakes_then_each_class_in_turn() -> None:
    labels = np.array([0, 0, 0, 1, 1, 2, 2, 0])
    predicted = np.array([0, 0, 0, 1, 1, 2, 0, 1])
    confidence = np.array([0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.6, 0.7])
    predictions = Predictions(labels, predicted, confidence, np.zeros(8))
    assert choose_examples(predictions, 8).tolist() == [7, 6, 0, 3, 5, 1, 4, 2]
    assert choose_examples(predictions, 5).tolist() == [7, 0, 3, 5, 1]
    assert choose_examples(predictions, 1).tolist() == [0]


def test_count_examples_is_less_for_large_images_and_models() -> None:
    small = build_saved()
    assert count_examples(small) == MAX_EXAMPLES
    assert count_examples(replace(small, image_shape=[3, 128, 128])) == 21
    assert count_examples(replace(small, class_names=[str(index) for index in range(1000)])) == 25
    assert count_examples(replace(small, image_shape=[3, 2000, 2000])) == 1
