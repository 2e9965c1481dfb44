"""`python -m tools.compare BASE [HEAD]`: what HEAD did to the metrics of BASE, and whether that could be chance.

BASE and HEAD are branches, tags, commits, experiments or `workspace`, which HEAD is if it is left out. Prints a report
in Markdown, and writes it with its figure to a folder.

Exit codes: 0; 1 HEAD is worse by more than the section `compare` of params.yaml takes; 2 bad input.
"""

import argparse
import json
import logging
import sys
from pathlib import Path

from linear_classifier.io.files import write_bytes, write_json
from tools.compare.charts import draw_charts
from tools.compare.comparison import Comparison, compare
from tools.compare.files import WORKSPACE
from tools.compare.record import as_json
from tools.compare.report import format_markdown
from tools.compare.revisions import load_revision
from tools.dvc_project import find_outdated

DONE, GATE_FAILED, BAD_INPUT = 0, 1, 2
OUTPUT = Path("build/compare")
REPORT, RECORD, FIGURE, PICTURE = "report.md", "report.json", "comparison.svg", "comparison.png"


def main(arguments: list[str]) -> int:
    options = build_parser().parse_args(arguments)
    logging.getLogger("dvc").setLevel(logging.CRITICAL)  # what it would warn of, the report says
    try:
        base, head = load_revision(options.base), load_revision(options.head)
        if head.metrics is None:
            raise ValueError(f"{head.name}: {head.why_not}; run `dvc repro` there and commit what it writes")
        if head.commit is None and (stale := find_outdated()):
            raise ValueError(f"{head.name}: its metrics are of other code, params or data: {stale[0]}; run `dvc repro`")
        comparison = compare(base, head)
        print(write_report(comparison, options), end="")
    except (ValueError, RuntimeError, OSError) as error:
        print(f"compare: error: {' '.join(str(error).split())}", file=sys.stderr, flush=True)
        return BAD_INPUT
    return GATE_FAILED if comparison.failures and not options.allow_worse else DONE


def write_report(comparison: Comparison, options: argparse.Namespace) -> str:
    """What is to be printed, after everything has been written to the folder `options.output`."""
    figure = draw_charts(comparison.base, comparison.head)
    for name, content in ((FIGURE, figure.svg), (PICTURE, figure.png)):
        (options.output / name).unlink(missing_ok=True)  # an older one's would be believed
        if content:
            write_bytes(options.output / name, content)
    record = as_json(comparison, options.allow_worse)
    markdown = format_markdown(comparison, options.allow_worse, FIGURE if figure.svg else "", figure.missing)
    write_json(options.output / RECORD, record)
    write_bytes(options.output / REPORT, markdown.encode())
    return json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False) + "\n" if options.json else markdown


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
    sys.exit(main(sys.argv[1:]))
