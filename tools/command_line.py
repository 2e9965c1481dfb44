"""The command line of a tool that takes no arguments."""

import argparse
import sys


def expect_no_arguments(doc: str | None) -> None:
    """Print `doc` and end if help is asked for; refuse any other argument, with exit code 2, before any work."""
    name = f"python -m tools.{sys.argv[0].rpartition('/')[2].removesuffix('.py')}"
    formatter = argparse.RawDescriptionHelpFormatter
    argparse.ArgumentParser(prog=name, description=doc, formatter_class=formatter).parse_args()
