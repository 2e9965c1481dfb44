from dataclasses import asdict
from typing import Any

import pytest

from linear_classifier.params import Params
from tests.processes import ROOT
from tools.compare.revision import parse_noise_scale
from tools.compare.revision_files import RULES
from tools.compare.rules import parse_rules

PARAMS = {"train": {"batch_size": 100, "momentum": 0.9}}
HEADER = "epoch,lr,train_loss,val_loss,val_accuracy"


def scale_of(content: str | None, params: Any = PARAMS) -> float | None:
    return parse_noise_scale((content or "").encode(), params)


def test_parse_noise_scale_takes_the_kept_epoch() -> None:
    history = f"{HEADER}\n1,0.03,1,0.9,0.8\n2,0.02,1,0.5,0.8\n3,0.01,1,0.5,0.8\n"
    assert scale_of(history) == pytest.approx(0.02 / 100 / 0.1)


@pytest.mark.parametrize(
    ("content", "params"),
    [
        (None, PARAMS),
        ("", PARAMS),
        (HEADER, PARAMS),
        ("epoch\n1\n", PARAMS),
        ("val_loss,lr\n1,fast\n", PARAMS),
        ("val_loss,lr\n1,nan\n", PARAMS),
        ("val_loss,lr\n1,-1\n", PARAMS),
        ("val_loss,lr\n1,0.1\n", {}),
        ("val_loss,lr\n1,0.1\n", {"train": None}),
        ("val_loss,lr\n1,0.1\n", {"train": {"batch_size": 0, "momentum": 0.9}}),
        ("val_loss,lr\n1,0.1\n", {"train": {"batch_size": "many", "momentum": 0.9}}),
        ("val_loss,lr\n1,0.1\n", {"train": {"batch_size": 100, "momentum": 1}}),
    ],
)
def test_parse_noise_scale_is_none_where_a_revision_does_not_say(content: str | None, params: Any) -> None:
    assert scale_of(content, params) is None


def test_the_committed_scale_is_that_of_the_committed_run(params: Params) -> None:
    history = (ROOT / "reports/train/history.csv").read_text()
    scale = scale_of(history, {"train": asdict(params.train)})
    rules = parse_rules((ROOT / RULES).read_bytes())
    assert rules.seed_noise_scale == pytest.approx(scale, rel=0.01)
