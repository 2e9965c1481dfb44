from pathlib import Path

import pytest

from tools import check_gpu


def test_main_keeps_all_output_and_ends_with_the_first_step_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, code in (("good", 0), ("bad", 3), ("never", 0)):
        (tmp_path / f"{name}.py").write_text(f"import sys\nprint('{name} ran', file=sys.stderr)\nsys.exit({code})\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(check_gpu, "STEPS", (("good",), ("bad", "argument"), ("never",)))
    assert check_gpu.main() == 3
    report = (tmp_path / "build/gpu.txt").read_text()
    assert report == "\n$ python -m good\ngood ran\n\n$ python -m bad argument\nbad ran\n"
    assert capsys.readouterr().out == report
    monkeypatch.setattr(check_gpu, "STEPS", (("good",),))
    assert check_gpu.main() == 0
