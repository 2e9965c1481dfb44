"""The code of docs/model-file.md is run as it stands there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from linear_classifier.data.pixel_table import look_up
from tests.good_model import save_small_run
from tests.processes import ROOT

EXAMPLE = re.compile(r"<!-- example: plain-python -->\s*```python\n(.*?)```", re.DOTALL)
PAGE = ROOT / "docs/model-file.md"
ALSO = [ROOT / "README.md"] if EXAMPLE.search((ROOT / "README.md").read_text(encoding="utf-8")) else []
LIGHT = "\nimport sys\nassert not {'torch', 'numpy'} & set(sys.modules)\n"


@pytest.mark.parametrize("page", [PAGE, *ALSO])
def test_plain_python_example_classifies_as_the_module_does(page: Path, tmp_path: Path) -> None:
    found = EXAMPLE.search(page.read_text(encoding="utf-8"))
    assert found, f"{page} has no block marked <!-- example: plain-python -->"
    saved = save_small_run(tmp_path)
    image = np.load(tmp_path / "data/prepared/test/images.npy")[-1:]
    table = torch.from_numpy(np.frombuffer(saved.pixel_table, "<f4").reshape(1, 256).copy())
    with torch.no_grad():
        expected = saved.class_names[int(saved.build()(look_up(table, torch.from_numpy(image))).argmax())]
    run = run_in(tmp_path, found[1] + LIGHT)
    assert (run.stdout, run.stderr) == (f"{expected}\n", "")


def test_first_block_opens_a_model_both_ways(tmp_path: Path) -> None:
    save_small_run(tmp_path)
    block = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[0]
    run = run_in(tmp_path, block + "print(type(module).__name__, type(saved).__name__)")
    assert (run.stdout, run.stderr) == ("Sequential SavedModel\n", "")


def run_in(folder: Path, code: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run([sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True)
