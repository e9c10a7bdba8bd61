"""The sink ``sqlite``: tables and views in one database file, each record exactly once.

Conventions
-----------
- A batch is one transaction, on the disk when `Sqlite.write` returns (WAL, ``synchronous=FULL``).
  Several processes may write to one file; each waits for the other. Not on a network file system.
- A record that is there already is not changed: what was written first stays. That it arrived
  again, from another offset, topic or file, is one row more in ``sightings``.
- Times are ISO 8601 in UTC with microseconds and ``Z``, so that text order is time order. Angles
  in degrees (ICRS), rates in Hz, energies in TeV. NULL is "not stated".
- Text that is not Unicode (a lone surrogate) stands as its escape; ``record_json`` has it exactly.

Tables ``records``, ``sightings``, ``significances``, ``coincident_events``, and two views:

``notices``
    One row per notice: of the same notice in several formats the one that is JSON, else VOEvent,
    text, binary, circular; of several such the latest.
``events``
    One row per event: its newest revision (or LVK sequence number) among the notices that are
    real. ``retracted`` is 1 if any of them retracts it, and ``n_notices`` counts them.

A person on shift might ask::

    SELECT event_key, kind, trigger_time, ra_deg, dec_deg, error_radius_deg, signalness
    FROM events WHERE kind = 'gold' AND NOT retracted ORDER BY trigger_time DESC LIMIT 10;

``PRAGMA user_version`` is the version of this layout, `SCHEMA_VERSION`.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain
from operator import attrgetter
from pathlib import Path
from typing import Final

from icecube_hooks import (
    ConfigError,
    Localization,
    Record,
    RefusedForGood,
    RetryLater,
    SinkError,
    SinkType,
    hookimpl,
)

from ._files import absolute, made_folder, sync_folder, wrong

__all__ = ["SCHEMA_VERSION", "Sqlite", "event", "history", "read_records"]

log = logging.getLogger(__name__)

SCHEMA_VERSION: Final = 1
"""Layout of the database; a file of a newer one is refused, not guessed at."""

APPLICATION_ID: Final = 0x49634E75
"""``IcNu`` in ``PRAGMA application_id``: tells our files from those of other programs."""

_COLUMNS: Final = {
    "record_id": "TEXT NOT NULL UNIQUE",
    "notice_id": "TEXT NOT NULL",
    "event_key": "TEXT",
    "event_name": "TEXT",
    "run_id": "INTEGER",
    "event_id": "INTEGER",
    "kind": "TEXT NOT NULL",
    "format": "TEXT NOT NULL",
    "revision": "INTEGER",
    "status": "TEXT",
    "tense": "TEXT",
    "is_real": "INTEGER NOT NULL",
    "trigger_time": "TEXT",
    "notice_time": "TEXT",
    "ra_deg": "REAL",
    "dec_deg": "REAL",
    "error_radius_deg": "REAL",
    "containment": "REAL",
    "energy_tev": "REAL",
    "signalness": "REAL",
    "far_hz": "REAL",
    "p_generic": "REAL",
    "p_bayesian": "REAL",
    "superevent_id": "TEXT",
    "gw_notice_number": "INTEGER",
    "first_seen": "TEXT",
    "raw": "BLOB NOT NULL",
    "record_json": "TEXT NOT NULL",
}

_TABLES: Final = f"""
CREATE TABLE records (
    number INTEGER PRIMARY KEY,
    {", ".join(f"{name} {kind}" for name, kind in _COLUMNS.items())}
);
CREATE INDEX records_by_notice ON records (notice_id);
CREATE INDEX records_by_event ON records (event_key);
CREATE INDEX records_by_time ON records (trigger_time);

CREATE TABLE sightings (
    record_id TEXT NOT NULL REFERENCES records (record_id),
    topic TEXT, partition INTEGER, "offset" INTEGER, timestamp TEXT, origin TEXT
);
CREATE UNIQUE INDEX sightings_once ON sightings (
    record_id, ifnull(topic, ''), ifnull(partition, -1), ifnull("offset", -1), ifnull(origin, '')
);

CREATE TABLE significances (
    record_id TEXT NOT NULL REFERENCES records (record_id),
    number INTEGER NOT NULL,
    provider TEXT NOT NULL, quantity TEXT NOT NULL, sided TEXT NOT NULL,
    p_value REAL, sigma REAL, is_limit INTEGER NOT NULL,
    n_trials REAL, trials_source TEXT, p_value_post REAL, sigma_post REAL,
    far_per_year REAL, far_source TEXT, verdict TEXT, notes TEXT NOT NULL,
    PRIMARY KEY (record_id, number)
) WITHOUT ROWID;

