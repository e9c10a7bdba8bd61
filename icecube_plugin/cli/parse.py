"""``icecube-alerts parse``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from icecube_hooks import Alert, Message, NoticeError
from icecube_plugin.alerts.words import clean

from ._common import add_json, configuration, prints_aside, table
from ._records import error_cell, number_cell

__all__ = ["add_arguments"]

EXAMPLES: Final = """\
examples:
  icecube-alerts parse notice.xml other.json
  icecube-alerts parse folder/ --json
  curl -s https://example.org/notice.txt | icecube-alerts parse -

Exit code 1 if a notice could not be read. With --json, a list: each entry is an alert, or has the
key "error". "None" and null mean: not stated.
"""

HEADER: Final = (
    "FILE", "FORMAT", "KIND", "EVENT", "REV", "STATUS", "TIME (UTC)",
    "RA", "DEC", "ERROR", "ENERGY", "SIGNAL", "FAR/YR", "P",
)  # fmt: skip

Outcome = tuple[Message, Alert | NoticeError]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = EXAMPLES
    parser.add_argument("paths", nargs="+", metavar="FILE", help="file, folder, or - for stdin")
    parser.add_argument("--topic", metavar="NAME", help="topic that the notices came from")
    parser.add_argument(
        "--schema",
        metavar="FOLDER",
        help="also check JSON against GCN's schemas in this folder, and VOEvents against theirs",
    )
    add_json(parser, "the alerts")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    from icecube_plugin.host import messages_from
    from icecube_plugin.host.plugins import configured_plugins

    readers = configured_plugins(configuration(arguments), block=("sink-*",))

    check = _checker(arguments.schema)

    def outcomes() -> Iterator[Outcome]:
        for message in messages_from(arguments.paths, topic=arguments.topic):
            try:
                yield message, check(message, readers.parse(message))
            except NoticeError as error:
                yield message, error

    with prints_aside(arguments):
        found = list(outcomes())
    if not found:
        print("icecube-alerts: no notice found", file=sys.stderr)
    _print_json(found) if arguments.json else _print_table(found)
    return 1 if any(isinstance(result, NoticeError) for _, result in found) else 0


def _checker(folder: str | None) -> Callable[[Message, Alert], Alert]:
    """Return what adds the schema's concerns to an alert; nothing, without a folder."""
    if folder is None:
        return lambda _message, alert: alert
    from icecube_plugin.notices.schema import Checker

    checker = Checker.from_folder(folder)

    def check(message: Message, alert: Alert) -> Alert:
        return alert.replace(concerns=alert.concerns + checker.problems(message.value, alert))

    return check


def _print_json(outcomes: Iterable[Outcome]) -> None:
    print(json.dumps([_entry(message, result) for message, result in outcomes], indent=2))


def _entry(message: Message, result: Alert | NoticeError) -> dict[str, Any]:
    if isinstance(result, NoticeError):
        return {"file": message.origin, "error": str(result)}
    derived = {
        "event_key": result.event_key,
        "notice_id": result.notice_id,
        "far_per_year": result.far_per_year,
    }
    return {"file": message.origin} | derived | result.to_dict()


def _print_table(outcomes: Iterable[Outcome]) -> None:
    rows, notes = [], []
    for message, result in outcomes:
        if isinstance(result, NoticeError):
            print(f"icecube-alerts: {result}", file=sys.stderr)
            continue
        rows.append(_row(message, result))
        notes += [
            f"{rows[-1][0]}: {c.field}: {c.found}"
            + ("" if c.taken == c.found else f" -> {c.taken or 'not stated'}")
            + f": {c.why}"
            for c in result.concerns
        ]
    if rows:
        print(table(rows, HEADER))
    if notes:
        print("\nconcerns:")
        print("\n".join(f"  {clean(note)}" for note in notes))


def _row(message: Message, alert: Alert) -> list[str]:
    place = alert.localization
    ps = "/".join("-" if p.value is None else f"{p.value:g}" for p in alert.p_values)
    tense = "" if alert.is_real else f" ({alert.tense or 'test'})"
    cells = [
        Path(message.origin or "-").name,
        alert.format.value,
        f"{alert.kind}{tense}",
        alert.event_key or "-",
        alert.revision_label,
        alert.status.value if alert.status else "-",
        "-" if alert.trigger_time is None else f"{alert.trigger_time:%Y-%m-%d %H:%M:%S.%f}"[:-4],
        "-" if place is None else f"{place.ra_deg:.4f}",
        "-" if place is None else f"{place.dec_deg:+.4f}",
        error_cell(alert),
        number_cell(alert.energy_tev, " TeV"),
        number_cell(alert.signalness),
        number_cell(alert.far_per_year),
        ps or "-",
    ]
    return [clean(cell) for cell in cells]
