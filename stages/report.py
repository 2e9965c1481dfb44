"""`python -m stages report`: show what was found, and the model itself, in `reports/report/`."""

import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from linear_classifier.data.splits import Split, load_dataset, load_split
from linear_classifier.evaluation.tables import parse_predictions
from linear_classifier.evaluation.usual_inputs import read_usual_inputs
from linear_classifier.io.files import open_regular, write_bytes
from linear_classifier.io.provenance import record
from linear_classifier.model.model_file import read_model
from linear_classifier.params import load_params
from linear_classifier.reporting.card import format_card
from linear_classifier.reporting.missed import measure_missed
from linear_classifier.reporting.page import build_page
from linear_classifier.reporting.summary import Results
from linear_classifier.reporting.trial import embed_model
from linear_classifier.training.history import parse_history

PREPARED, TRAIN, EVALUATE = Path("data/prepared"), Path("reports/train"), Path("reports/evaluate")
REPORTS, MODEL, USUAL_INPUTS = Path("reports/report"), Path("models/model.pkl"), Path("models/usual_inputs.safetensors")


def main() -> None:
    started = time.perf_counter()
    params = load_params(Path("params.yaml"))
    saved = read_model(MODEL)
    dataset = load_dataset(PREPARED)
    test = load_split(PREPARED, "test", dataset)
    predictions = EVALUATE / "predictions.csv"
    results = Results(
        dataset=dataset,
        saved=saved,
        params=params.evaluate,
        metrics=read_json(EVALUATE / "metrics.json", "accuracy", "macro_f1", "loss", "ece", "per_class"),
        training=read_json(TRAIN / "metrics.json", "best_epoch", "epochs"),
        history=parse_history(read(TRAIN / "history.csv"), str(TRAIN / "history.csv")),
        predictions=parse_predictions(read(predictions), len(saved.class_names), str(predictions)),
    )
    check_same_run(results, test)
    usual = read_usual_inputs(USUAL_INPUTS, saved)
    trial, missed = embed_model(results, test, usual), measure_missed(test, usual)
    write_bytes(REPORTS / "index.html", build_page(results, test.images, trial, missed))
    write_bytes(REPORTS / "MODEL_CARD.md", format_card(results).encode())
    print(f"report: open {REPORTS / 'index.html'} in a browser", flush=True)
    record(Path("reports/provenance.json"), "report", started)


def check_same_run(results: Results, test: Split) -> None:
    """Raise ValueError unless model, data, metrics and predictions are of one run."""
    names = results.saved.class_names
    if (results.dataset.class_names, results.dataset.image_shape) != (names, results.saved.image_shape):
        found, where = "not made for the images and classes", MODEL
    elif list(results.metrics["per_class"]) != names:
        found, where = "not of the classes", EVALUATE / "metrics.json"
    elif not np.array_equal(results.predictions.labels, test.labels):
        found, where = "not of the test images", EVALUATE / "predictions.csv"
    else:
        return
    raise ValueError(f"{where}: {found} of {PREPARED}; run `dvc repro`")


def read(path: Path) -> bytes:
    try:
        with open_regular(path) as file:
            return file.read()
    except FileNotFoundError:
        raise ValueError(f"{path}: not found; run `dvc repro`") from None


def read_json(path: Path, *keys: str) -> dict[str, Any]:
    """The mapping that `path` holds, which has at least `keys`."""
    try:
        found = json.loads(read(path))
        return {**found, **{key: found[key] for key in keys}}
    except (KeyError, TypeError, json.JSONDecodeError, RecursionError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: damaged ({' '.join(str(error).split())[:100]}); run `dvc repro -f`") from None
