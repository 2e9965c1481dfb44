"""`python -m tools.compare.calibrate [--seeds N]`: what another training seed does to each metric, beside rules.yaml.

Trains N times with params.yaml as it is, `train.seed` apart, and then judges every two of these runs by rules.yaml: as
they differ in nothing but chance, each that is found better or worse is a false alarm.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from pathlib import Path
from statistics import median

import numpy as np
import torch

from linear_classifier.data.loader import build_loader, evaluation_batch_size
from linear_classifier.data.splits import Split, load_dataset, load_split
from linear_classifier.evaluation.classify import classify
from linear_classifier.evaluation.exact import Floats
from linear_classifier.evaluation.metrics import compute_metrics
from linear_classifier.io.console import open_console
from linear_classifier.params import Params, load_params
from linear_classifier.training.loop import train
from tools.compare.evidence import gather_evidence
from tools.compare.revision import Predicted, noise_scale, parse_metrics
from tools.compare.revision_files import PARAMS, PREPARED, RULES
from tools.compare.rules import Rules, parse_rules
from tools.compare.verdict import judge_all

CPU = torch.device("cpu")
ANY, GATE = "any of them", "the gate fails"


@dataclass(frozen=True, kw_only=True)
class Splits:
    """The prepared data, opened."""

    train: Split
    val: Split
    test: Split
    image_shape: list[int]
    class_names: list[str]


def open_splits(folder: Path = Path(PREPARED)) -> Splits:
    dataset = load_dataset(folder)
    train, val, test = (load_split(folder, name, dataset) for name in ("train", "val", "test"))
    return Splits(train=train, val=val, test=test, image_shape=dataset.image_shape, class_names=dataset.class_names)


def train_with_seed(splits: Splits, params: Params, seed: int) -> Predicted:
    """The run with `params` and `train.seed` as `seed`, as `tools.compare` would find it."""
    chosen, num_classes = replace(params.train, seed=seed), len(splits.class_names)
    trained = train(splits.train, splits.val, num_classes, chosen, params.runtime, CPU)
    stored = trained.model.float().double()  # the model file holds float32
    table = torch.from_numpy(trained.pixel_table).double()
    test = build_loader(splits.test, table, evaluation_batch_size(splits.image_shape), params.runtime, CPU)
    predictions, name = classify(stored, test), f"seed {seed}"
    metrics = compute_metrics(predictions, splits.class_names, params.evaluate.calibration_bins)
    return Predicted(
        name=name,
        commit=None,
        params=asdict(params),
        rules=b"",
        why_no_predictions="",
        metrics=parse_metrics(json.dumps(metrics).encode(), name),
        training={},
        noise_scale=noise_scale(trained.best.lr, chosen.batch_size, chosen.momentum),
        predictions=predictions,
        calibration_bins=params.evaluate.calibration_bins,
    )


def seed_deviations(runs: Sequence[Predicted]) -> dict[str, float]:
    """The standard deviation of each headline metric over `runs`, and `class`: that of recall divided by error rate.

    The last is of the class in which it is largest: a gate that cries wolf over one class is soon ignored.
    """
    headlines = [run.metrics.headline for run in runs]
    found = {name: float(np.std([each[name] for each in headlines], ddof=1)) for name in headlines[0]}
    recalls: Floats = np.array([list(run.metrics.recall.values()) for run in runs])
    ratios = recalls.std(axis=0, ddof=1) / np.maximum(1 - recalls.mean(axis=0), 1e-9)
    return {**found, "class": float(ratios.max())}


def count_false_alarms(runs: Sequence[Predicted], rules: Rules) -> tuple[int, Counter[str]]:
    """How many pairs of `runs` there are, and in how many of them each metric is judged better or worse, or any is."""
    alarms: Counter[str] = Counter({ANY: 0, GATE: 0})
    pairs = list(combinations(runs, 2))
    for base, head in pairs:
        judgement = judge_all(gather_evidence(base, head, rules), base, head, rules)
        findings = judgement.metrics + judgement.classes
        names = {finding.evidence.name for finding in findings if finding.verdict in ("better", "worse")}
        alarms.update([*names, *([ANY] if names else []), *([GATE] if judgement.failures else [])])
    return len(pairs), alarms


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.compare.calibrate", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, metavar="N", help="train.seed 0 to N - 1 (default: 20)")
    options = parser.parse_args(arguments)
    if options.seeds < 2:
        parser.error(f"--seeds must be at least 2, got {options.seeds}")
    try:
        params, rules, splits = load_params(Path(PARAMS)), parse_rules(Path(RULES).read_bytes()), open_splits()
    except (ValueError, OSError) as error:
        print(f"calibrate: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    runs = [train_with_seed(splits, params, seed) for seed in range(options.seeds)]
    print(f"standard deviation over {len(runs)} seeds")
    for name, deviation in seed_deviations(runs).items():
        print(f"  {name:<30} {deviation:.5f} (rules.yaml: {getattr(rules, f'{name}_seed_sd')})")
    scale = median(run.noise_scale or 0 for run in runs)
    print(f"  {'noise scale, median':<30} {scale:.3g} (rules.yaml: {rules.seed_noise_scale})")
    num_pairs, alarms = count_false_alarms(runs, rules)
    print(f"\nof {num_pairs} pairs of seeds tools.compare takes for better or worse")
    for name, count in alarms.items():
        print(f"  {name:<30} {count} ({count / num_pairs:.1%})")
    return 0


if __name__ == "__main__":
    open_console()
    sys.exit(main(sys.argv[1:]))
