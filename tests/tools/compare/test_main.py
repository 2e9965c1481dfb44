"""`python -m tools.compare` on a small repo: what it says, what it refuses, how it ends."""

import html
import json
import os
import re
import shlex
import shutil
import socket
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest

from linear_classifier.data.splits import Split, save_splits
from linear_classifier.io.files import write_bytes, write_json
from tests.faults.job.workspace import Workspace
from tests.processes import ROOT
from tests.tools.compare.toy import NUM_IMAGES, Run, commit, write_run
from tools.compare.comparison_report import quote
from tools.compare.figure import draw_figure, label_revisions
from tools.compare.revision import Revision, parse_revision
from tools.compare.revision_files import read_files

METRICS, RULES = "reports/evaluate/metrics.json", "tools/compare/rules.yaml"
CARD = r'<rect width="\d+" height="\d+" fill="white"'  # of the whole figure
PACKAGE = "tools.compare"
Compare = Callable[..., Any]


def load_revision(name: str) -> Revision:
    return parse_revision(read_files(name, name)[0])


def edit_params(toy: Workspace, before: str, after: str, file: str = "params.yaml") -> None:
    path = toy.path / file
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


def test_a_revision_is_no_different_from_itself(toy: Workspace, compare: Compare) -> None:
    for revisions in (("main",), ("main", "main"), ("HEAD", "main"), ("workspace", "workspace")):
        code, output, errors = compare(*revisions)
        assert (code, errors) == (0, "")
        assert output.startswith("**No evidence of a difference:** accuracy p = 1; loss p = 1;")


def test_worse_by_more_than_the_tolerance_fails_the_gate(toy: Workspace, compare: Compare) -> None:
    write_run(toy.path, Run().worse(60))
    code, output, errors = compare("main")
    assert (code, errors) == (1, "")
    assert output.startswith("**Worse, the gate fails:** accuracy worse by 0.10000 (McNemar's p = 1.7e-18, ")
    assert "60 images only <code>main</code> has right, 0 only <code>workspace</code>" in output


def test_better_passes(toy: Workspace, compare: Compare) -> None:
    write_run(toy.path, Run().worse(60))
    commit(toy, "worse")
    write_run(toy.path, Run())
    code, output, _ = compare("HEAD")
    assert code == 0 and output.startswith("**Better:** accuracy better by 0.10000 ")
    assert compare("HEAD~1", "HEAD").code == 1  # and the names of commits work


def test_worse_within_the_tolerance_passes(toy: Workspace, compare: Compare) -> None:
    path = toy.path / RULES
    path.write_text(re.sub(r"(\w+_tolerance): \S+", r"\1: 1.0", path.read_text()))
    commit(toy, "tolerant")
    write_run(toy.path, Run().worse(60))
    code, output, _ = compare("main")
    assert code == 0 and output.startswith("**Worse:** accuracy worse by 0.10000 ")


def test_allow_worse_passes_and_prints_the_reason(toy: Workspace, compare: Compare) -> None:
    write_run(toy.path, Run().worse(60))
    code, output, _ = compare("main", "--allow-worse", "smaller | <b>model</b>")
    assert code == 0 and output.startswith("**Worse, and allowed:**")
    assert "for this reason: <code>smaller &#124; &#60;b&#62;model&#60;/b&#62;</code>" in output
    with pytest.raises(SystemExit, match="2"):
        compare("main", "--allow-worse", " ")


def test_the_rules_are_the_bases_and_a_change_of_them_is_said(toy: Workspace, compare: Compare) -> None:
    edit_params(toy, "accuracy_tolerance: 0.005", "accuracy_tolerance: 0.5", RULES)
    edit_params(toy, "accuracy_seed_sd: 0.00077", "accuracy_seed_sd: 1.0", RULES)
    write_run(toy.path, Run().worse(60))
    code, output, _ = compare("main")
    assert code == 1 and "**The rules of this comparison change themselves**" in output
    assert "Those of <code>main</code> were applied" in output and "<code>accuracy_seed_sd</code>" in output


