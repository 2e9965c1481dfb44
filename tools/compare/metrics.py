"""reports/evaluate/metrics.json, read back: a report must not rest on a number that is none."""

import json
from dataclasses import dataclass
from typing import Any

from linear_classifier.io.sections import short_repr
from tools.compare.measures import HEADLINE

_ABSURD = 1e30  # nats: `evaluate` refuses such a model, and JSON holds numbers that no float can
MEND = "run `dvc repro evaluate` there and commit what it writes"


@dataclass(frozen=True)
class Metrics:
    """Headline metrics and the recall of each class, in the order of the classes.

    The counts, of test images, are None in files written before these were.
    """

    headline: dict[str, float]
    recall: dict[str, float]
    num_images: int | None
    class_counts: dict[str, int] | None


def parse_metrics(content: bytes, where: str) -> Metrics:
    """What the file holds.

    Raises:
        ValueError: it is damaged, or a number is missing, not finite or out of range; the message opens with `where`.
    """
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{where}: damaged ({' '.join(str(error).split())[:100]}), expected JSON; {MEND}") from None
    headline = {name: _number(found, name, f"{where}: {name}") for name in HEADLINE}
    classes = found.get("per_class")
    if not isinstance(classes, dict) or not classes:
        raise ValueError(f"{where}: per_class is {short_repr(classes)}, expected a mapping of classes; {MEND}")
    recall = {name: _number(row, "recall", f"{where}: recall of {short_repr(name)}") for name, row in classes.items()}
    counts = {name: row["num_images"] for name, row in classes.items() if _is_count(row.get("num_images"))}
    num_images = found.get("num_images")
    return Metrics(
        headline,
        recall,
        num_images if _is_count(num_images) and num_images > 0 else None,
        counts if len(counts) == len(recall) else None,
    )


def _number(mapping: Any, name: str, where: str) -> float:
    """The finite number `name` of `mapping`; all but the loss are fractions."""
    highest = _ABSURD if name == "loss" else 1.0
    expected = "a finite number of at least 0" if name == "loss" else "a number in [0, 1]"
    value: Any = mapping.get(name) if isinstance(mapping, dict) else None
    if type(value) in (int, float) and 0 <= value <= highest:
        return float(value)
    found = "missing" if value is None else short_repr(value)
    raise ValueError(f"{where} is {found}, expected {expected}; {MEND}")


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0
