"""Whatever this machine says, .venv holds the pinned packages; what one set-up leaves half-made, the next one makes."""

import http.server
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.setup.project import Project, build_wheel

RUNS = ".venv/.runs"


class Index(http.server.BaseHTTPRequestHandler):
    """A package index whose wheel breaks off in the middle; with `hangs`, it waits there."""

    wheel: bytes
    name: str
    hangs = False

    def do_GET(self) -> None:
        page = self.path.endswith("/")
        body = f'<a href="/{self.name}">{self.name}</a>'.encode() if page else self.wheel
        self.send_response(200)
        self.send_header("Content-Type", "text/html" if page else "application/zip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body if page else body[: len(body) // 2])
        self.wfile.flush()
        while not page and self.hangs and not self.connection.recv(1):
            break  # the other side is gone

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def index(project: Project) -> Iterator[dict[str, str]]:
    """pip's settings for an index whose files break off."""
    Index.name, Index.wheel, Index.hangs = "pinned-1.0-py3-none-any.whl", project.pin("1.0").read_bytes(), False
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Index)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/"
    yield {"PIP_INDEX_URL": address, "PIP_NO_INDEX": "0", "PIP_FIND_LINKS": "", "PIP_RETRIES": "0"}
    server.shutdown()
    server.server_close()


def error_line(output: str) -> str:
    """The one error of what make printed, apart from make's own word that it ended."""
    lines = [
        line for line in output.splitlines() if not line.startswith(("make:", "setting up", "updating", "waiting"))
    ]
    assert len(lines) == 1 and lines[0].startswith("error: "), output
    return lines[0]


def start_hanging(project: Project, index: dict[str, str]) -> subprocess.Popen[str]:
    """A `make` whose pip waits for the rest of a wheel."""
    Index.hangs = True
    process = project.start(RUNS, settings=index)
    deadline = time.monotonic() + 60
    while not list(project.path.glob(".venv/lib/*/site-packages/pip/__main__.py")) or not is_running(
        project, "install"
    ):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.05)
    return process


