"""FAULTS rows 15 to 19: params.yaml is not what it should be. No data is read before it is found."""

import re
from pathlib import Path

import pytest

from linear_classifier.params import load_params
from tests.faults.stage_runs import assert_refuses, edit_params
from tests.processes import ROOT

LINES = {  # each knob's line as it stands in params.yaml
    "prepare.val_fraction": "val_fraction: 0.1 ",
    "prepare.seed": "seed: 0 ",
    "train.epochs": "epochs: 10 ",
    "train.batch_size": "batch_size: 256 ",
    "train.lr": "lr: 0.03 ",
    "train.momentum": "momentum: 0.9 ",
    "train.weight_decay": "weight_decay: 0.0003 ",
    "train.gamma": "gamma: auto ",
    "train.dtype": "dtype: float64 ",
    "evaluate.calibration_bins": "calibration_bins: 15 ",
    "evaluate.num_mistakes": "num_mistakes: 24 ",
    "runtime.device": "device: auto ",
    "runtime.num_workers": "num_workers: 0 ",
    "runtime.threads": "threads: 1 ",
}


def set_knob(folder: Path, key: str, value: str) -> Path:
    return edit_params(folder, LINES[key], f"{key.split('.')[1]}: {value} ")


def drop_knob(folder: Path, key: str) -> Path:
    return edit_params(folder, LINES[key], "#")


def test_fault_15_key_missing(workspace: Path) -> None:
    drop_knob(workspace, "train.lr")
    assert_refuses("prepare", workspace, "params.yaml: train: the key 'lr' is missing; add it")


@pytest.mark.parametrize("key", LINES)
def test_fault_15_any_key_missing(key: str, tmp_path: Path) -> None:
    section, name = key.split(".")
    with pytest.raises(ValueError, match=rf"params\.yaml: {section}: the key '{name}' is missing; add it"):
        load_params(drop_knob(tmp_path, key))


@pytest.mark.parametrize("section", ["prepare", "train", "evaluate", "runtime"])
def test_fault_15_section_missing(section: str, tmp_path: Path) -> None:
    path = edit_params(tmp_path, f"\n{section}:", "\n#")
    with pytest.raises(ValueError, match=r"params\.yaml: (the key|line \d+|unknown key|.* (must be|is given twice))"):
        load_params(path)


def test_fault_15_params_file_missing(workspace: Path) -> None:
    (workspace / "params.yaml").unlink()
    assert_refuses("prepare", workspace, "params.yaml: not found", "git checkout params.yaml")


def test_fault_16_not_yaml(workspace: Path) -> None:
    set_knob(workspace, "train.lr", "[0.1")
    assert_refuses("prepare", workspace, "params.yaml: line ", "not YAML", "fix that line")


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"prepare:\n  seed: [1\ntrain: 2\n", 3),
        (b"prepare: {}\n\tseed: 0\n", 2),
        (b"prepare: {}\nprepare: {}\n", 2),
        (b"a: 1\n\nb: \xff\n", 3),
        (b"a: 1\nb: \x00\n", 2),
        (b"a: 1\nb: !!int x\n", 2),
        (b"a: 1\nb: !!python/object/apply:os.mkdir [canary]\n", 2),
        (b"a: 1\n? [x, y]\n: 2\n", 2),
        (b"a: &a {x: 1}\nb: {<<: *a}\n", 2),
        (b"<<<<<<< HEAD\nprepare: 1\n=======\nprepare: 2\n>>>>>>> branch\n", 2),
        (b"a: *nothing\n", 1),
        (b"--- 1\n--- 2\n", 2),
        (b"[" * 5000, 1),
    ],
)
def test_fault_16_not_yaml_names_the_line(content: bytes, line: int, tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"params\.yaml: line {line}: not YAML: .*; fix that line"):
        load_params(path)


@pytest.mark.parametrize("value", [".nan", "true", "1e-3"])
def test_fault_17_no_number_where_one_belongs(value: str, workspace: Path) -> None:
    set_knob(workspace, "train.lr", value)
    assert_refuses("prepare", workspace, "params.yaml: train.lr must be a number in (0, 10], got ")


