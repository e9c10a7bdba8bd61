"""The sink ``sqlite``: tables and views in one database file, each record exactly once.

A batch is one transaction, on the disk when `Sqlite.write` returns (WAL, ``synchronous=FULL``).
Several processes may write to one file; each waits for the other. Not on a network file system.

The tables are those of `icecube_plugin.sinks._schema`; ``docs/database.md`` describes them.
``PRAGMA user_version`` is the version of the layout. A file of an older one is brought to today's
when it is first opened for writing.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from icecube_hooks import (
    ConfigError,
    Record,
    RefusedForGood,
    RetryLater,
    SinkError,
    SinkType,
    hookimpl,
)
from icecube_plugin.disk import absolute, made_folder, sync_folder, wrong

from ._schema import (
    COLUMNS,
    HISTORY,
    NEWEST_EVENT,
    SCHEMA_VERSION,
    SQLITE,
    cell,
    definitions,
    known_sightings,
    rows_of,
)

__all__ = ["SCHEMA_VERSION", "Sqlite", "event", "history", "read_records", "select"]

log = logging.getLogger(__name__)

APPLICATION_ID: Final = 0x49634E75
"""``IcNu`` in ``PRAGMA application_id``: tells our files from those of other programs."""

_INSERTIONS: Final = {
    table: f"INSERT INTO {table} VALUES ({', '.join('?' * len(columns))})"  # noqa: S608  # ours
    for table, columns in COLUMNS.items()
}

_NUMBERS: Final = """
SELECT record_id, record_number FROM records
WHERE record_id IN (SELECT value FROM json_each(?))
"""
_SIGHTINGS: Final = """
SELECT record_number, topic, partition, "offset", origin FROM sightings
WHERE record_number IN (SELECT value FROM json_each(?))
"""


def _copied(table: str) -> str:
    """Return the statement that copies a table of layout 1, where text ids were the keys."""
    _, _, *rest = COLUMNS[table]
    columns = ", ".join(f'old."{column}"' for column in rest)
    position = "old.number"
    if table == "sightings":
        position = "row_number() OVER (PARTITION BY record_id ORDER BY old.rowid)"
    return f"""
        INSERT INTO {table} SELECT records_of_1.number, {position}, {columns}
        FROM {table}_of_1 AS old JOIN records_of_1 USING (record_id)
    """  # noqa: S608  # names are ours


_CHILDREN: Final = ("sightings", "significances", "coincident_events")

_FROM_LAYOUT_1: Final = (
    "DROP VIEW events",
    "DROP VIEW notices",
    *(f"DROP INDEX records_by_{what}" for what in ("notice", "event", "time")),
    *(f"ALTER TABLE {table} RENAME TO {table}_of_1" for table in COLUMNS),
    *definitions(SQLITE),
    f"INSERT INTO records SELECT number, {', '.join(COLUMNS['records'][1:])} FROM records_of_1",  # noqa: S608  # ours
    *map(_copied, _CHILDREN),
    *(f"DROP TABLE {table}_of_1" for table in (*_CHILDREN, "records")),
)

_CHANGED_BY: Final = f"a host or `icecube-alerts check` changes it to {SCHEMA_VERSION}"

_STEPS: Final[dict[int, Sequence[str]]] = {0: definitions(SQLITE), 1: _FROM_LAYOUT_1}
"""What brings a database to our layout, by the version that it has."""


_MAY_PASS: Final = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
}
"""Primary result codes after which the same batch may succeed later."""


class Sqlite:
    """Write records into an SQLite database.

    Parameters
    ----------
    path : str or path
        The database file; it and its folder are made if they are not there.
    wait_s : float
        How long to wait for another process that writes [s, >= 0].

    Raises
    ------
    ConfigError
        If the file cannot be made, is no database, is another program's, or has a layout that is
        newer than `SCHEMA_VERSION`.
    """

    def __init__(
        self,
        *,
        path: str | os.PathLike[str] = "icecube-alerts-data/alerts.sqlite",
        wait_s: float = 10.0,
    ) -> None:
        if isinstance(wait_s, bool) or not 0 <= wait_s <= 3600:
            raise ConfigError("expected seconds between 0 and 3600", key="wait_s")
        self.path = absolute(path, "path")
        self.wait_s = float(wait_s)
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        made_folder(self.path.parent, "path")
        try:
            self._connected()
        except SinkError as error:
            if not _is_locked(error.__cause__):
                raise ConfigError(error.reason, key="path") from error
            log.warning("%s; trying again with the first record", error)

    def write(self, records: Sequence[Record], /) -> None:
        """Write a batch in one transaction: all of it or nothing.

        Raises
        ------
        RetryLater
            If the database is locked, read-only, or the disk is full.
        RefusedForGood
            If the file is not (or no longer) a database of this layout, or refuses the content.
        """
        if not records:
            return
        try:
            _insert(self._connected(), records)
        except sqlite3.Error as error:
            raise _sink_error(error, self.path) from error

    def close(self) -> None:
        """Close the file; a later `write` opens it again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _connected(self) -> sqlite3.Connection:
        """Return the connection, a new one if the file was replaced or deleted meanwhile."""
        if self._connection is not None and _identity(self.path) == self._file:
            return self._connection
        self.close()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = _opened(self.path, self.wait_s)
            self._file = _identity(self.path)
            sync_folder(self.path.parent)
        except sqlite3.Error as error:
            raise _sink_error(error, self.path) from error
        except OSError as error:
            raise wrong(error, self.path) from error
        return self._connection


