"""`python -m tools.benchmark [--rounds N] [--images N] [PART ...]`: print every measurement beside what is promised."""

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from statistics import mean, median, stdev
from tempfile import TemporaryDirectory

import torch
from PIL import Image

from linear_classifier.data.splits import load_dataset, load_split
from linear_classifier.devices import select_device, why_no_cuda
from linear_classifier.io.console import open_console
from linear_classifier.io.heap import use_one_heap
from linear_classifier.params import load_params
from tools.benchmark.epoch_speed import CPU, OURS, PLAIN, TEXTBOOK, measure_device, measure_loops, measure_plain
from tools.benchmark.large_split import make_workspace, measure_orders, measure_reading, measure_stage
from tools.benchmark.many_ranks import measure_ranks
from tools.benchmark.page_speed import find_chromium, measure_page
from tools.benchmark.photographs import save_photographs
from tools.benchmark.processes import IMPORTS, LOGISTIC_REGRESSION, ONLY_TORCH, run_process, run_python, write_params
from tools.benchmark.small_pngs import NUM_PNGS, make_pngs, measure_pngs
from tools.compare.calibrate import open_splits, train_with_seed

BATCH_SIZES = (32, 256, 1024)
JAX_EPOCHS = 20  # of which the compilation and the imports are the smaller part
PREPARED, METRICS = Path("data/prepared"), Path("reports/evaluate/metrics.json")
NUM_PICTURES = 2000  # that are predicted


def bench_loops(rounds: int) -> None:
    """Images per second of (a), (b) and (c) at batch 32, 256 and 1024."""
    train = load_split(PREPARED, "train", load_dataset(PREPARED))
    for batch_size, promised in zip(BATCH_SIZES, (5, 9, 9), strict=True):
        rows = measure_loops(train, batch_size, rounds)
        print(f"\nimages per second, one epoch at batch {batch_size}")
        for name in rows[0]:
            _show(name, f"{median(row[name] for row in rows):,.0f}")
        _show_ratios("b / a", [row[f"{OURS}, float64"] / row[TEXTBOOK] for row in rows], f"at least {promised}")
        _show_ratios("b / c", [row[f"{OURS}, float64"] / row[f"{PLAIN}, float64"] for row in rows], "at least 0.97")


def bench_train(rounds: int) -> None:
    """The train stage as a process against scikit-learn's, and its memory."""
    pairs = [(run_python("-m", "stages", "train"), run_python("-c", LOGISTIC_REGRESSION)) for _ in range(rounds)]
    run_python("-m", "stages", "evaluate")
    imports = run_python("-c", IMPORTS).peak_mb
    above = sorted(ours.peak_mb - imports for ours, _ in pairs)
    print("\nthe train stage as a process, imports included")
    _show("train", f"{median(ours.seconds for ours, _ in pairs):.2f} s")
    _show("LogisticRegression", f"{median(other.seconds for _, other in pairs):.2f} s")
    _show_ratios("train / LogisticRegression", [ours.seconds / other.seconds for ours, other in pairs], "under 0.6")
    _show("test accuracy", json.loads(METRICS.read_text(encoding="utf-8"))["accuracy"], "at least the next")
    _show("LogisticRegression's", pairs[0][1].output.strip())
    peak = f"{median(above):.0f} ({above[0]:.0f} to {above[-1]:.0f}) MB above the imports' {imports:.0f} MB"
    _show("peak memory", peak, "at most 60 MB")


def bench_jax(rounds: int) -> None:
    """The stages as processes against JAX, both from raw files, in a folder of their own."""
    rows = []
    with TemporaryDirectory() as name:
        folder = Path(name)
        write_params(folder, train={"epochs": JAX_EPOCHS})
        (folder / "data").mkdir()
        (folder / "data/raw").symlink_to(Path("data/raw").absolute())
        for _ in range(rounds):
            stages = [run_python("-m", "stages", stage, folder=folder).seconds for stage in ("prepare", "train")]
            rows.append((sum(stages), run_python("-m", "tools.benchmark.jax_peer", folder=folder)))
    print(f"\nprepare and train as processes, from raw files, {JAX_EPOCHS} epochs, against JAX in float32")
    _show("prepare and train", f"{median(seconds for seconds, _ in rows):.2f} s")
    _show("JAX", f"{median(peer.seconds for _, peer in rows):.2f} s, test accuracy {rows[0][1].output.strip()}")
    _show_ratios("first / second", [seconds / peer.seconds for seconds, peer in rows], "at most 0.75")