def test_the_heads_rules_stand_in_where_the_base_has_none(toy: Workspace, compare: Compare) -> None:
    rules = (toy.path / RULES).read_text()
    (toy.path / RULES).unlink()
    commit(toy, "before there was a comparison")
    (toy.path / RULES).write_text(rules)
    code, output, _ = compare("HEAD")
    assert code == 0 and "Those of <code>workspace</code> were applied" in output
    code, _, errors = compare("HEAD", "HEAD")
    assert code == 2 and "neither has tools/compare/rules.yaml" in errors


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"accuracy": NaN, "loss": 1, "macro_f1": 1, "ece": 0}', "accuracy is nan, expected a number in [0, 1]"),
        (b'{"accuracy": 1, "loss": Infinity}', "loss is inf, expected a finite number of at least 0"),
        (b'{"accuracy": 0.8', "damaged (Expecting"),
        (b"", "damaged (Expecting"),
        (b"[]", "accuracy is missing"),
        (b'{"accuracy": "0.8"}', "accuracy is '0.8', expected"),
        (b'{"accuracy": true}', "accuracy is True, expected"),
        (b'{"accuracy": 1, "loss": 1, "macro_f1": 1, "ece": 0, "per_class": {}}', "per_class is dict, expected"),
        (b'{"accuracy": 1, "loss": 1, "macro_f1": 1, "ece": 0, "per_class": {"a": {}}}', "recall of 'a' is missing"),
        (b"[" * 100_000, "damaged"),
        (b'{"accuracy": 1, "loss": 1%s}' % (b"0" * 400), "loss is a whole number of 1329 bits, expected"),
        (None, "not there"),
    ],
)
def test_fault_52_metrics_damaged_or_missing(
    toy: Workspace, compare: Compare, content: bytes | None, message: str
) -> None:
    """metrics JSON with NaN, truncated or missing (dvc itself exits 0)"""
    if content is None:
        (toy.path / METRICS).unlink()
    else:
        (toy.path / METRICS).write_bytes(content)
    code, output, errors = compare("main")
    assert (code, output) == (2, "") and errors.count("\n") == 1
    assert errors.startswith("compare: error: workspace: ") and METRICS in errors and message in errors
    assert "dvc repro" in errors


def test_fault_52_metrics_of_the_base_damaged(toy: Workspace, compare: Compare) -> None:
    """metrics JSON with NaN, truncated or missing (dvc itself exits 0)"""
    good = (toy.path / METRICS).read_bytes()
    (toy.path / METRICS).write_bytes(good[:100])
    commit(toy, "damaged")
    (toy.path / METRICS).write_bytes(good)
    code, output, errors = compare("main")
    assert (code, output) == (2, "") and errors.startswith(f"compare: error: main: {METRICS}: damaged (")


def test_fault_52_metrics_that_the_predictions_contradict(toy: Workspace, compare: Compare) -> None:
    """metrics JSON with NaN, truncated or missing (dvc itself exits 0)"""
    metrics = json.loads((toy.path / METRICS).read_text())
    write_json(toy.path / METRICS, metrics | {"accuracy": 0.99})
    code, _, errors = compare("main")
    assert code == 2 and "accuracy is 0.99, but predictions.csv of the same revision gives 0.9" in errors


def test_fault_53_base_without_metrics(toy: Workspace, compare: Compare) -> None:
    """the base branch has no metrics"""
    toy.run("git", "checkout", "--quiet", "--orphan", "empty")
    toy.run("git", "rm", "--quiet", "-r", "--cached", ".")
    toy.run("git", "commit", "--quiet", "--allow-empty", "--message", "nothing")
    toy.run("git", "checkout", "--quiet", "--force", "main")
    for base in ("empty", "bare"):
        code, output, errors = compare(base)
        assert (code, errors) == (0, "")
        assert output.startswith(f"**New:** <code>{base}</code> has no metrics")
        if base == "empty":
            toy.run("git", "checkout", "--quiet", "-b", "bare")
            toy.run("git", "rm", "--quiet", METRICS)
            toy.run("git", "commit", "--quiet", "--message", "no metrics")
            toy.run("git", "checkout", "--quiet", "main")


def test_other_test_images_are_refused(toy: Workspace, compare: Compare) -> None:
    for other in (replace(Run(), pixel=1), Run(labels=np.arange(NUM_IMAGES - 3) % 3)):
        write_run(toy.path, other)
        code, output, errors = compare("main")
        assert (code, output) == (2, "") and "their test images differ" in errors


def test_other_number_of_test_images_is_refused_by_metrics_alone(toy: Workspace, compare: Compare) -> None:
    write_run(toy.path, Run(labels=np.arange(NUM_IMAGES - 3) % 3))
    commit(toy, "fewer")
    forget(toy)
    code, _, errors = compare("HEAD~1", "HEAD")
    assert code == 2 and "their test images differ (600 and 597 images)" in errors


