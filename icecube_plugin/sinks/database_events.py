"""Which records of a database are of one event, and how each stands: kept as records come.

Two tables are an index of what `icecube_plugin.alerts` says of all records: ``event_aliases``, by
which the records are found that a new one can belong to, and ``event_members``. When a new record
ties two events together, or takes one back, the rows of all of them are written anew; the records
themselves are never changed. So every query has the one answer of `icecube_plugin.alerts.group`.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from icecube_hooks import Alert, NoticeError, Record
from icecube_plugin.alerts.identity import aliases
from icecube_plugin.alerts.index import event_members, known_of, neighbours
from icecube_plugin.sql import insert

from .database_tables import cell, metadata

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, Dialect

__all__ = ["EventIndex", "among", "index_all"]

log = logging.getLogger(__name__)


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
        known = known_of(new)
        own = sorted(
            (_text(name), number) for number, one in known.items() for name in aliases(*one)
        )
        insert(cursor, self._add_alias, own)
        near = neighbours(known, partial(self._find, cursor))
        older = [number for number in near if number not in new]
        if older:
            cursor.execute(self._forget, (self._listed(older),))
        rows = [
            (number, _text(member.event_key), *member[1:]) for number, member in event_members(near)
        ]
        insert(cursor, self._add_member, rows)

    def _find(
        self, cursor: Any, names: list[str], known: Collection[int], room: int
    ) -> dict[int, Alert]:
        """Return the newest records under one of some aliases, without those that are known."""
        rows = cursor.execute(self._bearers, (self._listed(sorted(map(_text, names))),))
        numbers = sorted({number for (number,) in rows}.difference(known))[-room:]
        if not numbers:
            return {}
        rows = list(cursor.execute(self._records, (self._listed(numbers),)))
        read = ((number, _read(number, text)) for number, text in rows)
        return {number: alert for number, alert in read if alert is not None}


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
