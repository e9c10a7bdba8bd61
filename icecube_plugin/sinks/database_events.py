"""Which records of a database are of one event, and how each stands: kept as records come.

Two tables are an index of what `icecube_plugin.alerts` says of all records: ``event_aliases``, by
which the records are found that a new one can belong to, and ``event_members``. When a new record
ties two events together, or takes one back, the rows of all of them are written anew; the records
themselves are never changed. So every query has the one answer of `icecube_plugin.alerts.group`.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from icecube_hooks import Alert, NoticeError, Record
from icecube_plugin.alerts import Event, group
from icecube_plugin.alerts.identity import Claim, aliases, claim

from .database_tables import cell, metadata

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, Dialect

__all__ = ["EventIndex", "among", "index_all"]

log = logging.getLogger(__name__)

MOST: Final = 500
"""So many older records are looked at for one batch, the newest ones.

Real events have some twenty. Who sends thousands under one name must not hold the others up.
"""

Known = dict[int, tuple[Alert, Claim]]
"""Alerts with what they say of their event, by the number of their record."""


class EventIndex:
    """What is asked and written for the two tables, compiled once in the words of a driver."""

    def __init__(self, dialect: Dialect) -> None:
        from sqlalchemy import select

        alias, member, record = (
            metadata().tables[name] for name in ("event_aliases", "event_members", "records")
        )
        near = partial(among, dialect)

        def compiled(statement: Any) -> str:
            return str(statement.compile(dialect=dialect))

        self._bearers = compiled(select(alias.c.record_number).where(near(alias.c.alias)))
        self._records = compiled(
            select(record.c.record_number, record.c.record_json).where(near(record.c.record_number))
        )
        self._forget = compiled(member.delete().where(near(member.c.record_number)))
        self._add_alias, self._add_member = compiled(alias.insert()), compiled(member.insert())
        self._listed: Callable[[list[Any]], object] = (
            json.dumps if dialect.name == "sqlite" else list
        )

    def add(self, cursor: Any, new: Mapping[int, Alert]) -> None:
        """Take new records in, and say anew how those stand that they have to do with."""
        if not new:
            return
        known = {number: (alert, claim(alert)) for number, alert in new.items()}
        names = {number: aliases(*one) for number, one in known.items()}
        own = sorted((_text(name), number) for number, (kept, _) in names.items() for name in kept)
        cursor.executemany(self._add_alias, own)
        near = self._neighbours(
            cursor, known, {name for _, sought in names.values() for name in sought}
        )
        older = [number for number in near if number not in new]
        if older:
            cursor.execute(self._forget, (self._listed(older),))
        cursor.executemany(self._add_member, list(members_of(near)))

    def _neighbours(self, cursor: Any, new: Known, sought: set[str]) -> Known:
        """Return the records, old and new, that can be of the events of the new ones."""
        found, asked = dict(new), set[str]()
        while sought := sought - asked:
            asked |= sought
            listed = self._listed(sorted(map(_text, sought)))
            rows = cursor.execute(self._bearers, (listed,))
            numbers = sorted({number for (number,) in rows} - found.keys())
            room = MOST + len(new) - len(found)
            fresh = dict(self._alerts(cursor, numbers[-room:])) if numbers and room > 0 else {}
            found |= fresh
            sought = {name for one in fresh.values() for name in aliases(*one)[1]}
        return found

    def _alerts(self, cursor: Any, numbers: list[int]) -> Iterator[tuple[int, tuple[Alert, Claim]]]:
        for number, text in list(cursor.execute(self._records, (self._listed(numbers),))):
            alert = _read(number, text)
            if alert is not None:
                yield number, (alert, claim(alert))


def members_of(known: Known) -> Iterator[tuple[Any, ...]]:
    """Yield the row of ``event_members`` of each record, by its number."""
    numbers: dict[int, list[int]] = {}  # two records may hold one and the same alert
    for number, (alert, _) in known.items():
        numbers.setdefault(id(alert), []).append(number)
    alerts, claims = zip(*known.values(), strict=True)
    for event in group(alerts, claims=claims):
        yield from _rows(event, numbers)


def _rows(event: Event, numbers: Mapping[int, list[int]]) -> Iterator[tuple[Any, ...]]:
    shown, key, is_free = event.shown, _text(event.key), True
    about = event.is_retracted, len(event.notices)
    for notice in event.history:
        for alert in dict.fromkeys(map(id, notice.sightings)):
            for number in numbers[alert]:
                is_newest = is_free and alert == id(shown)
                is_free &= not is_newest
                yield (number, key, notice.state.value, is_newest, *about)


def index_all(connection: Connection) -> None:
    """Fill both tables from the records of a database that has had none."""
    index = EventIndex(connection.dialect)
    cursor = connection.connection.cursor()
    rows = cursor.execute("SELECT record_number, record_json FROM records ORDER BY record_number")
    read = {number: _read(number, text) for number, text in list(rows)}
    index.add(cursor, {number: alert for number, alert in read.items() if alert is not None})


def among(dialect: Dialect, column: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return whether a column is one of a list that is given as one parameter."""
    from sqlalchemy import ARRAY, bindparam, func, select

    if dialect.name == "sqlite":
        return column.in_(select(func.json_each(bindparam("listed")).table_valued("value")))
    return column == func.any(bindparam("listed", type_=ARRAY(column.type)))


def _text(text: str) -> str:
    return str(cell(text))


def _read(number: int, text: str) -> Alert | None:
    """Read a record; one that cannot be read must not keep the database shut."""
    try:
        return Record.from_json(text).alert
    except NoticeError as error:
        log.warning("record %d cannot be read, it is of no event: %s", number, error)
        return None