def test_changed_labels_of_the_same_images_are_named(toy: Workspace, compare: Compare) -> None:
    swapped = np.array([1, 0, 2])[Run().labels]
    write_run(toy.path, replace(Run(), labels=swapped))
    code, output, _ = compare("main")
    assert code == 0
    assert "**400 test labels changed**, of <code>cross</code>, <code>square</code>" in output
    assert "| test | <code>cross</code> | <code>square</code> | 200 |" in output
    assert "| <code>square</code> | 0.90000 (0.85" in output, "other images bear the label now: nothing to pair"
    assert "| <code>dot</code> | 0.90000 | 0.90000 |" in output
    assert "| train | <code>square</code> | <code>cross</code> | 2 |" in output


def test_changed_counts_and_class_names_are_named(toy: Workspace, compare: Compare) -> None:
    labels = Run().labels.copy()
    labels[:3] = 2
    write_run(toy.path, Run(labels=labels, class_names=("square", "cross", "ring")))
    output = compare("main").output
    assert "| <code>test</code> | <code>square</code> | 200 | 199 |" in output
    assert "| <code>test</code> | <code>dot</code> | 200 | none |" in output
    assert "Only <code>main</code> has the classes <code>dot</code>." in output


def test_a_renamed_class_is_named_and_nothing_else_is_said_to_change(toy: Workspace, compare: Compare) -> None:
    write_run(toy.path, Run(class_names=("square", "cross", "ring")))
    code, output, _ = compare("main")
    assert code == 0 and "1 classes **renamed**: <code>dot</code> to <code>ring</code>." in output
    assert "labels changed" not in output and "images before" not in output


def test_a_class_whose_new_name_has_another_place_is_renamed(toy: Workspace, compare: Compare) -> None:
    moved = np.array([1, 2, 0])[Run().labels]  # dot, the last of three, comes first under its new name
    write_run(toy.path, Run(labels=moved, class_names=("blot", "square", "cross")))
    commit(toy, "a name")
    code, output, _ = compare("HEAD~1", "HEAD")
    assert code == 0 and "1 classes **renamed**: <code>dot</code> to <code>blot</code>." in output
    assert "labels changed" not in output and "images before" not in output


def test_classes_added_and_removed_are_named_with_the_numbers_of_images(toy: Workspace, compare: Compare) -> None:
    labels = Run().labels.copy()
    labels[:30] = 3
    write_run(toy.path, Run(labels=labels, class_names=("square", "cross", "dot", "ring")))
    commit(toy, "one more")
    output = compare("HEAD~1", "HEAD").output
    assert "1 classes **added**: <code>ring</code>." in output
    assert "| <code>test</code> | <code>ring</code> | none | 30 |" in output
    assert "1 classes **removed**: <code>ring</code>." in compare("HEAD", "HEAD~1").output
    data = json.loads(compare("HEAD~1", "HEAD", "--json").output)["data"]
    assert data["classes"] == {"added": ["ring"], "removed": [], "renamed": []}


def test_a_split_of_more_images_is_named_with_both_numbers(toy: Workspace, compare: Compare) -> None:
    train = Split(np.zeros((9, 1, 2, 2), np.uint8), np.arange(9) % 3)
    small, test = (
        Split(train.images[:6], train.labels[:6]),
        Split(np.zeros((NUM_IMAGES, 1, 2, 2), np.uint8), Run().labels),
    )
    save_splits(
        toy.path / "data/prepared", {"train": train, "val": small, "test": test}, "toy", ["square", "cross", "dot"], ""
    )
    output = compare("main").output
    assert "Images: 6 → 9 for train." in output and "| <code>train</code> | <code>dot</code> | 2 | 3 |" in output


def test_other_test_images_are_refused_with_the_classes_that_came(toy: Workspace, compare: Compare) -> None:
    write_run(toy.path, Run(labels=np.arange(NUM_IMAGES + 8) % 4, class_names=("square", "cross", "dot", "ring")))
    errors = compare("main").errors
    assert "their test images differ (600 and 608 images; classes added: ['ring'])" in errors


def forget(toy: Workspace) -> None:
    """No cache and, as there is no remote, no predictions but those in the workspace."""
    shutil.rmtree(toy.path / ".dvc/cache")


