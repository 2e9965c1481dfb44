"""Flatten → Linear on images: prepare, train, save and judge it. Values in, values out; only the stages know paths.

It imports neither `stages` nor `tools`. docs/architecture.md has the map.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from linear_classifier.model.model_file import load_model, read_model

__all__ = ["load_model", "read_model"]


def __getattr__(name: str) -> Any:
    """`load_model` or `read_model`, imported when asked for: `prepare` does not depend on the model file's code."""
    if name in __all__:
        return getattr(import_module("linear_classifier.model.model_file"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
