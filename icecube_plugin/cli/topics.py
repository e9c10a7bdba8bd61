"""``icecube-alerts topics``."""

from __future__ import annotations

import argparse
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final

from ._common import add_json, configuration, print_json, table
from .listen import add_broker_arguments, with_broker

if TYPE_CHECKING:
    from icecube_hooks.host import PluginSet

__all__ = ["add_arguments"]

EXAMPLES: Final = """\
examples:
  icecube-alerts topics
  icecube-alerts topics --broker
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = EXAMPLES
    parser.add_argument("--broker", action="store_true", help="ask the broker which it has")
    add_broker_arguments(parser)
    add_json(parser, "the list")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    from icecube_hooks.host import load_plugins

    config = with_broker(configuration(arguments), arguments)
    topics = tuple(arguments.topic) or config.kafka.topics
    plugins = load_plugins(allow=config.plugins.allow, block=("sink-*", *config.plugins.block))
    there = None
    if arguments.broker or arguments.bootstrap_servers:
        from icecube_plugin.host.kafka import connect

        consumer, there = connect(config.kafka, group_id=f"{config.kafka.group_id}-topics")
        consumer.close()
    entries = [_entry(topic, plugins, there) for topic in topics]
    print_json(entries) if arguments.json else _print(entries)
    return 0


def _entry(topic: str, plugins: PluginSet, there: set[str] | None) -> dict[str, Any]:
    parsers = [
        parser.name
        for parser in plugins.parsers.values()
        if any(fnmatchcase(topic, pattern) for pattern in parser.topics)
    ]
    on_broker = None if there is None else topic in there
    return {"topic": topic, "parsers": parsers, "on_broker": on_broker}


def _print(entries: list[dict[str, Any]]) -> None:
    words = {None: "not asked", True: "yes", False: "no"}
    rows = [[e["topic"], ", ".join(e["parsers"]) or "none", words[e["on_broker"]]] for e in entries]
    print(table(rows, ["TOPIC", "PARSER", "ON THE BROKER"]))
