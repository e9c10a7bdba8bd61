"""Reader of records that another host has published: JSON as ``icecube-alerts schema`` says.

Such a message, as the sinks ``kafka`` and ``hopskotch`` send it::

    {"id": "gold:137840_57034692:0:9f86d081884c7d65",
     "message": {"value": "...", "topic": "gcn.notices.icecube.gold_bronze_track_alerts", ...},
     "alert": {"kind": "gold", "format": "json", "run_id": 137840, ...},
     "significances": [...], "contract": "2.0"}

Conventions
-----------
- The alert comes out as it went in, with the bytes of the notice that it was read from, so that
  the record has the same id as in the host that sent it.
- Significances are not taken over: the receiving host's own providers assess the alert.
- Types and ranges are checked, for anybody may write such JSON. Whether `alert` says what the
  notice in it says is not: listen to a topic that only you can write to.
- The topic's name tells: one that holds ``icecube-records`` is expected to carry records. On any
  other they are read by their content, with a concern that says so.
"""

from __future__ import annotations

from typing import Final

from icecube_hooks import Message, ParserType, Record, hookimpl

from ._draft import check_size
from ._wire import JSON_LIMIT

__all__ = ["TOPICS", "parse", "register_parsers"]

TOPICS: Final = ("*icecube-records*",)

_MARKS: Final = (b'"message"', b'"alert"', b'"significances"')
"""Keys of a record that no notice has together."""


@hookimpl
def register_parsers() -> list[ParserType]:
    """Register the parser ``record-json``."""
    summary = "records that another host has published as JSON"
    return [ParserType(name="record-json", topics=TOPICS, parse=parse, summary=summary)]


def parse(message: Message) -> Record | None:
    """Take the record out of a message.

    Returns
    -------
    Record or None
        ``None`` if the content is no record.

    Raises
    ------
    NoticeError
        If it is one, and broken.
    """
    if not all(mark in message.value for mark in _MARKS):
        return None
    check_size(message, JSON_LIMIT)
    return Record.from_json(message.value)