@pytest.mark.parametrize(
    "value", [".nan", ".inf", "-.inf", "-1", "-0.5", "text", "'5'", "true", "false", "null", "[1]", "{a: 1}", "1e400",
              "1" + "0" * 400, "1" + "0" * 4200, "2001-01-01"]
)  # fmt: skip
@pytest.mark.parametrize("key", [key for key in LINES if key not in ("train.dtype", "runtime.device")])
def test_fault_17_wrong_values_of_every_number(key: str, value: str, tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=rf"params\.yaml: {key} must be a (whole )?number in [\[(].*[\])]( or auto)?, got "
    ) as caught:
        load_params(set_knob(tmp_path, key, value))
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("value", ["1:30", "010", "0x10", "0b1", "1_000", "0x" + "f" * 5000, "!!int x", "!!float ''"])
def test_fault_17_number_that_is_not_decimal(value: str, tmp_path: Path) -> None:
    """PyYAML would take 1:30 for 90 and 010 for 8, and nobody would know."""
    with pytest.raises(ValueError, match=r"params\.yaml: line \d+: not YAML: write the number '.*' in decimal; fix"):
        load_params(set_knob(tmp_path, "train.epochs", value))


@pytest.mark.parametrize("key", ["prepare.val_fraction", "train.epochs", "train.batch_size", "train.lr", "train.gamma"])
def test_fault_17_zero_where_it_has_no_meaning(key: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=rf"{key} must be a (whole )?number in [\[(].*, got 0"):
        load_params(set_knob(tmp_path, key, "0"))


@pytest.mark.parametrize(("written", "number"), [("1e-3", "0.001"), ("1e-5", "1.0e-05"), ("'0.1'", "0.1")])
def test_fault_17_a_number_read_as_text_says_how_to_write_it(written: str, number: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=rf"\(write {number}, without quotes\)"):
        load_params(set_knob(tmp_path, "train.lr", written))
    assert load_params(set_knob(tmp_path, "train.lr", number)).train.lr == float(number)


@pytest.mark.parametrize(
    ("key", "choices"), [("train.dtype", "float64, float32"), ("runtime.device", "auto, cpu, cuda")]
)
@pytest.mark.parametrize("value", ["other", "1", "true", "[auto]", "null"])
def test_fault_17_wrong_choice(key: str, choices: str, value: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=rf"params\.yaml: {key} must be one of {choices}, got "):
        load_params(set_knob(tmp_path, key, value))


def test_fault_18_unknown_key(workspace: Path) -> None:
    edit_params(workspace, "batch_size:", "batchsize: 3\n  batch_size:")
    assert_refuses("prepare", workspace, "params.yaml: train: unknown key 'batchsize'", "'batch_size'")


@pytest.mark.parametrize(("section", "near"), [("trian", "train"), ("Runtime", "runtime"), ("x" * 1000, "")])
def test_fault_18_unknown_section(section: str, near: str, tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(f"{section}: {{}}\n")
    with pytest.raises(ValueError, match=rf"params\.yaml: unknown key .*; the nearest known key is '{near}") as caught:
        load_params(path)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("value", ["0", "1000000000"])
def test_fault_19_epochs_out_of_range(value: str, workspace: Path) -> None:
    set_knob(workspace, "train.epochs", value)
    assert_refuses("train", workspace, f"params.yaml: train.epochs must be a whole number in [1, 10000], got {value}")


def test_fault_19_batch_larger_than_the_split(trained: Path) -> None:
    set_knob(trained, "train.batch_size", "41")
    assert_refuses("train", trained, "params.yaml: train.batch_size must be in [1, 40]", "got 41")


def test_fault_19_batch_larger_than_any_split(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"train\.batch_size must be a whole number in \[1, 2147483647\], got 1000"):
        load_params(set_knob(tmp_path, "train.batch_size", "1000000000000"))


@pytest.mark.parametrize("value", [r'"a\0b"', r'"\ud800"', "x" * 256, "x/" * 2048])
@pytest.mark.parametrize("key", ["source", "checkpoint_dir"])
def test_fault_17_text_that_no_path_can_be(key: str, value: str, tmp_path: Path) -> None:
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    path = tmp_path / "params.yaml"
    path.write_text(re.sub(rf"(?m)^  {key}: \S+", lambda _: f"  {key}: {value}", text), encoding="utf-8")
    with pytest.raises(ValueError, match=rf"params\.yaml: \w+\.{key} must be a path, got .*; change it") as caught:
        load_params(path)
    assert len(str(caught.value)) < 400
