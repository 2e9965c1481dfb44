"""What a revision is worth comparing by: predictions, else metrics alone, else nothing; checked once, here.

A report must not rest on a number that is none, so what `evaluate` wrote is believed only if it is whole, in range and
without contradiction.
"""

import csv
import io
import json
import math
from dataclasses import dataclass, replace
from typing import Any

from linear_classifier.evaluation.metrics import Predictions, count_confusion, per_class_scores
from linear_classifier.evaluation.tables import parse_predictions
from linear_classifier.io.sections import short_repr
from linear_classifier.io.yaml_file import parse_yaml
from tools.compare.revision_files import HISTORY, METRICS, PARAMS, PREDICTIONS, RULES, TRAINING, RevisionFiles

HIGHER_IS_BETTER = {"accuracy": True, "loss": False, "macro_f1": True, "ece": False}
HEADLINE = tuple(HIGHER_IS_BETTER)
_ABSURD = 1e30  # nats: `evaluate` refuses such a model, and JSON holds numbers that no float can
_AGREE = 2e-6  # metrics.json is rounded to 6 digits, and so are the confidences and losses in predictions.csv
_TO_DO = "run `dvc repro evaluate` there and commit what it writes"


@dataclass(frozen=True, kw_only=True)
class Metrics:
    """Headline metrics and the recall of each class, in the order of the classes.

    `num_images` counts the test images, `class_counts` those of each class: None in files from before it was noted.
    """

    headline: dict[str, float]
    recall: dict[str, float]
    num_images: int | None
    class_counts: dict[str, int] | None


@dataclass(frozen=True, kw_only=True)
class Revision:
    """A revision that was never evaluated. `commit` is None for the workspace.

    `rules` is its rules.yaml as it stands, `why_no_predictions` a sentence; each is empty where there is none.
    """

    name: str
    commit: str | None
    params: dict[str, Any]
    rules: bytes
    why_no_predictions: str

    @property
    def class_names(self) -> list[str]:
        return []

    @property
    def num_images(self) -> int | None:
        """How many test images it was judged on; None if nothing says."""
        return None


@dataclass(frozen=True, kw_only=True)
class Measured(Revision):
    """A revision with metrics.

    `training` is what the training says of itself, on val; nothing is judged by it. `noise_scale` tells how much
    another seed would have changed, and is None where that is not known.
    """

    metrics: Metrics
    training: dict[str, float]
    noise_scale: float | None

    @property
    def class_names(self) -> list[str]:
        return list(self.metrics.recall)

    @property
    def num_images(self) -> int | None:
        return self.metrics.num_images

    def count_of(self, class_name: str) -> int | None:
        """How many test images bear the label; None if nothing says."""
        return (self.metrics.class_counts or {}).get(class_name)


@dataclass(frozen=True, kw_only=True)
class Predicted(Measured):
    """A revision with metrics and the predictions that they are of."""

    predictions: Predictions
    calibration_bins: int

    @property
    def num_images(self) -> int:
        return len(self.predictions.labels)

    def count_of(self, class_name: str) -> int:
        return int((self.predictions.labels == self.class_names.index(class_name)).sum())


def parse_revision(files: RevisionFiles) -> Revision:
    """What `files` hold: a `Predicted` revision if they have all that it takes.

    Raises:
        ValueError: params, metrics or predictions are damaged.
    """
    bare = Revision(
        name=files.name,
        commit=files.commit,
        params=_parse_params(files),
        rules=files.contents.get(RULES, b""),
        why_no_predictions=files.reasons.get(PREDICTIONS, f"{PREDICTIONS}: not there"),
    )
    if METRICS in files.reasons:
        raise ValueError(f"{files.name}: {files.reasons[METRICS]}; metrics belong in git: `cache: false` in dvc.yaml")
    if METRICS not in files.contents:
        return replace(bare, why_no_predictions=f"{METRICS}: not there")
    measured = Measured(
        **vars(bare),
        metrics=parse_metrics(files.contents[METRICS], f"{files.name}: {METRICS}"),
        training=_parse_training(files.contents.get(TRAINING, b"")),
        noise_scale=parse_noise_scale(files.contents.get(HISTORY, b""), bare.params),
    )
    if PREDICTIONS not in files.contents:
        return measured
    where, num_classes = f"{files.name}: {PREDICTIONS}", len(measured.class_names)
    predictions = parse_predictions(files.contents[PREDICTIONS], num_classes, where)
    _check_agreement(predictions, measured.metrics, f"{files.name}: {METRICS}")
    found = {**vars(measured), "why_no_predictions": "", "calibration_bins": _calibration_bins(measured)}
    return Predicted(**found, predictions=predictions)


