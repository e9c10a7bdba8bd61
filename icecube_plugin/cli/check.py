"""``icecube-alerts check``."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from icecube_hooks import ConfigError, IceCubePluginError, Record
from icecube_plugin.alerts.words import clean
from icecube_plugin.host.config import known_group

from ._common import add_json, configuration, installed, print_json, prints_aside
from .demo import demo_messages
from .listen import add_broker_arguments, with_broker

if TYPE_CHECKING:
    from icecube_hooks.host import PluginSet
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
    origin = config.origin or "no file: all defaults"
    plugins = installed(config)
    with prints_aside(arguments):
        findings: list[Finding] = [
            ("configuration", True, origin),
            *_plugins_and_sinks(config, plugins),
            *_filters(config, plugins),
        ]
    if not arguments.offline:
        findings += _broker(config, arguments.topic, plugins)
    if arguments.json:
        print_json([{"what": w, "ok": ok, "says": says} for w, ok, says in findings])
    else:
        for what, ok, says in findings:
            print(f"{'ok  ' if ok else 'FAIL'} {what}: {clean(says)}")
    failed = {what for what, ok, _ in findings if not ok}
    return 0 if not failed else 3 if failed <= {"broker", "topics", "group"} else 2


def _plugins_and_sinks(config: Config, plugins: PluginSet) -> Iterator[Finding]:
    from icecube_plugin.host.plugins import check_sinks

    plugins.make_all()
    for info in plugins.plugins:
        found = [info.error, *info.problems] if info.error else info.problems
        if found:
            yield f"plugin {info.name}", False, "; ".join(found)
    loaded = sum(info.state == "loaded" for info in plugins.plugins)
    yield "plugins", loaded > 0, f"{loaded} of {len(plugins.plugins)} loaded"
    problems = check_sinks(config, plugins)
    for problem in problems:
        yield "sink", False, problem
    if not problems:
        names = ", ".join(sink.name for sink in config.sinks_or_defaults())
        yield "sinks", True, names or "none configured: alerts go nowhere"


def _filters(config: Config, plugins: PluginSet) -> Iterator[Finding]:
    """Say of each filter how many alerts of the demonstration pass, each looked at for itself."""
    from icecube_plugin.host.filters import make_filter

    filtered = [s for s in config.sinks_or_defaults() if s.filter or s.when is not None]
    records = list(_demo_records(plugins)) if filtered else []
    for sink in filtered:
        try:
            accepts = make_filter(sink)
        except ConfigError:  # said with the sinks
            continue
        passed = sum(map(accepts, records))
        says = f"{passed} of {len(records)} alerts of the demonstration pass"
        yield f"filter of sink {sink.name}", True, says


def _demo_records(plugins: PluginSet) -> Iterator[Record]:
    for message in demo_messages():
        with contextlib.suppress(IceCubePluginError):  # one is broken, one another observatory's
            yield plugins.record(message)


def _broker(config: Config, asked: list[str], plugins: PluginSet) -> Iterator[Finding]:
    """Connect, see whether the topics are there and can be read, and who else is in the group."""
    from icecube_plugin.host import kafka

    try:
        wanted, named = kafka.wanted_topics(config.kafka, asked, plugins.topics())
        consumer, there = kafka.connect(config.kafka, group_id="icecube-alerts-check")
        try:
            yield "broker", True, f"connected to {kafka.where(config.kafka)}"
            kafka.check_topics(wanted, there, named=named, why=kafka.why_missing(consumer))
            found = kafka.present(wanted, there)
            denied = kafka.unreadable(consumer, found)
        finally:
            consumer.close()
    except (ConfigError, IceCubePluginError) as error:
        yield "broker", False, str(error)
        return
    can = f"{len(found) - len(denied)} of {len(found)} can be read"
    yield "topics", not denied, "; ".join([can, *denied.values()])
    yield _group(config)


def _group(config: Config) -> Finding:
    """Name others that read as the same group: they take alerts that then do not come here."""
    from icecube_plugin.host import kafka

    group = known_group(config)
    if group is None:
        return "group", True, "one of its own, made at the first start"
    others = kafka.foreign_members(kafka.make_admin(config.kafka), group)
    if others is None:
        return "group", True, f"{group}; the broker does not say who else is in it"
    if not others:
        return "group", True, f"{group}; nobody else is in it"
    is_meant = config.kafka.group_id is not None
    return "group", is_meant, f"{group} is shared with {', '.join(others)}: each gets a part"