def read_records(path: str | os.PathLike[str]) -> Iterator[Record]:
    """Yield every record of a database, in the order in which they were first written.

    Parameters
    ----------
    path : str or path
        The database file.

    Raises
    ------
    ConfigError
        If it is missing or no database of ours.
    """
    return _records(path, "SELECT record_json FROM records ORDER BY record_number")


def event(path: str | os.PathLike[str], event_key: str) -> Record | None:
    """Return what is now known of an event: its row of the view ``events``, or ``None``.

    Parameters
    ----------
    path : str or path
        The database file.
    event_key : str
        See `icecube_hooks.Alert.event_key`.

    Raises
    ------
    ConfigError
        As `read_records`.
    """
    return next(_records(path, NEWEST_EVENT, {"key": event_key}), None)


def history(path: str | os.PathLike[str], event_key: str) -> list[Record]:
    """Return the notices of an event, oldest revision first, each once; tests are among them.

    Parameters and errors are those of `event`.
    """
    return list(_records(path, HISTORY, {"key": event_key}))


def select(
    path: str | os.PathLike[str], query: str, parameters: Mapping[str, object] | None = None
) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a query, from a connection that cannot write.

    Parameters
    ----------
    path : str or path
        The database file.
    query : str
        SQL, with ``:name`` for each of the `parameters`.
    parameters : mapping, optional
        Texts, numbers and times.

    Raises
    ------
    ConfigError
        As `read_records`; or if the layout is older than today's, or the query is wrong.
    """
    file = absolute(path, "path")
    cells = {name: cell(value) for name, value in (parameters or {}).items()}
    try:
        with contextlib.closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as database:
            database.execute("BEGIN")
            version = _schema_version(database, file)
            if version != SCHEMA_VERSION:
                raise RefusedForGood(f"{file}: it has schema {version}; {_CHANGED_BY}")
            yield from database.execute(query, cells)
    except (sqlite3.Error, RefusedForGood) as error:
        reason = error.reason if isinstance(error, RefusedForGood) else f"{file}: {error}"
        raise ConfigError(f"cannot read {reason}", key="path") from error


def _records(
    path: str | os.PathLike[str], query: str, parameters: Mapping[str, object] | None = None
) -> Iterator[Record]:
    for (text,) in select(path, query, parameters):
        yield Record.from_json(text)


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what tells the file at `path` from another of that name; ``None`` if there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _opened(path: Path, wait_s: float) -> sqlite3.Connection:
    """Open a database, with our tables in it."""
    # A host may write from another thread than the one that made the sink, one at a time.
    database = sqlite3.connect(path, timeout=wait_s, isolation_level=None, check_same_thread=False)
    try:
        database.execute("PRAGMA page_size=16384")  # of a new file: a record fits into one
        with _transaction(database, "DEFERRED"):
            version = _schema_version(database, path)
        if version < SCHEMA_VERSION:
            _create(database, path)
        _use_wal(database, wait_s)
        database.execute("PRAGMA synchronous=FULL")
        database.execute("PRAGMA cache_size=-65536")  # KiB: keeps the indexes of a large file
    except BaseException:
        database.close()
        raise
    return database


def _use_wal(database: sqlite3.Connection, wait_s: float) -> None:
    """Switch to a write-ahead log; for this SQLite does not wait for other processes by itself."""
    until = time.monotonic() + wait_s
    while True:
        try:
            database.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if not _is_locked(error) or time.monotonic() >= until:
                raise
            time.sleep(0.01)
        else:
            return


def _schema_version(database: sqlite3.Connection, path: Path) -> int:
    """Return the layout of a database, 0 for an empty one; call it inside a transaction.

    Raises
    ------
    RefusedForGood
        If it is another program's, or of a newer layout.
    """
    (application,) = database.execute("PRAGMA application_id").fetchone()
    version: int
    (version,) = database.execute("PRAGMA user_version").fetchone()
    (tables,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if (application, version, tables) == (0, 0, 0):
        return 0
    if application != APPLICATION_ID:
        raise RefusedForGood(f"{path} is a database of another program")
    if version > SCHEMA_VERSION:
        reason = f"{path} has schema {version}, newer than the {SCHEMA_VERSION} of this version"
        raise RefusedForGood(f"{reason}; update icecube-plugin, or use another file")
    return version


def _create(database: sqlite3.Connection, path: Path) -> None:
    """Bring an empty database, or one of an older layout, to ours, unless another process has."""
    with _transaction(database, "IMMEDIATE"):
        version = _schema_version(database, path)
        if version == SCHEMA_VERSION:
            return
        if version:
            log.warning("%s: changing layout %d to %d", path, version, SCHEMA_VERSION)
        for statement in _STEPS[version]:
            database.execute(statement)
        database.execute(f"PRAGMA application_id={APPLICATION_ID}")
        database.execute(f"PRAGMA user_version={SCHEMA_VERSION}")


@contextlib.contextmanager
def _transaction(database: sqlite3.Connection, kind: str) -> Iterator[None]:
    """Commit at the end, or take everything back."""
    database.execute(f"BEGIN {kind}")
    try:
        yield
        database.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):  # a full disk has rolled back by itself
            database.execute("ROLLBACK")
        raise


def _insert(database: sqlite3.Connection, records: Sequence[Record]) -> None:
    """Insert what is not there; a record that is there already only gains a sighting."""
    ids = json.dumps([cell(record.id) for record in records])
    with _transaction(database, "IMMEDIATE"):
        numbers = dict(database.execute(_NUMBERS, (ids,)))
        known = json.dumps(list(numbers.values()))
        sightings = known_sightings(database.execute(_SIGHTINGS, (known,))) if numbers else {}
        (last,) = database.execute("SELECT max(record_number) FROM records").fetchone()
        for table, rows in rows_of(records, numbers, sightings, last or 0).by_table():
            database.executemany(_INSERTIONS[table], rows)


def _sink_error(error: sqlite3.Error, path: Path) -> RetryLater | RefusedForGood:
    """Return the error that tells a host whether to try again."""
    reason = f"cannot write {path}: {error}"
    return RetryLater(reason) if _code(error) in _MAY_PASS else RefusedForGood(reason)


def _is_locked(error: BaseException | None) -> bool:
    return _code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _code(error: BaseException | None) -> int | None:
    """Return SQLite's primary result code; ``None`` where the error is not SQLite's own."""
    code = getattr(error, "sqlite_errorcode", None)
    return code & 0xFF if isinstance(code, int) else None


@hookimpl
def register_sinks() -> list[SinkType]:
    """Register the sink ``sqlite``."""
    return [SinkType(name="sqlite", make=Sqlite, summary="SQLite database, each record once")]
