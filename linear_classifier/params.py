"""The knobs of `params.yaml`, one dataclass a section, checked before any data is read."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, get_type_hints

from linear_classifier.io.sections import Range, check_keys, check_section
from linear_classifier.io.yaml_file import read_yaml

AUTO_GAMMA = {"fashion-mnist": 0.4}  # tuned on its val; what nobody has tuned keeps its pixels as they are: 1.0
MAX_SEED = 2**31 - 1  # fits every generator in use, NumPy's, PyTorch's and a pickled 4-byte integer
Seed = Annotated[int, Range(0, MAX_SEED)]


@dataclass(frozen=True)
class PrepareParams:
    """`image_size` is `[height, width]`."""

    dataset: Literal["fashion-mnist", "folder", "manifest", "idx", "npz"]
    source: str
    image_size: Annotated[list[int], Range(1, 4096), 2]
    channels: Literal[1, 3]
    resize: Literal["fit", "crop", "stretch"]
    val_fraction: Annotated[float, Range(0, 0.5, open_low=True)]
    test_fraction: Annotated[float, Range(0, 0.5, open_low=True)]
    seed: Seed
    unreadable: Literal["refuse", "skip"]
    duplicates: Literal["refuse", "drop", "allow"]


@dataclass(frozen=True)
class TrainParams:
    epochs: Annotated[int, Range(1, 10_000)]
    min_steps: Annotated[int, Range(0, 1_000_000)]
    batch_size: Annotated[int, Range(1, MAX_SEED)]
    lr: Annotated[float, Range(0, 10, open_low=True)]
    momentum: Annotated[float, Range(0, 1, open_high=True)]
    weight_decay: Annotated[float, Range(0, 1)]
    gamma: Annotated[float, Range(0, 10, open_low=True, or_word="auto")]
    seed: Seed
    dtype: Literal["float64", "float32"]


@dataclass(frozen=True)
class EvaluateParams:
    calibration_bins: Annotated[int, Range(1, 1000)]
    num_mistakes: Annotated[int, Range(1, 100)]


@dataclass(frozen=True)
class RuntimeParams:
    device: Literal["auto", "cpu", "cuda"]
    num_workers: Annotated[int, Range(0, 64)]
    threads: Annotated[int, Range(1, 256)]
    checkpoint_dir: str
    processes: Annotated[int, Range(1, 64)]


@dataclass(frozen=True)
class Params:
    prepare: PrepareParams
    train: TrainParams
    evaluate: EvaluateParams
    runtime: RuntimeParams


def load_params(path: Path) -> Params:
    """Every knob, typed and in range, with the number that `train.gamma: auto` stands for.

    Raises:
        ValueError: the file is missing or not YAML, a key is missing, unknown or given twice, or a value is of the
        wrong type or out of range. The message names the file, the key, what was found and what was expected.
    """
    content = check_keys(read_yaml(path), Params, str(path))
    sections = get_type_hints(Params)
    train, prepare = content["train"], content["prepare"]
    if isinstance(train, dict) and isinstance(prepare, dict) and train.get("gamma") == "auto":
        content["train"] = train | {"gamma": AUTO_GAMMA.get(str(prepare.get("dataset")), 1.0)}
    return Params(**{name: check_section(content[name], sections[name], f"{path}: {name}") for name in content})
