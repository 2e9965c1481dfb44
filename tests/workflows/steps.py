"""The `run:` steps of a workflow, in the order in which they stand, run as a runner of GitHub runs them."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.processes import ROOT

WORKFLOW = ROOT / ".github/workflows/pull-request.yml"
SHELLS = {  # https://docs.github.com/actions/reference/workflow-syntax-for-github-actions, "defaults.run.shell"
    "": ["bash", "-e"],
    "bash": ["bash", "--noprofile", "--norc", "-eo", "pipefail"],
}
TIMEOUT = 300  # seconds, for what takes ten on an idle machine


@dataclass(frozen=True)
class Step:
    """One step: a script or an action, with what the workflow, the job and the step itself set for it."""

    name: str
    script: str
    uses: str
    shell: str
    env: dict[str, str]
    condition: str
    may_fail: bool


@dataclass(frozen=True)
class Done:
    """A step that has run."""

    name: str
    code: int
    output: str


def read_jobs(path: Path) -> dict[str, list[Step]]:
    """The steps of each job of the workflow at `path`; an action of this repository is replaced by its steps."""
    workflow = yaml.safe_load(path.read_text())
    shell = workflow.get("defaults", {}).get("run", {}).get("shell", "")
    return {
        name: [
            step
            for raw in job["steps"]
            for step in _expand(raw, workflow.get("env", {}) | job.get("env", {}), shell, path.parents[2])
        ]
        for name, job in workflow["jobs"].items()
    }


def _expand(raw: dict[str, Any], env: dict[str, Any], shell: str, root: Path) -> list[Step]:
    uses = raw.get("uses", "")
    if uses.startswith("./"):
        action = yaml.safe_load((root / uses / "action.yml").read_text())
        return [step for inner in action["runs"]["steps"] for step in _expand(inner, env, "", root)]
    return [
        Step(
            raw["name"],
            raw.get("run", ""),
            uses,
            raw.get("shell", shell),
            {key: str(value) for key, value in (env | raw.get("env", {})).items()},
            str(raw.get("if", "")),
            bool(raw.get("continue-on-error", False)),
        )
    ]


def run_steps(
    steps: list[Step], folder: Path, values: dict[str, str | bool], environment: dict[str, str], prefix: list[str]
) -> tuple[list[Done], str]:
    """The scripts of `steps`, run in `folder` up to the first that fails; and what the job's summary then holds.

    `values` has what each expression of the workflow is: one that is not in it is an error. `prefix` comes before each
    command.
    """
    done: list[Done] = []
    runner = folder.parent / f"{folder.name}.runner"
    (runner / "home").mkdir(parents=True, exist_ok=True)
    files = {name: runner / name for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT", "GITHUB_ENV", "GITHUB_PATH")}
    for file in files.values():
        file.touch()
    for step in steps:
        if not step.script or not (step.condition == "" or evaluate(step.condition, values)):
            continue
        (runner / "script.sh").write_text(step.script)
        result = subprocess.run(
            [*prefix, *SHELLS[step.shell], str(runner / "script.sh")],
            cwd=folder,
            env={
                **_environment_of_a_runner(folder, runner),
                **{name: str(file) for name, file in files.items()},
                **environment,
                **{key: str(substitute(value, values)) for key, value in step.env.items()},
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT,
        )
        done.append(Done(step.name, result.returncode, result.stdout))
        if result.returncode and not step.may_fail:
            break
    assert not files["GITHUB_ENV"].read_text() + files["GITHUB_PATH"].read_text(), "not passed on here"
    return done, files["GITHUB_STEP_SUMMARY"].read_text()


def evaluate(condition: str, values: dict[str, str | bool]) -> bool:
    return bool(values[re.sub(r"^\$\{\{\s*|\s*\}\}$", "", condition)])


def substitute(text: str, values: dict[str, str | bool]) -> str:
    return re.sub(r"\$\{\{\s*(.*?)\s*\}\}", lambda match: str(values[match[1]]), text)


def _environment_of_a_runner(folder: Path, runner: Path) -> dict[str, str]:
    """No configuration of the one who runs the tests, no name for git, and not the packages of the tests."""
    paths = [path for path in os.environ["PATH"].split(os.pathsep) if path != str(Path(sys.executable).parent)]
    return {
        "PATH": os.pathsep.join(paths),
        "HOME": str(runner / "home"),
        "LANG": "C.UTF-8",
        "CI": "true",
        "GITHUB_ACTIONS": "true",
        "GITHUB_BASE_REF": "main",
        "GITHUB_EVENT_NAME": "pull_request",
        "GITHUB_HEAD_REF": "change",
        "GITHUB_REF": "refs/pull/1/merge",
        "GITHUB_REPOSITORY": "owner/name",
        "GITHUB_WORKSPACE": str(folder),
        "RUNNER_TEMP": str(runner),
    }
