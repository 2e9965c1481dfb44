"""What the benchmark measures and a machine's speed does not change: the memory of the stages."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.processes import run
from tools.benchmark.large_split import make_workspace, measure_stage, open_train


@pytest.mark.slow
def test_prepare_and_train_take_little_memory_for_a_million_images(
    clone: Callable[[], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    project = clone()
    run("dvc", "repro", "prepare", cwd=project)
    monkeypatch.chdir(project)
    with make_workspace(10**6) as folder:
        assert measure_stage("prepare", folder)[0] < 100
        assert measure_stage("train", folder)[0] < 160, "the labels of 6 million take 40 MB more"
        on_disk, in_memory = open_train(folder, 1000)
        assert len(on_disk) == len(in_memory) == 1000
    assert list((project / "build").iterdir()) == []
