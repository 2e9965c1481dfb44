"""`python -m stages report`: show what was found, and the model itself, in `reports/report/`."""

import json
import time
from pathlib import Path
from typing import Any

from linear_classifier.data.splits import load_dataset, load_split
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
        metrics=read_json(EVALUATE / "metrics.json"),
        training=read_json(TRAIN / "metrics.json"),
        history=parse_history(read(TRAIN / "history.csv"), str(TRAIN / "history.csv")),
        predictions=parse_predictions(read(predictions), len(saved.class_names), str(predictions)),
    )
    usual = read_usual_inputs(USUAL_INPUTS, saved)
    trial, missed = embed_model(results, test, usual), measure_missed(test, usual)
    write_bytes(REPORTS / "index.html", build_page(results, test.images, trial, missed))
    write_bytes(REPORTS / "MODEL_CARD.md", format_card(results).encode())
    print(f"report: open {REPORTS / 'index.html'} in a browser", flush=True)
    record(Path("reports/provenance.json"), "report", started)


def read(path: Path) -> bytes:
    try:
        with open_regular(path) as file:
            return file.read()
    except FileNotFoundError:
        raise ValueError(f"{path}: not found; run `dvc repro`") from None


def read_json(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(read(path))
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"{path}: damaged ({' '.join(str(error).split())[:100]}); run `dvc repro -f evaluate`"
        ) from None
    return found
