"""Real ranks: the stage's processes, on a small data set."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from torch.distributed.elastic.multiprocessing.errors import ProcessFailure

from linear_classifier.data.order import BatchOrder, Blocks
from linear_classifier.data.splits import Split, SplitName, save_splits
from linear_classifier.ranks import _cause_of, from_rank_0, has_ranks, is_rank, num_ranks, sum_over_ranks, this_rank
from tests.processes import ROOT

FILES = ("models/model.pkl", "reports/train/batch.png", "reports/train/history.csv", "reports/train/metrics.json")
BATCH_SIZE = 24  # 3 x 24 + 5 images: the last batch has no image for the last of 6 or more ranks


def make_workspace(folder: Path, processes: int, **params: object) -> Path:
    generator = np.random.default_rng(0)
    sizes: dict[SplitName, int] = {"train": 77, "val": 19, "test": 5}
    labels = {name: np.arange(count) % 3 for name, count in sizes.items()}
    splits = {
        name: Split(
            generator.integers(0, 200, (len(each), 3, 8, 8), np.uint8) + each[:, None, None, None].astype("u1"), each
        )
        for name, each in labels.items()
    }
    save_splits(folder / "data/prepared", splits, "small", ["a", "b", "c"], "")
    content = yaml.safe_load((ROOT / "params.yaml").read_text())
    content["train"] |= {"epochs": 3, "min_steps": 0, "batch_size": BATCH_SIZE, **params}
    content["runtime"] |= {"processes": processes, "device": "cpu"}
    (folder / "params.yaml").write_text(yaml.safe_dump(content))
    return folder


def train(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "stages", "train"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What one process makes."""
    folder = make_workspace(tmp_path_factory.mktemp("one"), 1)
    assert train(folder).returncode == 0
    return {name: (folder / name).read_bytes() for name in FILES}


@pytest.mark.slow
@pytest.mark.parametrize("processes", range(2, 9))
def test_train_gives_the_same_bytes_on_any_number_of_ranks(
    processes: int, expected: dict[str, bytes], tmp_path: Path
) -> None:
    done = train(make_workspace(tmp_path, processes))
    assert (done.returncode, done.stderr) == (0, "")
    assert {name: (tmp_path / name).read_bytes() for name in FILES} == expected
    lines = done.stdout.splitlines()
    assert [line[:15] for line in lines] == [f"train: epoch {number}/" for number in (1, 2, 3)], "rank 0 alone prints"
    assert yaml.safe_load((tmp_path / "reports/provenance.json").read_text())["train"]["ranks"] == processes


def test_launch_ranks_honours_pet_variables(expected: dict[str, bytes], tmp_path: Path) -> None:
    done = train(make_workspace(tmp_path, 4), PET_NPROC_PER_NODE="2")
    assert (done.returncode, done.stderr) == (0, "")
    assert yaml.safe_load((tmp_path / "reports/provenance.json").read_text())["train"]["ranks"] == 2
    assert (tmp_path / "models/model.pkl").read_bytes() == expected["models/model.pkl"]


def test_launch_ranks_ends_with_the_line_and_the_exit_code_of_the_rank_that_failed(tmp_path: Path) -> None:
    done = train(make_workspace(tmp_path, 2, batch_size=1000))
    assert done.returncode == 2 and not (tmp_path / "models").exists()
    assert done.stderr == (
        "train: error: params.yaml: train.batch_size must be in [1, 77], the images of train, got 1000; lower it\n"
    )


TWICE = """
import os, signal, sys, tempfile
from linear_classifier.ranks import launch_ranks
from stages.__main__ import run_stage
clean_up = tempfile.TemporaryDirectory.cleanup
def cleanup(folder):
    os.kill(os.getpid(), signal.SIGTERM)
    clean_up(folder)
tempfile.TemporaryDirectory.cleanup = cleanup
# Two ranks write to one pipe, each its line at once; `print` may write the end of a line apart.
sys.exit(run_stage("s", lambda: launch_ranks("timeit", "import os, time; os.write(1, b'on\\\\n'); time.sleep(60)", 2)))
"""


def test_launch_ranks_takes_a_second_signal_while_it_clears_up() -> None:
    """As when a terminal, or the end of `dvc`, has told it already."""
    command, pipe = [sys.executable, "-c", TWICE], subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout and process.stderr and process.stdout.readline() == "on\n"
        process.terminate()
        assert (process.wait(30), process.stderr.read()) == (143, "")


@pytest.mark.parametrize("num_ranks", range(1, 9))
@pytest.mark.parametrize("batch_size", [1, 7, 8, 24, 77])
def test_set_part_gives_each_image_to_one_rank_and_the_same_number_of_batches(num_ranks: int, batch_size: int) -> None:
    def batches(part: int, num_parts: int) -> list[torch.Tensor]:
        order = BatchOrder(Blocks(77, 77, 1), batch_size, 3, torch.device("cpu"))
        order.set_part(part, num_parts)
        return [batch for group in order for batch in group]

    parts = [batches(rank, num_ranks) for rank in range(num_ranks)]
    for whole, *shares in zip(batches(0, 1), *parts, strict=True):
        assert torch.equal(torch.cat(shares), whole)


@pytest.mark.parametrize(
    ("processes", "environment", "expected"),
    [
        *((1, {}, False), (2, {}, True)),
        *((1, {"PET_NNODES": "1"}, False), (1, {"PET_NNODES": "1:1"}, False), (1, {"PET_NNODES": "2"}, True)),
        *((1, {"PET_NPROC_PER_NODE": "1"}, False), (1, {"PET_NPROC_PER_NODE": "2"}, True)),
    ],
)
def test_has_ranks_where_there_are_several_processes_or_hosts(
    processes: int, environment: dict[str, str], expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PET_NNODES", "PET_NPROC_PER_NODE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert has_ranks(processes) is expected


def test_one_process_is_rank_0_of_1_and_sums_nothing() -> None:
    tensor = torch.ones(3)
    sum_over_ranks([tensor])
    assert (this_rank(), num_ranks(), is_rank(), from_rank_0("a"), tensor.tolist()) == (0, 1, False, "a", [1, 1, 1])


@pytest.mark.parametrize(
    ("exit_code", "message", "ends_with"),
    [
        (1, "rank 0 of this host ended without a word", 1),
        (143, "rank 0 of this host was ended by SIGTERM; run it again", 143),
        (-9, "rank 0 of this host was ended by SIGKILL, perhaps for want of memory; run it again", 137),
    ],
)
def test_a_rank_that_left_no_message_is_told_of(exit_code: int, message: str, ends_with: int) -> None:
    error = _cause_of({0: ProcessFailure(0, 1, exit_code, "/nowhere/error.json")})
    assert (str(error), error.exit_code) == (message, ends_with)
