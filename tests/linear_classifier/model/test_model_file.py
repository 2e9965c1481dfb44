"""What `save_model` writes and `read_model` accepts: every version, every size, whatever the params were."""

import hashlib
import io
import json
import math
import pickle
import pickletools
import shutil
import struct
import subprocess
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pytest

import linear_classifier
from linear_classifier.model.content import MAX_CLASSES
from linear_classifier.model.model_file import (
    MAX_BYTES,
    SavedModel,
    as_floats,
    check_can_save,
    load_model,
    read_model,
    save_model,
)
from linear_classifier.model.pickles import MAX_OPCODES
from linear_classifier.params import TrainParams
from tests.faults.stage_runs import run_stage
from tests.good_model import build_saved, made_with, save_small_run
from tests.processes import ROOT

SMALL: dict[str, Any] = {"image_shape": (1, 2, 3), "num_classes": 2}
# Of a file that the last revision of version 1 wrote, with the content of `version_1_content`.
VERSION_1_SHA256 = "94ae1e8dd9ce09358c722ed7711fadd10dd9b248b9fafdbe4792161cd94817e4"


def version_1_content() -> dict[str, Any]:
    def floats(count: int) -> bytes:
        return struct.pack(f"<{count}f", *(index / 64 - 1 for index in range(count)))

    train = {"epochs": 10, "batch_size": 256, "lr": 0.03, "momentum": 0.9, "weight_decay": 0.0003, "gamma": 0.4}
    return {
        "format": "flatten-linear",
        "version": 1,
        "architecture": "Flatten -> Linear",
        "image_shape": [1, 2, 3],
        "class_names": ["left", "right"],
        "pixel_table": floats(256),
        "weight": floats(12),
        "bias": floats(2),
        "params": {
            "prepare": {"source": "", "val_fraction": 0.1, "seed": 0},
            "train": {**train, "seed": 0, "dtype": "float64"},
        },
    }


def pickled(content: dict[str, Any]) -> bytes:
    """As the writer of version 1 did it, with none of today's code."""
    buffer = io.BytesIO()
    pickler = pickle.Pickler(buffer, protocol=4)
    pickler.fast = True
    pickler.dump(content)
    return buffer.getvalue()


def saved_with(values: dict[str, dict[str, Any]]) -> SavedModel:
    return replace(build_saved(**SMALL), made_with=values)


def test_read_model_gives_back_what_save_model_was_given(tmp_path: Path) -> None:
    save_model(tmp_path / "model.pkl", build_saved(**SMALL))
    assert read_model(tmp_path / "model.pkl") == build_saved(**SMALL)
    assert linear_classifier.read_model(tmp_path / "model.pkl") == build_saved(**SMALL)


def test_save_model_writes_the_same_bytes_in_every_process(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path\nfrom tests.good_model import build_saved\n"
        "from linear_classifier.model.model_file import save_model\nsave_model(Path('theirs.pkl'), build_saved())"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, check=True)
    save_model(tmp_path / "ours.pkl", build_saved())
    assert (tmp_path / "ours.pkl").read_bytes() == (tmp_path / "theirs.pkl").read_bytes()


def test_load_model_has_the_numbers_of_the_file(tmp_path: Path) -> None:
    save_model(tmp_path / "model.pkl", build_saved(**SMALL))
    weight, bias = load_model(tmp_path / "model.pkl").state_dict().values()
    assert weight.shape == (2, 6) and bias.shape == (2,)
    assert weight.flatten().tolist() == as_floats(build_saved(**SMALL).weight).tolist()


def test_read_model_reads_version_1_byte_for_byte(tmp_path: Path) -> None:
    content = version_1_content()
    data = pickled({**content, "sha256": hashlib.sha256(pickled(content)).hexdigest()})
    assert hashlib.sha256(data).hexdigest() == VERSION_1_SHA256
    (tmp_path / "model.pkl").write_bytes(data)
    saved = read_model(tmp_path / "model.pkl")
    assert saved.made_with == content["params"] and saved.weight == content["weight"]
    (tmp_path / "model.pkl").write_bytes(data.replace(b"left", b"lift"))
    with pytest.raises(ValueError, match="sha256"):
        read_model(tmp_path / "model.pkl")


@dataclass(frozen=True)
class TrainParamsOfTomorrow(TrainParams):
    nesterov: str


