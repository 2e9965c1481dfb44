"""What the workflow files promise, read from their text: who may do what, and with whose code."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.processes import ROOT, run
from tests.workflows.steps import WORKFLOW, read_jobs

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
ACTIONS = sorted((ROOT / ".github/actions").glob("*/action.yml"))
PULL_REQUEST: dict[str, Any] = yaml.safe_load(WORKFLOW.read_text())
PINNED = re.compile(r"uses: [\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")
every_workflow = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)


def test_actionlint_finds_nothing() -> None:
    done = run("actionlint", *map(str, WORKFLOWS), cwd=ROOT, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_zizmor_finds_nothing() -> None:
    done = run("zizmor", "--offline", "--no-progress", "--persona", "pedantic", ".github", cwd=ROOT, check=False)
    assert done.returncode == 0 and "No findings to report" in done.stdout + done.stderr, done.stdout + done.stderr


def test_zizmor_sees_what_it_is_asked_to_see(tmp_path: Path) -> None:
    """The check above can fail: an expression in a script is a finding."""
    (tmp_path / ".github/workflows").mkdir(parents=True)
    text = WORKFLOW.read_text().replace("run: make check-committed", "run: echo ${{ github.head_ref }}")
    (tmp_path / ".github/workflows/bad.yml").write_text(text)
    done = run("zizmor", "--offline", "--no-progress", ".github", cwd=tmp_path, check=False)
    assert done.returncode != 0 and "template-injection" in done.stdout


@pytest.mark.parametrize("path", [*WORKFLOWS, *ACTIONS], ids=lambda path: path.parent.name + "/" + path.name)
def test_every_action_is_pinned_by_hash_with_its_version_beside_it(path: Path) -> None:
    lines = [line.strip().removeprefix("- ") for line in path.read_text().splitlines() if "uses:" in line]
    others = [line for line in lines if not line.startswith("uses: ./.github/actions/")]
    assert [line for line in others if not PINNED.fullmatch(line)] == []
    assert lines


@every_workflow
def test_no_script_has_an_expression_in_it(path: Path) -> None:
    steps = [step for job in read_jobs(path).values() for step in job]
    assert [step.name for step in steps if "${{" in step.script] == []
    scripts = [raw["with"]["script"] for raw in _raw_steps(path) if "script" in raw.get("with", {})]
    assert [script for script in scripts if "${{" in script] == []


@every_workflow
def test_no_workflow_runs_foreign_code_with_rights(path: Path) -> None:
    workflow = yaml.safe_load(path.read_text())
    triggers = set(workflow[True])  # PyYAML takes `on` for true
    assert triggers <= {"pull_request", "push", "schedule", "workflow_dispatch"}
    assert "secrets." not in path.read_text()
    assert workflow["permissions"] == {}
    rights = {"comment": {"pull-requests": "write"}, "publish": {"pages": "write", "id-token": "write"}}
    for name, job in workflow["jobs"].items():
        assert job["permissions"] == rights.get(name, {"contents": "read"}), name
        assert 0 < job["timeout-minutes"] <= 60, name


@every_workflow
def test_a_checkout_leaves_no_token_behind(path: Path) -> None:
    checkouts = [raw for raw in _raw_steps(path) if raw.get("uses", "").startswith("actions/checkout@")]
    assert checkouts and all(raw["with"]["persist-credentials"] is False for raw in checkouts)


@every_workflow
def test_a_new_push_ends_the_run_of_the_one_before(path: Path) -> None:
    concurrency = yaml.safe_load(path.read_text())["concurrency"]
    assert "github.event.pull_request.number" in concurrency["group"] and concurrency["cancel-in-progress"] is True


def test_the_job_that_may_write_runs_nothing_of_the_pull_request() -> None:
    job = PULL_REQUEST["jobs"]["comment"]
    actions = [step["uses"].split("@")[0] for step in job["steps"]]
    assert actions == ["actions/download-artifact", "actions/github-script"]
    assert not any("run" in step for step in job["steps"])


def test_the_job_that_may_publish_runs_nothing_of_the_repository() -> None:
    workflow = yaml.safe_load((WORKFLOW.parent / "pages.yml").read_text())
    assert workflow[True] == {"push": {"branches": ["main"]}, "workflow_dispatch": None}
    steps = workflow["jobs"]["publish"]["steps"]
    assert [step["uses"].split("@")[0] for step in steps] == ["actions/deploy-pages"]
    build = workflow["jobs"]["build"]["steps"]
    assert (build[-2]["run"], build[-1]["with"]["path"]) == ("make", "reports/report")


def test_the_comment_is_written_where_there_is_a_report_whatever_the_result_but_not_from_a_fork() -> None:
    job = PULL_REQUEST["jobs"]["comment"]
    assert job["needs"] == "reproduce"
    assert set(job["if"].strip("${} ").split(" && ")) == {
        "!cancelled()",
        "needs.reproduce.outputs.report != ''",
        "github.event.pull_request.head.repo.full_name == github.repository",
    }
    report = next(step for step in PULL_REQUEST["jobs"]["reproduce"]["steps"] if step.get("id") == "report")
    assert report["if"] == "${{ !cancelled() && hashFiles('build/compare/report.md') != '' }}"


def test_caches_are_keyed_by_all_that_makes_them_stale() -> None:
    steps = [raw for path in (WORKFLOW, *ACTIONS) for raw in _raw_steps(path)]
    keys = {
        raw["with"]["path"]: raw["with"]["key"] for raw in steps if raw.get("uses", "").startswith("actions/cache@")
    }
    assert set(keys) == {".venv", "data/raw", ".dvc/cache"}
    assert "hashFiles('requirements*', 'setup/**')" in keys[".venv"] and "outputs.python-version" in keys[".venv"]
    assert "hashFiles('dvc.lock')" in keys[".dvc/cache"]


def test_dependabot_groups_what_runs_apart_from_what_checks() -> None:
    updates = yaml.safe_load((ROOT / ".github/dependabot.yml").read_text())["updates"]
    assert {update["package-ecosystem"] for update in updates} == {"pip", "docker", "github-actions"}
    groups = next(update for update in updates if update["package-ecosystem"] == "pip")["groups"]
    pins = re.findall(r"(?m)^([\w-]+)==", (ROOT / "requirements.txt").read_text())
    assert groups["pipeline"]["patterns"] == pins and list(groups) == ["pipeline", "tools"]


def test_dev_container_has_the_python_of_the_project_and_sets_up_as_anybody_does() -> None:
    container = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text())
    wanted = re.search(r"library/python:([\d.]+)-", (ROOT / "Dockerfile").read_text())
    assert wanted and f"python:{wanted[1]}-" in container["image"]
    assert container["postCreateCommand"] == "make setup"


def _raw_steps(path: Path) -> list[dict[str, Any]]:
    content = yaml.safe_load(path.read_text())
    jobs = content["jobs"].values() if "jobs" in content else [content["runs"]]
    return [step for job in jobs for step in job["steps"]]
