"""`python -m stages train`: show a batch, fit the model, write `models/model.pkl` and `reports/train/`."""

import time
from dataclasses import asdict
from pathlib import Path

import torch

from linear_classifier.data.loader import EVALUATION_BATCH_SIZE, build_loader
from linear_classifier.data.pixel_table import build_pixel_table
from linear_classifier.data.splits import load_dataset, load_split
from linear_classifier.devices import select_device
from linear_classifier.io.files import write_bytes, write_json
from linear_classifier.io.provenance import record
from linear_classifier.model.linear import build_model
from linear_classifier.model.model_file import SavedModel, check_can_save, save_model
from linear_classifier.params import load_params
from linear_classifier.training.history import describe, format_history, summarise
from linear_classifier.training.loop import Epoch, fit
from linear_classifier.training.preview import draw_batch

PREPARED, REPORTS = Path("data/prepared"), Path("reports/train")


def main() -> None:
    started = time.perf_counter()
    params = load_params(Path("params.yaml"))
    device = select_device(params.runtime)
    dataset = load_dataset(PREPARED)
    made_with = {"prepare": asdict(params.prepare), "train": asdict(params.train)}
    check_can_save(dataset.image_shape, dataset.class_names, made_with)  # now, and not when all the work is done
    train, val = load_split(PREPARED, "train", dataset), load_split(PREPARED, "val", dataset)
    if params.train.batch_size > len(train):
        raise ValueError(
            f"params.yaml: train.batch_size must be in [1, {len(train)}], the images of train, "
            f"got {params.train.batch_size}"
        )

    table = build_pixel_table(train.images, params.train.gamma)
    train_loader = build_loader(
        train, table, params.train.batch_size, params.runtime, device, shuffle_seed=params.train.seed
    )
    val_loader = build_loader(val, table, EVALUATION_BATCH_SIZE, params.runtime, device)
    del train, val  # the loaders have what they need: the files need not stay mapped into memory
    write_bytes(REPORTS / "batch.png", draw_batch(next(iter(train_loader)), dataset.class_names))

    model = build_model(dataset.image_shape, len(dataset.class_names), getattr(torch, params.train.dtype)).to(device)
    epochs: list[Epoch] = []

    def on_epoch(epoch: Epoch) -> None:
        epochs.append(epoch)
        write_bytes(REPORTS / "history.csv", format_history(epochs))
        print(f"train: epoch {epoch.epoch}/{params.train.epochs}: {describe(epoch)}", flush=True)

    best = fit(model, train_loader, val_loader, params.train, on_epoch)
    save_model(Path("models/model.pkl"), SavedModel.of(model, dataset, table, made_with))
    write_json(REPORTS / "metrics.json", summarise(best, len(epochs)))
    record(Path("reports/provenance.json"), "train", started, device=str(device), threads=params.runtime.threads)
