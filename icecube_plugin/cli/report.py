"""``icecube-alerts report``."""

from __future__ import annotations

import argparse
import sys
from typing import Final

from icecube_plugin.alerts.words import plural

from ._common import add_json, add_sites, print_json
from ._records import add_kept, add_maps, maps_of, records_of

__all__ = ["add_arguments"]

EXAMPLES: Final = """\
examples:
  icecube-alerts report -o site
  icecube-alerts report postgresql://reader@host/alerts -o site
  icecube-alerts report notices/ more/alert.xml -o site --title "Run O4"
  icecube-alerts report notices/ -o site --site paranal --site -30.24,-70.74,2722
  icecube-alerts report alerts.jsonl -o site && xdg-open site/index.html

A source is a file or folder of notices or of records that the json sink wrote, a .jsonl file, or a
database of ours (SQLite file, or URL); without one it is what the configured sinks keep. What is in
the folder already stays: records are added. The sink `html` keeps such a folder up to date by
itself. Exit code 1 if a notice could not be read.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = EXAMPLES
    parser.add_argument("sources", nargs="*", default=[], metavar="SOURCE", help="what to show")
    add_kept(parser)
    parser.add_argument("-o", "--output", metavar="FOLDER", required=True, help="where to write")
    parser.add_argument("--title", default="IceCube neutrino alerts", help="title of the index")
    add_maps(parser)
    add_sites(parser)
    add_json(parser, "what was written")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    from icecube_plugin.sinks.html import Html

    sink = Html(
        folder=arguments.output,
        title=arguments.title,
        maps=maps_of(arguments).folder,
        sites=arguments.sites,
        sync=False,
    )
    records, refused = records_of(arguments)
    sink.write(records)
    index = sink.folder / "index.html"
    if arguments.json:
        print_json({"records": len(records), "refused": refused, "index": str(index)})
    elif records:
        print(f"{len(records)} record{plural(len(records))}: {index}")
    else:
        print("icecube-alerts: no record to show", file=sys.stderr)
    return 1 if refused or not records else 0
