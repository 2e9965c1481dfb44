"""`python -m stages evaluate`: judge `models/model.pkl` on the test split, write `reports/evaluate/`.

What the training images are like goes to `models/usual_inputs.safetensors`, by which others are found unusual.
"""

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from linear_classifier.data.loader import build_loader, evaluation_batch_size
from linear_classifier.data.splits import Dataset, load_dataset, load_split
from linear_classifier.devices import select_device
from linear_classifier.evaluation.classify import classify
from linear_classifier.evaluation.metrics import compute_metrics, count_confusion
from linear_classifier.evaluation.pictures import draw_confusion, draw_mistakes, draw_weights
from linear_classifier.evaluation.tables import format_confusion, format_predictions
from linear_classifier.evaluation.usual_inputs import format_usual_inputs, measure_usual_inputs
from linear_classifier.io.files import write_bytes, write_chunks, write_json
from linear_classifier.io.provenance import record
from linear_classifier.io.sections import short_repr
from linear_classifier.model.model_file import SavedModel, read_model
from linear_classifier.params import load_params
from linear_classifier.training.checkpoint import checkpoint_path, remove_checkpoint

PREPARED, REPORTS, MODEL = Path("data/prepared"), Path("reports/evaluate"), Path("models/model.pkl")
USUAL_INPUTS = Path("models/usual_inputs.safetensors")


def main() -> None:
    started = time.perf_counter()
    params = load_params(Path("params.yaml"))
    saved = read_model(MODEL)
    check_made_with(saved.made_with, {"prepare": asdict(params.prepare), "train": asdict(params.train)})
    dataset = load_dataset(PREPARED)
    check_made_for(saved, dataset)
    remove_checkpoint(checkpoint_path(params.runtime.checkpoint_dir, saved.made_with, dataset))  # DVC has the model
    device = select_device(params.runtime)
    test = load_split(PREPARED, "test", dataset)

    model = saved.build().to(device, torch.float64)
    table = torch.from_numpy(np.frombuffer(saved.pixel_table, "<f4").reshape(-1, 256).astype(np.float64))
    batch_size = evaluation_batch_size(dataset.image_shape)
    loader = build_loader(test, table, batch_size, params.runtime, device)
    predictions = classify(model, loader)
    metrics = compute_metrics(predictions, saved.class_names, params.evaluate.calibration_bins)

    confusion = count_confusion(predictions, len(saved.class_names))
    weight = np.frombuffer(saved.weight, "<f4").reshape(len(saved.class_names), -1)
    write_chunks(REPORTS / "predictions.csv", format_predictions(predictions))
    write_chunks(REPORTS / "confusion.csv", format_confusion(predictions, saved.class_names))
    write_bytes(REPORTS / "confusion.png", draw_confusion(confusion, saved.class_names))
    write_bytes(REPORTS / "weights.png", draw_weights(weight, saved.image_shape, saved.class_names))
    write_bytes(
        REPORTS / "mistakes.png",
        draw_mistakes(test.images, predictions, saved.class_names, params.evaluate.num_mistakes),
    )
    write_json(REPORTS / "metrics.json", metrics)
    usual = measure_usual_inputs(load_split(PREPARED, "train", dataset), len(saved.class_names))
    write_bytes(USUAL_INPUTS, format_usual_inputs(usual))
    print(f"evaluate: accuracy {metrics['accuracy']}, loss {metrics['loss']} on {len(test)} test images", flush=True)
    record(Path("reports/provenance.json"), "evaluate", started, device=str(device))


def check_made_with(found: dict[str, dict[str, Any]], expected: dict[str, dict[str, Any]]) -> None:
    """Raise ValueError, naming the first that differs, unless the model was made with what params.yaml says."""
    made_with, now = _flatten(found), _flatten(expected)
    for key in made_with | now:
        if key not in now:
            cause = f"made with {key} = {short_repr(made_with[key])}, but params.yaml has no such key"
        elif key not in made_with:
            cause = f"made without {key}, but params.yaml says {short_repr(now[key])}"
        elif made_with[key] != now[key]:
            cause = f"made with {key} = {short_repr(made_with[key])}, but params.yaml says {short_repr(now[key])}"
        else:
            continue
        raise ValueError(
            f"{MODEL}: {cause} (was it edited during a run?); run `dvc repro -f` to train with what it says now"
        )


def _flatten(sections: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {f"{section}.{key}": value for section, values in sections.items() for key, value in values.items()}


def check_made_for(saved: SavedModel, dataset: Dataset) -> None:
    """Raise ValueError unless the model is of the images and classes, in their order, of `dataset`."""
    for name in ("image_shape", "class_names"):
        found, expected = getattr(saved, name), getattr(dataset, name)
        if found != expected:
            raise ValueError(
                f"{MODEL}: its {name} are {short_repr(found)}, but those of {PREPARED} are {short_repr(expected)}; "
                "run `dvc repro -f train` to train on that data"
            )
