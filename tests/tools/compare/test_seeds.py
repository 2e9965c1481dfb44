from dataclasses import asdict
from typing import Any

import pytest

from linear_classifier.params import Params
from tests.processes import ROOT
from tools.compare.files import UnavailableError
from tools.compare.seeds import read_noise_scale, stretch

PARAMS = {"train": {"batch_size": 100, "momentum": 0.9}}
HEADER = "epoch,lr,train_loss,val_loss,val_accuracy"


class OneFile:
    """Stands for the files of a revision that has one, of this content, or none."""

    def __init__(self, content: str | None) -> None:
        self.content = content

    def read(self, path: str) -> bytes:
        if self.content is None:
            raise UnavailableError(f"{path}: not there")
        return self.content.encode()


def scale_of(content: str | None, params: Any = PARAMS) -> float | None:
    return read_noise_scale(OneFile(content), params)  # type: ignore[arg-type]


def test_read_noise_scale_takes_the_kept_epoch() -> None:
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
def test_read_noise_scale_is_none_where_a_revision_does_not_say(content: str | None, params: Any) -> None:
    assert scale_of(content, params) is None


@pytest.mark.parametrize(
    ("scales", "metric", "expected"),
    [
        ((1.0, 1.0), "loss", 1.0),
        ((4.0, 4.0), "loss", 4.0),
        ((4.0, 4.0), "accuracy", 2.0),
        ((0.1, 0.1), "loss", 1.0),  # smaller steps were not measured: they get no credit
        ((None, None), "recall", 1.0),
        ((900.0, 900.0), "loss", 20.0),  # as far as it was checked
        ((1.0, 7.0), "loss", 5.0),  # the root of the mean square of 1 and 7
    ],
)
def test_stretch(scales: tuple[float | None, ...], metric: str, expected: float) -> None:
    assert stretch(scales, measured=1.0, metric=metric) == pytest.approx(expected)


def test_the_committed_scale_is_that_of_the_committed_run(params: Params) -> None:
    history = (ROOT / "reports/train/history.csv").read_text()
    scale = scale_of(history, {"train": asdict(params.train)})
    assert params.compare.seed_noise_scale == pytest.approx(scale, rel=0.01)
