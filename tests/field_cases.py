"""`python -m tests.field_cases [FOLDER] [CLONE]`: run every case of FOLDER, and print a line for each.

A case is FOLDER/NN-NAME/run.sh, given a clone of the project in which everything has been made; it exits 0 if the
project behaves there as its user would expect. Without CLONE, one is made of the last commit of this checkout, with its
.venv, raw files and DVC cache. Names that changed since the cases were written are changed in a copy of them.
Each case has namespaces of its own, in which CLONE and .venv are read-only: this needs root, and Linux.

Exit codes: 0 every case passed; 1 not; 2 there is no such folder.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.processes import ROOT, run

AT_ONCE, SECONDS_A_CASE = 2, 900  # which is for a busy machine: the longest takes 200 on an idle one
RENAMED = {
    r"tools\.fresh\b": "tools.check_committed",
    r"tools\.again\b": "tools.reproduce",
    r"tools\.base\b": "tools.base_results",
    r"-m stages\.(\w+)": r"-m stages \1",
    # history.csv is a plot of its stage by now: case 20 makes one of another out, and adds its new one to that list
    r"reports/train/history\.csv: \{[^}]*\}(\\n    metrics:)": r"reports/evaluate/weights.png\1",
    r'"    metrics:\\n      - reports/train/metrics.json", ("    plots.*\\n)    metr.*json"': r'"    plots:\\n", \1"',
}


def main(arguments: list[str]) -> int:
    given = Path(arguments[0]) if arguments else ROOT.parent / "shared/field"
    if not given.is_dir():
        print(f"field_cases: error: {given}: no such folder; name the one with the cases", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        scratch.chmod(0o755)  # some cases are of several users
        clone = Path(arguments[1]).resolve() if arguments[1:] else make_clone(scratch / "clone")
        cases = adapt(given, scratch / "cases")
        with ThreadPoolExecutor(AT_ONCE) as pool:
            faults = [*pool.map(lambda case: run_case(case, clone, scratch / case.name[:2]), cases)]
    return 1 if any(faults) else 0


def make_clone(folder: Path) -> Path:
    """A clone with branch main in which `make` has run, and what came out is committed."""
    run("git", "clone", "--quiet", str(ROOT), str(folder), cwd=ROOT)
    run("git", "checkout", "--quiet", "-B", "main", cwd=folder)
    (folder / ".venv").symlink_to((ROOT / ".venv").resolve())
    for path in ("data/raw", ".dvc/cache"):
        shutil.copytree(ROOT / path, folder / path)
    run("dvc", "repro", cwd=folder)
    author = ("-c", "user.name=Case", "-c", "user.email=case@example.com")
    run("git", *author, "commit", "--quiet", "--all", "--allow-empty", "--message", "made", cwd=folder)
    return folder


def adapt(given: Path, folder: Path) -> list[Path]:
    """The cases of `given`, copied to `folder`, with the names of today."""
    shutil.copytree(given, folder, copy_function=shutil.copyfile)  # they may be read-only
    cases = sorted(path.parent for path in folder.glob("*/run.sh"))
    for script in (case / "run.sh" for case in cases):
        text = script.read_text(encoding="utf-8")
        for old, new in RENAMED.items():
            text = re.sub(old, new, text)
        script.write_text(text, encoding="utf-8")
    return cases


def run_case(case: Path, clone: Path, scratch: Path) -> bool:
    """Run `case`, with its temporary files in `scratch`; print its verdict, and whether it failed."""
    scratch.mkdir()
    scratch.chmod(0o1777)
    script = 'for folder in "$1" "$2"; do mount --bind -o ro "$folder" "$folder" || exit; done; exec bash "$0" "$1"'
    command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "bash", "-c", script]
    command += [str(case / "run.sh"), str(clone), str((clone / ".venv").resolve())]
    environment = {**os.environ, "TMPDIR": str(scratch)}
    try:
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=SECONDS_A_CASE,
        )
        output, code = done.stdout.decode(errors="replace"), done.returncode
    except subprocess.TimeoutExpired as error:
        output, code = (error.stdout or b"").decode(errors="replace"), 124
    if untested := re.findall(r"(?m)^(?!none)(\S+): nothing edited$", output):
        output, code = f"{output}\n{' '.join(untested)}: what the case edits is not there: see RENAMED", 1
    last = (output.strip().splitlines() or ["printed nothing"])[-1]
    last = f"no end within {SECONDS_A_CASE} seconds; {last}" if code == 124 else last
    print(f"{'FAIL' if code else 'pass'} {case.name}: {last}", flush=True)
    return bool(code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
