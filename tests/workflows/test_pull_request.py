"""The steps of the pull request's workflow, on real pull requests: a good one passes, a bad one fails where it should.

`make check` runs as it stands, but of the tests only those of `SELECTION`: the whole suite would run these tests again.
"""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.faults.job.workspace import Workspace
from tests.workflows.project import Project
from tests.workflows.steps import WORKFLOW, Done, Step, read_jobs, run_steps

SELECTION = {"PYTEST_ADDOPTS": "tests/linear_classifier/data/test_order.py"}
LABEL = "contains(github.event.pull_request.labels.*.name, 'allow-worse') && 'label allow-worse' || ''"
VALUES: dict[str, str | bool] = {
    "github.event_name == 'pull_request'": True,
    "steps.venv.outputs.cache-hit == 'true'": True,
    "steps.python.outputs.python-path": sys.executable,
    LABEL: "",
}
METRICS = "reports/evaluate/metrics.json"
FRESH, AGAIN = "Refuse a stale dvc.lock and broken metrics", "Make everything again, the same to the byte"
BASE, COMPARE = "Have the base's results in the DVC cache", "Compare with the base"

pytestmark = pytest.mark.slow


class Runner:
    """Runs jobs of the workflow on pull requests, without a network where that can be had."""

    def __init__(self, project: Project, folder: Path, prefix: list[str]) -> None:
        self.project, self.folder, self.prefix = project, folder, prefix
        self.jobs = read_jobs(WORKFLOW)

    def check_out(self, name: str, job: str) -> Path:
        raw = yaml.safe_load(WORKFLOW.read_text())["jobs"][job]["steps"][0]
        assert raw["uses"].startswith("actions/checkout@")
        return self.project.check_out(name, raw["with"].get("fetch-depth", 1), self.folder / f"{name}-{job}")

    def run(
        self, name: str, job: str, steps: list[Step] | None = None, folder: Path | None = None, label: str = ""
    ) -> tuple[list[Done], str]:
        folder = folder or self.check_out(name, job)
        return run_steps(steps or self.jobs[job], folder, VALUES | {LABEL: label}, SELECTION, self.prefix)

    def fails(self, name: str, change: Callable[[Workspace], object]) -> Done:
        """The step at which the job `reproduce` ends for a pull request with `change`."""
        self.project.make_branch(name, change)
        self.project.open_pull_request(name)
        done, summary = self.run(name, "reproduce")
        assert done[-1].code != 0 and summary == ""
        return done[-1]


@pytest.fixture
def runner(project: Project, tmp_path: Path, no_network: list[str]) -> Runner:
    return Runner(project, tmp_path, no_network)


def retrain_with_a_tiny_step(workspace: Workspace) -> None:
    workspace.set_params(lr=0.0001)
    workspace.run("dvc", "repro")
    workspace.run("dvc", "push")


def replace_metric(workspace: Workspace, text: str) -> None:
    path = workspace.path / METRICS
    path.write_text(re.sub(r'"accuracy": [\d.]+', f'"accuracy": {text}', path.read_text()))


def forge(workspace: Workspace) -> None:
    """A better accuracy than reproducing gives, in metrics and dvc.lock alike, as `dvc commit` writes them."""
    replace_metric(workspace, "0.99")
    workspace.run("dvc", "commit", "--force")


def without_pictures(report: Path) -> str:
    """The report as the summary shows it: it cannot show a picture that lies in a file."""
    return "".join(line for line in report.read_text().splitlines(keepends=True) if not line.startswith("!["))


def predictions_of_base(folder: Path) -> Path:
    """The object of the base's predictions in the DVC cache of the checkout in `folder`."""
    lock = yaml.safe_load(Workspace(folder).run("git", "show", "HEAD^1:dvc.lock").stdout)
    outs = {out["path"]: out["md5"] for out in lock["stages"]["evaluate"]["outs"]}
    md5 = str(outs["reports/evaluate/predictions.csv"])
    return folder / ".dvc/cache/files/md5" / md5[:2] / md5[2:]


