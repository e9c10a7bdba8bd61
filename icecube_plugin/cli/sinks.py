"""``icecube-alerts sinks``."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from icecube_plugin.alerts.words import clean

from ._common import add_json, configuration, print_json, table
from .status import span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icecube_hooks import Message
    from icecube_plugin.host import Config, SinkConfig

__all__ = ["add_arguments"]

EXAMPLES: Final = """\
examples:
  icecube-alerts sinks
  icecube-alerts sinks --types       what kinds of sink there are, of all plugins
  icecube-alerts sinks --deliver     write now what waits on disk for a sink

Records that a sink could not take in time wait on disk; a host that runs writes them when the sink
is back, and so does every later start.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = EXAMPLES
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--types", action="store_true", help="list kinds of sink instead")
    action.add_argument("--deliver", action="store_true", help="write what waits on disk")
    add_json(parser, "the list")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    config = configuration(arguments)
    if arguments.types:
        return _types(config, arguments.json)
    if arguments.deliver:
        _deliver(config)
    rows = [_entry(config, sink) for sink in config.sinks_or_defaults()]
    if arguments.json:
        print_json(rows)
    else:
        header = ["NAME", "TYPE", "WAITING", "WRITTEN", "LAST SUCCESS", "LAST ERROR"]
        print(table([_row(row) for row in rows], header))
    return 1 if arguments.deliver and any(row["waiting"] for row in rows) else 0


def _entry(config: Config, sink: SinkConfig) -> dict[str, Any]:
    """Return what is on disk of a sink, and what a host that runs last wrote of it."""
    from icecube_plugin.host.delivery import spool_path
    from icecube_plugin.host.spool import Spool
    from icecube_plugin.host.watch import read_status

    states = (read_status(config.data_folder) or {}).get("sinks", [])
    found: dict[str, Any] = next((state for state in states if state["name"] == sink.name), {})
    keys = ("written", "refused", "dropped", "in_trouble", "busy_since")
    times = ("last_success", "last_failure", "last_error")
    return {
        "name": sink.name,
        "type": sink.type,
        "required": sink.required,
        "waiting": len(Spool(spool_path(config.data_folder, sink.name))),
        **{key: found.get(key) for key in (*keys, *times)},
    }


def _row(entry: dict[str, Any]) -> list[str]:
    name = entry["name"] + ("" if entry["required"] else " (optional)")
    written = "-" if entry["written"] is None else str(entry["written"])
    error = "-" if entry["last_error"] is None else clean(entry["last_error"], 100)
    if entry["last_failure"] is not None:
        error = f"{_ago(entry['last_failure'])}: {error}"
    success = _ago(entry["last_success"]) if entry["last_success"] else "-"
    return [clean(name), entry["type"], str(entry["waiting"]), written, success, error]


def _ago(time: str) -> str:
    return f"{span((datetime.now(UTC) - datetime.fromisoformat(time)).total_seconds())} ago"


def _deliver(config: Config) -> None:
    """Open the sinks, and let those that are behind catch up."""
    from icecube_plugin.host import Host

    host = Host(config, source=_Nothing)
    host.run()


class _Nothing:
    """A source without messages."""

    def batches(self) -> Iterator[list[Message]]:
        return iter(())

    def commit(self) -> None:
        """Nothing was taken."""

    def idle(self) -> None:
        """Nothing is kept alive."""

    def close(self) -> None:
        """Nothing is open."""


def _types(config: Config, as_json: bool) -> int:
    from icecube_hooks.host import load_plugins

    kinds = load_plugins(allow=config.plugins.allow, block=config.plugins.block).sinks
    if as_json:
        print_json({name: kind.summary for name, kind in kinds.items()})
    else:
        print(table([[name, kind.summary] for name, kind in sorted(kinds.items())], ["TYPE", ""]))
    return 0
