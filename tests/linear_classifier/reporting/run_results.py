"""What a run could have left, made without running one."""

from dataclasses import replace
from typing import Any

import numpy as np

from linear_classifier.data.splits import Dataset, Split
from linear_classifier.evaluation.exact import compute_logits
from linear_classifier.evaluation.metrics import compute_metrics, predict
from linear_classifier.evaluation.usual_inputs import measure_usual_inputs
from linear_classifier.params import EvaluateParams
from linear_classifier.reporting.missed import measure_missed
from linear_classifier.reporting.page import build_page
from linear_classifier.reporting.summary import Results
from linear_classifier.reporting.trial import embed_model
from linear_classifier.training.history import Epoch
from tests.good_model import build_saved


def build_results(
    image_shape: tuple[int, int, int] = (1, 6, 5),
    class_names: list[str] | None = None,
    images_a_class: int = 7,
    num_mistakes: int = 24,
) -> tuple[Results, Split]:
    """Results of seeded random weights on random test images, and these."""
    names = class_names or ["square", "cross", "dot"]
    generator = np.random.default_rng(0)
    count = images_a_class * len(names)
    images = generator.integers(0, 256, (count, *image_shape), np.uint8)
    test = Split(images, np.arange(count) % len(names))
    saved = replace(build_saved(image_shape, len(names)), class_names=names)
    inputs = generator.normal(size=(count, images[0].size))
    weight = np.frombuffer(saved.weight, "<f4").reshape(len(names), -1).astype(np.float64)
    logits = compute_logits(weight, np.frombuffer(saved.bias, "<f4").astype(np.float64), inputs.T.copy())
    predictions = predict(logits, test.labels)
    dataset = Dataset(
        name="small",
        class_names=names,
        image_shape=list(image_shape),
        counts={"train": [9] * len(names), "val": [2] * len(names), "test": [images_a_class] * len(names)},
        sources="0" * 64,
    )
    results = Results(
        dataset=dataset,
        saved=saved,
        params=EvaluateParams(calibration_bins=5, num_mistakes=num_mistakes),
        metrics=compute_metrics(predictions, names, 5),
        training={"best_epoch": 2, "epochs": 3, "val_accuracy": 0.5, "val_loss": 1.0},
        history=[Epoch(epoch, 0.03 / epoch, 1 / epoch, 1.1 / epoch, 1 - 0.5 / epoch) for epoch in (1, 2, 3)],
        predictions=predictions,
    )
    return results, test


def build_trial(results: Results, test: Split) -> dict[str, Any] | None:
    """What the page's script reads; the test images stand for the training images."""
    return embed_model(results, test, measure_usual_inputs(test, len(results.saved.class_names)))


def build_whole_page(**options: Any) -> bytes:
    """The page of `build_results(**options)`."""
    results, test = build_results(**options)
    usual = measure_usual_inputs(test, len(results.saved.class_names))
    return build_page(results, test.images, embed_model(results, test, usual), measure_missed(test, usual))
