from dataclasses import replace
from typing import Any

import pytest

from linear_classifier.data.splits import Dataset
from stages.evaluate import check_made_for, check_made_with
from tests.good_model import build_saved

NOW: dict[str, dict[str, Any]] = {"prepare": {"seed": 0}, "train": {"lr": 0.03, "sizes": [1, 2]}}


@pytest.mark.parametrize(
    ("found", "match"),
    [
        ({**NOW, "train": {"lr": 0.02, "sizes": [1, 2]}}, r"made with train\.lr = 0\.02, but params.yaml says 0\.03"),
        (
            {**NOW, "train": {"lr": 0.03, "sizes": [1]}},
            r"made with train\.sizes = \[1\], but params.yaml says \[1, 2\]",
        ),
        ({**NOW, "train": {"lr": 0.03}}, r"made without train\.sizes, but params.yaml says \[1, 2\]"),
        ({"train": NOW["train"]}, r"made without prepare\.seed, but params.yaml says 0"),
        ({**NOW, "warmup": {"steps": 5}}, r"made with warmup\.steps = 5, but params.yaml has no such key"),
    ],
)
def test_check_made_with_names_what_differs_and_what_one_side_lacks(found: dict[str, Any], match: str) -> None:
    check_made_with(NOW, NOW)
    with pytest.raises(ValueError, match=rf"models/model\.pkl: {match} .*run `dvc repro -f`"):
        check_made_with(found, NOW)


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
