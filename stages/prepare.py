"""`python -m stages prepare`: find the raw images, decode and split them, write `data/prepared/`."""

import time
from pathlib import Path

import numpy as np

from linear_classifier.data.splits import Dataset, Split, combine_sha256, save_splits
from linear_classifier.io.provenance import record
from linear_classifier.params import PrepareParams, load_params
from linear_classifier.preparation.fashion_mnist import CLASS_NAMES, FILES, NAME, load_raw_files
from linear_classifier.preparation.idx import parse_idx
from linear_classifier.preparation.layouts import Layout, find_images
from linear_classifier.preparation.own_images import prepare_images
from linear_classifier.preparation.stratify import split_train_val

PREPARED = Path("data/prepared")
NUM_SHOWN = 10  # files that are named of those passed over


def main() -> None:
    started = time.perf_counter()
    params = load_params(Path("params.yaml")).prepare
    if params.dataset == "fashion-mnist":
        dataset = prepare_fashion_mnist(params)
    else:
        dataset = prepare_own_images(params.dataset, params)
    counts = ", ".join(f"{sum(count)} images for {name}" for name, count in dataset.counts.items())
    print(f"prepare: {counts}", flush=True)
    record(Path("reports/provenance.json"), "prepare", started)


def prepare_fashion_mnist(params: PrepareParams) -> Dataset:
    contents = load_raw_files(find_raw() / NAME, params.source)
    official_train, test = (load_official(contents, prefix) for prefix in ("train", "t10k"))
    train, val = split_train_val(official_train, params.val_fraction, params.seed)
    sources = combine_sha256({file.name: file.sha256 for file in FILES})
    return save_splits(PREPARED, {"train": train, "val": val, "test": test}, NAME, CLASS_NAMES, sources)


def prepare_own_images(layout: Layout, params: PrepareParams) -> Dataset:
    if not params.source:
        raise ValueError(f"params.yaml: prepare.source is empty; write where the images of {layout} are")
    source = Path(params.source).expanduser()
    found = find_images(layout, source)
    dataset, findings = prepare_images(found, PREPARED, source.absolute().name, params)
    for what, items in (("passed over", findings.passed_over), ("skipped", findings.unusable)):
        for path, reason in items[:NUM_SHOWN]:
            print(f"prepare: {what}: {path}: {reason}")
        if len(items) > NUM_SHOWN:
            print(f"prepare: {what}: {len(items) - NUM_SHOWN} more")
    return dataset


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
