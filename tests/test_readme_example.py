"""README's plain-Python example is run as it stands there."""

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

README = ROOT / "README.md"
EXAMPLE = re.compile(r"<!-- example: plain-python -->\s*```python\n(.*?)```", re.DOTALL)
LIGHT = "\nimport sys\nassert not {'torch', 'numpy'} & set(sys.modules)\n"


def test_readme_example_classifies_as_the_module_does(tmp_path: Path) -> None:
    found = EXAMPLE.search(README.read_text(encoding="utf-8")) if README.exists() else None
    if not found:
        pytest.skip("README.md has no block marked <!-- example: plain-python --> yet")
    saved = save_small_run(tmp_path)
    image = np.load(tmp_path / "data/prepared/test/images.npy")[-1:]
    table = torch.from_numpy(np.frombuffer(saved.pixel_table, "<f4").reshape(1, 256).copy())
    with torch.no_grad():
        expected = saved.class_names[int(saved.build()(look_up(table, torch.from_numpy(image))).argmax())]
    run = subprocess.run(
        [sys.executable, "-c", found[1] + LIGHT],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert (run.stdout, run.stderr) == (f"{expected}\n", "")