def bench_repro(rounds: int) -> None:
    """`dvc repro` from raw files to the page and the exports against its unavoidable parts, and without these two."""
    params, train = load_params(Path("params.yaml")).train, load_split(PREPARED, "train", load_dataset(PREPARED))
    rows, without_both = [], []
    for _ in range(rounds):
        whole = run_process("dvc", "repro", "--force").seconds
        without_both.append(whole / run_process("dvc", "repro", "--force", "evaluate").seconds)
        nothing = run_process("dvc", "repro").seconds
        imports = run_python("-c", IMPORTS).seconds + run_python("-c", ONLY_TORCH).seconds
        arithmetic = params.epochs * len(train) / measure_plain(train, params.batch_size)
        rows.append((whole, nothing, imports, arithmetic))
    print("\ndvc repro --force, from raw files to the page and the exports")
    names = ("dvc repro --force", "dvc repro, nothing to do", "imports of train and evaluate", "arithmetic of (c)")
    for name, column in zip(names, zip(*rows, strict=True), strict=True):
        _show(name, f"{median(column):.2f} s")
    _show_ratios("first / sum of the rest", [row[0] / sum(row[1:]) for row in rows], "at most 1.5")
    _show_ratios("first / without these two", without_both, "at most 1.35")


def bench_gpu(rounds: int) -> None:
    """Images per second of (b) on the GPU and on the CPU, where there is a GPU."""
    if reason := why_no_cuda():
        print(f"\nno GPU: {reason}")
        return
    train = load_split(PREPARED, "train", load_dataset(PREPARED))
    gpu = select_device(replace(load_params(Path("params.yaml")).runtime, device="cuda"))
    for batch_size in BATCH_SIZES:
        rows = [[measure_device(train, batch_size, device) for device in (gpu, CPU)] for _ in range(rounds)]
        print(f"\nimages per second, one epoch at batch {batch_size}, float64")
        _show(torch.cuda.get_device_name(), f"{median(row[0] for row in rows):,.0f}")
        _show("CPU, one thread", f"{median(row[1] for row in rows):,.0f}")
        _show_ratios("GPU / CPU", [row[0] / row[1] for row in rows])


def bench_scale(rounds: int, num_images: int) -> None:
    """More images than memory holds: memory of the stages, speed of reading, and what the order in blocks costs."""
    params = load_params(Path("params.yaml")).train
    with make_workspace(num_images) as folder:
        print(f"\n{num_images:,} images of 28 x 28 from a source sorted by class, {num_images * 784 / 1e9:.1f} GB")
        for stage in ("prepare", "train"):
            megabytes, run = measure_stage(stage, folder)
            _show(f"{stage}: anonymous memory", f"{megabytes:.0f} MB above its imports", "at most 200 MB")
            _show(f"{stage}: time", f"{run.seconds:.0f} s")
        for batch_size in BATCH_SIZES:
            rows = measure_reading(folder, batch_size, rounds)
            _show(f"cold, batch {batch_size}", f"{median(row[0] for row in rows):,.0f} images per second")
            _show_ratios(f"cold / in memory, {batch_size}", [row[0] / row[1] for row in rows], "at least 0.85")
        in_blocks, in_full = measure_orders(folder, params, range(rounds))
    difference, spread = mean(in_blocks) - mean(in_full), max(in_full) - min(in_full)
    _show("val loss, shuffled in full", f"{mean(in_full):.5f}, seeds differ by {spread:.5f}")
    _show("val loss, in blocks", f"{mean(in_blocks):.5f}, {difference:+.5f}", "higher by at most what seeds differ by")


def bench_pngs(rounds: int) -> None:
    """The whole stage `prepare`, imports apart, on a folder of small PNGs."""
    with make_pngs() as folder:
        rates = [measure_pngs(folder) for _ in range(rounds)]
    print(f"\nprepare, {NUM_PNGS:,} PNGs of 28 x 28 in a folder a class")
    _show("images a second a core", f"{median(rates):,.0f} ({min(rates):,.0f} to {max(rates):,.0f})", "at least 15,000")


