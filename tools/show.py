"""`python -m tools.show`: the metrics in reports/ as a table, and what to look at."""

import json
import sys
from pathlib import Path
from typing import Any

from linear_classifier.io.console import open_console
from tools.command_line import expect_no_arguments

TRAIN, EVALUATE = Path("reports/train/metrics.json"), Path("reports/evaluate/metrics.json")
LOOK_AT = (
    "reports/report/index.html",
    "reports/evaluate/confusion.png",
    "reports/evaluate/mistakes.png",
    "reports/evaluate/weights.png",
    "reports/train/batch.png",
)


def format_metrics(train: dict[str, Any], evaluate: dict[str, Any]) -> str:
    """The headline metrics, one a line, then a row for each class."""
    headline = {"test " + name: value for name, value in evaluate.items() if name not in ("num_images", "per_class")}
    lines = [f"{name:<14} {value}" for name, value in (headline | train).items()]
    lines += ["", f"{'class':<14} precision  recall     f1"]
    lines += [
        f"{name:<14} {row['precision']:<10.4f} {row['recall']:<10.4f} {row['f1']:.4f}"
        for name, row in evaluate["per_class"].items()
    ]
    return "\n".join(lines)


def main() -> int:
    try:
        train, evaluate = (json.loads(path.read_text(encoding="utf-8")) for path in (TRAIN, EVALUATE))
        print(format_metrics(train, evaluate))
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"show: error: no readable metrics ({error}); run `dvc repro` first", file=sys.stderr)
        return 2
    if pictures := [name for name in LOOK_AT if Path(name).exists()]:
        print(f"\nlook at: {' '.join(pictures)}")
    print("curves:  run `dvc plots show` and open dvc_plots/index.html")
    return 0


if __name__ == "__main__":
    open_console()
    expect_no_arguments(__doc__)
    sys.exit(main())
