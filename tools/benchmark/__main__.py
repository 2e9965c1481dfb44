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
from linear_classifier.params import load_params
from tools.benchmark.epoch_speed import OURS, PLAIN, TEXTBOOK, measure_loops, measure_plain
from tools.benchmark.noise import as_revision, count_false_alarms, seed_deviations
from tools.benchmark.processes import IMPORTS, LOGISTIC_REGRESSION, ONLY_TORCH, run_process, run_python
from tools.benchmark.seeds import accuracies_over_seeds, train_over_seeds

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
    accuracies = accuracies_over_seeds(load_params(Path("params.yaml")), num_seeds=5)
    print("\ntest accuracy over 5 seeds")
    _show("each", ", ".join(map(str, accuracies)))
    _show("mean, standard deviation", f"{mean(accuracies):.4f}, {stdev(accuracies):.4f}", "mean at least 0.856")


def bench_noise(rounds: int) -> None:
    """How far runs of 20 seeds lie apart; the result is the same in every round."""
    params, class_names = load_params(Path("params.yaml")), load_dataset(PREPARED).class_names
    found = train_over_seeds(params, num_seeds=20)
    runs = [as_revision(f"seed {seed}", run, class_names, params) for seed, run in enumerate(found)]
    print("\nstandard deviation over 20 seeds")
    for name, deviation in seed_deviations(runs).items():
        _show(name, f"{deviation:.5f} (params.yaml: {getattr(params.compare, f'{name}_seed_sd')})")
    _show(
        "noise_scale, median",
        f"{median(run.noise_scale or 0 for run in runs):.3g} (params.yaml: {params.compare.seed_noise_scale})",
    )
    num_pairs, alarms = count_false_alarms(runs, params.compare)
    print(f"\nof {num_pairs} pairs of seeds tools.compare takes for better or worse")
    for name in ("any of them", "the gate fails", *sorted(set(alarms) - {"any of them", "the gate fails"})):
        _show(name, f"{alarms[name]} ({alarms[name] / num_pairs:.1%})")


PARTS: dict[str, Callable[[int], None]] = {
    "loops": bench_loops,
    "train": bench_train,
    "repro": bench_repro,
    "seeds": bench_seeds,
    "noise": bench_noise,
}
PROMISED = [name for name in PARTS if name != "noise"]  # which takes minutes, and is for whoever changes the training


def _show(name: str, value: object, promise: str = "") -> None:
    print(f"  {name:<30} {value}{f' (promised: {promise})' if promise else ''}", flush=True)


def _show_ratios(name: str, ratios: Sequence[float], promise: str) -> None:
    _show(name, f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})", promise)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.benchmark", description=__doc__)
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help=f"any of {', '.join(PARTS)}; without one, all but noise"
    )
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured (default: 5)")
    arguments = parser.parse_args()
    if unknown := set(arguments.parts) - set(PARTS):
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "torchvision", "scikit-learn", "dvc"))
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {versions}")
    print(f"medians of {arguments.rounds}, ratios within a round (least to most)")
    for name in arguments.parts or PROMISED:
        PARTS[name](arguments.rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
