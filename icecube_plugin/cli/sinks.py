"""``icecube-alerts sinks``."""

from __future__ import annotations

import argparse
import inspect
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from icecube_hooks import ConfigError, Message, Record, Tense
from icecube_hooks.host import make_sink, nearest
from icecube_plugin.alerts.words import clean, span_text
from icecube_plugin.host import Config, Cursors, Host, Journal, SinkConfig
from icecube_plugin.host.health import read_status
from icecube_plugin.host.times import moment

from ._common import add_json, configuration, installed, print_json, table

__all__ = ["add_arguments"]

EXAMPLES: Final = """\
examples:
  icecube-alerts sinks
  icecube-alerts sinks --types                      what kinds of sink there are, of all plugins
  icecube-alerts sinks --deliver                    write now what waits for a sink
  icecube-alerts sinks test shift                   give it a test alert, marked as not real
  icecube-alerts sinks rewind archive --since 30d   give it again what came in the last 30 days
  icecube-alerts sinks rewind archive --all         all that the journal has
  icecube-alerts sinks rewind archive --to 4711     from this entry on
  icecube-alerts sinks rename hook alarm            after a change of its name in the configuration
  icecube-alerts sinks forget hook                  a sink that is no longer wanted

What comes is kept in the journal; each sink has a cursor there, and a host that runs writes what is
after it. A host that runs sees a cursor that is moved.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = EXAMPLES
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--types", action="store_true", help="list kinds of sink instead")
    action.add_argument("--deliver", action="store_true", help="write what waits")
    add_json(parser, "the list")
    parser.set_defaults(run=run, move=None)
    moves = parser.add_subparsers(metavar="ACTION")
    rewind = moves.add_parser("rewind", help="deliver again from an earlier entry on")
    where = rewind.add_mutually_exclusive_group(required=True)
    where.add_argument("--since", metavar="TIME", help="what came since: ISO time, or 30d, 36h ...")
    where.add_argument("--to", metavar="SEQ", type=int, help="number of the first entry")
    where.add_argument("--all", action="store_true", help="all that is there")
    rename = moves.add_parser("rename", help="give one sink's place to another")
    forget = moves.add_parser("forget", help="forget where a sink is")
    test = moves.add_parser("test", help="give one sink a test alert, marked as not real")
    actions = ((rewind, _rewind), (rename, _rename), (forget, _forget), (test, _test))
    for parsed, move in actions:
        parsed.add_argument("name", metavar="NAME", help="of the sink, in the configuration")
        parsed.set_defaults(move=move)
    rename.add_argument("new", metavar="NEW", help="what it is called in the configuration now")


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    config = configuration(arguments)
    if arguments.types:
        return _types(config, arguments.json)
    if arguments.move == _test:
        return _test(config, arguments)
    if arguments.move is not None:
        arguments.move(config, arguments)
    if arguments.deliver:
        Host(config, source=_Nothing).run()
    rows = _entries(config)
    if arguments.json:
        print_json(rows)
    else:
        header = ["NAME", "TYPE", "WAITING", "WRITTEN", "LAST SUCCESS", "LAST ERROR"]
        print(table([_row(row) for row in rows], header))
    return 1 if arguments.deliver and any(row["waiting"] for row in rows) else 0


def _entries(config: Config) -> list[dict[str, Any]]:
    """Return what waits for each sink, and what a host that runs last wrote of it."""
    journal, cursors = _kept(config)
    last = journal.look() if journal.path.exists() else 0
    there = {(cursor.name, cursor.type): cursor.seq for cursor in cursors.all()}
    states = {s["name"]: s for s in (read_status(config.data_folder) or {}).get("sinks", [])}
    keys = ("written", "refused", "dropped", "skipped", "in_trouble", "busy_since")
    times = ("last_success", "last_failure", "last_error")
    wanted = {(sink.name, sink.type): sink for sink in config.sinks_or_defaults()}
    return [
        {
            "name": name,
            "type": kind,
            "configured": (name, kind) in wanted,
            "required": (name, kind) in wanted and wanted[name, kind].required,
            "waiting": last - there[name, kind] if (name, kind) in there else 0,
            **{key: states.get(name, {}).get(key) for key in (*keys, *times)},
        }
        for name, kind in dict.fromkeys((*wanted, *there))
    ]


def _kept(config: Config) -> tuple[Journal, Cursors]:
    journal = Journal(config.data_folder)
    return journal, Cursors(config.data_folder, journal)


def _configured(config: Config, name: str) -> SinkConfig:
    """Return a configured sink.

    Raises
    ------
    ConfigError
        If there is none of this name.
    """
    sinks = {sink.name: sink for sink in config.sinks_or_defaults()}
    if name not in sinks:
        raise ConfigError(f"no sink {name!r:.60} is configured", hint=nearest(name, sinks))
    return sinks[name]


def _rewind(config: Config, arguments: argparse.Namespace) -> None:
    kind = _configured(config, arguments.name).type
    journal, cursors = _kept(config)
    if arguments.all:
        first = 1
    else:
        first = arguments.to if arguments.since is None else journal.since(moment(arguments.since))
    cursors.put(arguments.name, kind, min(max(first - 1, 0), journal.look()))


def _rename(config: Config, arguments: argparse.Namespace) -> None:
    kind = _configured(config, arguments.new).type
    journal, cursors = _kept(config)
    found = [cursor.seq for cursor in cursors.all() if cursor.name == arguments.name]
    if not found:
        raise ConfigError(f"nothing is known of a sink {arguments.name!r:.60}")
    journal.readdress(arguments.name, arguments.new)
    cursors.put(arguments.new, kind, min(found))
    cursors.forget(arguments.name)


def _forget(config: Config, arguments: argparse.Namespace) -> None:
    if not _kept(config)[1].forget(arguments.name):
        raise ConfigError(f"nothing is known of a sink {arguments.name!r:.60}")


def _test(config: Config, arguments: argparse.Namespace) -> int:
    """Write a test alert with the time of now: by the sink alone, past cursor and filters."""
    from icecube_plugin.host.plugins import sink_options
    from icecube_plugin.host.worker import write_once

    sink, plugins = _configured(config, arguments.name), installed(config)
    options, kind = sink_options(config, sink, plugins), plugins.sinks.get(sink.type)
    if kind is not None and "tests" in inspect.signature(kind.make).parameters:
        options["tests"] = True  # else it would keep quiet
    made = make_sink(plugins, sink.name, sink.type, options)
    error = write_once(sink.name, made, [_test_record(datetime.now(UTC))])
    getattr(made, "close", lambda: None)()
    if error is not None:
        print(clean(str(error)), file=sys.stderr)
        return 1
    print(f"sink {clean(sink.name)} has taken a test alert")
    return 0


def _test_record(now: datetime) -> Record:
    """Return a gold alert of now that is none, with a name of its own each second."""
    from icecube_hooks.testing import make_record

    return make_record(
        tense=Tense.TEST,
        event_names=(f"TEST-{now:%Y%m%d-%H%M%S}",),
        run_id=None,
        event_id=None,
        trigger_time=now,
        notice_time=now,
    )


def _row(entry: dict[str, Any]) -> list[str]:
    what = "" if entry["required"] else " (optional)"
    name = entry["name"] + (what if entry["configured"] else " (NOT CONFIGURED)")
    written = "-" if entry["written"] is None else str(entry["written"])
    error = "-" if entry["last_error"] is None else clean(entry["last_error"], 100)
    if entry["last_failure"] is not None:
        error = f"{_ago(entry['last_failure'])}: {error}"
    success = _ago(entry["last_success"]) if entry["last_success"] else "-"
    return [clean(name), entry["type"], str(entry["waiting"]), written, success, error]


def _ago(time: str) -> str:
    return f"{span_text((datetime.now(UTC) - datetime.fromisoformat(time)).total_seconds())} ago"


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
    kinds = installed(config).sinks
    if as_json:
        print_json({name: kind.summary for name, kind in kinds.items()})
    else:
        print(table([[name, kind.summary] for name, kind in sorted(kinds.items())], ["TYPE", ""]))
    return 0
