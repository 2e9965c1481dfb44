"""`python -m stages train`: show a batch, fit the model, write `models/model.pkl` and `reports/train/`."""

import hashlib
import os
import socket
import time
from dataclasses import asdict
from functools import partial
from pathlib import Path

from linear_classifier.data.loader import Batch
from linear_classifier.data.splits import load_dataset, load_split
from linear_classifier.devices import select_device
from linear_classifier.io.files import write_bytes, write_json
from linear_classifier.io.provenance import record
from linear_classifier.model.model_file import SavedModel, check_can_save, save_model
from linear_classifier.params import load_params
from linear_classifier.ranks import from_rank_0, has_ranks, is_rank, join_ranks, launch_ranks, num_ranks, this_rank
from linear_classifier.training.checkpoint import Checkpoint, checkpoint_path, make_key
from linear_classifier.training.history import Epoch, describe, format_history, summarise
from linear_classifier.training.loop import train
from linear_classifier.training.preview import draw_batch

PREPARED, REPORTS, MODEL = Path("data/prepared"), Path("reports/train"), Path("models/model.pkl")


def main() -> None:
    started = time.perf_counter()
    params = load_params(Path("params.yaml"))
    if has_ranks(params.runtime.processes) and not is_rank():
        launch_ranks("stages", "train", params.runtime.processes)  # each of which comes here again
        return
    if is_rank():
        join_ranks()
    device = select_device(params.runtime)
    dataset = load_dataset(PREPARED)
    made_with = {"prepare": asdict(params.prepare), "train": asdict(params.train)}
    check_can_save(dataset.image_shape, dataset.class_names, made_with)  # now, and not when all the work is done
    splits = load_split(PREPARED, "train", dataset), load_split(PREPARED, "val", dataset)
    key = make_key(made_with, dataset, splits)
    check_same_everywhere(key)

    num_classes = len(dataset.class_names)
    fit = partial(train, *splits, num_classes, params.train, params.runtime, device)
    if this_rank():
        fit()
        return

    def show_batch(batch: Batch) -> None:
        write_bytes(REPORTS / "batch.png", draw_batch(batch, dataset.class_names))

    def show_epoch(history: list[Epoch], num_epochs: int) -> None:
        write_bytes(REPORTS / "history.csv", format_history(history))
        print(f"train: epoch {len(history)}/{num_epochs}: {describe(history[-1])}", flush=True)

    checkpoint = Checkpoint(checkpoint_path(params.runtime.checkpoint_dir, made_with, dataset), key)
    if is_recorded(checkpoint.find_model()):  # left by a run that was finished with it: compute all of it again
        checkpoint.remove()
    trained = fit(
        on_first_batch=show_batch, on_epoch=show_epoch, resume=checkpoint.load, on_step=checkpoint.save_if_due
    )
    save_model(MODEL, SavedModel.of(trained.model, dataset, trained.pixel_table, made_with))
    write_json(REPORTS / "metrics.json", summarise(trained.best, len(trained.history)))
    facts = {"device": str(device), "threads": params.runtime.threads, "ranks": num_ranks()}
    record(Path("reports/provenance.json"), "train", started, **facts)
    close(checkpoint)


def close(checkpoint: Checkpoint) -> None:
    """Remove the checkpoint, or leave it to `evaluate`, since a kill may lose the model until DVC has committed it."""
    md5 = hashlib.md5(MODEL.read_bytes(), usedforsecurity=False).hexdigest()
    if "DVC_STAGE" not in os.environ or is_recorded(md5):
        checkpoint.remove()
    else:
        checkpoint.note_model(md5)


def is_recorded(md5: str) -> bool:
    """Whether dvc.lock names a file of this hash: then DVC has it, of an earlier run."""
    lock = Path("dvc.lock")
    return bool(md5) and lock.is_file() and md5 in lock.read_text(encoding="utf-8", errors="replace")


def check_same_everywhere(key: str) -> None:
    """Raise ValueError unless all ranks, which may be on several hosts, have the same params, data and code."""
    if from_rank_0(key) != key:
        raise ValueError(
            f"rank {this_rank()} on {socket.gethostname()} has other params, data, code or versions than rank 0; "
            "give all hosts the same"
        )
