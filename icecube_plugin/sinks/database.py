"""The sink ``database``: tables of alerts in any database that a URL names, each record once.

``postgresql://user@host/name``
    PostgreSQL through psycopg. A batch is one transaction; when `Database.write` returns, the
    server has it on its disk. Hosts that write at once wait for each other, so that each record is
    there once and their numbers are in the order of commit. A lost connection is made anew with
    the next batch.
``sqlite:///folder/file``
    The file that the sink ``sqlite`` makes, with the same guarantees; not on a network file system.

The tables are those of `icecube_plugin.sinks.database_tables`. A database of an older version is
brought to today's when it is first opened for writing.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

from icecube_hooks import ConfigError, Record, RefusedForGood, SinkError, SinkType, hookimpl
from icecube_plugin.disk import probe_file
from icecube_plugin.sql import insert

from ._options import Wait
from .database_engines import address_of, file_of, place_of, reading, sink_error, writing
from .database_events import EventIndex, among
from .database_migration import LAYOUT, OLDEST_LAYOUT, bring_up, layout_of
from .database_tables import NEWEST_FIRST, TABLES, cell, metadata, row_maker

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Dialect

__all__ = [
    "Database",
    "event",
    "history",
    "numbered_records",
    "read_records",
    "rows_of",
    "select",
]

log = logging.getLogger(__name__)

_NEWEST: Final = "SELECT record_json FROM events WHERE event_key = :key"
_HISTORY: Final = f"""
SELECT record_json FROM notices WHERE event_key = :key OR record_number IN (
    SELECT record_number FROM event_members WHERE event_key = :key)
