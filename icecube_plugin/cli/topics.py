"""``icecube-alerts topics``."""

from __future__ import annotations

import argparse
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final

from ._common import add_json, configuration, installed, print_json, table
from .listen import add_broker_arguments, with_broker

if TYPE_CHECKING:
    from icecube_hooks.host import PluginSet

__all__ = ["add_arguments"]

EXAMPLES: Final = """\
examples:
  icecube-alerts topics
  icecube-alerts topics --broker

A name may have "*" for any characters. Without topics in the configuration, what the installed
parsers claim is read.
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
    from icecube_plugin.host.kafka import connect, wanted_topics

    config = with_broker(configuration(arguments), arguments)
    plugins = installed(config)
    wanted, _ = wanted_topics(config.kafka, arguments.topic, plugins.topics())
    there = None
    if arguments.broker or arguments.bootstrap_servers:
        consumer, there = connect(config.kafka, group_id="icecube-alerts-topics")
        consumer.close()
    entries = [_entry(topic, plugins, there) for topic in wanted]
    print_json(entries) if arguments.json else _print(entries)
    return 0


def _entry(topic: str, plugins: PluginSet, there: set[str] | None) -> dict[str, Any]:
    from icecube_plugin.host.kafka import present

    parsers = [
        parser.name
        for parser in plugins.parsers.values()
        if topic in parser.topics or any(fnmatchcase(topic, claim) for claim in parser.topics)
    ]
    on_broker = None if there is None else present([topic], there)
    return {"topic": topic, "parsers": parsers, "on_broker": on_broker}


def _print(entries: list[dict[str, Any]]) -> None:
    rows = [
        [e["topic"], ", ".join(e["parsers"]) or "none", _on_broker(e["topic"], e["on_broker"])]
        for e in entries
    ]
    print(table(rows, ["TOPIC", "PARSER", "ON THE BROKER"]))


def _on_broker(topic: str, found: list[str] | None) -> str:
    if found is None:
        return "not asked"
    return ("yes" if found == [topic] else ", ".join(found)) if found else "no"
