import numpy as np
import pytest
from sklearn import metrics as oracle

from linear_classifier.evaluation.exact import Floats
from linear_classifier.evaluation.metrics import (
    Ints,
    compute_metrics,
    count_confusion,
    expected_calibration_error,
    per_class_scores,
    predict,
)


@pytest.fixture
def logits() -> Floats:
    return np.random.default_rng(0).normal(0, 2, (500, 4))


@pytest.fixture
def labels(logits: Floats) -> Ints:
    noisy: Floats = logits + np.random.default_rng(1).normal(0, 2, logits.shape)
    chosen: Ints = noisy.argmax(axis=1)
    return chosen


def test_predict_matches_scikit_learns_loss_and_gives_the_likeliest_class(logits: Floats, labels: Ints) -> None:
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    predictions = predict(logits, labels)
    np.testing.assert_allclose(predictions.confidence, probabilities.max(axis=1), rtol=1e-12)
    np.testing.assert_array_equal(predictions.predicted, probabilities.argmax(axis=1))
    assert predictions.loss.mean() == pytest.approx(oracle.log_loss(labels, probabilities), rel=1e-12)


def test_predict_of_uniform_logits_costs_ln_10() -> None:
    predictions = predict(np.zeros((3, 10)), np.array([0, 5, 9]))
    assert predictions.loss.tolist() == pytest.approx([np.log(10)] * 3) and predictions.predicted.tolist() == [0, 0, 0]


def test_predict_survives_huge_logits() -> None:
    predictions = predict(np.array([[1e5, 0.0]]), np.array([1]))
    assert predictions.loss.tolist() == [1e5] and predictions.confidence.tolist() == [1.0]


def test_compute_metrics_matches_scikit_learn(logits: Floats, labels: Ints) -> None:
    predictions = predict(logits, labels)
    found = compute_metrics(predictions, ["a", "b", "c", "d"], calibration_bins=15)
    precision, recall, f1, support = oracle.precision_recall_fscore_support(labels, predictions.predicted)
    assert found["accuracy"] == pytest.approx(oracle.accuracy_score(labels, predictions.predicted), abs=5e-7)
    assert found["macro_f1"] == pytest.approx(oracle.f1_score(labels, predictions.predicted, average="macro"), abs=5e-7)
    per_class = found["per_class"]
    assert isinstance(per_class, dict) and list(per_class) == ["a", "b", "c", "d"]
    for index, row in enumerate(per_class.values()):
        expected = [precision[index], recall[index], f1[index], support[index]]
        assert list(row.values()) == pytest.approx(expected, abs=5e-7)
    assert found["num_images"] == len(labels) == sum(row["num_images"] for row in per_class.values())


def test_count_confusion_matches_scikit_learn(logits: Floats, labels: Ints) -> None:
    predictions = predict(logits, labels)
    expected = oracle.confusion_matrix(labels, predictions.predicted)
    np.testing.assert_array_equal(count_confusion(predictions, 4), expected)


def test_per_class_scores_of_a_class_never_predicted_are_zero() -> None:
    precision, recall, f1 = per_class_scores(np.array([[3, 0], [1, 0]]))
    assert (precision.tolist(), recall.tolist(), f1.tolist()) == ([0.75, 0], [1, 0], [6 / 7, 0])


def test_expected_calibration_error_matches_a_plain_loop(logits: Floats, labels: Ints) -> None:
    predictions, expected = predict(logits, labels), 0.0
    for low in np.arange(15) / 15:
        inside = (predictions.confidence > low) & (predictions.confidence <= low + 1 / 15)
        if inside.any():
            right = (predictions.predicted == predictions.labels)[inside].mean()
            expected += inside.mean() * abs(right - predictions.confidence[inside].mean())
    assert expected_calibration_error(predictions, 15) == pytest.approx(expected, abs=1e-12)


def test_expected_calibration_error_by_hand() -> None:
    predictions = predict(np.zeros((4, 2)), np.array([0, 0, 0, 1]))  # sure to 0.5, right in 0.75
    assert expected_calibration_error(predictions, 15) == pytest.approx(0.25)
