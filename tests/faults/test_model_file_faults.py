"""FAULTS rows 21 to 30: what stands at models/model.pkl is not a model. Evaluate refuses it and writes nothing.

tests/linear_classifier/model/ tries the whole hostile set, and measures what refusing it costs; here each row meets a
stage.
"""

import gzip
import io
import json
import os
import pickle
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from linear_classifier.model.model_file import MAX_BYTES, SavedModel, read_model, save_model
from tests.faults.stage_runs import assert_refuses, run_stage
from tests.good_model import build_saved
from tests.hostile.bombs import hash_bombs, memory_bombs, opcode_bombs, recursion_bombs, text_bombs
from tests.hostile.code import code_that_runs, other_code
from tests.hostile.foreign import DVC_POINTER, LFS_POINTER
from tests.hostile.wrong import resigned

MODEL = "models/model.pkl"


def refuse(workspace: Path, content: bytes, *words: str) -> None:
    """Evaluate, as a process, refuses `content` as its model file, with `words` and a way to fix it."""
    (workspace / MODEL).write_bytes(content)
    assert_refuses(
        "evaluate", workspace, f"{MODEL}: ", *words, "dvc checkout -f models/model.pkl", "dvc repro -f train"
    )


def refuse_to_read(folder: Path, content: bytes, *words: str) -> None:
    """The same of the reader alone, for the variants: a process takes seconds."""
    path = folder / "model.pkl"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"model\.pkl: .*; restore it with .*, or make it again") as caught:
        read_model(path)
    assert all(word in str(caught.value) for word in words), caught.value


def good_content(workspace: Path) -> dict[str, object]:
    content: dict[str, object] = pickle.loads((workspace / MODEL).read_bytes())
    return content


def test_evaluate_accepts_the_good_model_file(trained: Path) -> None:
    """So that it is the fault alone that the tests below see refused."""
    run = run_stage("evaluate", trained)
    assert run.returncode == 0, run.stderr
    assert (trained / "reports/evaluate/metrics.json").is_file()


def test_fault_21_model_file_missing(trained: Path) -> None:
    (trained / MODEL).unlink()
    assert_refuses("evaluate", trained, f"{MODEL}: not found; run `dvc repro`, or `dvc pull`")


def test_fault_22_model_file_truncated(trained: Path) -> None:
    refuse(trained, (trained / MODEL).read_bytes()[:20_000], "truncated")


def test_fault_22_model_file_empty(tmp_path: Path) -> None:
    refuse_to_read(tmp_path, b"", "empty")


def test_fault_22_model_file_truncated_anywhere(tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    save_model(path, build_saved((1, 2, 2), 2))
    content = path.read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match=r"model\.pkl: (truncated|not a model file|weight: |damaged)"):
            read_model(path)


def test_fault_23_model_file_that_runs_code(trained: Path) -> None:
    refuse(trained, code_that_runs()["code: os.system"], "names os.system", "nothing was run")
    assert not (trained / "canary").exists()


