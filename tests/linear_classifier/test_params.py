import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import yaml

from linear_classifier.params import load_params
from tests.processes import ROOT

COMMITTED = (ROOT / "params.yaml").read_text()


def load_with(folder: Path, section: str, key: str, text: str) -> Any:
    """The params after `section.key` was edited to the YAML `text`."""
    before, after = re.split(rf"(?m)^{section}:.*$", COMMITTED, maxsplit=1)
    edited = re.sub(rf"(?m)^  {key}: +(\[[^]]*\]|\S+)", lambda _: f"  {key}: {text}", after, count=1)
    assert edited != after
    (folder / "params.yaml").write_text(f"{before}{section}:{edited}")
    return load_params(folder / "params.yaml")


def test_load_params_reads_the_committed_file_as_yaml_does(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(COMMITTED)
    written = yaml.safe_load(COMMITTED)
    assert asdict(load_params(path)) == written | {"train": written["train"] | {"gamma": 0.4}}


def test_auto_gamma_is_that_of_the_data_set(tmp_path: Path) -> None:
    assert load_with(tmp_path, "train", "gamma", "0.7").train.gamma == 0.7
    assert load_with(tmp_path, "prepare", "dataset", "folder").train.gamma == 1.0


def test_load_params_turns_a_whole_number_into_the_float_it_stands_for(tmp_path: Path) -> None:
    lr = load_with(tmp_path, "train", "lr", "1").train.lr
    assert lr == 1.0 and type(lr) is float


@pytest.mark.parametrize(
    ("section", "key", "text", "message"),
    [
        ("train", "lr", "1e-3", r"train\.lr must be a number in \(0, 10\], got '1e-3' \(write 0\.001"),
        ("train", "lr", "0", r"train\.lr must be a number in \(0, 10\], got 0"),
        ("train", "lr", ".nan", r"train\.lr must be .* got nan"),
        ("train", "lr", ".inf", r"train\.lr must be .* got inf"),
        ("train", "lr", "true", r"train\.lr must be .* got True"),
        ("train", "lr", "[1]", r"train\.lr must be .* got \[1\]"),
        ("train", "epochs", "0", r"train\.epochs must be a whole number in \[1, 10000\], got 0"),
        ("train", "epochs", "2.0", r"train\.epochs must be a whole number .* got 2\.0"),
        ("train", "epochs", "1000000000", r"train\.epochs must be .* got 1000000000"),
        ("train", "momentum", "1.0", r"train\.momentum must be a number in \[0, 1\), got 1\.0"),
        ("train", "dtype", "float16", r"train\.dtype must be one of float64, float32, got 'float16'"),
        ("prepare", "val_fraction", "-0.1", r"prepare\.val_fraction must be a number in \(0, 0\.5\], got -0\.1"),
        ("prepare", "source", "7", r"prepare\.source must be text, got 7"),
        ("prepare", "seed", "2147483648", r"prepare\.seed must be a whole number in \[0, 2147483647\]"),
        ("prepare", "dataset", "images", r"prepare\.dataset must be one of fashion-mnist, folder, .* got 'images'"),
        ("prepare", "image_size", "28", r"prepare\.image_size must be a list of 2 numbers, .* got 28"),
        ("prepare", "image_size", "[28, 28, 1]", r"prepare\.image_size must be a list of 2 numbers"),
        ("prepare", "image_size", "[28, 0]", r"prepare\.image_size\[1\] must be a whole number in \[1, 4096\], got 0"),
        ("prepare", "image_size", "[28.0, 28]", r"prepare\.image_size\[0\] must be a whole number .* got 28\.0"),
        ("prepare", "channels", "2", r"prepare\.channels must be one of 1, 3, got 2"),
        ("prepare", "channels", "true", r"prepare\.channels must be one of 1, 3, got True"),
        ("runtime", "device", "gpu", r"runtime\.device must be one of auto, cpu, cuda, got 'gpu'"),
    ],
)
def test_load_params_refuses_a_value_and_says_what_is_allowed(
    tmp_path: Path, section: str, key: str, text: str, message: str
) -> None:
    with pytest.raises(ValueError, match=r"params\.yaml: " + message):
        load_with(tmp_path, section, key, text)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (COMMITTED.replace("  epochs:", "  epoch:"), r"train: unknown key 'epoch'; the nearest known key is 'epochs'"),
        (re.sub(r"(?m)^  momentum:.*\n", "", COMMITTED), r"train: the key 'momentum' is missing"),
        (COMMITTED.replace("train:\n", "train: 3\nx:\n"), r"unknown key 'x'"),
        (COMMITTED.replace("train:\n", "trian:\n"), r"unknown key 'trian'; the nearest known key is 'train'"),
        (COMMITTED + "  threads: 2\n", r"line \d+: not YAML: the key 'threads' is given twice"),
        (COMMITTED + "\tx: [", r"line \d+: not YAML: "),
        ("", r"must be a mapping with the keys prepare, train, "),
        ("- 1", r"must be a mapping"),
        ("\x00", r"line 1: not YAML"),
        ("[" * 5000, r"line 1: not YAML: it is nested too deeply"),
        ("a: 2001-99-99", r"line 1: not YAML: ValueError"),
    ],
)
def test_load_params_refuses_a_file_in_one_line(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "params.yaml").write_text(content)
    with pytest.raises(ValueError, match=message) as caught:
        load_params(tmp_path / "params.yaml")
    assert "\n" not in str(caught.value)


def test_load_params_names_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"params\.yaml: not found"):
        load_params(tmp_path / "params.yaml")
