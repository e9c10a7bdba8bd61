"""``icecube-alerts listen``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Final

from ._common import add_json, configuration, installed, run_host

if TYPE_CHECKING:
    from icecube_plugin.host import Config

__all__ = ["add_arguments", "with_broker"]

EXAMPLES: Final = """\
examples:
  GCN_CLIENT_ID=... GCN_CLIENT_SECRET=... icecube-alerts listen
  icecube-alerts listen --domain test.gcn.nasa.gov
  icecube-alerts listen --bootstrap-servers localhost:9092 --topic my.topic

The first start of a group begins with the oldest message that the broker has (kafka.start), later
ones where the last one stopped. Ctrl-C or SIGTERM finishes the batch in hand; a second one stops at
once.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = EXAMPLES
    add_broker_arguments(parser)
    parser.add_argument("--group", metavar="ID", help="Kafka consumer group")
    parser.add_argument(
        "--wait",
        action="store_true",
        default=None,
        help="for a broker or topics that are not there: keep trying, as a service does",
    )
    add_json(parser, "the summary at the end")
    parser.set_defaults(run=run, verbose=True)  # a service says what it reads, and from where


def add_broker_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options that say which broker and topics."""
    parser.add_argument("--domain", help="gcn.nasa.gov, test.gcn.nasa.gov or dev.gcn.nasa.gov")
    parser.add_argument("--bootstrap-servers", metavar="HOST:PORT", help="another Kafka broker")
    parser.add_argument(
        "--topic",
        action="append",
        default=[],
        metavar="NAME",
        help="instead of all that the installed parsers read; may be repeated",
    )


def with_broker(config: Config, arguments: argparse.Namespace) -> Config:
    """Return the configuration with what the command line says about the broker."""
    given = {
        "domain": arguments.domain,
        "bootstrap_servers": arguments.bootstrap_servers,
        "group_id": getattr(arguments, "group", None),
        "wait": getattr(arguments, "wait", None),
    }
    changes = {name: value for name, value in given.items() if value is not None}
    return config.replace(kafka=config.kafka.replace(**changes))


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    from icecube_plugin.host.config import kafka_with_group
    from icecube_plugin.host.kafka import LiveSource

    config = with_broker(configuration(arguments), arguments)
    plugins = installed(config)

    def source() -> LiveSource:
        return LiveSource(
            kafka_with_group(config),
            topics=arguments.topic,
            claimed=plugins.topics(),
            batch_size=config.batch_size,
        )

    return run_host(config, source, arguments, plugins=plugins)