def test_without_cache_it_falls_back_to_metrics_and_says_so(toy: Workspace, compare: Compare) -> None:
    write_run(toy.path, Run().worse(60))
    forget(toy)
    code, output, _ = compare("main")
    assert code == 1 and "**by metrics alone**" in output
    assert "<code>main</code> has no predictions (<code>reports/evaluate/predictions.csv&#58; in neither" in output
    assert "| accuracy | 0.90000 (0.8734 to 0.9215) | 0.80000 (0.7661 to 0.8301) | -0.10000 | **worse** (p = " in output
    assert "cannot be judged from metrics alone" in output and "Wilson" in output


@pytest.mark.parametrize("content", [None, b"<<<<<<< HEAD\nschema: '2.0'\n=======\n", b"[]", b"schema: '2.0'\n"])
def test_a_base_whose_lock_is_missing_or_damaged_has_metrics_alone(
    toy: Workspace, compare: Compare, content: bytes | None
) -> None:
    lock = (toy.path / "dvc.lock").read_bytes()
    (toy.path / "dvc.lock").unlink()
    if content is not None:
        (toy.path / "dvc.lock").write_bytes(content)
    toy.run("git", "commit", "--quiet", "--all", "--message", "no lock")
    (toy.path / "dvc.lock").write_bytes(lock)
    code, output, errors = compare("main")
    assert (code, errors) == (0, "") and "**by metrics alone**, on test images that may differ" in output


def test_what_the_training_says_of_itself_is_shown_and_not_judged(toy: Workspace, compare: Compare) -> None:
    write_json(toy.path / "reports/train/metrics.json", {"best_epoch": 3, "val_loss": 0.5, "x": None})
    commit(toy, "trained")
    write_json(toy.path / "reports/train/metrics.json", {"best_epoch": 2, "val_loss": 0.25, "y": 1})
    output = compare("HEAD").output
    assert "| <code>best_epoch</code> | 3 | 2 | -1 |\n| <code>val_loss</code> | 0.5 | 0.25 | -0.25 |\n\n" in output


def test_the_figure_shows_what_there_is_and_says_what_it_lacks(toy: Workspace) -> None:
    main, workspace = load_revision("main"), load_revision("workspace")
    whole = draw_figure(main, workspace)
    assert whole.svg and whole.png.startswith(b"\x89PNG") and not whole.missing
    forget(toy)
    partly = draw_figure(main, workspace)
    assert partly.missing.startswith("Confusion of main cannot be had") and b">workspace<" in partly.svg
    (toy.path / "dvc.yaml").write_text("stages: {}\n")
    none = draw_figure(workspace, workspace)
    assert (none.svg, none.png) == (b"", b"") and none.missing.startswith("cannot be drawn (neither revision has")


def test_the_figure_tells_a_revision_from_itself(toy: Workspace) -> None:
    main = load_revision("main")
    assert [label for label, _ in label_revisions(main, main)] == ["main (base)", "main (head)"]
    svg = draw_figure(main, main).svg.decode()
    assert svg.count("main (base)") >= 2, "in the legend and above its matrix"
    assert str(main.commit) not in svg and re.search(CARD, svg)


def test_a_damaged_cache_object_is_not_believed(toy: Workspace, compare: Compare) -> None:
    md5 = toy.run("md5sum", "reports/evaluate/predictions.csv").stdout[:32]
    path = toy.path / ".dvc/cache/files/md5" / md5[:2] / md5[2:]
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().replace(b"1", b"2"))
    code, output, _ = compare("main")
    assert code == 0 and "its object in the DVC cache or remote is damaged" in output


def test_old_metrics_without_counts_take_the_other_sides(toy: Workspace, compare: Compare) -> None:
    metrics = json.loads((toy.path / METRICS).read_text())
    del metrics["num_images"]
    write_json(toy.path / METRICS, metrics)
    commit(toy, "old")
    forget(toy)
    shutil.rmtree(toy.path / "data/prepared")
    assert "(0.8734 to 0.9215)" in compare("HEAD").output  # the workspace still has its predictions
    (toy.path / "reports/evaluate/predictions.csv").unlink()
    code, output, _ = compare("HEAD", "HEAD")
    assert code == 0 and "| accuracy | 0.90000 | 0.90000 | +0.00000 | cannot be judged" in output


