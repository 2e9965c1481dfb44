"""`python -m tests.faults`: make every fault of tests/faults/FAULTS.md happen, and print a row for each.

A row ends in `pass`, or in the reason why the fault cannot happen on this machine. Anything else, a fault without a
test too, is a failure, and the exit code 1. More arguments go to pytest, whose own output goes to standard error.
"""

import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from pathlib import Path

ROWS = Path("tests/faults/FAULTS.md")


def main(arguments: list[str]) -> int:
    faults = read_faults(ROWS.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        pytest = [sys.executable, "-m", "pytest", "--numprocesses=2", "--dist=loadfile"]
        command = [*pytest, "-k", "test_fault_", f"--junitxml={report}", *arguments]
        subprocess.run(command, stdout=sys.stderr, check=False)
        results = read_results(report.read_text(encoding="utf-8")) if report.exists() else {}
    verdicts = {number: judge(results.get(number, [])) for number in faults}
    for number, fault in faults.items():
        print(f"{number:02}  {fault}  {verdicts[number]}")
    return 1 if any(verdict.startswith(("FAIL", "MISSING")) for verdict in verdicts.values()) else 0


def read_faults(table: str) -> dict[int, str]:
    """Each fault of the Markdown table by its number."""
    return {int(number): fault for number, fault in re.findall(r"(?m)^\| (\d+) \| (.*?) \|", table)}


def read_results(report: str) -> dict[int, list[tuple[str, str]]]:
    """What became of the tests of each fault, from pytest's JUnit report: `pass`, `skip` or `fail`, and why."""
    results = defaultdict(list)
    for case in ElementTree.fromstring(report).iter("testcase"):
        if match := re.match(r"test_fault_(\d+)_", case.get("name", "")):
            results[int(match[1])].append(_result_of(case))
    return dict(results)


def judge(results: list[tuple[str, str]]) -> str:
    """One verdict for all tests of a fault: one failure fails it; it passes where any test of it could run."""
    if not results:
        return "MISSING: no test_fault_ of that number"
    reasons = {kind: "; ".join(sorted({reason for found, reason in results if found == kind})) for kind, _ in results}
    if "fail" in reasons:
        return f"FAIL: {reasons['fail']}"
    return "pass" if "pass" in reasons else f"cannot run here: {reasons['skip']}"


def _result_of(case: ElementTree.Element) -> tuple[str, str]:
    for tag, kind in (("failure", "fail"), ("error", "fail"), ("skipped", "skip")):
        if (found := case.find(tag)) is not None:
            return kind, f"{case.get('name')}: " * (kind == "fail") + found.get("message", "").split("\n")[0]
    return "pass", ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