ORDER BY {NEWEST_FIRST}
"""  # noqa: S608  # ours


class Database:
    """Write records into a database, each exactly once.

    Parameters
    ----------
    url : str
        ``postgresql://user@host:port/name`` or ``sqlite:///file``, as SQLAlchemy reads it.
    password_env : str, optional
        Name of an environment variable that holds the password.
    wait_s : float
        How long to wait for a connection, and for another process that writes [s, >= 0].

    Raises
    ------
    ConfigError
        If an option is wrong, or a package is missing.
    """

    def __init__(self, *, url: str, password_env: str | None = None, wait_s: Wait = 10.0) -> None:
        if not isinstance(url, str) or "://" not in url:
            hint = "such as postgresql://user@host/name or sqlite:///alerts.sqlite"
            raise ConfigError("expected the URL of a database", key="url", hint=hint)
        self._open(address_of(url, password_env), wait_s)

    def _open(self, address: URL, wait_s: float) -> None:
        self._address, self._place = address, place_of(address)
        self.engine = writing(address, wait_s)
        self._statements: Statements | None = None

    def flush(self) -> None:
        """Make the tables, or change those of an older layout, before the first record comes.

        Errors are those of `write`.
        """
        if self._statements is None:
            self._write(())

    def probe(self) -> None:
        """See whether the database can be reached, and is ours or empty; nothing is changed.

        Errors are those of `write`.
        """
        file = file_of(self._address)
        if file is not None and not file.exists():
            probe_file(file)
            return
        with _connected(self._address, f"cannot use {self._place}") as connection:
            layout_of(connection, self._place)

    def write(self, records: Sequence[Record], /) -> None:
        """Write a batch in one transaction: all of it or nothing.

        Raises
        ------
        RetryLater
            If the database is locked, full, read-only, or its server is gone or restarts.
        RefusedForGood
            If it refuses the content, or is not (or no longer) a database of ours.
        """
        if records:
            self._write(records)

    def close(self) -> None:
        """Close the connection; a later `write` opens a new one."""
        self.engine.dispose()

    def _write(self, records: Sequence[Record]) -> None:
        from sqlalchemy import exc

        try:
            with self.engine.begin() as connection:
                if "is_ready" not in connection.info:
                    bring_up(connection, self._place)
                    self._statements = self._statements or Statements(self.engine.dialect)
                    connection.info["is_ready"] = True
                if records and self._statements is not None:
                    _insert(connection.connection.cursor(), self._statements, records)
        except BaseException as error:
            self.close()  # the next connection looks again at what it finds
            if isinstance(error, exc.SQLAlchemyError | self.engine.dialect.loaded_dbapi.Error):
                raise sink_error(error, f"cannot write {self._place}") from error
            raise


def read_records(
    database: str | os.PathLike[str], *, password_env: str | None = None
) -> Iterator[Record]:
    """Yield every record of a database, in the order in which they were first written.

    Parameters
    ----------
    database : str or path
        A URL, or the path of an SQLite file; of any layout.
    password_env : str, optional
        As of `Database`.

    Raises
    ------
    ConfigError
        If it cannot be read, or is none of ours.
    """
    return (record for _, record in numbered_records(database, password_env=password_env))


def numbered_records(
    database: str | os.PathLike[str], *, after: int = 0, password_env: str | None = None
) -> Iterator[tuple[int, Record]]:
    """Yield the records whose number is larger than `after`, with their numbers.

    Numbers are given out in the order of commit: who asks again after the last one misses none.
    Parameters and errors are those of `read_records`.
    """
    with _reading(database, password_env) as (connection, layout):
        number = "number" if layout == 1 else "record_number"
        query = f"SELECT {number}, record_json FROM records WHERE {number} > :n ORDER BY {number}"  # noqa: S608  # ours
        for found, text in _asked(connection, query, {"n": after}):
            yield found, Record.from_json(text)


def event(
    database: str | os.PathLike[str], event_key: str, *, password_env: str | None = None
) -> Record | None:
    """Return what is now known of an event: its row of the view ``events``, or ``None``.

    Parameters and errors are those of `select`; `event_key` is `icecube_hooks.Alert.event_key`.
    """
    rows = select(database, _NEWEST, {"key": event_key}, password_env=password_env)
    return next((Record.from_json(text) for (text,) in rows), None)


def history(
    database: str | os.PathLike[str], event_key: str, *, password_env: str | None = None
) -> list[Record]:
    """Return the notices of an event, oldest revision first, each once; tests are among them.

    Parameters and errors are those of `event`.
    """
    rows = select(database, _HISTORY, {"key": event_key}, password_env=password_env)
    return [Record.from_json(text) for (text,) in rows][::-1]


def select(
    database: str | os.PathLike[str],
    query: str,
    parameters: Mapping[str, object] | None = None,
    *,
    password_env: str | None = None,
) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a query, from a connection that cannot write.

    Parameters
    ----------
    database : str or path
        A URL, or the path of an SQLite file.
    query : str
        SQL, with ``:name`` for each of the `parameters`.
    parameters : mapping, optional
        Texts, numbers and times.
    password_env : str, optional
        As of `Database`.

    Raises
    ------
    ConfigError
        If the database cannot be read, is none of ours, is too old, or the query is wrong.
    """
    with _reading(database, password_env) as (connection, layout):
        if layout < OLDEST_LAYOUT:
            advice = f"a host, or `icecube-alerts sinks --deliver`, changes it to {LAYOUT}"
            raise RefusedForGood(f"it has layout {layout}; {advice}")
        yield from _asked(connection, query, parameters or {})


@contextlib.contextmanager
def _reading(
    database: str | os.PathLike[str], password_env: str | None
) -> Iterator[tuple[Connection, int]]:
    """Give a connection that cannot write, and the layout of what it reads."""
    address = address_of(database, password_env)
    place = place_of(address)
    try:
        with _connected(address, f"cannot read {place}") as connection:
            layout = layout_of(connection, place)
            if layout == 0:
                raise RefusedForGood("it has no tables of ours")
            yield connection, layout
    except SinkError as error:
        raise ConfigError(error.reason) from error


@contextlib.contextmanager
def _connected(address: URL, what: str) -> Iterator[Connection]:
    """Give a connection that cannot write; its errors are those of a sink."""
    from sqlalchemy import exc

    engine = reading(address)
    try:
        with engine.connect() as connection:
            yield connection
    except (exc.SQLAlchemyError, engine.dialect.loaded_dbapi.Error) as error:
        raise sink_error(error, what) from error
    except RefusedForGood as error:
        raise RefusedForGood(f"{what}: {error.reason}") from error
    finally:
        engine.dispose()


def _asked(
    connection: Connection, query: str, parameters: Mapping[str, object]
) -> Iterator[tuple[Any, ...]]:
    from sqlalchemy import text

    cells = {name: cell(value) for name, value in parameters.items()}
    with connection.execute(text(query), cells) as rows:
        yield from map(tuple, rows)