@pytest.mark.parametrize("content", [b"", b"index,label\n", b"\xff", b"index,label,predicted,confidence,loss\n",
                                     b"index,label,predicted,confidence,loss\n0,9,0,0.5,0.1\n",
                                     b"index,label,predicted,confidence,loss\n1,0,0,0.5,0.1\n",
                                     b"index,label,predicted,confidence,loss\n0,0,0,0.5,nan\n",
                                     b"index,label,predicted,confidence,loss\n0,0,0,0.5\n"])  # fmt: skip
def test_predictions_that_are_none_are_refused(toy: Workspace, compare: Compare, content: bytes) -> None:
    write_bytes(toy.path / "reports/evaluate/predictions.csv", content)
    code, _, errors = compare("main")
    assert code == 2 and errors.startswith("compare: error: workspace: reports/evaluate/predictions.csv: ")
    assert errors.count("\n") == 1


def test_a_hostile_branch_cannot_write_the_verdict(toy: Workspace, compare: Compare) -> None:
    names = ("x|y\n\n# Better", "</code><img src=x onerror=alert(1)>", "@everyone `**")
    write_run(toy.path, replace(Run(), class_names=names))
    edit_params(toy, 'source: ""', 'source: "| **better** |\\n\\n# Better @everyone <b>"')
    commit(toy, "hostile on both sides")
    assert_harmless(compare("HEAD~1", "HEAD").output)
    write_run(toy.path, replace(Run(), class_names=names).worse(1))
    assert_harmless(compare("HEAD").output)


def assert_harmless(output: str) -> None:
    assert [part for part in ("<img", "<b>", "# Better", "@everyone", "`**", "</code><") if part in output] == []
    assert output.startswith("**No evidence of a difference:**")
    for line in output.splitlines():
        if line.startswith("|"):
            assert line.count("|") in (4, 5, 6, 10), line


def test_names_that_are_no_revision_are_refused_in_one_line(toy: Workspace, compare: Compare) -> None:
    code, output, errors = compare("origin/feature")
    assert (code, output) == (2, "") and errors.count("\n") == 1
    assert "`git fetch origin feature:refs/remotes/origin/feature`" in errors
    for name in ("no such", "a..b", "-x", "main:params.yaml", "", "HEAD~99", "\n"):
        code, _, errors = compare("--", name)
        assert code == 2 and errors.count("\n") == 1 and "Traceback" not in errors


def test_tags_short_shas_and_a_detached_head_are_found(toy: Workspace, compare: Compare) -> None:
    toy.run("git", "tag", "v1")
    sha = toy.run("git", "rev-parse", "HEAD").stdout.strip()
    toy.run("git", "checkout", "--quiet", "--detach")
    for name in ("v1", sha, sha[:8], "HEAD"):
        assert compare(name).code == 0


