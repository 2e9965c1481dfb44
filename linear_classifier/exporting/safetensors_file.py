"""`models/model.safetensors`: the model's numbers, for whoever loads weights."""

import json

import numpy as np
from safetensors.numpy import save

from linear_classifier.exporting.model_facts import describe_model
from linear_classifier.model.model_file import SavedModel


def format_safetensors(saved: SavedModel) -> bytes:
    """The file: `1.weight` and `1.bias`, as the module's `state_dict` calls them, and `pixel_table`, all float32.

    Its metadata is one entry, `model`, of JSON: several would stand in a random order (huggingface/safetensors#584).
    """
    shapes = {"1.weight": (len(saved.class_names), -1), "1.bias": (-1,), "pixel_table": (-1, 256)}
    contents = {"1.weight": saved.weight, "1.bias": saved.bias, "pixel_table": saved.pixel_table}
    tensors = {name: np.frombuffer(contents[name], "<f4").reshape(shape) for name, shape in shapes.items()}
    return save(tensors, {"model": json.dumps(describe_model(saved))})
