"""NumPy and PyTorch against plain Python, bit by bit."""

import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from linear_classifier.evaluation.exact import LN2_HIGH, LN2_LOW, LOG2_E, TAYLOR, compute_logits, exp, softmax
from tests.good_model import build_saved

SHAPES = [(10, 784, 1), (10, 784, 7), (10, 784, 1000), (1, 1, 1), (2, 3, 4), (300, 75, 33)]  # classes, pixels, images


def plain_logits(weight: list[list[float]], bias: list[float], inputs: list[float]) -> list[float]:
    """The logits of one image."""
    logits = []
    for row, logit in zip(weight, bias, strict=True):
        for w, x in zip(row, inputs, strict=True):
            logit += w * x
        logits.append(logit)
    return logits


def plain_exp(x: float) -> float:
    if x < -700:
        return 0.0
    k = math.floor(x * LOG2_E + 0.5)
    r = (x - k * LN2_HIGH) - k * LN2_LOW
    polynomial = TAYLOR[0]
    for coefficient in TAYLOR[1:]:
        polynomial = polynomial * r + coefficient
    return (1 + (r + r * r * polynomial)) * 2.0**k


def plain_softmax(logits: list[float]) -> list[float]:
    total, largest = 0.0, max(logits)
    exps = [plain_exp(logit - largest) for logit in logits]
    for each in exps:
        total += each
    return [each / total for each in exps]


def random_floats(*shape: int) -> NDArray[np.float64]:
    """Of float32's precision, from tiny to large."""
    generator = np.random.default_rng(0)
    values = generator.normal(0, 1, shape) * 10.0 ** generator.integers(-6, 3, shape)
    return values.astype(np.float32).astype(np.float64)


@pytest.mark.parametrize(("classes", "pixels", "images"), SHAPES)
def test_compute_logits_gives_the_bits_of_plain_python_in_numpy_and_pytorch(
    classes: int, pixels: int, images: int
) -> None:
    weight, bias, inputs = random_floats(classes, pixels), random_floats(classes), random_floats(pixels, images)
    chosen = slice(None, None, max(1, images // 20))
    expected = [plain_logits(weight.tolist(), bias.tolist(), column) for column in inputs.T[chosen].tolist()]
    found = compute_logits(weight, bias, inputs)
    assert found[chosen].tolist() == expected
    by_torch = compute_logits(*map(torch.from_numpy, (weight, bias, inputs)))
    np.testing.assert_array_equal(by_torch.numpy(), found)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no usable CUDA GPU")
def test_compute_logits_gives_the_same_bits_on_a_gpu() -> None:
    numbers = random_floats(10, 784), random_floats(10), random_floats(784, 1000)
    on_gpu = compute_logits(*(torch.from_numpy(each).cuda() for each in numbers))
    np.testing.assert_array_equal(on_gpu.cpu().numpy(), compute_logits(*numbers))


def test_compute_logits_agrees_with_the_module() -> None:
    """Which adds in an order of its own, so that its last bits differ."""
    saved = build_saved()
    weight, bias = (np.frombuffer(data, "<f4").astype(np.float64) for data in (saved.weight, saved.bias))
    inputs = np.random.default_rng(1).normal(0, 1, (200, 784))
    expected = saved.build().double()(torch.from_numpy(inputs).view(-1, 1, 28, 28)).detach().numpy()
    np.testing.assert_allclose(compute_logits(weight.reshape(10, -1), bias, inputs.T), expected, rtol=0, atol=1e-9)


def test_contributions_are_exact() -> None:
    weight, inputs = random_floats(1000), random_floats(2, 1000)[1]
    for w, x in zip(weight.tolist(), inputs.tolist(), strict=True):
        assert Fraction(w) * Fraction(x) == Fraction(w * x)


def test_exp_gives_the_bits_of_plain_python_and_is_right_to_one_unit() -> None:
    generator = np.random.default_rng(2)
    values = -np.concatenate([generator.uniform(0, high, 50_000) for high in (1e-3, 2, 50, 701)])
    values = np.concatenate([values, [0.0, -0.0, -5e-324, -700.0, -700.1, -1e30]])
    found = exp(values)
    assert found.tolist() == [plain_exp(value) for value in values.tolist()]
    kept = values >= -700
    expected = np.exp(values[kept].astype(np.longdouble))
    assert np.max(np.abs(found[kept] - expected) / np.spacing(expected.astype(np.float64))) < 1
    assert exp(np.array([0.0, -701.0])).tolist() == [1, 0]


@pytest.mark.parametrize("classes", [2, 10, 300])
def test_softmax_gives_the_bits_of_plain_python(classes: int) -> None:
    logits = np.random.default_rng(3).normal(0, 10, (200, classes))
    assert softmax(logits).tolist() == [plain_softmax(row) for row in logits.tolist()]