def test_outside_a_project_it_refuses(compare: Compare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, errors = compare("main")
    assert code == 2 and "run from the root of a clone" in errors


def test_json_is_printed(toy: Workspace, compare: Compare) -> None:
    write_run(toy.path, Run().worse(60))
    printed = json.loads(compare("--json", "main").output)
    assert json.loads((toy.path / "build/compare/report.json").read_text()) == printed
    assert printed["verdict"] == "worse" and printed["gate"]["passed"] is False
    accuracy = printed["metrics"]["accuracy"]
    assert (accuracy["difference"], accuracy["only_base_right"], accuracy["only_head_right"]) == (-0.1, 60, 0)


def test_the_same_report_every_time_and_the_workspace_untouched(toy: Workspace, compare: Compare) -> None:
    write_run(toy.path, Run().worse(7))
    before = toy.run("git", "status", "--porcelain").stdout
    first = compare("main").output
    assert compare("main").output == first
    assert toy.run("git", "status", "--porcelain").stdout == before
    assert (toy.path / "build/compare/report.md").read_text() == first


def test_importing_it_imports_no_torch(tmp_path: Path) -> None:
    code = "import sys, tools.compare.__main__; sys.exit('torch' in sys.modules)"
    root = ROOT
    workspace = Workspace(tmp_path)
    workspace.env["PYTHONPATH"] = str(root)
    workspace.run("python", "-c", code)


def test_a_workspace_of_other_params_is_refused(toy: Workspace, compare: Compare) -> None:
    edit_params(toy, "gamma: auto", "gamma: 1.0")
    code, _, errors = compare("main")
    assert code == 2 and "its metrics are of other code, params or data: all: params.yaml train modified" in errors


@pytest.mark.parametrize("key", ["macro_f1", "recall"])
def test_metrics_that_contradict_the_predictions_are_refused(key: str, toy: Workspace, compare: Compare) -> None:
    path = toy.path / "reports/evaluate/metrics.json"
    path.write_text(re.sub(rf'"{key}": [0-9.]+', f'"{key}": 0.123', path.read_text(), count=1))
    code, _, errors = compare("main")
    assert code == 2 and "is 0.123, but predictions.csv of the same revision gives" in errors


def test_ece_by_other_bins_is_another_metric(toy: Workspace, compare: Compare) -> None:
    edit_params(toy, "calibration_bins: 15", "calibration_bins: 1000")
    write_run(toy.path, Run(bins=1000))
    commit(toy, "finer")
    code, output, _ = compare("HEAD~1", "HEAD")
    assert code == 0 and "cannot be judged: the calibration bins differ" in output


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("s3://bucket/path", "s3 is supported, but requires"),
        ("http://127.0.0.1:9/path", "Cannot connect to host 127.0.0.1"),
        ("/nowhere/path", "there is no folder /nowhere/path"),
    ],
)
def test_fault_79_a_remote_that_cannot_be_asked(toy: Workspace, url: str, reason: str) -> None:
    """a remote that cannot be asked (extra missing, no credentials, no network)"""
    toy.run("dvc", "remote", "add", "--default", "store", url)
    commit(toy, "a remote")
    forget(toy)
    toy.env["PYTHONPATH"] = str(ROOT)  # a process of its own: DVC leaves connections open
    output = toy.run("python", "-m", "tools.compare", "main").stdout
    assert "**by metrics alone**" in output
    said = [html.unescape(line) for line in output.splitlines() if "cannot be asked" in line]
    assert reason in said[0] and "predictions.csv: in neither the workspace nor the DVC cache, and the rem" in said[0]
    assert "cache nor a remote" not in output


def test_compare_gives_up_on_a_remote_that_never_answers(toy: Workspace) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        toy.run("dvc", "remote", "add", "--default", "store", f"http://127.0.0.1:{silent.getsockname()[1]}/path")
        commit(toy, "a remote")
        forget(toy)
        toy.env["PYTHONPATH"] = str(ROOT)
        program = "from tools.compare import figure, revision_files, __main__; import sys; "
        limits = "revision_files.ANSWER, figure.DVC_LIMIT = 0.5, 5; "
        output = html.unescape(toy.run("python", "-c", f"{program}{limits}sys.exit(__main__.main(['main']))").stdout)
    assert "predictions.csv: no answer within" in output
    assert "`dvc plots diff` did not end within 5 seconds" in output


BRANCH = "a!\"#$%&'()+,-./09;<=>@AZ]_`az{|}"  # every printable ASCII character that git allows


def test_fault_76_a_branch_of_every_character_is_taken_as_text(
    toy: Workspace, compare: Compare, capsys: pytest.CaptureFixture[str]
) -> None:
    """branch, folder and file names with spaces, quotes, backslashes, `$`, `;`, parentheses"""
    toy.run("git", "branch", BRANCH)
    code, output, errors = compare(BRANCH)
    assert (code, errors) == (0, "") and quote(BRANCH) in output
    label, _ = label_revisions(load_revision(BRANCH), load_revision("workspace"))[0]
    svg = draw_figure(load_revision(BRANCH), load_revision("workspace")).svg.decode()
    assert label in html.unescape(svg)
    code, _, errors = compare(f"origin/{BRANCH}")
    command = errors.split("fetch it: `", 1)[1].rstrip().removesuffix("`")
    assert code == 2 and shlex.split(command) == ["git", "fetch", "origin", f"{BRANCH}:refs/remotes/origin/{BRANCH}"]


@pytest.mark.parametrize("objects", ["blob:none", "tree:0"])
def test_fault_62_a_partial_clone_that_lacks_the_base_names_the_fetch(
    toy: Workspace, tmp_path: Path, objects: str
) -> None:
    """a shallow, partial (blobless, treeless) or sparse clone"""
    write_run(toy.path, Run().worse(1))
    commit(toy, "next")
    toy.run("git", "config", "uploadpack.allowFilter", "true")
    clone = Workspace(tmp_path / "clone")
    toy.run("git", "clone", "--quiet", f"--filter={objects}", f"file://{toy.path}", str(clone.path))
    clone.env["PYTHONPATH"] = str(ROOT)
    toy.path.rename(tmp_path / "moved")  # a remote that cannot be reached
    errors = clone.refused(2, "python", "-m", "tools.compare", "HEAD~1", "HEAD")
    assert errors.count("\n") == 1 and "`git fetch --refetch --no-filter`" in errors
    (tmp_path / "moved").rename(toy.path)
    clone.run("git", "fetch", "--quiet", "--refetch", "--no-filter")
    assert "by metrics alone" in clone.run("python", "-m", "tools.compare", "HEAD~1", "HEAD").stdout