@pytest.mark.parametrize("name", code_that_runs() | other_code())
def test_fault_23_code_in_any_form(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    refuse_to_read(tmp_path, (code_that_runs() | other_code())[name], "nothing was run")
    assert not Path("canary").exists()


def test_fault_24_model_file_that_is_a_bomb(trained: Path) -> None:
    refuse(trained, recursion_bombs()["recursion: lists of allowed opcodes"], "damaged: RecursionError")


@pytest.mark.parametrize("name", memory_bombs() | hash_bombs() | recursion_bombs() | opcode_bombs() | text_bombs())
def test_fault_24_bomb_of_any_kind(name: str, tmp_path: Path) -> None:
    bombs = memory_bombs() | hash_bombs() | recursion_bombs() | opcode_bombs() | text_bombs()
    refuse_to_read(tmp_path, bombs[name])


def torch_save() -> bytes:
    buffer = io.BytesIO()
    torch.save(torch.nn.Linear(2, 2).state_dict(), buffer)
    return buffer.getvalue()


def test_fault_25_model_file_of_torch_save(trained: Path) -> None:
    refuse(trained, torch_save(), "not a model file: it is a zip archive, such as torch.save")


@pytest.mark.parametrize(
    ("content", "kind"),
    [(gzip.compress(b"model"), "gzip"), (LFS_POINTER, "git lfs pull"), (DVC_POINTER, "dvc pull"), (b"<p>", "HTML")],
    ids=["gzip", "lfs", "dvc", "html"],
)
def test_fault_25_model_file_of_another_kind(content: bytes, kind: str, tmp_path: Path) -> None:
    refuse_to_read(tmp_path, content, "not a model file: it is ", kind)


def make_folder(path: Path) -> None:
    path.mkdir()


def link_to_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def test_fault_26_model_path_is_a_fifo(trained: Path) -> None:
    (trained / MODEL).unlink()
    os.mkfifo(trained / MODEL)
    assert_refuses("evaluate", trained, f"{MODEL}: a FIFO, socket or device stands where a file", "move it away")


@pytest.mark.parametrize(
    ("make", "kind"), [(os.mkfifo, "a FIFO"), (make_folder, "a folder"), (link_to_device, "a FIFO")]
)
def test_fault_26_model_path_is_no_file(make: Callable[[Path], None], kind: str, tmp_path: Path) -> None:
    make(tmp_path / "model.pkl")
    with pytest.raises(ValueError, match=rf"model\.pkl: {kind}.* stands where a file is expected; move it away"):
        read_model(tmp_path / "model.pkl")


def test_fault_26_huge_sparse_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    with path.open("wb") as file:
        file.write(b"\x80\x04")
        file.truncate(2**40)
    with pytest.raises(ValueError, match=f"more than the {MAX_BYTES} bytes"):
        read_model(path)


@pytest.mark.parametrize("path", ["/proc/kmsg", "/proc/self/mem", "/proc/self/environ"])
def test_fault_26_file_of_the_kernel_is_no_model(path: str) -> None:
    """They say that they are regular files; one waits for ever, one cannot be read from its start."""
    if not os.access(path, os.R_OK):
        pytest.skip(f"{path} cannot be read here")
    with pytest.raises((ValueError, OSError)):
        read_model(path)


def test_fault_27_trailing_bytes(trained: Path) -> None:
    refuse(trained, (trained / MODEL).read_bytes() + b"\0", "1 bytes after its end")


def test_fault_27_extra_key(trained: Path) -> None:
    refuse(trained, resigned({**good_content(trained), "comment": "hello"}), "expected a dict of format", "comment")


def test_fault_28_nan_weight(trained: Path) -> None:
    nan = struct.pack("<7840f", *[float("nan")] * 7840)
    refuse(trained, resigned({**good_content(trained), "weight": nan}), "weight: a number is NaN or infinite")


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("image_shape", [1, 28, 29], "weight: expected 32480 bytes (the shape is wrong), found 31360 bytes"),
        ("bias", bytes(36), "bias: expected 40 bytes (the shape is wrong), found 36 bytes"),
        ("version", 3, "version: expected 1 or 2, found 3, which a later revision of this project wrote"),
        ("bias", struct.pack("<10f", *[float("-inf")] * 10), "bias: a number is NaN or infinite"),
    ],
    ids=["shape", "bias", "version", "infinite"],
)
def test_fault_28_wrong_field(field: str, value: object, words: str, trained: Path, tmp_path: Path) -> None:
    refuse_to_read(tmp_path, resigned({**good_content(trained), field: value}), words)


def test_fault_29_flipped_byte_in_the_weights(trained: Path) -> None:
    content = bytearray((trained / MODEL).read_bytes())
    at = content.index(build_saved().weight)
    content[at + 4000] ^= 1
    refuse(trained, bytes(content), "sha256: expected")


def test_train_refuses_a_model_that_is_too_large_before_it_trains(trained: Path) -> None:
    path = trained / "data/prepared/dataset.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "image_shape": [3, 2048, 2048]}))
    words = "[3, 2048, 2048] and 10 classes has 480 MB, more than the 256 MB of a model file; lower prepare.image_size"
    assert_refuses("train", trained, words)


def test_fault_30_finite_but_absurd_weights(trained: Path) -> None:
    saved = build_saved()
    absurd = struct.pack("<f", 3e38) * (len(saved.weight) // 4)
    fields = {**vars(saved), "weight": absurd}
    save_model(trained / MODEL, SavedModel(**fields))
    assert_refuses("evaluate", trained, "the loss is not finite", "the model's weights", "dvc repro -f train", code=1)
