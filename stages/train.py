"""`python -m stages train`: show a batch, fit the model, write `models/model.pkl` and `reports/train/`."""

import hashlib
import os
import time
from dataclasses import asdict
from pathlib import Path

from linear_classifier.data.loader import Batch
from linear_classifier.data.splits import load_dataset, load_split
from linear_classifier.devices import select_device
from linear_classifier.io.files import write_bytes, write_json
from linear_classifier.io.provenance import record
from linear_classifier.model.model_file import SavedModel, check_can_save, save_model
from linear_classifier.params import load_params
from linear_classifier.training.checkpoint import Checkpoint, checkpoint_path, make_key
from linear_classifier.training.history import Epoch, describe, format_history, summarise
from linear_classifier.training.loop import train
from linear_classifier.training.preview import draw_batch

PREPARED, REPORTS, MODEL = Path("data/prepared"), Path("reports/train"), Path("models/model.pkl")


def main() -> None:
    started = time.perf_counter()
    params = load_params(Path("params.yaml"))
    device = select_device(params.runtime)
    dataset = load_dataset(PREPARED)
    made_with = {"prepare": asdict(params.prepare), "train": asdict(params.train)}
    check_can_save(dataset.image_shape, dataset.class_names, made_with)  # now, and not when all the work is done
    splits = load_split(PREPARED, "train", dataset), load_split(PREPARED, "val", dataset)

    def show_batch(batch: Batch) -> None:
        write_bytes(REPORTS / "batch.png", draw_batch(batch, dataset.class_names))

    def show_epoch(history: list[Epoch], num_epochs: int) -> None:
        write_bytes(REPORTS / "history.csv", format_history(history))
        print(f"train: epoch {len(history)}/{num_epochs}: {describe(history[-1])}", flush=True)

    path = checkpoint_path(params.runtime.checkpoint_dir, made_with, dataset)
    checkpoint = Checkpoint(path, make_key(made_with, dataset, splits))
    num_classes = len(dataset.class_names)
    trained = train(
        *splits,
        num_classes,
        params.train,
        params.runtime,
        device,
        on_first_batch=show_batch,
        on_epoch=show_epoch,
        resume=checkpoint.load,
        on_step=checkpoint.save_if_due,
    )
    save_model(MODEL, SavedModel.of(trained.model, dataset, trained.pixel_table, made_with))
    write_json(REPORTS / "metrics.json", summarise(trained.best, len(trained.history)))
    record(Path("reports/provenance.json"), "train", started, device=str(device), threads=params.runtime.threads)

    recorded = is_recorded(MODEL)
    if recorded and checkpoint.had_ended:  # an earlier run was finished with it: compute all of it again
        checkpoint.remove()
        main()
    elif recorded or "DVC_STAGE" not in os.environ:
        checkpoint.remove()
    else:  # until DVC has committed the model, a kill may lose it; `evaluate` removes the file
        checkpoint.mark_ended()


def is_recorded(path: Path) -> bool:
    """Whether dvc.lock names the bytes of `path`: then an earlier run made the same, and DVC has them."""
    md5, lock = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest(), Path("dvc.lock")
    return lock.is_file() and md5 in lock.read_text(encoding="utf-8", errors="replace")
