"""The `console` blocks of every page, run in the order in which they stand, in a clone with a real git remote."""

import re
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from tests.docs.conftest import use_home
from tests.docs.documents import PAGES, Command, console_commands, find_missing
from tests.faults.job.workspace import Workspace, copy_of
from tests.processes import ROOT

# How a command begins that cannot be run on a machine for tests, and why; every other is run.
NOT_RUN = {
    "make": "it installs packages, or takes long: its targets are tried with `make -n`, and .ci/run runs `make`",
    "python -m tools.benchmark": "measures for minutes",
    "locked": "needs a container engine and the image: tests/container",
    "JOB_USER=": "needs a container engine and the image: tests/container/test_compose.py",
    "kubectl": "needs a cluster: tests/deploy checks the manifests",
    "pip install 'dvc[s3]": "fetches packages",
    "dvc remote add --default store s3://": "needs a bucket",
    'git commit -m "Take': "there is nothing to commit, since `make lock` was not run",
}
# What a page takes for granted when its first command is run.
BEFORE = {
    "experiments.md": "dvc remote add --default store /srv/fashion-mnist && git commit -qam 'Add a remote'",
    "CONTRIBUTING.md": "dvc remote add --default store /srv/fashion-mnist && git commit -qam 'Add a remote' && "
    "sed -i 's/  lr: 0.03/  lr: 0.02/' params.yaml",
}
OWN_TEST = ("own-images.md",)  # pages whose console blocks another test runs: test_own_images_page.py
MARK = "=== command"
TIMEOUT = 540  # seconds, for what takes a minute on an idle machine

pytestmark = pytest.mark.slow


def reason_not_to_run(command: str) -> str:
    """Why `command` is not run, or ""."""
    found = (reason for start, reason in NOT_RUN.items() if re.match(rf"{re.escape(start)}(\b|(?<=\W))", command))
    return next(found, "")


@pytest.fixture
def workspace(reader: Workspace, tmp_path: Path) -> Workspace:
    workspace = copy_of(reader, tmp_path / "work")
    use_home(workspace, tmp_path / "home")
    subprocess.run(["cp", "-a", str(reader.path.parent / "origin.git"), str(tmp_path)], check=True)
    workspace.run("git", "remote", "set-url", "origin", str(tmp_path / "origin.git"))
    return workspace


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if page.name not in OWN_TEST and any(console_commands(page))],
    ids=lambda page: page.name,
)
def test_console_blocks_do_and_print_what_the_page_says(page: Path, workspace: Workspace) -> None:
    commands = [command for command in console_commands(page) if not reason_not_to_run(command.text)]
    failures = []
    results = run_all(workspace, commands, BEFORE.get(page.name, ":"))
    for command, (code, printed) in zip(commands, results, strict=True):
        missing = find_missing(command.output, printed)
        if code != command.code or missing:
            failures.append(f"{command.where}: {command.text}\nended in {code}, without {missing!r}:\n{printed}")
    assert not failures, "\n".join(failures)


@pytest.mark.parametrize("name", ["train/batch.png", "evaluate/mistakes.png"])
def test_pictures_of_readme_are_those_that_the_pipeline_draws(name: str, reader: Workspace) -> None:
    """Only smaller: the pipeline's are not compressed."""
    with Image.open(ROOT / "docs" / Path(name).name) as shown, Image.open(reader.path / "reports" / name) as drawn:
        assert shown.convert("RGB").tobytes() == drawn.convert("RGB").tobytes()


def run_all(workspace: Workspace, commands: list[Command], before: str) -> list[tuple[int, str]]:
    """The exit code and the output of each of `commands`, run by one shell, as a reader types them."""
    lines = [before, *(f"{{ {command.text}\n}} 2>&1\nprintf '\\n%s %s\\n' '{MARK}' $?" for command in commands)]
    placeholders = {"/srv/fashion-mnist": "store", "REPOSITORY": "origin.git"}
    script = "\n".join(lines)
    for name, stands_for in placeholders.items():
        script = script.replace(name, str(workspace.path.parent / stands_for))
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=workspace.path,
        env=workspace.env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
    )
    *outputs, rest = re.split(rf"{MARK} (\d+)\n", done.stdout)
    assert not rest.strip() and len(outputs) == 2 * len(commands), done.stdout + done.stderr
    return [(int(code), printed) for printed, code in zip(outputs[::2], outputs[1::2], strict=True)]
