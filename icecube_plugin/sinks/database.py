"""The sink ``database``: the tables of ``sqlite`` in any database that a URL names.

``postgresql://user@host/name``
    PostgreSQL through SQLAlchemy and psycopg. A batch is one transaction; when `Database.write`
    returns, the server has it on its disk. Hosts that write at once wait for each other, so that
    each record is there once and their numbers are in the order of commit. A lost connection is
    made anew with the next batch.
``sqlite:///folder/file``
    The same file as the sink ``sqlite`` makes, with its guarantees.

The password is in the URL, in the variable that ``password_env`` names, or where libpq looks
(``PGPASSWORD``, ``~/.pgpass``). It is never shown.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from icecube_hooks import ConfigError, Record, RefusedForGood, RetryLater, SinkType, hookimpl
from icecube_plugin.alerts.words import clean

from . import sqlite
from ._schema import (
    COLUMNS,
    POSTGRESQL,
    SCHEMA_VERSION,
    cell,
    definitions,
    known_sightings,
    rows_of,
)

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine
    from sqlalchemy.exc import SQLAlchemyError

__all__ = ["Database", "read_records", "select"]

log = logging.getLogger(__name__)

LOCK: Final = 0x49634E75
"""Key of the advisory lock that a writer holds until it commits."""

_DRIVERS: Final = ("postgresql+psycopg", "postgresql", "postgres", "sqlite", "sqlite+pysqlite")

_BEGIN: Final = """
SELECT set_config('lock_timeout', :wait_ms, true), set_config(
    'synchronous_commit',
    CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on'
        ELSE current_setting('synchronous_commit') END, true)
"""
_IS_THERE: Final = "SELECT to_regclass('icecube_layout') IS NOT NULL"

_NUMBERS: Final = "SELECT record_id, record_number FROM records WHERE record_id = ANY(:ids)"
_SIGHTINGS: Final = """
SELECT record_number, topic, partition, "offset", origin FROM sightings
WHERE record_number = ANY(:numbers)
"""
_INSERTIONS: Final = {
    table: f"INSERT INTO {table} VALUES ({', '.join(['%s'] * len(columns))})"  # noqa: S608  # ours
    for table, columns in COLUMNS.items()
}

_MAY_PASS: Final = {"08", "25", "40", "53", "55", "57", "58"}
"""Classes of SQLSTATE after which the same batch may succeed later: connection, read-only (a
standby), serialization or deadlock, resources (a full disk), lock, shutdown, system error."""

_UNIQUE_VIOLATION: Final = "23505"
"""Another program gave our numbers out without our lock; the next try sees them."""


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
        If an option is wrong, a package is missing, or the database is another program's, of a
        newer layout, or does not let us make tables. A server that cannot be reached is no such
        error: `write` tries again.
    """

    def __init__(self, *, url: str, password_env: str | None = None, wait_s: float = 10.0) -> None:
        if isinstance(wait_s, bool) or not 0 <= wait_s <= 3600:
            raise ConfigError("expected seconds between 0 and 3600", key="wait_s")
        address = _address(url, password_env)
        self._store: _PostgreSQL | sqlite.Sqlite = (
            sqlite.Sqlite(path=_file(address), wait_s=wait_s)
            if address.get_backend_name() == "sqlite"
            else _PostgreSQL(address, wait_s)
        )

    def write(self, records: Sequence[Record], /) -> None:
        """Write a batch in one transaction: all of it or nothing.

        Raises
        ------
        RetryLater
            If the server is gone, restarts, is read-only or full, or another writer holds it.
        RefusedForGood
            If it refuses the content, or is not (or no longer) a database of this layout.
        """
        if records:
            self._store.write(records)

    def close(self) -> None:
        """Close the connection; a later `write` opens a new one."""
        self._store.close()


