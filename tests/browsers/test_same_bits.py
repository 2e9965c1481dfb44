"""In each engine, what the page computes for its examples is what Python computes, bit for bit."""

import json
import math
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser

from linear_classifier.evaluation.exact import compute_logits, softmax
from linear_classifier.model.model_file import SavedModel, read_model
from tests.browsers.engines import OTHERS, Chromium, Engine, find

NUMBERS = """
examples.map(example => {
  const inputs = lookUp(model, example.pixels), logits = computeLogits(model, inputs)
  const contributions = model.classes.map((_, label) => computeContributions(model, inputs, label))
  return {
    logits: Array.from(logits),
    probabilities: Array.from(softmax(logits)),
    contributions: crc32(contributions.map(values => new Uint8Array(values.buffer))),
    order: rank(logits),
  }
})
"""
EXPS = "[0, -1e-300, -0.3, -0.35, -1, -17.25, -699.9, -700, -700.1, -1e9].map(exp)"


@pytest.fixture
def engine(name: str, chromium: Browser) -> Iterator[Engine]:
    if name == "chromium":
        with chromium.new_context() as context:
            yield Chromium(context.new_page())
    elif find(name):
        with OTHERS[name]() as other:
            yield other
    else:
        pytest.skip(f"no {name} here")


@pytest.mark.parametrize("name", ["chromium", *OTHERS])
def test_page_computes_what_python_does(engine: Engine, page_file: Path, run_folder: Path) -> None:
    engine.open(page_file.as_uri())
    assert re.fullmatch(r"✓ Checked itself: (\d+) of \1 test images .*", engine.run("byId('check').textContent"))
    found, exps = engine.run(NUMBERS), engine.run(EXPS)
    expected = compute_expected(read_model(run_folder / "models/model.pkl"), run_folder, page_file)
    assert len(found) == len(expected) == 72
    assert found == expected
    assert exps == pytest.approx(
        [math.exp(x) if x >= -700 else 0 for x in json.loads(EXPS[: EXPS.index("]") + 1])], rel=3e-16
    )


def compute_expected(saved: SavedModel, folder: Path, page_file: Path) -> list[dict[str, Any]]:
    indices = read_data(page_file)["indices"]
    images = np.load(folder / "data/prepared/test/images.npy", mmap_mode="r")[indices]
    table, bias = (np.frombuffer(data, "<f4").astype(np.float64) for data in (saved.pixel_table, saved.bias))
    weight = np.frombuffer(saved.weight, "<f4").reshape(10, -1).astype(np.float64)
    inputs = table[images.reshape(len(images), -1)]
    logits = compute_logits(weight, bias, inputs.T.copy())
    return [
        {
            "logits": logits[row].tolist(),
            "probabilities": probabilities.tolist(),
            "contributions": zlib.crc32((weight * inputs[row]).tobytes()),
            "order": np.argsort(-logits[row], kind="stable").tolist(),
        }
        for row, probabilities in enumerate(softmax(logits))
    ]


def read_data(page_file: Path) -> dict[str, Any]:
    found = re.search(r'<script type="application/json"[^>]*>(.*?)</script>', page_file.read_text(encoding="utf-8"))
    assert found
    return dict(json.loads(found[1]))
