"""``icecube-alerts backfill``."""

from __future__ import annotations

import argparse
from typing import Final

from icecube_hooks import ConfigError

from ._common import Progress, add_json, configuration, moment, run_host
from .listen import add_broker_arguments, with_broker

__all__ = ["add_arguments"]

EXAMPLES: Final = """\
examples:
  icecube-alerts backfill --since 30d
  icecube-alerts backfill --since 2026-05-01 --until 2026-05-02T12:00:00Z
  icecube-alerts backfill --since 36h --topic gcn.notices.icecube.lvk_nu_track_search

Times are those of Kafka's message time stamps [UTC]. GCN keeps messages for a limited time; older
notices are in its archive, which `icecube-alerts replay` reads once you have the files.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = EXAMPLES
    parser.add_argument("--since", required=True, metavar="TIME", help="ISO time, or 30d, 36h ...")
    parser.add_argument("--until", metavar="TIME", help="likewise; default: what is there now")
    add_broker_arguments(parser)
    add_json(parser, "the summary at the end")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    from icecube_plugin.host.kafka import BackfillSource

    config = with_broker(configuration(arguments), arguments)
    since = moment(arguments.since)
    until = None if arguments.until is None else moment(arguments.until)
    if until is not None and until < since:
        raise ConfigError("--until is before --since")
    progress = Progress()

    def source() -> BackfillSource:
        found = BackfillSource(
            config.kafka,
            since=since,
            until=until,
            topics=arguments.topic,
            batch_size=config.batch_size,
        )
        progress.total = found.total
        return found

    return run_host(config, source, arguments, progress)
