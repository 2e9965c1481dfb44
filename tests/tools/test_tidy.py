from pathlib import Path

import pytest

from tests.processes import run
from tools import tidy
from tools.tidy import LIMIT, find_reasons

ROOT = Path(__file__).parents[2]
HOME, WINDOWS = "/ho" + "me/ada/data", "C:\\Us" + "ers\\ada\\data"  # in two parts: this file is looked at, too


@pytest.mark.parametrize("path", [HOME, WINDOWS, "/Us" + "ers/ada/data"])
def test_find_reasons_sees_the_path_of_one_machine_and_its_line(path: str, tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text(f"one\nsource: {path}\n")
    (reason,) = find_reasons(tmp_path / "notes.md")
    assert reason.startswith("line 2 has a path of one machine, ")


def test_find_reasons_leaves_alone_what_is_the_same_everywhere(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text(
        "/home/me/project /usr/share/datasets /root/.cache data/home/x $HOME/ada\n========\n"
    )
    assert find_reasons(tmp_path / "notes.md") == []


def test_find_reasons_sees_conflict_markers(tmp_path: Path) -> None:
    (tmp_path / "dvc.lock").write_text("a\n" + "<" * 7 + " HEAD\nb\n")
    assert find_reasons(tmp_path / "dvc.lock") == ["line 2 is a conflict marker; finish the merge"]


def test_find_reasons_sees_a_big_file_and_no_more_than_its_size(tmp_path: Path) -> None:
    (tmp_path / "fits").write_bytes(b"\0" * LIMIT)
    (tmp_path / "big").write_bytes(b"\0" * (LIMIT + 1))
    assert find_reasons(tmp_path / "fits") == []
    assert find_reasons(tmp_path / "big") == ["500,001 bytes, more than 500,000; keep it in DVC, not in git"]


def test_main_names_the_file_and_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "notes.md").write_text(HOME)
    assert tidy.main([str(tmp_path / "notes.md")]) == 1
    assert f"tidy: error: {tmp_path / 'notes.md'}: line 1" in capsys.readouterr().err


def test_everything_in_git_is_tidy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    names = run("git", "ls-files", "-z", cwd=ROOT).stdout.split("\0")
    assert tidy.main([name for name in names if Path(name).is_file()]) == 0
