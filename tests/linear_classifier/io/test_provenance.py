import json
import os
import subprocess
import time
from importlib import metadata
from pathlib import Path

import pytest

from linear_classifier.io import provenance
from linear_classifier.io.provenance import record
from tests.processes import ROOT


def recorded(path: Path) -> dict[str, object]:
    record(path, "train", time.perf_counter(), device="cpu")
    run: dict[str, object] = json.loads(path.read_text())["train"]
    return run


def head_of(folder: Path) -> str:
    return subprocess.run(["git", "rev-parse", "HEAD"], cwd=folder, capture_output=True, text=True).stdout.strip()


def test_record_keeps_the_runs_of_other_stages(tmp_path: Path) -> None:
    path = tmp_path / "provenance.json"
    record(path, "prepare", time.perf_counter())
    assert recorded(path)["device"] == "cpu" and list(json.loads(path.read_text())) == ["prepare", "train"]


@pytest.mark.parametrize("damage", [b"", b"[]", b"3", b"\xff", b"[" * 100_000, b'{"train": '])
def test_record_begins_a_new_record_in_place_of_a_damaged_one(damage: bytes, tmp_path: Path) -> None:
    (tmp_path / "provenance.json").write_bytes(damage)
    assert recorded(tmp_path / "provenance.json")["device"] == "cpu"


def test_record_names_the_commit_of_this_folder_whatever_a_git_hook_exports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    commit = recorded(tmp_path / "provenance.json")["git_commit"]
    monkeypatch.delenv("GIT_DIR")
    assert commit == (head_of(ROOT) or "unknown")


def test_record_knows_what_it_can_where_git_and_packages_lack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(provenance, "version", missing)
    monkeypatch.setenv("PATH", "/nowhere")
    run = recorded(tmp_path / "provenance.json")
    assert (run["torch"], run["git_commit"], run["device"]) == ("unknown", "unknown", "cpu")


def test_record_warns_where_it_cannot_write(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, make in (("folder", Path.mkdir), ("file/below", lambda _: (tmp_path / "file").touch())):
        make(tmp_path / name)
        record(tmp_path / name, "train", time.perf_counter())
        printed = capsys.readouterr().err
        assert printed.startswith(f"warning: {tmp_path / name}: the run is not recorded: ") and printed.count("\n") == 1


def test_record_does_not_wait_for_a_fifo(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "provenance.json")
    assert recorded(tmp_path / "provenance.json")["device"] == "cpu"
