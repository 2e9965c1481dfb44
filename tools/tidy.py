"""`python -m tools.tidy FILES`: refuse what does not belong in git: big files, paths of one machine, conflict markers.

Big files go to DVC (`dvc add`, or an out of a stage). Exit codes: 0 tidy; 1 not.
"""

import re
import sys
from pathlib import Path

LIMIT = 500_000  # bytes
# A home folder with a name in it; "me" is the one that the documentation uses.
_HOME = re.compile(rb"(?:/home/|/Users/|[A-Za-z]:\\Users\\)(?!me\b)[A-Za-z0-9._-]+[/\\]")
_CONFLICT = re.compile(rb"^(?:<{7} |>{7} |={7}$)", re.MULTILINE)


def main(names: list[str]) -> int:
    reasons = [f"{name}: {reason}" for name in names for reason in find_reasons(Path(name))]
    for reason in reasons:
        print(f"tidy: error: {reason}", file=sys.stderr)
    return 1 if reasons else 0


def find_reasons(path: Path) -> list[str]:
    """Why `path` does not belong in git, and what to do."""
    size = path.stat().st_size
    if size > LIMIT:
        return [f"{size:,} bytes, more than {LIMIT:,}; keep it in DVC, not in git"]
    content = path.read_bytes()
    if b"\0" in content:  # binary
        return []
    reasons = []
    if found := _HOME.search(content):
        line = content[: found.start()].count(b"\n") + 1
        reasons.append(f"line {line} has a path of one machine, {found[0].decode(errors='replace')}; make it relative")
    if found := _CONFLICT.search(content):
        line = content[: found.start()].count(b"\n") + 1
        reasons.append(f"line {line} is a conflict marker; finish the merge")
    return reasons


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
