"""On the real model, as the pipeline made it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from onnxruntime import InferenceSession

from tests.processes import run


@pytest.mark.slow
def test_export_answers_for_every_test_image_as_predictions_csv_does(clone: Callable[[], Path]) -> None:
    folder = clone()
    run("dvc", "repro", cwd=folder)
    images = np.load(folder / "data/prepared/test/images.npy")
    session = InferenceSession(folder / "models/model.onnx", providers=["CPUExecutionProvider"])
    _, probabilities, labels = session.run(None, {"images": images})
    rows = np.loadtxt(folder / "reports/evaluate/predictions.csv", delimiter=",", skiprows=1)
    assert len(rows) == 10_000
    np.testing.assert_array_equal(labels, rows[:, 2])
    np.testing.assert_allclose(probabilities.max(axis=1), rows[:, 3], rtol=0, atol=1e-6)