class _PostgreSQL:
    """The store behind a URL of PostgreSQL."""

    def __init__(self, address: URL, wait_s: float) -> None:
        self._place = _place(address)
        self._engine = _engine(address, wait_s)
        self._wait_ms = str(max(1, round(1000 * wait_s)))
        self._is_ready = False
        try:
            self.write(())
        except RefusedForGood as error:
            self.close()
            raise ConfigError(error.reason, key="url") from error
        except RetryLater as error:
            log.warning("%s; trying again with the first record", error)

    def write(self, records: Sequence[Record], /) -> None:
        from sqlalchemy import exc

        try:
            with self._engine.begin() as connection:
                self._lock(connection)
                if not self._is_ready:
                    _make_tables(connection, self._place)
                _insert(connection, records)
            self._is_ready = True
        except exc.SQLAlchemyError as error:
            self._is_ready = False
            raise _sink_error(error, f"cannot write {self._place}") from error

    def close(self) -> None:
        self._engine.dispose()

    def _lock(self, connection: Connection) -> None:
        """Wait until no other writer is at work; what it wrote is seen after that."""
        from sqlalchemy import text

        connection.execute(text(_BEGIN), {"wait_ms": self._wait_ms})
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})


def read_records(database: str | os.PathLike[str]) -> Iterator[Record]:
    """Yield every record of a database, in the order in which they were first written.

    Parameters
    ----------
    database : str or path
        A URL, or the path of an SQLite file.

    Raises
    ------
    ConfigError
        If it cannot be read, or is none of ours.
    """
    for (text,) in select(database, "SELECT record_json FROM records ORDER BY record_number"):
        yield Record.from_json(text)


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
        If the database cannot be read, is none of ours, or the query is wrong.
    """
    if not isinstance(database, str) or "://" not in database:
        yield from sqlite.select(database, query, parameters)
        return
    address = _address(database, password_env)
    if address.get_backend_name() == "sqlite":
        yield from sqlite.select(_file(address), query, parameters)
        return
    yield from _selected(address, query, parameters or {})


def _selected(
    address: URL, query: str, parameters: Mapping[str, object]
) -> Iterator[tuple[Any, ...]]:
    from sqlalchemy import exc, text

    cells = {name: cell(value) for name, value in parameters.items()}
    engine = _engine(address, 10.0).execution_options(postgresql_readonly=True, stream_results=True)
    try:
        with engine.connect() as connection:
            if _version(connection, _place(address)) == 0:
                raise ConfigError(f"{_place(address)} has no tables of ours", key="url")
            yield from map(tuple, connection.execute(text(query), cells))
    except (exc.SQLAlchemyError, RefusedForGood) as error:
        what = error.reason if isinstance(error, RefusedForGood) else _reason(error)
        raise ConfigError(f"cannot read {_place(address)}: {what}", key="url") from error
    finally:
        engine.dispose()


def _insert(connection: Connection, records: Sequence[Record]) -> None:
    """Insert what is not there; a record that is there already only gains a sighting."""
    if not records:
        return
    from sqlalchemy import text

    ids = {"ids": [cell(record.id) for record in records]}
    numbers = {row[0]: row[1] for row in connection.execute(text(_NUMBERS), ids)}
    known = {"numbers": list(numbers.values())}
    sightings = known_sightings(connection.execute(text(_SIGHTINGS), known)) if numbers else {}
    last = connection.execute(text("SELECT max(record_number) FROM records")).scalar()
    for table, rows in rows_of(records, numbers, sightings, last or 0).by_table():
        connection.exec_driver_sql(_INSERTIONS[table], rows)


def _make_tables(connection: Connection, place: str) -> None:
    """Make tables and views in an empty database."""
    if _version(connection, place) == SCHEMA_VERSION:
        return
    for statement in definitions(POSTGRESQL):
        connection.exec_driver_sql(statement)
    connection.exec_driver_sql("CREATE TABLE icecube_layout (version INTEGER NOT NULL)")
    connection.exec_driver_sql("INSERT INTO icecube_layout VALUES (%s)", (SCHEMA_VERSION,))


def _version(connection: Connection, place: str) -> int:
    """Return the layout of a database, 0 where there are no tables of ours.

    Raises
    ------
    RefusedForGood
        If it is another one than ours; the first that PostgreSQL has seen is 2.
    """
    if not connection.exec_driver_sql(_IS_THERE).scalar():
        return 0
    version = connection.exec_driver_sql("SELECT max(version) FROM icecube_layout").scalar()
    if version != SCHEMA_VERSION:
        reason = f"{place} has schema {version}, not the {SCHEMA_VERSION} of this version"
        raise RefusedForGood(f"{reason}; update icecube-plugin, or use another database")
    return SCHEMA_VERSION


def _address(url: str, password_env: str | None) -> URL:
    """Read a URL, and the password from the environment; errors do not show it."""
    try:
        import psycopg  # noqa: F401  # the driver, which SQLAlchemy imports late
        from sqlalchemy import exc, make_url
    except ImportError as error:
        hint = "pip install 'icecube-plugin[database]'"
        raise ConfigError(f"needs another package: {error}", key="url", hint=hint) from error
    try:
        address = make_url(str(url))
    except (exc.ArgumentError, ValueError):  # their text has the URL, and so the password
        address = None
    if address is None or address.drivername not in _DRIVERS:
        hint = "such as postgresql://user@host/name or sqlite:///alerts.sqlite"
        raise ConfigError("expected the URL of a database", key="url", hint=hint)
    if password_env is not None:
        address = address.set(password=_from_environment(password_env))
    is_sqlite = address.drivername.startswith("sqlite")
    return address if is_sqlite else address.set(drivername="postgresql+psycopg")


def _from_environment(name: str) -> str:
    password = os.environ.get(name) if isinstance(name, str) else None
    if not password:
        raise ConfigError(f"{name!r} is not in the environment", key="password_env")
    return password


def _file(address: URL) -> str:
    if not address.database or address.database == ":memory:":
        raise ConfigError("names no file", key="url", hint="such as sqlite:///alerts.sqlite")
    return address.database


def _place(address: URL) -> str:
    """Return what may be shown of a URL."""
    host = f"{address.host or 'localhost'}:{address.port}" if address.port else address.host
    return clean(f"{address.database or 'the database'} at {host or 'the local server'}")


def _engine(address: URL, wait_s: float) -> Engine:
    from sqlalchemy import create_engine

    asked = {"connect_timeout": max(2, round(wait_s)), "application_name": "icecube-alerts"}
    return create_engine(
        address,
        connect_args={name: value for name, value in asked.items() if name not in address.query},
        hide_parameters=True,  # of statements, in errors
        isolation_level="READ COMMITTED",
        max_overflow=0,
        pool_pre_ping=True,
        pool_size=1,
    )


def _sink_error(error: SQLAlchemyError, what: str) -> RetryLater | RefusedForGood:
    """Return the error that tells a host whether to try again."""
    from sqlalchemy import exc

    state = _state(error)
    is_lost = state is None and isinstance(error, exc.OperationalError | exc.InterfaceError)
    may_pass = is_lost or (state or "")[:2] in _MAY_PASS or state == _UNIQUE_VIOLATION
    return (RetryLater if may_pass else RefusedForGood)(f"{what}: {_reason(error)}")


def _state(error: SQLAlchemyError) -> str | None:
    state: str | None = getattr(getattr(error, "orig", None), "sqlstate", None)
    return state


def _reason(error: SQLAlchemyError) -> str:
    """Return the first line of what the server or the driver says: no SQL, no values."""
    cause = getattr(error, "orig", None) or error
    lines = str(cause).strip().splitlines()
    return clean(lines[0]) if lines else type(cause).__name__


@hookimpl
def register_sinks() -> list[SinkType]:
    """Register the sink ``database``."""
    summary = "PostgreSQL or SQLite by URL, each record once"
    return [SinkType(name="database", make=Database, summary=summary)]
