"""``icecube-alerts replay``."""

from __future__ import annotations

import argparse
import sys
from typing import Final

from icecube_plugin.host import FileSource

from ._common import add_json, configuration, run_host
from ._progress import RunProgress

__all__ = ["add_arguments"]

EXAMPLES: Final = """\
examples:
  icecube-alerts replay notices/ more/alert.xml
  icecube-alerts replay alerts.jsonl
  icecube-alerts replay archive.json.tar.gz notices.zip
  cat alert.txt | icecube-alerts replay -

A file is one notice; a .jsonl file one a line, also as the jsonl sink writes them. Of .gz, .tar,
.tar.gz, .tgz and .zip files, what is in them. The topic is the name of the folder if that begins
with "gcn.".
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = EXAMPLES
    parser.add_argument(
        "paths", nargs="+", metavar="PATH", help="file, folder, archive, or -: stdin"
    )
    parser.add_argument("--topic", metavar="NAME", help="topic that the notices came from")
    add_json(parser, "the summary at the end")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    config = configuration(arguments)

    def source() -> FileSource:
        return FileSource(arguments.paths, topic=arguments.topic, batch_size=config.batch_size)

    progress = RunProgress()
    code = run_host(config, source, arguments, progress)
    if not progress.messages:
        print("icecube-alerts: no notice found", file=sys.stderr)
    return code
