from dataclasses import replace
from typing import Any

import pytest

from linear_classifier.data.splits import Dataset
from stages.evaluate import check_made_for
from tests.good_model import build_saved


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"class_names": ["cross", "square", "dot"]}, "its class_names are .* but those of data/prepared are"),
        ({"image_shape": [1, 5, 4]}, r"its image_shape are \[1, 4, 5\], but those of data/prepared are \[1, 5, 4\]"),
    ],
)
def test_check_made_for_refuses_a_model_of_other_data(dataset: Dataset, changes: dict[str, Any], match: str) -> None:
    saved = replace(build_saved(), image_shape=dataset.image_shape, class_names=dataset.class_names)
    check_made_for(saved, dataset)
    with pytest.raises(ValueError, match=match):
        check_made_for(saved, replace(dataset, **changes))
