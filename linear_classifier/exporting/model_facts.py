"""What an export says of its model beside the numbers."""

import json

from linear_classifier.model.content import FORMAT, VERSION
from linear_classifier.model.model_file import SavedModel


def describe_model(saved: SavedModel) -> dict[str, str]:
    """Text by name, in a fixed order; what is not text is JSON."""
    facts = {"image_shape": saved.image_shape, "class_names": saved.class_names, "made_with": saved.made_with}
    return {"format": f"{FORMAT} {VERSION}", **{name: json.dumps(fact) for name, fact in facts.items()}}
