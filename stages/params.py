"""`params.yaml`, read into frozen dataclasses and checked before any data is read."""

import difflib
import math
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from stages.yaml_file import read_yaml

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

MAX_SEED = 2**31 - 1  # fits every generator in use, NumPy's, PyTorch's and a pickled 4-byte integer


@dataclass(frozen=True)
class Range:
    """A closed interval, or with `open_low`/`open_high` one without that end."""

    low: float
    high: float
    open_low: bool = False
    open_high: bool = False

    def __contains__(self, value: float) -> bool:
        above = value > self.low if self.open_low else value >= self.low
        below = value < self.high if self.open_high else value <= self.high
        return above and below

    def __str__(self) -> str:
        return f"{'(' if self.open_low else '['}{self.low:g}, {self.high:.10g}{')' if self.open_high else ']'}"


Section = TypeVar("Section", bound="DataclassInstance")
Seed = Annotated[int, Range(0, MAX_SEED)]


@dataclass(frozen=True)
class PrepareParams:
    source: str
    val_fraction: Annotated[float, Range(0, 0.5, open_low=True)]
    seed: Seed


@dataclass(frozen=True)
class TrainParams:
    epochs: Annotated[int, Range(1, 10_000)]
    batch_size: Annotated[int, Range(1, MAX_SEED)]
    lr: Annotated[float, Range(0, 10, open_low=True)]
    momentum: Annotated[float, Range(0, 1, open_high=True)]
    weight_decay: Annotated[float, Range(0, 1)]
    gamma: Annotated[float, Range(0, 10, open_low=True)]
    seed: Seed
    dtype: Literal["float64", "float32"]


@dataclass(frozen=True)
class EvaluateParams:
    calibration_bins: Annotated[int, Range(1, 1000)]
    num_mistakes: Annotated[int, Range(1, 100)]


@dataclass(frozen=True)
class CompareParams:
    """When a difference between two revisions counts, for `tools.compare`; no stage reads it.

    A tolerance is in the unit of its metric; a `_seed_sd` is the standard deviation of the metric over training seeds,
    that of a class's recall divided by its error rate, in runs of `seed_noise_scale`.
    """

    confidence: Annotated[float, Range(0.5, 1, open_low=True, open_high=True)]
    bootstrap_samples: Annotated[int, Range(100, 100_000)]
    accuracy_tolerance: Annotated[float, Range(0, 1)]
    loss_tolerance: Annotated[float, Range(0, 100)]
    macro_f1_tolerance: Annotated[float, Range(0, 1)]
    ece_tolerance: Annotated[float, Range(0, 1)]
    class_tolerance: Annotated[float, Range(0, 1)]
    accuracy_seed_sd: Annotated[float, Range(0, 1)]
    loss_seed_sd: Annotated[float, Range(0, 100)]
    macro_f1_seed_sd: Annotated[float, Range(0, 1)]
    ece_seed_sd: Annotated[float, Range(0, 1)]
    class_seed_sd: Annotated[float, Range(0, 1)]
    seed_noise_scale: Annotated[float, Range(0, 100, open_low=True)]


@dataclass(frozen=True)
class RuntimeParams:
    device: Literal["auto", "cpu", "cuda"]
    num_workers: Annotated[int, Range(0, 64)]
    threads: Annotated[int, Range(1, 256)]


@dataclass(frozen=True)
class Params:
    prepare: PrepareParams
    train: TrainParams
    evaluate: EvaluateParams
    compare: CompareParams
    runtime: RuntimeParams


def load_params(path: Path) -> Params:
    """Every knob, typed and in range.

    Raises:
        ValueError: the file is missing or not YAML, a key is missing, unknown or given twice, or a value is of the
        wrong type or out of range. The message names the file, the key, what was found and what was expected.
    """
    content = _check_keys(read_yaml(path), Params, str(path))
    sections = get_type_hints(Params)
    return Params(**{name: check_section(content[name], sections[name], f"{path}: {name}") for name in content})


def check_section(content: Any, kind: type[Section], where: str) -> Section:
    """`content`, a mapping as read from a file, as the section `kind`; `where` opens each message.

    Raises:
        ValueError: as `load_params`.
    """
    values = _check_keys(content, kind, where)
    hints = get_type_hints(kind, include_extras=True)
    return kind(**{name: _check_value(values[name], hints[name], f"{where}.{name}") for name in values})


def _check_keys(content: Any, kind: type[Any], where: str) -> dict[str, Any]:
    names = [field.name for field in fields(kind)]
    if not isinstance(content, dict):
        raise ValueError(f"{where}: must be a mapping with the keys {', '.join(names)}, got {shown(content)}")
    for key in content:
        if key not in names:
            near = difflib.get_close_matches(str(key)[:40], names, n=1, cutoff=0)
            raise ValueError(f"{where}: unknown key {shown(key)}; the nearest known key is {near[0]!r}")
    for name in names:
        if name not in content:
            raise ValueError(f"{where}: the key {name!r} is missing; add it, or `git checkout params.yaml`")
    return content


def _check_value(value: Any, hint: Any, where: str) -> str | int | float:
    if get_origin(hint) is Literal:
        if value not in get_args(hint) or not isinstance(value, str):
            raise ValueError(f"{where} must be one of {', '.join(get_args(hint))}, got {shown(value)}")
        return value
    if hint is str:
        if not isinstance(value, str):
            raise ValueError(f'{where} must be text (write "" for none), got {shown(value)}')
        return value
    kind, allowed = get_args(hint)
    return _check_number(value, kind, allowed, where)


def _check_number(value: Any, kind: type[int | float], allowed: Range, where: str) -> int | float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    whole = isinstance(value, int) or kind is float
    if not is_number or not whole or value not in allowed:
        noun = "a whole number" if kind is int else "a number"
        raise ValueError(f"{where} must be {noun} in {allowed}, got {shown(value)}{_hint(value, kind, allowed)}")
    return kind(value)


def _hint(value: Any, kind: type[int | float], allowed: Range) -> str:
    """How to write the number that YAML read as text, such as `1e-3`; else nothing."""
    try:
        number = float(value) if isinstance(value, str) else math.nan
    except ValueError:
        return ""
    if number not in allowed or (kind is int and not number.is_integer()):
        return ""
    text = repr(kind(number))
    return f" (write {text if '.' in text else text.replace('e', '.0e')}, without quotes)"


def shown(value: Any) -> str:
    """`value` as one short line; no list in a list, since a hostile one is deep or has no end."""
    if isinstance(value, int) and value.bit_length() > 128:
        return f"a whole number of {value.bit_length()} bits"
    if isinstance(value, list):
        items = ["..." if isinstance(item, list | dict) else shown(item) for item in value[:4]]
        return f"[{', '.join(items)}{', ...' if len(value) > 4 else ''}]"
    if isinstance(value, str):
        value = value[:60]  # first, since its repr may be ten times as long
    text = repr(value) if value is None or isinstance(value, str | int | float) else type(value).__name__
    return text if len(text) <= 60 else text[:57] + "..."
