import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load

from linear_classifier.exporting.safetensors_file import format_safetensors
from linear_classifier.model.linear import build_model
from tests.good_model import build_saved


@pytest.mark.parametrize(("shape", "num_classes"), [((1, 28, 28), 10), ((3, 5, 4), 2)])
def test_format_safetensors_holds_what_the_module_loads(shape: tuple[int, int, int], num_classes: int) -> None:
    saved = build_saved(shape, num_classes)
    tensors = load(format_safetensors(saved))
    table = tensors.pop("pixel_table")
    assert table.shape == (shape[0], 256) and table.numpy().astype("<f4").tobytes() == saved.pixel_table
    model = build_model(shape, num_classes)
    model.load_state_dict(tensors)
    assert all(torch.equal(*pair) for pair in zip(model.parameters(), saved.build().parameters(), strict=True))


def test_format_safetensors_says_what_model_it_is_in_one_key(tmp_path: Path) -> None:
    saved = build_saved()
    path = tmp_path / "model.safetensors"
    path.write_bytes(format_safetensors(saved))
    with safe_open(path, "numpy") as file:
        (name, text), *others = file.metadata().items()
    facts = json.loads(text)
    assert (name, others) == ("model", []) and json.loads(facts["class_names"]) == saved.class_names
