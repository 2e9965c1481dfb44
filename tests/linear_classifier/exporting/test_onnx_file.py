import json
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnxruntime import InferenceSession

from linear_classifier.evaluation.exact import compute_logits, softmax
from linear_classifier.exporting.onnx_file import format_onnx
from linear_classifier.model.model_file import SavedModel
from tests.good_model import build_saved
from tests.processes import ROOT, run

SHAPES = [((1, 28, 28), 10), ((3, 5, 4), 2), ((3, 224, 224), 100)]
every_shape = pytest.mark.parametrize(("shape", "num_classes"), SHAPES)


def expected_logits(saved: SavedModel, images: np.ndarray) -> np.ndarray:
    """By the arithmetic of `evaluate`."""
    table, weight, bias = (
        np.frombuffer(data, "<f4").astype(np.float64) for data in (saved.pixel_table, saved.weight, saved.bias)
    )
    channels = np.arange(saved.image_shape[0])[:, None, None]
    inputs = table.reshape(-1, 256)[channels, images].reshape(len(images), -1)
    return compute_logits(weight.reshape(len(bias), -1), bias, np.ascontiguousarray(inputs.T))


@every_shape
def test_format_onnx_is_a_model_that_onnx_checks(shape: tuple[int, int, int], num_classes: int) -> None:
    saved = build_saved(shape, num_classes)
    model = onnx.load_from_string(format_onnx(saved))
    onnx.checker.check_model(model, full_check=True)
    facts = {prop.key: prop.value for prop in model.metadata_props}
    assert json.loads(facts["class_names"]) == saved.class_names
    assert json.loads(facts["made_with"]) == saved.made_with


@every_shape
def test_format_onnx_answers_as_evaluate_does(shape: tuple[int, int, int], num_classes: int) -> None:
    saved = build_saved(shape, num_classes)
    images = np.random.default_rng(0).integers(0, 256, (20, *shape), np.uint8)
    session = InferenceSession(format_onnx(saved), providers=["CPUExecutionProvider"])
    logits, probabilities, labels = session.run(None, {"images": images})
    expected = expected_logits(saved, images)
    np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-9)
    np.testing.assert_allclose(probabilities, softmax(expected), rtol=0, atol=1e-9)
    np.testing.assert_array_equal(labels, expected.argmax(axis=1))


def test_format_onnx_gives_the_same_bytes_in_another_process_and_folder(tmp_path: Path) -> None:
    code = (
        "import hashlib; from linear_classifier.exporting.onnx_file import format_onnx; "
        "from linear_classifier.exporting.safetensors_file import format_safetensors; "
        "from tests.good_model import build_saved; saved = build_saved((3, 5, 4), 2); "
        "print([hashlib.sha256(make(saved)).hexdigest() for make in (format_onnx, format_safetensors)])"
    )
    runs = [
        run(sys.executable, "-c", code, cwd=folder, environment={"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed})
        for folder, seed in ((ROOT, "1"), (tmp_path, "2"))
    ]
    assert runs[0].stdout == runs[1].stdout