def is_running(project: Project, word: str) -> bool:
    """Whether a pip of `project` runs with `word` among its arguments."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
            if word.encode() in words and (folder / "cwd").resolve() == project.path:
                return True
        except OSError:
            continue
    return False


def test_make_installs_what_is_pinned_and_then_has_nothing_to_do(made: Project) -> None:
    assert made.version() == "1.0"
    assert "setting up" not in made.make(".venv/.checks") and "updating" not in made.make(RUNS)


def test_make_takes_a_venv_whose_stamp_was_touched_for_what_it_is(project: Project) -> None:
    project.make(RUNS)
    (project.path / RUNS).write_text("")  # as `touch` makes it, after a cache of a workflow was restored
    assert project.make(RUNS) == ""


def test_make_refuses_a_package_of_another_hash(project: Project) -> None:
    wheel = project.pin("1.0")
    wheel.write_bytes(wheel.read_bytes() + b"\0")
    assert "DO NOT MATCH THE HASHES" in error_line(project.make(RUNS, code=2))


def test_make_installs_requirements_txt_where_the_lock_is_of_another(project: Project) -> None:
    build_wheel(project.wheels, "2.0")
    (project.path / "requirements.txt").write_text("pinned==2.0\n")
    assert "make lock" in project.make(RUNS)
    assert project.version() == "2.0"


def test_fault_74_variables_of_pip_python_and_conda(project: Project, tmp_path: Path) -> None:
    """PIP_USER, PYTHONPATH, PYTHONHOME, PYTHONSAFEPATH, conda active"""
    other = tmp_path / "other"
    other.mkdir()
    (other / "pinned.py").write_text("VERSION = 'of PYTHONPATH'\n")
    (other / "pip").mkdir()
    (other / "pip/pip.conf").write_text(
        "[global]\nuser = true\n[install]\nroot = /nowhere\nno-deps = true\ndry-run = true\n"
    )
    settings = {
        **dict.fromkeys(
            ["PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PYTHONPATH", "PYTHONUSERBASE", "PIP_SRC"], str(other)
        ),
        **dict.fromkeys(
            ["PIP_USER", "PIP_REQUIRE_VIRTUALENV", "PIP_DRY_RUN", "PYTHONSAFEPATH", "PYTHONNOUSERSITE"], "1"
        ),
        "PIP_CONFIG_FILE": "",
        "XDG_CONFIG_HOME": str(other),
        "PIP_PYTHON": "/nowhere/python",
        "PYTHONHOME": "/nowhere",
        "PYTHONWARNINGS": "error",
        "VIRTUAL_ENV": str(other),
        "CONDA_PREFIX": str(other),
    }
    assert json.loads(project.make("check-committed", settings=settings).splitlines()[-1])["version"] == "1.0"
    assert project.version() == "1.0"


def test_make_keeps_how_pip_fetches_by_variable_and_by_file(project: Project, tmp_path: Path) -> None:
    (tmp_path / "pip.conf").write_text(
        f"[global]\nno-index = true\n[install]\nfind-links =\n  {project.wheels.as_uri()}\n"
    )
    project.env = {"PIP_CONFIG_FILE": str(tmp_path / "pip.conf"), "PIP_FIND_LINKS": "", "PIP_NO_INDEX": ""}
    project.make(RUNS)
    assert project.version() == "1.0"


def test_make_says_that_the_index_has_not_what_is_pinned(project: Project) -> None:
    next(project.wheels.iterdir()).unlink()
    assert "No matching distribution found for pinned==1.0" in error_line(project.make(RUNS, code=2))


def test_make_that_cannot_install_leaves_a_whole_venv_as_it_was(project: Project) -> None:
    project.make(RUNS)
    project.pin("2.0").unlink()
    error_line(project.make(RUNS, code=2))
    assert project.version() == "1.0"
    project.pin("2.0")
    assert "updating" in project.make(RUNS)
    assert project.version() == "2.0"


def test_make_after_a_download_that_broke_off_starts_again(project: Project, index: dict[str, str]) -> None:
    error_line(project.make(RUNS, code=2, settings=index))
    project.make(RUNS)
    assert project.version() == "1.0"


def test_make_after_ctrl_c_starts_again(project: Project, index: dict[str, str]) -> None:
    process = start_hanging(project, index)
    os.killpg(process.pid, signal.SIGINT)
    assert "stopped" in error_line(process.communicate()[0])
    assert process.returncode
    project.make(RUNS)
    assert project.version() == "1.0"


def test_make_after_sigkill_starts_again(project: Project, index: dict[str, str]) -> None:
    process = start_hanging(project, index)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    left = next(project.path.glob(".venv/lib/*/site-packages")) / "half_a_package.py"
    left.touch()
    project.make(RUNS)
    assert project.version() == "1.0" and not left.exists()


def test_make_waits_for_another_that_sets_up(project: Project, index: dict[str, str]) -> None:
    first = start_hanging(project, index)
    second = project.start(RUNS)
    assert second.stdout and second.stdout.readline().startswith("waiting for another")
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    second.communicate()
    assert (second.returncode, project.version()) == (0, "1.0")


def test_make_on_a_full_disk_says_so_in_one_line(project: Project) -> None:
    limited = ["sh", "-c", f"ulimit -f 64; exec make {RUNS}"]
    done = subprocess.run(limited, cwd=project.path, env=project.environment(), capture_output=True, text=True)
    assert done.returncode and "File too large" in error_line(done.stdout + done.stderr)
    project.make(RUNS)
    assert project.version() == "1.0"


def test_make_keeps_what_a_link_leads_to(project: Project, tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs/file").touch()
    (project.path / ".venv").symlink_to(tmp_path / "theirs")
    assert "remove the link" in error_line(project.make(RUNS, code=2))
    assert [path.name for path in (tmp_path / "theirs").iterdir()] == ["file"]


def test_make_says_that_venv_is_no_folder(project: Project) -> None:
    (project.path / ".venv").touch()
    assert "'.venv'" in error_line(project.make(RUNS, code=2))


def test_make_replaces_a_venv_whose_python_is_gone(project: Project) -> None:
    (project.path / ".venv/bin").mkdir(parents=True)
    (project.path / ".venv/bin/python3").symlink_to("/nowhere/python3")
    (project.path / ".venv/bin/python").symlink_to("python3")
    (project.path / RUNS).touch()
    project.make(RUNS, settings={"PATH": f"{project.path / '.venv/bin'}:{os.environ['PATH']}"})
    assert project.version() == "1.0"


def test_fault_73_folder_moved(project: Project, tmp_path: Path) -> None:
    """the folder renamed or moved"""
    project.make(RUNS)
    project.path = project.path.rename(tmp_path / "moved here")
    assert project.version() == "1.0"
    assert "updating" in project.make(RUNS)
    activate = (project.path / ".venv/bin/activate").read_text()
    assert str(project.path) in activate
    assert "updating" not in project.make(RUNS)


@pytest.mark.parametrize("arguments", [["-m", "tools.compare"], ["-m", "stages"]])
def test_fault_74_safe_path(made: Project, arguments: list[str]) -> None:
    """PYTHONSAFEPATH: `python -m` finds stages and tools, and a module of the folder hides none of Python's"""
    (made.path / "json.py").write_text("raise SystemExit('the json of the folder')")
    command = [str(made.path / ".venv/bin/python"), *arguments]
    subprocess.run(command, cwd=made.path, env=made.environment({"PYTHONSAFEPATH": "1"}), check=True)
    (made.path / "json.py").unlink()
