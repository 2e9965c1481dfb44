"""`python -m stages.prepare`: find the raw files, split them, write `data/prepared/`."""

import sys

from stages.entry import run_main_of

if __name__ == "__main__":  # above the imports that take seconds, so that a signal meanwhile finds its handler
    sys.exit(run_main_of("prepare"))

import time
from pathlib import Path

import numpy as np

from stages.params import load_params
from stages.prepare.idx import parse_idx
from stages.prepare.sources import CLASS_NAMES, FILES, NAME, load_raw_files
from stages.prepare.split import split_train_val
from stages.provenance import record
from stages.splits import Split, save_splits


def main() -> None:
    started = time.perf_counter()
    params = load_params(Path("params.yaml")).prepare
    contents = load_raw_files(Path("data/raw") / NAME, params.source)
    official_train, test = (load_official(contents, prefix) for prefix in ("train", "t10k"))
    train, val = split_train_val(official_train, params.val_fraction, params.seed)
    sources = {file.name: file.sha256 for file in FILES}
    save_splits(Path("data/prepared"), {"train": train, "val": val, "test": test}, NAME, CLASS_NAMES, sources)
    print(f"prepare: {len(train)} images for train, {len(val)} for val, {len(test)} for test", flush=True)
    record(Path("reports/provenance.json"), "prepare", started)


def load_official(contents: dict[str, bytes], prefix: str) -> Split:
    """The official split whose two files begin with `prefix`, as one channel."""
    images, labels = (parse_idx(contents[file.name], file.shape) for file in FILES if file.name.startswith(prefix))
    return Split(images[:, np.newaxis], labels.astype(np.int64))