class Statements:
    """What a batch asks and inserts, compiled once in the words of a driver.

    Handed to it with whole rows, they cost what SQL written by hand costs.
    """

    def __init__(self, dialect: Dialect) -> None:
        from sqlalchemy import select

        records, sightings = (metadata().tables[name].c for name in ("records", "sightings"))
        sources = [sightings[name] for name in ("topic", "partition", "offset", "origin")]
        near = partial(among, dialect)
        asked = (
            select(records.record_id, records.record_number).where(near(records.record_id)),
            select(sightings.record_number, *sources).where(near(sightings.record_number)),
        )
        self.numbers, self.sightings = (str(one.compile(dialect=dialect)) for one in asked)
        self.events = EventIndex(dialect)
        self._dialect = dialect
        self._insertions: dict[tuple[str, tuple[int, ...]], str] = {}
        self.listed: Callable[[list[Any]], object] = (
            json.dumps if dialect.name == "sqlite" else list
        )

    def insert(self, cursor: Any, table: str, rows: Sequence[Sequence[Any]]) -> None:
        """Insert rows of all columns; those that no row states are left out, which is quicker."""
        columns = enumerate(zip(*rows, strict=True))
        stated = tuple(n for n, values in columns if values.count(None) < len(values))
        key = (table, stated)
        if key not in self._insertions:
            there = metadata().tables[table]
            names = [there.columns.keys()[n] for n in stated]
            compiled = there.insert().compile(dialect=self._dialect, column_keys=names)
            self._insertions[key] = str(compiled)
        insert(cursor, self._insertions[key], list(map(itemgetter(*stated), rows)))


def _insert(cursor: Any, statements: Statements, records: Sequence[Record]) -> None:
    """Insert what is not there; a record that is there already only gains a sighting."""
    ids = [cell(record.id) for record in records]
    numbers = dict(cursor.execute(statements.numbers, (statements.listed(ids),)))
    sightings: Sightings = {}
    if numbers:
        known = (statements.listed(list(numbers.values())),)
        for number, *source in cursor.execute(statements.sightings, known):
            sightings.setdefault(number, set()).add(_comparable(source))
    (last,) = cursor.execute("SELECT max(record_number) FROM records").fetchone()
    for table, rows in rows_of(records, numbers, sightings, last or 0).items():
        if rows:
            statements.insert(cursor, table, rows)
    new = {numbers[str(cell(record.id))]: record.alert for record in records}
    statements.events.add(cursor, {n: alert for n, alert in new.items() if n > (last or 0)})


_record_row = row_maker(TABLES["records"])
_sighting_row = row_maker(TABLES["sightings"])
_significance_row = row_maker(TABLES["significances"])
_neutrino_row = row_maker(TABLES["coincident_events"])


Sightings = dict[int, set[tuple[str | None, ...]]]
"""From where the record of each number has come."""


def rows_of(
    records: Iterable[Record], numbers: dict[str, int], sightings: Sightings, last: int
) -> dict[str, list[tuple[Any, ...]]]:
    """Return the rows that a batch adds, by table, those first to which others refer.

    A record that is there is not changed: what was written first stays. That it came again, from
    another offset, topic or file, is a row more in ``sightings``. `numbers` and `sightings`, what
    is there, and `last`, the largest number, are brought up to date.
    """
    rows: dict[str, list[tuple[Any, ...]]] = {table: [] for table in TABLES}
    for record in records:
        key = str(cell(record.id))
        number = numbers.get(key)
        if number is None:
            last = number = numbers[key] = last + 1
            rows["records"].append((number, *_record_row(record)))
            for n, one in enumerate(record.significances, start=1):
                rows["significances"].append((number, n, *_significance_row(one)))
            for n, neutrino in enumerate(record.alert.coincident_events, start=1):
                rows["coincident_events"].append((number, n, *_neutrino_row(neutrino)))
        seen = sightings.setdefault(number, set())
        sighting = _sighting_row(record.message)
        if (source := _comparable(sighting[:-1])) not in seen:  # when is not where
            seen.add(source)
            rows["sightings"].append((number, len(seen), *sighting))
    return rows


def _comparable(source: Iterable[object]) -> tuple[str | None, ...]:
    """Return a source as text: a database may give back another type of number."""
    return tuple([None if value is None else str(value) for value in source])


@hookimpl
def register_sinks() -> list[SinkType]:
    """Register the sink ``database``."""
    summary = "PostgreSQL or SQLite by URL, each record once"
    return [SinkType(name="database", make=Database, summary=summary)]
