"""``icecube-alerts schema``."""

from __future__ import annotations

import argparse
from typing import Final

from icecube_hooks import record_schema

from ._common import print_json

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
    print_json(record_schema())
    return 0
