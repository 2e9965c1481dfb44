"""`python -m tools.benchmark [--rounds N] [PART ...]`: print every measurement beside what is promised."""

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from statistics import mean, median, stdev

from linear_classifier.data.splits import load_dataset, load_split
from linear_classifier.io.console import open_console
from linear_classifier.params import load_params
from tools.benchmark.epoch_speed import OURS, PLAIN, TEXTBOOK, measure_loops, measure_plain
from tools.benchmark.many_ranks import measure_ranks
from tools.benchmark.processes import IMPORTS, LOGISTIC_REGRESSION, ONLY_TORCH, run_process, run_python
from tools.compare.calibrate import open_splits, train_with_seed

PREPARED, METRICS = Path("data/prepared"), Path("reports/evaluate/metrics.json")


def bench_loops(rounds: int) -> None:
    """Images per second of (a), (b) and (c) at batch 32, 256 and 1024."""
    train = load_split(PREPARED, "train", load_dataset(PREPARED))
    for batch_size, promised in ((32, 5), (256, 9), (1024, 9)):
        rows = measure_loops(train, batch_size, rounds)
        print(f"\nimages per second, one epoch at batch {batch_size}")
        for name in rows[0]:
            _show(name, f"{median(row[name] for row in rows):,.0f}")
        _show_ratios("b / a", [row[f"{OURS}, float64"] / row[TEXTBOOK] for row in rows], f"at least {promised}")
        _show_ratios("b / c", [row[f"{OURS}, float64"] / row[f"{PLAIN}, float64"] for row in rows], "at least 0.92")


def bench_train(rounds: int) -> None:
    """The train stage as a process against scikit-learn's, and its memory."""
    pairs = [(run_python("-m", "stages", "train"), run_python("-c", LOGISTIC_REGRESSION)) for _ in range(rounds)]
    run_python("-m", "stages", "evaluate")
    imports = run_python("-c", IMPORTS).peak_mb
    peak = max(ours.peak_mb for ours, _ in pairs)
    print("\nthe train stage as a process, imports included")
    _show("train", f"{median(ours.seconds for ours, _ in pairs):.2f} s")
    _show("LogisticRegression", f"{median(other.seconds for _, other in pairs):.2f} s")
    _show_ratios("train / LogisticRegression", [ours.seconds / other.seconds for ours, other in pairs], "under 0.6")
    _show("test accuracy", json.loads(METRICS.read_text(encoding="utf-8"))["accuracy"], "at least the next")
    _show("LogisticRegression's", pairs[0][1].output.strip())
    _show("peak memory", f"{peak - imports:.0f} MB above the imports' {imports:.0f} MB", "at most 300 MB")


def bench_repro(rounds: int) -> None:
    """`dvc repro` from raw files to metrics against its unavoidable parts."""
    params, train = load_params(Path("params.yaml")).train, load_split(PREPARED, "train", load_dataset(PREPARED))
    rows = []
    for _ in range(rounds):
        whole = run_process("dvc", "repro", "--force").seconds
        nothing = run_process("dvc", "repro").seconds
        imports = run_python("-c", IMPORTS).seconds + run_python("-c", ONLY_TORCH).seconds
        arithmetic = params.epochs * len(train) / measure_plain(train, params.batch_size)
        rows.append((whole, nothing, imports, arithmetic))
    print("\ndvc repro --force, from raw files to metrics")
    names = ("dvc repro --force", "dvc repro, nothing to do", "imports of train and evaluate", "arithmetic of (c)")
    for name, column in zip(names, zip(*rows, strict=True), strict=True):
        _show(name, f"{median(column):.2f} s")
    _show_ratios("first / sum of the rest", [row[0] / sum(row[1:]) for row in rows], "at most 1.5")


def bench_seeds(rounds: int) -> None:
    """Test accuracy over five seeds; the result is the same in every round."""
    splits, params = open_splits(), load_params(Path("params.yaml"))
    accuracies = [train_with_seed(splits, params, seed).metrics.headline["accuracy"] for seed in range(5)]
    print("\ntest accuracy over 5 seeds")
    _show("each", ", ".join(map(str, accuracies)))
    _show("mean, standard deviation", f"{mean(accuracies):.4f}, {stdev(accuracies):.4f}", "mean at least 0.856")


def bench_ranks(rounds: int) -> None:
    """Images per second of an epoch on 2 ranks against 1: where they pay, and where they do not."""
    for image_shape, batch_size, promise in (
        ((3, 64, 64), 1024, "at least 1.5"),
        ((1, 28, 28), 256, "none, they do not pay"),
    ):
        pairs = [[measure_ranks(image_shape, batch_size, ranks) for ranks in (1, 2)] for _ in range(rounds)]
        channels, height, width = image_shape
        print(f"\nimages per second on several ranks, {height} x {width} x {channels}, batch {batch_size}")
        for ranks, column in zip((1, 2), zip(*pairs, strict=True), strict=True):
            _show(f"ranks: {ranks}", f"{median(column):,.0f}")
        _show_ratios("2 ranks / 1", [two / one for one, two in pairs], promise)


PARTS: dict[str, Callable[[int], None]] = {
    "loops": bench_loops,
    "train": bench_train,
    "repro": bench_repro,
    "seeds": bench_seeds,
    "ranks": bench_ranks,
}


def _show(name: str, value: object, promise: str = "") -> None:
    print(f"  {name:<30} {value}{f' (promised: {promise})' if promise else ''}", flush=True)


def _show_ratios(name: str, ratios: Sequence[float], promise: str) -> None:
    _show(name, f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})", promise)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.benchmark", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"any of {', '.join(PARTS)}; without one, all")
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured (default: 5)")
    arguments = parser.parse_args()
    if unknown := set(arguments.parts) - set(PARTS):
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "torchvision", "scikit-learn", "dvc"))
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {versions}")
    print(f"medians of {arguments.rounds}, ratios within a round (least to most)")
    for name in arguments.parts or PARTS:
        PARTS[name](arguments.rounds)
    return 0


if __name__ == "__main__":
    open_console()
    sys.exit(main())