CREATE TABLE coincident_events (
    record_id TEXT NOT NULL REFERENCES records (record_id),
    number INTEGER NOT NULL,
    delta_t_s REAL, run_id INTEGER, event_id INTEGER, event_key TEXT,
    ra_deg REAL, dec_deg REAL, error_radius_deg REAL, containment REAL,
    p_generic REAL, p_bayesian REAL,
    PRIMARY KEY (record_id, number)
) WITHOUT ROWID;
"""

_NEWEST: Final = """
    coalesce(revision, gw_notice_number) DESC NULLS LAST, notice_time DESC NULLS LAST, number DESC
"""

_VIEWS: Final = f"""
CREATE VIEW notices AS SELECT number, {", ".join(_COLUMNS)} FROM (
    SELECT *, row_number() OVER (
        PARTITION BY event_key, notice_id
        ORDER BY CASE format
            WHEN 'json' THEN 0 WHEN 'voevent' THEN 1 WHEN 'text' THEN 2
            WHEN 'binary' THEN 3 WHEN 'circular' THEN 4 ELSE 5 END,
            notice_time DESC NULLS LAST, number DESC
    ) AS choice FROM records
) WHERE choice = 1;

CREATE VIEW events AS SELECT number, {", ".join(_COLUMNS)}, retracted, n_notices FROM (
    SELECT *,
        row_number() OVER (PARTITION BY event_key ORDER BY {_NEWEST}) AS choice,
        max(status IS 'retraction') OVER (PARTITION BY event_key) AS retracted,
        count(*) OVER (PARTITION BY event_key) AS n_notices
    FROM notices WHERE is_real AND event_key IS NOT NULL
) WHERE choice = 1;
"""  # noqa: S608  # made of the constants above

_STORED: Final = frozenset({type(None), float, bytes})

_ALERT: Final = (
    *("notice_id", "event_key", "run_id", "event_id", "kind", "format", "revision", "status"),
    *("tense", "is_real", "trigger_time", "notice_time", "energy_tev", "signalness", "far_hz"),
    "raw",
)
_PLACE: Final = ("ra_deg", "dec_deg", "error_radius_deg", "containment")
_NO_PLACE: Final = (None,) * len(_PLACE)
_MESSAGE: Final = ("topic", "partition", "offset", "timestamp", "origin")
_SIGNIFICANCE: Final = (
    *("provider", "quantity", "sided", "p_value", "sigma", "is_limit", "n_trials"),
    *("trials_source", "p_value_post", "sigma_post", "far_per_year", "far_source", "verdict"),
)
_NEUTRINO: Final = ("delta_t_s", "run_id", "event_id", "event_key")
_P_VALUES: Final = ("p_generic", "p_bayesian")

# Each of these gets all attributes that are columns by the same name, in one call.
_of_alert = attrgetter(*_ALERT)
_of_place = attrgetter(*_PLACE)
_of_message = attrgetter(*_MESSAGE)
_of_significance = attrgetter(*_SIGNIFICANCE)
_of_neutrino = attrgetter(*_NEUTRINO)


def _insertion(table: str, *columns: str) -> str:
    names = ", ".join(f'"{column}"' for column in columns)
    marks = ", ".join("?" * len(columns))
    return f"INSERT INTO {table} ({names}) VALUES ({marks}) ON CONFLICT DO NOTHING"  # noqa: S608  # names are ours


_INTO_RECORDS: Final = _insertion(
    *("records", "record_id", "event_name", *_ALERT, *_PLACE, *_P_VALUES),
    *("superevent_id", "gw_notice_number", "first_seen", "record_json"),
)
_INTO_SIGHTINGS: Final = _insertion("sightings", "record_id", *_MESSAGE)
_INTO_SIGNIFICANCES: Final = _insertion(
    "significances", "record_id", "number", *_SIGNIFICANCE, "notes"
)
_INTO_COINCIDENT_EVENTS: Final = _insertion(
    "coincident_events", "record_id", "number", *_NEUTRINO, *_PLACE, *_P_VALUES
)

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
            _insert_all(self._connected(), records)
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
    return _records(path, "SELECT record_json FROM records ORDER BY number")


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
    query = "SELECT record_json FROM events WHERE event_key = ?"
    found = list(_records(path, query, event_key))
    return found[0] if found else None


def history(path: str | os.PathLike[str], event_key: str) -> list[Record]:
    """Return the notices of an event, oldest revision first, each once; tests are among them.

    Parameters and errors are those of `event`.
    """
    oldest = _NEWEST.replace("DESC NULLS LAST", "ASC NULLS FIRST").replace("DESC", "ASC")
    query = f"SELECT record_json FROM notices WHERE event_key = ? ORDER BY {oldest}"  # noqa: S608  # ours
    return list(_records(path, query, event_key))


def _records(path: str | os.PathLike[str], query: str, *arguments: str) -> Iterator[Record]:
    """Yield the records that `query` finds, from a connection that cannot write."""
    file = absolute(path, "path")
    try:
        with contextlib.closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as database:
            database.execute("BEGIN")
            _schema_version(database, file)
            for (text,) in database.execute(query, [_cell(argument) for argument in arguments]):
                yield Record.from_dict(json.loads(text))
    except (sqlite3.Error, RefusedForGood) as error:
        reason = error.reason if isinstance(error, RefusedForGood) else f"{file}: {error}"
        raise ConfigError(f"cannot read {reason}", key="path") from error


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
        with _transaction(database, "DEFERRED"):
            version = _schema_version(database, path)
        if version == 0:
            _create(database, path)
        _use_wal(database, wait_s)
        database.execute("PRAGMA synchronous=FULL")
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
    """Make tables and views, unless another process was faster."""
    with _transaction(database, "IMMEDIATE"):
        if _schema_version(database, path) != 0:
            return
        for statement in f"{_TABLES}{_VIEWS}".split(";"):
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


def _insert_all(database: sqlite3.Connection, records: Sequence[Record]) -> None:
    """Insert what is not there; a record that is there already only gains a sighting."""
    with _transaction(database, "IMMEDIATE"):
        new = [record for record in records if _insert_record(database, record)]
        database.executemany(_INTO_SIGNIFICANCES, chain.from_iterable(map(_significances, new)))
        database.executemany(_INTO_COINCIDENT_EVENTS, chain.from_iterable(map(_coincident, new)))
        database.executemany(_INTO_SIGHTINGS, map(_sighting, records))


def _insert_record(database: sqlite3.Connection, record: Record) -> bool:
    """Insert the row of a record unless it is there; say whether it is new."""
    return database.execute(_INTO_RECORDS, _record(record)).rowcount == 1


def _record(record: Record) -> list[object]:
    alert = record.alert
    gw = (None, None) if alert.gw is None else (alert.gw.superevent_id, alert.gw.notice_number)
    return _cells((
        record.id,
        alert.event_names[0] if alert.event_names else None,
        *_of_alert(alert),
        *_place(alert.localization),
        alert.p_value("generic"),
        alert.p_value("bayesian"),
        *gw,
        record.message.timestamp,
        record.to_json(),
    ))  # fmt: skip


def _sighting(record: Record) -> list[object]:
    return _cells((record.id, *_of_message(record.message)))


def _significances(record: Record) -> Iterator[list[object]]:
    for number, significance in enumerate(record.significances, start=1):
        notes = json.dumps(significance.notes) if significance.notes else "[]"
        yield _cells((record.id, number, *_of_significance(significance), notes))


def _coincident(record: Record) -> Iterator[list[object]]:
    for number, neutrino in enumerate(record.alert.coincident_events, start=1):
        p_values = neutrino.p_value("generic"), neutrino.p_value("bayesian")
        place = _place(neutrino.localization)
        yield _cells((record.id, number, *_of_neutrino(neutrino), *place, *p_values))


def _place(place: Localization | None) -> tuple[object, ...]:
    return _NO_PLACE if place is None else _of_place(place)


def _cells(values: Iterable[object]) -> list[object]:
    """Turn a row into what SQLite stores; most values are that already."""
    return [
        v if v.__class__ in _STORED or (type(v) is str and v.isascii()) else _cell(v)
        for v in values
    ]


def _cell(value: object) -> object:
    """Turn a value of the contract into one that SQLite stores."""
    if isinstance(value, str):
        text = str(value)  # of an enum: sqlite3 takes long to find that it is text
        return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, datetime):
        text = value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")
        return f"{text}Z"
    if isinstance(value, int):
        return int(value) if -(2**63) <= value < 2**63 else str(value)
    return value


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
