"""The readers of raw data and of params, fuzzed: a valid result, or a ValueError of one short line."""

import gzip
import hashlib
import re
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from linear_classifier.params import load_params
from linear_classifier.preparation.fashion_mnist import RawFile, load_raw_file
from linear_classifier.preparation.idx import build_header, parse_idx
from tests.processes import ROOT

SHAPE = (5, 4, 3)
CONTENT = build_header(SHAPE) + bytes(range(60))
SMALL = RawFile("small-images", SHAPE, hashlib.sha256(CONTENT).hexdigest())
PARAMS = (ROOT / "params.yaml").read_text(encoding="utf-8")
FUZZ = settings(
    max_examples=1000, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip


def edits_of(good: bytes) -> st.SearchStrategy[bytes]:
    """`good` with up to three of its pieces replaced by any bytes, likely ones among them."""
    pieces = st.binary(max_size=12) | st.sampled_from([b"\0\0\x08", b"\xff" * 4, b"\x1f\x8b\x08", good[:16], good])
    spot = st.integers(0, len(good))
    edit = st.tuples(spot, st.integers(0, 20), pieces)

    def apply(edits: list[tuple[int, int, bytes]]) -> bytes:
        data = good
        for at, size, piece in edits:
            data = data[:at] + piece + data[at + size :]
        return data

    return st.lists(edit, max_size=3).map(apply)


def refusal(error: BaseException) -> str:
    """The message of a refusal, which is a plain ValueError of one short line."""
    assert type(error) is ValueError, repr(error)
    assert str(error).isprintable(), repr(error)
    assert 10 < len(str(error)) < 500, repr(error)
    return str(error)


@FUZZ
@given(st.one_of(edits_of(CONTENT), st.binary(max_size=100)))
def test_parse_idx_gives_the_values_or_a_value_error(content: bytes) -> None:
    try:
        values = parse_idx(content, SHAPE)
    except ValueError as error:
        refusal(error)
        return
    assert content[:16] == CONTENT[:16]
    assert len(content) == len(CONTENT)
    assert np.array_equal(values.ravel(), np.frombuffer(content[16:], np.uint8))


@FUZZ
@given(st.one_of(edits_of(CONTENT), edits_of(gzip.compress(CONTENT, mtime=0)), st.binary(max_size=100)))
def test_load_raw_file_gives_the_content_or_a_value_error(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "small-images"
    path.write_bytes(data)
    try:
        assert load_raw_file(path, SMALL) == CONTENT
    except ValueError as error:
        assert refusal(error).startswith(f"{path}: ")


knob_lines = st.sampled_from(re.findall(r"^  \w+: \S+", PARAMS, re.MULTILINE))
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.dates(), st.binary(max_size=5)
)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(scalars, inner, max_size=3))
written = st.one_of(
    values.map(lambda value: yaml.safe_dump(value, default_flow_style=True).replace("\n...", "").strip()),
    st.sampled_from(
        ["!!int x", "!!float ''", "!!timestamp x", "!!set {1}", "*a", "&a [*a]", "{<<: 1}", "? [1]", "0x1"]
    ),
    st.text("0123456789+-_.eExb:,[]{}\"'#&*!|>%@`~ \t\n", max_size=12),
)


@FUZZ
@given(knob_lines, written)
def test_load_params_takes_a_knob_in_range_or_gives_a_value_error(tmp_path: Path, line: str, value: str) -> None:
    check_params(tmp_path, PARAMS.replace(line, f"{line.split(':')[0]}: {value}", 1).encode("utf-8", "replace"))


@FUZZ
@given(st.one_of(edits_of(PARAMS.encode()), st.binary(max_size=200), values.map(lambda v: yaml.safe_dump(v).encode())))
def test_load_params_takes_any_bytes_or_gives_a_value_error(tmp_path: Path, data: bytes) -> None:
    check_params(tmp_path, data)


def check_params(folder: Path, data: bytes) -> None:
    path = folder / "params.yaml"
    path.write_bytes(data)
    try:
        params = load_params(path)
    except ValueError as error:
        assert refusal(error).startswith(f"{path}: ")
        return
    for section in asdict(params).values():
        assert all(type(value) in (str, int, float, list) for value in section.values())
    assert len(params.prepare.image_size) == 2
    assert all(type(side) is int and 1 <= side <= 4096 for side in params.prepare.image_size)
    assert type(params.prepare.channels) is int
    assert 1 <= params.train.epochs <= 10_000
    assert 0 < params.train.lr <= 10
    assert 0 <= params.train.momentum < 1


@pytest.mark.parametrize(
    "broken", [b"[" * 5000, b"{a: " * 5000, b"- " * 30_000, b"a: " + b"9" * 90_000, b"x" * 200_000]
)
def test_load_params_refuses_what_is_made_to_hurt(broken: bytes, tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_bytes(broken)
    with pytest.raises(ValueError, match=r"params\.yaml: ") as caught:
        load_params(path)
    refusal(caught.value)