def noise_scale(lr: float, batch_size: int, momentum: float) -> float:
    """What the variance of what SGD's random batches do to the weights is in proportion to.

    Source: Smith and Le, "A Bayesian perspective on generalization and stochastic gradient descent", 2018, section 4.
    """
    return lr / batch_size / (1 - momentum)


def parse_noise_scale(history: bytes, params: dict[str, Any]) -> float | None:
    """The `noise_scale` of the epoch that a training kept, of which history.csv tells; None if they do not say."""
    try:
        rows = list(csv.DictReader(io.StringIO(history.decode())))
        train = params["train"]
        kept = min(rows, key=lambda row: float(row["val_loss"]))  # the first of equals, as in the training
        scale = noise_scale(float(kept["lr"]), train["batch_size"], train["momentum"])
    except (ValueError, ArithmeticError, LookupError, TypeError, csv.Error):
        return None
    return scale if 0 < scale < math.inf else None


def parse_metrics(content: bytes, where: str) -> Metrics:
    """What metrics.json holds.

    Raises:
        ValueError: it is damaged, or a number is missing, not finite or out of range; the message opens with `where`.
    """
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{where}: damaged ({' '.join(str(error).split())[:100]}), expected JSON; {_TO_DO}") from None
    headline = {name: _number(found, name, f"{where}: {name}") for name in HEADLINE}
    classes, num_images = found.get("per_class"), found.get("num_images")
    if not isinstance(classes, dict) or not classes:
        raise ValueError(f"{where}: per_class is {short_repr(classes)}, expected a mapping of classes; {_TO_DO}")
    recall = {name: _number(row, "recall", f"{where}: recall of {short_repr(name)}") for name, row in classes.items()}
    counts = {name: row["num_images"] for name, row in classes.items() if _is_count(row.get("num_images"))}
    return Metrics(
        headline=headline,
        recall=recall,
        num_images=num_images if _is_count(num_images) and num_images > 0 else None,
        class_counts=counts if len(counts) == len(recall) else None,
    )


def _parse_params(files: RevisionFiles) -> dict[str, Any]:
    """params.yaml, whatever keys it has; nothing if there is none."""
    found = parse_yaml(files.contents.get(PARAMS, b""), f"{files.name}: {PARAMS}")
    return found if isinstance(found, dict) else {}


def _parse_training(content: bytes) -> dict[str, float]:
    """The finite numbers in the metrics of the training, if it has any."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    items = found.items() if isinstance(found, dict) else ()
    return {name: float(value) for name, value in items if type(value) in (int, float) and abs(value) < _ABSURD}


def _check_agreement(predictions: Predictions, metrics: Metrics, where: str) -> None:
    """Raise ValueError unless the numbers of metrics.json, ECE apart, are those of `predictions`.

    ECE is apart, since a confidence rounded to 6 digits may fall into another bin.
    """
    confusion = count_confusion(predictions, len(metrics.recall))
    _, recall, f1 = per_class_scores(confusion)
    accuracy, loss = confusion.trace() / confusion.sum(), predictions.loss.mean()
    found = {"accuracy": accuracy, "loss": loss, "macro_f1": f1.mean()}
    pairs = [(name, metrics.headline[name], value) for name, value in found.items()]
    pairs += [
        (f"recall of {name}", metrics.recall[name], value) for name, value in zip(metrics.recall, recall, strict=True)
    ]
    for name, said, value in pairs:
        if abs(said - value) > _AGREE:
            raise ValueError(f"{where}: {name} is {said}, but predictions.csv of the same revision gives {value:.6f}")


def _calibration_bins(revision: Revision) -> int:
    section: Any = revision.params.get("evaluate")
    found = section.get("calibration_bins") if isinstance(section, dict) else None
    if type(found) is not int or not 1 <= found <= 1000:
        what = f"{revision.name}: {PARAMS}: evaluate.calibration_bins"
        raise ValueError(f"{what} must be a whole number in [1, 1000], got {short_repr(found)}")
    return found


def _number(mapping: Any, name: str, where: str) -> float:
    """The finite number `name` of `mapping`; all but the loss are fractions."""
    highest = _ABSURD if name == "loss" else 1.0
    expected = "a finite number of at least 0" if name == "loss" else "a number in [0, 1]"
    value: Any = mapping.get(name) if isinstance(mapping, dict) else None
    if type(value) in (int, float) and 0 <= value <= highest:
        return float(value)
    found = "missing" if value is None else short_repr(value)
    raise ValueError(f"{where} is {found}, expected {expected}; {_TO_DO}")


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0
