"""`python -m tools.compare BASE [HEAD]`: what HEAD did to the metrics of BASE, and whether that could be chance.

BASE and HEAD are branches, tags, commits, experiments or `workspace`, which HEAD is if it is left out. Prints a report
in Markdown, and writes it with its figure to a folder.

Exit codes: 0; 1 HEAD is worse by more than BASE's tools/compare/rules.yaml takes; 2 bad input.
"""

import argparse
import json
import logging
import sys
from pathlib import Path

from linear_classifier.io.console import open_console
from linear_classifier.io.files import write_bytes, write_json
from tools.compare.changes import find_changes
from tools.compare.comparison_report import Comparison, as_json, format_markdown
from tools.compare.evidence import gather_evidence
from tools.compare.figure import Figure, draw_figure
from tools.compare.revision import Measured, Revision, parse_revision
from tools.compare.revision_files import WORKSPACE, read_files
from tools.compare.rules import choose_rules
from tools.compare.verdict import NOTHING_TO_JUDGE, judge_all
from tools.dvc_project import find_outdated

DONE, GATE_FAILED, BAD_INPUT = 0, 1, 2
OUTPUT = Path("build/compare")
REPORT, RECORD, FIGURE, PICTURE = "report.md", "report.json", "comparison.svg", "comparison.png"


def main(arguments: list[str]) -> int:
    options = build_parser().parse_args(arguments)
    logging.getLogger("dvc").setLevel(logging.CRITICAL)  # what it would warn of, the report says
    try:
        comparison = compare(options.base, options.head)
        figure = draw_figure(comparison.base, comparison.head)
        print(write_report(comparison, figure, options), end="")
    except (ValueError, OSError, RuntimeError) as error:
        print(f"compare: error: {' '.join(str(error).split())}", file=sys.stderr, flush=True)
        return BAD_INPUT
    return GATE_FAILED if comparison.judgement.failures and not options.allow_worse else DONE


def compare(base_name: str, head_name: str) -> Comparison:
    """What the revision `head_name` is against `base_name`: files, revisions, rules, changes, evidence, verdict.

    Raises:
        ValueError: a revision, its files or its rules are not what they must be.
        GitError: git cannot be asked, or has not fetched what is needed.
    """
    files = read_files(base_name, head_name)
    base, head = (parse_revision(each) for each in files)
    if not isinstance(head, Measured):
        raise ValueError(f"{head.name}: {head.why_no_predictions}; run `dvc repro` there and commit what it writes")
    check_up_to_date(head)
    rules, rules_of = choose_rules(base, head)
    changes = find_changes(files, base, head)
    judgement = NOTHING_TO_JUDGE
    if isinstance(base, Measured):
        judgement = judge_all(gather_evidence(base, head, rules), base, head, rules)
    return Comparison(base=base, head=head, rules=rules, rules_of=rules_of, changes=changes, judgement=judgement)


def check_up_to_date(head: Revision) -> None:
    """Raise ValueError if `head` is a workspace that was changed since its metrics were made."""
    if head.commit is None and (stale := find_outdated()):
        raise ValueError(f"{head.name}: its metrics are of other code, params or data: {stale[0]}; run `dvc repro`")


def write_report(comparison: Comparison, figure: Figure, options: argparse.Namespace) -> str:
    """Write the report to the folder `options.output`, and give back what is to be printed of it."""
    for name, content in ((FIGURE, figure.svg), (PICTURE, figure.png)):
        (options.output / name).unlink(missing_ok=True)  # an older one's would be believed
        if content:
            write_bytes(options.output / name, content)
    record = as_json(comparison, options.allow_worse)
    write_json(options.output / RECORD, record)
    markdown = format_markdown(comparison, options.allow_worse, figure, FIGURE)
    write_bytes(options.output / REPORT, markdown.encode())
    return json.dumps(record, indent=2, allow_nan=False) + "\n" if options.json else markdown


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tools.compare", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("base", metavar="BASE")
    parser.add_argument("head", metavar="HEAD", nargs="?", default=WORKSPACE)
    parser.add_argument("--output", metavar="FOLDER", type=Path, default=OUTPUT, help=f"default: {OUTPUT}")
    parser.add_argument("--json", action="store_true", help=f"print what {RECORD} holds, not Markdown")
    parser.add_argument("--allow-worse", metavar="REASON", type=reason, help="pass a failed gate; the report says why")
    return parser


def reason(text: str) -> str:
    """`text`, which must say something."""
    if not text.strip():
        raise argparse.ArgumentTypeError("say why")
    return text


if __name__ == "__main__":
    open_console()
    sys.exit(main(sys.argv[1:]))
