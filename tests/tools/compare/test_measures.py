import numpy as np
import pytest

from linear_classifier.evaluation.metrics import Predictions, compute_metrics
from tools.compare.measures import HEADLINE, columns_of, headline_of


@pytest.fixture
def predictions() -> Predictions:
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 4, 300)
    predicted = np.where(generator.random(300) < 0.7, labels, generator.integers(0, 4, 300))
    return Predictions(labels, predicted, generator.random(300), generator.exponential(size=300))


def take(predictions: Predictions, drawn: np.ndarray) -> Predictions:
    return Predictions(
        predictions.labels[drawn], predictions.predicted[drawn], predictions.confidence[drawn], predictions.loss[drawn]
    )


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_headline_of_is_what_evaluate_computes_of_any_resample(predictions: Predictions, seed: int) -> None:
    drawn = np.random.default_rng(seed).integers(0, 300, 300)
    means = columns_of(predictions, 4, 15)[drawn].mean(axis=0, keepdims=True)
    expected = compute_metrics(take(predictions, drawn), list("abcd"), 15)
    assert headline_of(means, 4)[0] == pytest.approx([expected[name] for name in HEADLINE], abs=5e-7)


def test_headline_of_gives_a_class_that_is_nowhere_the_f1_of_0(predictions: Predictions) -> None:
    means = columns_of(predictions, 5, 15).mean(axis=0, keepdims=True)
    expected = compute_metrics(predictions, list("abcde"), 15)
    assert headline_of(means, 5)[0] == pytest.approx([expected[name] for name in HEADLINE], abs=5e-7)