@pytest.mark.parametrize("kind", [TrainParams, TrainParamsOfTomorrow])
def test_read_model_opens_a_model_of_other_params(kind: type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Yesterday's model under tomorrow's params, and the other way round."""
    monkeypatch.setattr("linear_classifier.params.TrainParams", TrainParamsOfTomorrow)
    train = {**made_with()["train"], **({"nesterov": "yes"} if kind is TrainParamsOfTomorrow else {})}
    values = {"prepare": made_with()["prepare"], "train": asdict(kind(**train))}
    save_model(tmp_path / "model.pkl", saved_with(values))
    assert read_model(tmp_path / "model.pkl").made_with == values


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"train": {}},
        {"a": {"whole": -(2**31), "large": 2**31 - 1, "tiny": 5e-324, "huge": 1.7e308, "minus": -0.0, "text": ""}},
        {"a": {"list": [], "mixed": [1, 0.5, "é \U0001f600"], "Größe": "x" * 255}},
        {f"section_{i}": {f"{'k' * 61}_{j:02}": ["\U0001f600" * 255] * 16 for j in range(64)} for i in range(8)},
    ],
    ids=["nothing", "an empty section", "numbers", "lists and texts", "as much as there may be"],
)
def test_read_model_takes_any_plain_bounded_made_with(values: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    save_model(tmp_path / "model.pkl", saved_with(values))
    assert read_model(tmp_path / "model.pkl").made_with == values


def test_max_opcodes_is_enough_for_the_most_that_the_format_allows(tmp_path: Path) -> None:
    made_with = {f"s{i}": {f"key_{j}": ["\U0001f600" * 255] * 16 for j in range(64)} for i in range(8)}
    saved = replace(build_saved((1, 1, 1), MAX_CLASSES), made_with=made_with)
    names = [f"{index}".ljust(255, "\U0001f600") for index in range(MAX_CLASSES)]
    save_model(tmp_path / "model.pkl", replace(saved, class_names=names))
    assert read_model(tmp_path / "model.pkl").class_names == names
    opcodes = sum(1 for _ in pickletools.genops((tmp_path / "model.pkl").read_bytes()))
    assert 0.98 * MAX_OPCODES < opcodes <= MAX_OPCODES


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"class_names": ["a", "a"]}, "class_names: expected 2 to 10000 names, distinct"),
        ({"bias": bytes(4)}, "bias: expected 8 bytes"),
        ({"bias": struct.pack("<2f", 1, math.inf)}, "bias: a number is NaN or infinite"),
        ({"made_with": {"train": {"lr": True}}}, r"made_with: train\.lr: expected a whole number of 32 bits, .*True"),
    ],
)
def test_save_model_writes_no_file_that_read_model_refuses(changes: Any, match: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=rf"model\.pkl: not written: {match}"):
        save_model(tmp_path / "model.pkl", replace(build_saved(**SMALL), **changes))
    assert list(tmp_path.iterdir()) == []


NAMES = [f"class {index}" for index in range(MAX_CLASSES)]


@pytest.mark.parametrize(
    ("image_shape", "class_names", "values", "match"),
    [
        ([3, 1024, 1024], NAMES[:100], {}, r"\[3, 1024, 1024\] and 100 classes has 1,200 MB, more than the 256 MB of .*"
         "; lower prepare.image_size, or use fewer classes"),
        ([1, 28, 28], [*NAMES, "one more"], {}, "class_names: expected 2 to 10000 names, .* found 10001 in"),
        ([1, 28, 28], ["x" * 256, "y"], {}, "class_names: .* at most 255 characters"),
        ([1, 28, 28], ["x\n", "y"], {}, "class_names: .* printable"),
        ([28, 28], NAMES[:10], {}, "image_shape: expected"),
        ([1, 28, 28], NAMES[:10], {"prepare": {"source": "x" * 256}}, r"made_with: prepare\.source: expected .*'x"),
        ([1, 28, 28], NAMES[:10], {"a": {f"k{i}": 1 for i in range(65)}}, "made_with: a: expected at most 64 keys"),
    ],
)  # fmt: skip
def test_check_can_save_refuses_before_the_training(
    image_shape: list[int], class_names: list[str], values: dict[str, dict[str, Any]], match: str
) -> None:
    with pytest.raises(ValueError, match=match):
        check_can_save(image_shape, class_names, values)


@pytest.mark.slow
def test_check_can_save_and_save_model_agree_on_the_largest_model(tmp_path: Path) -> None:
    """What may be saved is read again, right up to the limit."""
    width = next(width for width in range(16_000, 0, -1) if _can_save([1, 2**12, width], NAMES[:2], {}))
    saved = replace(build_saved((1, 1, 1), 2), image_shape=[1, 2**12, width], class_names=NAMES[:2], made_with={})
    save_model(tmp_path / "model.pkl", replace(saved, weight=bytes(4 * 2**12 * width * 2)))
    assert (tmp_path / "model.pkl").stat().st_size > 0.999 * MAX_BYTES


def _can_save(image_shape: list[int], class_names: list[str], values: dict[str, dict[str, Any]]) -> bool:
    try:
        check_can_save(image_shape, class_names, values)
    except ValueError:
        return False
    return True


@pytest.mark.slow
def test_evaluate_judges_a_model_of_60_mb(tmp_path: Path) -> None:
    """100 classes of 224 x 224 colour images: saved, read and evaluated."""
    saved = save_small_run(tmp_path, (3, 224, 224), 100)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    assert (tmp_path / "models/model.pkl").stat().st_size > 60e6
    assert read_model(tmp_path / "models/model.pkl") == saved
    run = run_stage("evaluate", tmp_path)
    assert run.returncode == 0, run.stderr
    metrics = json.loads((tmp_path / "reports/evaluate/metrics.json").read_text())
    assert len(metrics["per_class"]) == 100
