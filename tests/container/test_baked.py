"""The code in the image, run on mounted data, with results in /out."""

from pathlib import Path

import pytest

from tests.container.conftest import give_to
from tests.container.containers import STRANGER, Engine
from tests.processes import ROOT

RESULTS = (
    "models/model.pkl",
    "reports/evaluate/metrics.json",
    "reports/evaluate/confusion.png",
    "reports/train/history.csv",
)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    give_to(folder, STRANGER)
    return folder


def test_baked_code_gives_the_committed_lock_and_copies_the_results(
    out: Path, raw_folder: Path, reproduced: Path, engine: Engine
) -> None:
    volumes = {raw_folder: "/data:ro", out: "/out"}
    done = engine.run("--baked", volumes=volumes)
    assert done.stdout.count("Running stage") == 5 and "the results are in /out" in done.stdout
    assert (out / "dvc.lock").read_bytes() == (ROOT / "dvc.lock").read_bytes()
    for name in RESULTS:
        assert (out / name).read_bytes() == (reproduced / name).read_bytes()
    assert {path.lstat().st_uid for path in out.rglob("*")} == {STRANGER}
    assert "Running stage" not in engine.run("--baked", volumes=volumes).stdout


def test_baked_code_takes_mounted_params(out: Path, raw_folder: Path, tmp_path: Path, engine: Engine) -> None:
    params = tmp_path / "params.yaml"
    params.write_text((ROOT / "params.yaml").read_text().replace("epochs: 10 ", "epochs: 1 "))
    done = engine.run("--baked", volumes={raw_folder: "/data:ro", out: "/out", params: "/app/params.yaml:ro"})
    assert "epoch 1/1:" in done.stdout and (out / "params.yaml").read_bytes() == params.read_bytes()


def test_baked_code_takes_the_mounted_data_and_not_what_an_earlier_run_fetched(
    out: Path, raw_folder: Path, engine: Engine
) -> None:
    half = out / ".workspace/data/raw/fashion-mnist"
    half.mkdir(parents=True)
    (half / "train-labels-idx1-ubyte").write_bytes(b"half fetched")
    give_to(out, STRANGER)
    done = engine.run("--baked", "prepare", volumes={raw_folder: "/data:ro", out: "/out"})
    assert "1 outs are, byte for byte, those of dvc.lock" in done.stdout


def test_baked_code_refuses_an_out_that_it_cannot_write(raw_folder: Path, engine: Engine) -> None:
    done = engine.run("--baked", volumes={raw_folder: "/data:ro"}, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(f"job: error: /out: user {STRANGER} cannot write here; mount a folder of yours")


def test_baked_code_lists_the_files_that_the_data_lack(out: Path, tmp_path: Path, engine: Engine) -> None:
    (tmp_path / "empty").mkdir()
    done = engine.run("--baked", volumes={tmp_path / "empty": "/data:ro", out: "/out"}, check=False)
    assert done.returncode == 2 and "train-images-idx3-ubyte" in done.stderr and "Traceback" not in done.stderr
    assert not (out / "models").exists()
