"""``icecube-alerts check``."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from icecube_hooks import ConfigError, IceCubePluginError

from ._common import add_json, configuration, print_json
from .listen import add_broker_arguments, with_broker

if TYPE_CHECKING:
    from icecube_plugin.host import Config

__all__ = ["add_arguments"]

EXAMPLES: Final = """\
examples:
  icecube-alerts check
  icecube-alerts --config alerts.toml check --offline

Exit code 0 if all is well, 2 for a wrong configuration, 3 if the broker cannot be used.
"""

Finding = tuple[str, bool, str]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = EXAMPLES
    parser.add_argument("--offline", action="store_true", help="do not connect to the broker")
    add_broker_arguments(parser)
    add_json(parser, "the findings")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    config = with_broker(configuration(arguments), arguments)
    findings = [("configuration", True, "valid"), *_plugins_and_sinks(config)]
    if not arguments.offline:
        findings.append(_broker(config, arguments.topic))
    if arguments.json:
        print_json([{"what": w, "ok": ok, "says": says} for w, ok, says in findings])
    else:
        for what, ok, says in findings:
            print(f"{'ok  ' if ok else 'FAIL'} {what}: {says}")
    failed = {what for what, ok, _ in findings if not ok}
    return 0 if not failed else 3 if failed == {"broker"} else 2


def _plugins_and_sinks(config: Config) -> Iterator[Finding]:
    from icecube_hooks.host import load_plugins
    from icecube_plugin.host.runner import check_sinks

    plugins = load_plugins(
        allow=config.plugins.allow, block=config.plugins.block, significance=config.significance
    )
    for info in plugins.plugins:
        if info.state == "failed" or info.problems:
            yield f"plugin {info.name}", False, "; ".join([info.error or "", *info.problems])
    loaded = sum(info.state == "loaded" for info in plugins.plugins)
    yield "plugins", loaded > 0, f"{loaded} of {len(plugins.plugins)} loaded"
    problems = check_sinks(config, plugins)
    for problem in problems:
        yield "sink", False, problem
    if not problems:
        names = ", ".join(sink.name for sink in config.sinks_or_defaults())
        yield "sinks", True, names or "none configured: alerts go nowhere"


def _broker(config: Config, topics: list[str]) -> Finding:
    """Connect, and see whether the topics are there."""
    from icecube_plugin.host.kafka import check_topics, connect, wanted_topics, why_missing

    try:
        consumer, there = connect(config.kafka, group_id=config.kafka.group_id)
        try:
            wanted, named = wanted_topics(config.kafka, topics)
            check_topics(wanted, there, named=named, why=why_missing(consumer))
        finally:
            consumer.close()
    except (ConfigError, IceCubePluginError) as error:
        return "broker", False, str(error)
    return "broker", True, f"{sum(topic in there for topic in wanted)} of {len(wanted)} topics"