def test_fault_62_a_shallow_clone_that_lacks_the_base_names_the_fetch(toy: Workspace, tmp_path: Path) -> None:
    """a shallow, partial (blobless, treeless) or sparse clone"""
    clone = Workspace(tmp_path / "clone")
    toy.run("git", "clone", "--quiet", "--depth=1", f"file://{toy.path}", str(clone.path))
    clone.env["PYTHONPATH"] = str(ROOT)
    assert "`git fetch --unshallow`" in clone.refused(2, "python", "-m", "tools.compare", "HEAD~1")


@pytest.mark.parametrize(
    ("breaks", "message"),
    [
        (lambda toy: toy.env.update(PATH="/nowhere"), "git: not found; install git"),
        (lambda toy: shutil.rmtree(toy.path / ".git"), "not a git repository"),
        (lambda toy: break_git(toy.path / ".git"), "not a git repository: /nowhere"),
        (lambda toy: toy.run("chown", "--recursive", "12345", "."), "git config --global --add safe.directory"),
    ],
    ids=["no program", "no repository", "leads nowhere", "not trusted"],
)
def test_fault_61_git_cannot_be_asked(toy: Workspace, breaks: Callable[[Workspace], None], message: str) -> None:
    """`.git` is a file that leads nowhere; no git program; a repo git does not trust"""
    if "safe" in message and os.geteuid():
        pytest.skip("only root can give a folder away")
    toy.env |= {"PYTHONPATH": str(ROOT), "HOME": "/nowhere"}
    breaks(toy)
    errors = toy.refused(2, sys.executable, "-m", "tools.compare", "main")
    assert errors.count("\n") == 1 and message in errors


def break_git(path: Path) -> None:
    shutil.rmtree(path)
    path.write_text("gitdir: /nowhere\n")


def test_fault_60_a_project_in_a_subfolder(toy: Workspace, tmp_path: Path) -> None:
    """the project in a subfolder of a larger repository"""
    whole = Workspace(tmp_path / "whole")
    shutil.copytree(toy.path, whole.path / "ml", ignore=shutil.ignore_patterns(".git"), symlinks=True)
    whole.run("git", "init", "--quiet", "--initial-branch=main")
    (whole.path / "ml/.dvc/config").write_text("")
    whole.run("git", "add", "--all")
    whole.run("git", "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "--quiet", "--message=one")
    inside = Workspace(whole.path / "ml")
    inside.env["PYTHONPATH"] = str(ROOT)
    assert "image by image" in inside.run("python", "-m", "tools.compare", "main").stdout


def test_compare_enters_each_room_once_and_in_order(
    toy: Workspace, compare: Compare, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A walk through `tools.compare`: no function but `__main__`'s calls into another room, and it into each once."""
    monkeypatch.setattr("tools.compare.__main__.draw_figure", draw_figure)
    write_run(toy.path, Run().worse(60))
    rooms: list[str] = []

    def note(frame: FrameType, event: str, _: object) -> None:
        module, caller = (str(each.f_globals.get("__name__")) if each else "" for each in (frame, frame.f_back))
        if event == "call" and frame.f_code.co_qualname.isidentifier() and module.startswith(PACKAGE):
            assert caller in (module, f"{PACKAGE}.__main__") or not caller.startswith(PACKAGE), f"{caller} -> {module}"
            if module != f"{PACKAGE}.__main__" and module not in rooms[-1:]:
                rooms.append(module)

    sys.setprofile(note)
    try:
        code = compare("main").code
    finally:
        sys.setprofile(None)
    listed = re.findall(r"^\d\. `(\w+)\.py`", str(sys.modules[PACKAGE].__doc__), re.MULTILINE)
    assert code == 1 and rooms == [f"{PACKAGE}.{name}" for name in listed] and len(rooms) <= 8
