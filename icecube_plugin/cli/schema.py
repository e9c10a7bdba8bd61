"""``icecube-alerts schema``."""

from __future__ import annotations

import argparse
import sys
from importlib.resources import files
from typing import Final

__all__ = ["add_arguments"]

EPILOG: Final = """\
examples:
  icecube-alerts schema > record.schema.json

JSON Schema, draft 2020-12, of what the sinks json, jsonl, kafka and hopskotch write. Its "$id"
holds the version of the contract: the second number grows with an addition, the first with a break.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = EPILOG
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    del arguments
    sys.stdout.write((files("icecube_hooks") / "record.schema.json").read_text("utf-8"))
    return 0
