import os
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open

from linear_classifier.data.splits import Dataset, Split
from linear_classifier.params import Params, TrainParams
from linear_classifier.training import checkpoint as room
from linear_classifier.training.checkpoint import Checkpoint, checkpoint_path, make_key
from linear_classifier.training.loop import TrainedModel, train
from linear_classifier.training.state import TrainingState

CPU = torch.device("cpu")
NUM_STEPS = 3 * 5 + 3  # of three epochs of five batches; and each epoch's end is told, too


class KilledError(Exception):
    """What stands here for the end of the process."""


@pytest.fixture
def splits() -> tuple[Split, Split]:
    """Images of 3 x 2 x 2 of two overlapping classes, 40 to train and 20 to validate."""
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 2, 60)
    images = np.clip(generator.normal(110 + 40 * labels[:, None, None, None], 60, (60, 3, 2, 2)), 0, 255)
    every = Split(images.astype(np.uint8), labels)
    return Split(every.images[:40], labels[:40]), Split(every.images[40:], labels[40:])


@pytest.fixture
def short(params: Params) -> TrainParams:
    """Three epochs of five batches."""
    return replace(params.train, epochs=3, min_steps=0, batch_size=8)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "checkpoints/train-0.safetensors"


@pytest.fixture
def every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write a file at each step."""
    monkeypatch.setattr(room, "INTERVAL", -1.0)


def run(splits: tuple[Split, Split], short: TrainParams, params: Params, checkpoint: Checkpoint) -> TrainedModel:
    return train(*splits, 2, short, params.runtime, CPU, resume=checkpoint.load, on_step=checkpoint.save_if_due)


def run_until(
    step: int, splits: tuple[Split, Split], short: TrainParams, params: Params, checkpoint: Checkpoint
) -> None:
    """The same, killed right after the file was written `step` times."""
    left = step

    def save(state: TrainingState) -> None:
        nonlocal left
        checkpoint.save_if_due(state)
        left -= 1
        if not left:
            raise KilledError

    with pytest.raises(KilledError):
        train(*splits, 2, short, params.runtime, CPU, resume=checkpoint.load, on_step=save)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_train_resumed_after_any_step_gives_the_very_same_weights_and_history(
    momentum: float, splits: tuple[Split, Split], short: TrainParams, params: Params, path: Path, every_step: None
) -> None:
    chosen = replace(short, momentum=momentum)
    whole = train(*splits, 2, chosen, params.runtime, CPU)
    for step in range(1, NUM_STEPS + 1):
        run_until(step, splits, chosen, params, Checkpoint(path, "key"))
        resumed = run(splits, chosen, params, Checkpoint(path, "key"))
        assert resumed.history == whole.history and resumed.best == whole.best
        for name, tensor in whole.model.state_dict().items():
            assert torch.equal(tensor, resumed.model.state_dict()[name]), (step, name)
        path.unlink()


def test_train_resumed_makes_only_the_steps_that_are_left(
    splits: tuple[Split, Split], short: TrainParams, params: Params, path: Path, every_step: None
) -> None:
    run_until(9, splits, short, params, Checkpoint(path, "key"))  # five steps, an epoch's end, three steps
    steps: list[int] = []
    told: list[int] = []
    train(
        *splits,
        2,
        short,
        params.runtime,
        CPU,
        on_epoch=lambda history, total: told.append(len(history)),
        resume=Checkpoint(path, "key").load,
        on_step=lambda state: steps.append(state.step),
    )
    assert steps == [4, 5, 0, 1, 2, 3, 4, 5, 0] and told == [1, 2, 3], "history.csv begins with the epochs of before"


def test_save_if_due_writes_at_each_epoch_and_when_the_last_file_is_old(
    splits: tuple[Split, Split],
    short: TrainParams,
    params: Params,
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, written, seen = 100.0, [], 0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    monkeypatch.setattr(Checkpoint, "_write", lambda self, tensors, values, model: written.append(seen))
    checkpoint = Checkpoint(path, "key")

    def step(state: TrainingState) -> None:
        nonlocal now, seen
        seen, now = seen + 1, now + 2.0
        checkpoint.save_if_due(state)

    train(*splits, 2, short, params.runtime, CPU, on_step=step)
    assert written == [3, 6, 9, 12, 15, 18], "every third call, 6 seconds; each sixth is an epoch's end"
    assert room.INTERVAL <= 5, "a kill may cost 10 seconds"


def test_save_if_due_spends_a_hundredth_of_the_time_on_short_epochs(
    splits: tuple[Split, Split], short: TrainParams, params: Params, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "process_time", lambda: 1e-9)
    run(splits, short, params, Checkpoint(path, "key"))
    assert path.exists() and _step_of(path) == "0", "the first is written, and no other within 5 seconds"


def _step_of(path: Path) -> str:
    with safe_open(path, "pt") as file:
        assert list(file.metadata()) == ["training"], "with several keys the order in the file is random"
        return str(file.metadata()["training"]).partition('"step": ')[2][:1]


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def _edit(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'\\"rows\\": [[1', b'\\"rows\\": [[2'))


def _replace_by_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _replace_by_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _write_foreign(path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"weights.1.weight": torch.zeros(3)}, path)


@pytest.mark.parametrize(
    "spoil",
    [
        _truncate,
        _flip,
        _edit,
        _replace_by_fifo,
        _replace_by_folder,
        _write_foreign,
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"\xff" * 1000),
        lambda path: Checkpoint(path, "other")._write({"a": torch.zeros(1)}, {}, ""),
    ],
    ids=["truncated", "flipped", "edited", "fifo", "folder", "foreign", "empty", "noise", "of-other-code"],
)
def test_load_names_a_file_that_is_not_good_in_one_line_and_ignores_it(
    spoil: Callable[[Path], None],
    splits: tuple[Split, Split],
    short: TrainParams,
    params: Params,
    path: Path,
    every_step: None,
    capfd: pytest.CaptureFixture[str],
) -> None:
    whole = train(*splits, 2, short, params.runtime, CPU)
    run_until(9, splits, short, params, Checkpoint(path, "key"))
    spoil(path)
    capfd.readouterr()
    resumed = run(splits, short, params, Checkpoint(path, "key"))
    lines = capfd.readouterr().err.splitlines()
    assert lines[0].startswith(f"train: warning: {path}: ") and "ignored" in lines[0]
    assert len(lines) == 1 or spoil is _replace_by_folder  # over which nothing can be written, which is a line, too
    assert resumed.history == whole.history


def test_load_names_the_file_of_a_training_with_other_params(
    splits: tuple[Split, Split],
    short: TrainParams,
    params: Params,
    tmp_path: Path,
    every_step: None,
    capfd: pytest.CaptureFixture[str],
) -> None:
    one, other = tmp_path / "train-1.safetensors", tmp_path / "train-2.safetensors"
    run_until(9, splits, short, params, Checkpoint(one, "key"))
    capfd.readouterr()
    run_until(9, splits, short, params, Checkpoint(other, "key"))
    assert capfd.readouterr().err.startswith(f"train: warning: {one}: ignored, it is of a training with other params")
    assert one.exists(), "that training may go on later"


def test_save_if_due_warns_once_where_it_cannot_write(
    splits: tuple[Split, Split],
    short: TrainParams,
    params: Params,
    tmp_path: Path,
    every_step: None,
    capfd: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "file").write_text("no folder")
    checkpoint = Checkpoint(tmp_path / "file/train-0.safetensors", "key")
    assert len(run(splits, short, params, checkpoint).history) == 3
    [line] = capfd.readouterr().err.splitlines()
    assert line.startswith("train: warning: no checkpoint is kept") and "file" in line


def made_with(params: Params) -> dict[str, dict[str, object]]:
    return {"prepare": asdict(params.prepare), "train": asdict(params.train)}


def test_make_key_depends_on_params_data_code_and_versions(
    splits: tuple[Split, Split], params: Params, dataset: Dataset, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def key(params: Params = params, dataset: Dataset = dataset, splits: tuple[Split, Split] = splits) -> str:
        return make_key(made_with(params), dataset, splits)

    keys = {
        key(),
        key(replace(params, train=replace(params.train, lr=0.5))),
        key(dataset=replace(dataset, sources="b")),
    }
    for name in ("images", "labels"):
        edited = getattr(splits[1], name).copy()
        edited.flat[-1] ^= 1
        keys.add(key(splits=(splits[0], replace(splits[1], **{name: edited}))))
    with monkeypatch.context() as patch:
        patch.setattr(torch, "__version__", "0")
        keys.add(key())
    (tmp_path / "stages").mkdir()
    monkeypatch.setattr(room, "ROOT", tmp_path)
    for text in ("a = 1", "a = 2"):
        (tmp_path / "stages/train.py").write_text(text)
        keys.add(key())
    assert len(keys) == 8


def test_make_key_does_not_depend_on_where_and_how_it_is_run(
    splits: tuple[Split, Split], params: Params, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = make_key(made_with(params), dataset, splits)
    torch.set_num_threads(2)
    try:
        assert make_key(made_with(params), dataset, splits) == before
    finally:
        torch.set_num_threads(1)


def test_checkpoint_path_tells_trainings_apart_that_share_a_folder(params: Params, dataset: Dataset) -> None:
    other = replace(params, train=replace(params.train, seed=1))
    paths = {checkpoint_path("~/kept", made_with(each), dataset) for each in (params, other)}
    assert len(paths) == 2 and {path.parent for path in paths} == {Path.home() / "kept"}