def test_the_steps_have_no_network(no_network: list[str]) -> None:
    if not no_network:
        pytest.skip("the steps of the workflow ran with a network here: `unshare --net` is not allowed")
    connect = "import socket; socket.create_connection(('192.0.2.1', 80), timeout=5)"
    done = subprocess.run([*no_network, sys.executable, "-c", connect], capture_output=True, text=True)
    assert "Network is unreachable" in done.stderr


def test_a_good_pull_request_passes_every_step_and_its_summary_is_the_report(runner: Runner) -> None:
    runner.project.open_pull_request("candidate")
    for job, scripts in (("check", 3), ("reproduce", 6)):
        folder = runner.check_out("candidate", job)
        done, summary = runner.run("candidate", job, folder=folder)
        assert [(step.name, step.code) for step in done if step.code] == [], done[-1].output
        assert len(done) == scripts, "each script of the workflow has run"
    assert summary == without_pictures(folder / "build/compare/report.md")
    assert "train.lr" in summary and "0.031" in summary and "accuracy" in summary
    assert "image by image" in summary, "the base's predictions were there to compare with"


def test_a_worse_model_fails_the_comparison_is_reported_all_the_same_and_a_label_lets_it_pass(runner: Runner) -> None:
    runner.project.make_branch("worse", retrain_with_a_tiny_step)
    runner.project.open_pull_request("worse")
    folder = runner.check_out("worse", "reproduce")
    Workspace(folder).run("dvc", "pull")
    predictions = predictions_of_base(folder)
    predictions.unlink()
    steps = [step for step in runner.jobs["reproduce"] if step.name not in (FRESH, AGAIN)]
    done, summary = runner.run("worse", "reproduce", steps, folder)
    assert [(step.name, step.code) for step in done[-2:]] == [(BASE, 0), (COMPARE, 1)], done[-1].output
    assert predictions.is_file(), "made again, by the code of the base"
    assert summary == without_pictures(folder / "build/compare/report.md") and "image by image" in summary
    compare = [step for step in steps if step.name == COMPARE]
    done, summary = runner.run("worse", "reproduce", compare, folder, label="label allow-worse")
    assert done[-1].code == 0 and "label allow-worse" in summary, done[-1].output


def test_a_stale_lock_fails_with_the_stage_and_what_to_run(runner: Runner) -> None:
    done = runner.fails("stale", lambda workspace: workspace.set_params(lr=0.02))
    assert done.name == FRESH
    assert "dvc.lock: stale: train: params.yaml train modified; run `dvc repro`, then commit" in done.output


def test_a_metric_that_is_not_a_number_fails_with_its_name(runner: Runner) -> None:
    done = runner.fails("nan", lambda workspace: replace_metric(workspace, "NaN"))
    assert done.name == FRESH
    assert f"{METRICS}: accuracy is nan, not a finite number; run `dvc repro`, then commit" in done.output


def test_truncated_metrics_fail(runner: Runner) -> None:
    done = runner.fails("truncated", lambda work: (work.path / METRICS).write_bytes(work.read(METRICS)[:100]))
    assert done.name == FRESH
    assert f"{METRICS}: truncated or not JSON" in done.output and "run `dvc repro`, then commit" in done.output


def test_missing_metrics_fail(runner: Runner) -> None:
    done = runner.fails("missing", lambda workspace: (workspace.path / METRICS).unlink())
    assert done.name == FRESH and f"{METRICS}: missing; run `dvc repro`, then commit" in done.output


def test_what_reproducing_does_not_give_fails_and_is_shown(runner: Runner) -> None:
    done = runner.fails("forged", forge)
    assert done.name == AGAIN
    assert f"dvc.lock, {METRICS}: not what is committed" in done.output and "run `dvc repro --force`" in done.output
    assert '-  "accuracy": 0.99' in done.output
