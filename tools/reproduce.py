"""`python -m tools.reproduce`: make everything again, and refuse if one byte is not what is committed.

Every stage runs, whatever the DVC cache has: a restored result would prove nothing. Needs nothing in the cache.

Exit codes: 0 the same to the byte; 1 not; else those of tools.job, which runs it.
"""

import subprocess
import sys
from pathlib import Path

from tools.check_committed import find_outs_in_git
from tools.job import __main__ as job
from tools.job.record import LOCK, PIPELINE

SAME, DIFFERENT = 0, 1


def main() -> int:
    code = job.main(["--force"])
    if code != job.DONE:
        return code
    changed = find_changed([str(LOCK), *find_outs_in_git(PIPELINE)])
    if not changed:
        print("reproduce: every stage ran again, and gave what is committed to the byte")
        return SAME
    print(
        f"reproduce: error: {', '.join(changed)}: not what is committed (the difference is above); "
        "run `dvc repro --force`, then commit dvc.lock and reports/; if that changes nothing on your machine, this one "
        'gives other bytes from the same inputs: see README, "Same bytes"',
        file=sys.stderr,
    )
    return DIFFERENT


def find_changed(paths: list[str]) -> list[str]:
    """Those of `paths` that are not as HEAD has them, or that it does not have; prints the difference."""
    subprocess.run(["git", "--no-pager", "diff", "HEAD", "--", *paths], check=True)
    command = ["git", "status", "--porcelain", "-z", "--untracked-files=all", "--", *paths]
    entries = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\0")
    return [str(Path(entry[3:])) for entry in entries if entry]


if __name__ == "__main__":
    sys.exit(main())
