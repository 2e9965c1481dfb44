"""`python -m stages prepare`: find the raw files, split them, write `data/prepared/`."""

import time
from pathlib import Path

import numpy as np

from linear_classifier.data.splits import Split, save_splits
from linear_classifier.io.provenance import record
from linear_classifier.params import load_params
from linear_classifier.preparation.fashion_mnist import CLASS_NAMES, FILES, NAME, load_raw_files
from linear_classifier.preparation.idx import parse_idx
from linear_classifier.preparation.stratify import split_train_val


def main() -> None:
    started = time.perf_counter()
    params = load_params(Path("params.yaml")).prepare
    contents = load_raw_files(find_raw() / NAME, params.source)
    official_train, test = (load_official(contents, prefix) for prefix in ("train", "t10k"))
    train, val = split_train_val(official_train, params.val_fraction, params.seed)
    sources = {file.name: file.sha256 for file in FILES}
    save_splits(Path("data/prepared"), {"train": train, "val": val, "test": test}, NAME, CLASS_NAMES, sources)
    print(f"prepare: {len(train)} images for train, {len(val)} for val, {len(test)} for test", flush=True)
    record(Path("reports/provenance.json"), "prepare", started)


def find_raw() -> Path:
    """`data/raw` of this workspace, or of the one whose copy it is.

    `dvc exp run --temp` and `--queue` run in a copy below `.dvc/tmp/exps`, which lacks what git ignores.
    """
    for folder in Path.cwd().parents:
        if folder.parts[-3:] == (".dvc", "tmp", "exps"):
            return folder.parents[2] / "data/raw"
    return Path("data/raw")


def load_official(contents: dict[str, bytes], prefix: str) -> Split:
    """The official split whose two files begin with `prefix`, as one channel."""
    images, labels = (parse_idx(contents[file.name], file.shape) for file in FILES if file.name.startswith(prefix))
    return Split(images[:, np.newaxis], labels.astype(np.int64))
