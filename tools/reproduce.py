"""`python -m tools.reproduce`: make everything again, and refuse if one byte is not what is committed.

Every stage runs, whatever the DVC cache has: a restored result would prove nothing. Needs nothing in the cache.

Exit codes: 0 the same to the byte; 1 not; else those of tools.job, which runs it.
"""

import os
import sys
from pathlib import Path

from linear_classifier.io.console import open_console
from tools.command_line import expect_no_arguments
from tools.dvc_project import list_outs_in_git, open_project, record_of
from tools.git import find_root, run_git
from tools.job import __main__ as job

SAME, DIFFERENT = 0, 1


def main() -> int:
    try:
        run_git("rev-parse", "--verify", "HEAD^{commit}")  # before an hour's work that could then not be judged
        code = job.main(["--force"])
        if code != job.DONE:
            return code
        with open_project() as repo:
            records = {os.path.relpath(record_of(stage)) for stage in repo.index.stages}
            changed = find_changed([*sorted(records), *list_outs_in_git(repo)])
    except (RuntimeError, ValueError) as error:
        print(f"reproduce: error: {error}", file=sys.stderr)
        return DIFFERENT
    if not changed:
        print("reproduce: every stage ran again, and gave what is committed to the byte")
        return SAME
    print(
        f"reproduce: error: {', '.join(changed)}: not what is committed (the difference is above); "
        "run `dvc repro --force`, then commit dvc.lock and reports/; if that changes nothing on your machine, this one "
        "gives other bytes from the same inputs: see docs/reproducibility.md",
        file=sys.stderr,
    )
    return DIFFERENT


def find_changed(paths: list[str]) -> list[str]:
    """Those of `paths` that are not as HEAD has them, or that it does not have; prints the difference."""
    print(run_git("diff", "--no-ext-diff", "--no-textconv", "--no-color", "HEAD", "--", *paths), end="")
    listed = run_git("status", "--porcelain", "-z", "--no-renames", "--untracked-files=all", "--", *paths)
    root = find_root()  # to which the listed names are relative
    return [os.path.relpath(root / entry[3:], Path().resolve()) for entry in listed.split("\0") if entry]


if __name__ == "__main__":
    open_console()
    expect_no_arguments(__doc__)
    sys.exit(main())