def bench_seeds(rounds: int) -> None:
    """Test accuracy over five seeds; the result is the same in every round."""
    splits, params = open_splits(), load_params(Path("params.yaml"))
    accuracies = [train_with_seed(splits, params, seed).metrics.headline["accuracy"] for seed in range(5)]
    print("\ntest accuracy over 5 seeds")
    _show("each", ", ".join(map(str, accuracies)))
    _show("mean, standard deviation", f"{mean(accuracies):.4f}, {stdev(accuracies):.4f}", "mean at least 0.856")


def bench_predict(rounds: int) -> None:
    """`tools.predict` as a process, on JPEGs of 640 x 480 and on images as they are, and on one of them."""
    test = load_split(PREPARED, "test", load_dataset(PREPARED))
    images = test.images[:NUM_PICTURES][:, 0]
    print(f"\ntools.predict as a process, imports included, {NUM_PICTURES} pictures in a folder")
    with TemporaryDirectory() as folder:
        small, large = Path(folder, "as-they-are"), Path(folder, "photographs")
        for place in (small, large):
            place.mkdir()
        save_photographs(images, large)
        for number, image in enumerate(images):
            Image.fromarray(image).save(small / f"{number:05}.png")
        _show_speed("JPEGs of 640 x 480", rounds, len(images), str(large))
        _show_speed("test images as they are", rounds, len(images), str(small), "--like-training")
        _show_speed("one JPEG", rounds, 1, str(large / "00000.jpg"))


def _show_speed(name: str, rounds: int, count: int, *arguments: str) -> None:
    runs = [run_python("-m", "tools.predict", *arguments) for _ in range(rounds)]
    seconds, peak = median(run.seconds for run in runs), max(run.peak_mb for run in runs)
    _show(name, f"{count / seconds:,.0f} images/s ({seconds:.2f} s, at most {peak:.0f} MB a process)")


def bench_page(rounds: int) -> None:
    """How soon the page answers, in a browser, where there is one."""
    chromium = find_chromium()
    if not chromium:
        print("\nno Chromium to measure the page in: `apt-get install chromium`")
        return
    first, stroke = zip(*measure_page(chromium, 3 * rounds), strict=True)
    print(f"\nthe page in {Path(chromium).name}, milliseconds")
    _show("loaded, to the first answer", f"{median(first):.0f} ({min(first):.0f} to {max(first):.0f})", "at most 200")
    _show("a point of a stroke", f"{median(stroke):.1f} ({min(stroke):.1f} to {max(stroke):.1f})", "at most 16")


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
    "jax": bench_jax,
    "repro": bench_repro,
    "seeds": bench_seeds,
    "gpu": bench_gpu,
    "predict": bench_predict,
    "page": bench_page,
    "pngs": bench_pngs,
    "ranks": bench_ranks,
}
LARGE = "scale"  # is measured if it is asked for: it takes half an hour, and 15 GB of disk


def _show(name: str, value: object, promise: str = "") -> None:
    print(f"  {name:<30} {value}{f' (promised: {promise})' if promise else ''}", flush=True)


def _show_ratios(name: str, ratios: Sequence[float], promise: str = "") -> None:
    _show(name, f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})", promise)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.benchmark", description=__doc__)
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help=f"any of {', '.join(PARTS)}, {LARGE}; without one, all but {LARGE}"
    )
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured (default: 5)")
    parser.add_argument("--images", type=int, default=6_000_000, help="of scale (default: 6000000, 15 GB of disk)")
    arguments = parser.parse_args()
    parts = PARTS | {LARGE: partial(bench_scale, num_images=arguments.images)}
    if unknown := set(arguments.parts) - set(parts):
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(parts)}")
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "torchvision", "scikit-learn", "jax", "dvc"))
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {versions}")
    print(f"medians of {arguments.rounds}, ratios within a round (least to most)")
    for name in arguments.parts or PARTS:
        parts[name](arguments.rounds)
    return 0


if __name__ == "__main__":
    open_console()
    use_one_heap()  # as in the stages
    sys.exit(main())
