import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import ROOT

OPEN = "from linear_classifier.io.console import open_console; open_console(); import os, sys, tqdm\n"


def run_code(code: str, shell: str = "", **environment: str) -> "subprocess.CompletedProcess[bytes]":
    """A process that calls `open_console` and then runs `code`, its standard files as `shell` redirects them."""
    command = ["bash", "-c", f'set -o pipefail; "$0" -c "$1" {shell}', sys.executable, OPEN + code]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False, timeout=60)


@pytest.mark.parametrize("environment", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "POSIX", "PYTHONUTF8": "0"}])
def test_fault_75_ascii_terminal(environment: dict[str, str]) -> None:
    """an ASCII terminal; stdout closed"""
    code = ascii("print('größe'); print('测试', file=sys.stderr); [*tqdm.tqdm(range(3), desc='größe')]")
    done = run_code(f"exec({code})", PYTHONCOERCECLOCALE="0", **environment)
    assert (done.returncode, done.stdout) == (0, b"gr\\xf6\\xdfe\n")
    assert done.stderr.startswith(b"\\u6d4b\\u8bd5\n") and b"Traceback" not in done.stderr


def test_fault_75_nobody_reads_any_more(tmp_path: Path) -> None:
    """an ASCII terminal; stdout closed"""
    code = f"for n in range(100_000): print(n)\nopen({str(tmp_path / 'done')!r}, 'w').close()"
    done = run_code(code, "| head -1")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"0\n", b"") and (tmp_path / "done").exists()


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_fault_75_standard_files_closed(closed: str, tmp_path: Path) -> None:
    """an ASCII terminal; stdout closed"""
    path = tmp_path / "file"
    code = (
        f"file = open({str(path)!r}, 'w'); assert file.fileno() > 2; print('out'); print('err', file=sys.stderr)\n"
        "[*tqdm.tqdm(range(3))]; assert os.system('echo child; echo child >&2; cat') == 0; file.write('whole')"
    )
    assert run_code(code, closed, PATH="/usr/bin:/bin").returncode == 0
    assert path.read_text() == "whole"


def programs() -> list[Path]:
    """What people run with `python -m`; `tools.job.remote` is run by the job alone, which reads what it prints."""
    paths = [path for folder in ("stages", "tools") for path in (ROOT / folder).rglob("*.py")]
    return [path for path in paths if 'if __name__ == "__main__":' in path.read_text() and path.stem != "remote"]


@pytest.mark.parametrize("path", programs(), ids=lambda path: str(path.relative_to(ROOT)))
def test_fault_75_every_program_opens_its_console(path: Path) -> None:
    """an ASCII terminal; stdout closed"""
    door = path.read_text().rpartition('if __name__ == "__main__":\n')[2]
    assert door.startswith("    open_console()\n")


@pytest.mark.parametrize("code", ["print('x' * 100)", "[print(n) for n in range(10_000)]"])
def test_open_console_ends_in_one_line_where_standard_output_is_full(code: str) -> None:
    done = run_code(code, ">/dev/full")
    assert done.returncode == 1
    assert done.stderr == b"error: standard output: No space left on device; make room there, and run it again\n"


def test_open_console_ends_where_nothing_can_be_said() -> None:
    assert run_code("print('x' * 100)", ">/dev/full 2>&1").returncode == 1


@pytest.mark.parametrize(
    "program", ["tools.check_committed", "tools.show", "tools.job --help", "stages --help", "tools.predict --help"]
)
def test_a_full_standard_output_is_no_traceback(program: str) -> None:
    command = f'exec "$0" -m {program} >/dev/full'
    done = subprocess.run(
        ["bash", "-c", command, sys.executable], cwd=ROOT, capture_output=True, check=False, timeout=60
    )
    assert done.returncode in (1, 2) and b"Traceback" not in done.stderr and done.stderr.count(b"\n") >= 1


def test_open_console_keeps_the_order_of_lines() -> None:
    done = run_code("print(1); os.system('echo 2'); print(3)", PATH="/usr/bin:/bin")
    assert done.stdout == b"1\n2\n3\n"
