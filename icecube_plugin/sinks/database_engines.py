"""How databases are reached: files of SQLite, and PostgreSQL by URL.

Writers wait for each other, by SQLite's own lock and by an advisory lock in PostgreSQL. What is
committed is on the disk: WAL and ``synchronous=FULL`` in SQLite; in PostgreSQL
``synchronous_commit`` is put on for our transactions where the server has it off.

A password is in the URL, in an environment variable, or where libpq looks (``PGPASSWORD``,
``~/.pgpass``). It is never shown.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from icecube_hooks import ConfigError, RefusedForGood, RetryLater
from icecube_plugin.alerts.words import clean
from icecube_plugin.disk import absolute, file_id, sync_folder, wrong
from icecube_plugin.extras import pip_line

from .database_migration import APPLICATION_ID

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine

__all__ = [
    "ADVISORY_LOCK",
    "address_of",
    "file_of",
    "place_of",
    "reading",
    "sink_error",
    "use_wal",
    "writing",
]

ADVISORY_LOCK: Final = 0x49634E75
"""Key of the lock that a writer of PostgreSQL holds until it commits."""

_DRIVERS: Final = ("postgresql+psycopg", "postgresql", "postgres", "sqlite", "sqlite+pysqlite")

_BEGIN_POSTGRESQL: Final = """
SELECT set_config('lock_timeout', %s, true), set_config(
    'synchronous_commit',
    CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on'
        ELSE current_setting('synchronous_commit') END, true)
"""

_MAY_PASS_SQLITE: Final = {
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

_MAY_PASS_POSTGRESQL: Final = {"08", "25", "40", "53", "55", "57", "58"}
"""Classes of SQLSTATE likewise: connection, read-only (a standby), serialization or deadlock,
resources (a full disk), lock, shutdown, system error."""

_UNIQUE_VIOLATION: Final = "23505"
"""Another program gave our numbers out without our lock; the next try sees them."""


def address_of(database: str | os.PathLike[str], password_env: str | None = None) -> URL:
    """Read the URL of a database, or the path of an SQLite file; errors show no password.

    Raises
    ------
    ConfigError
        If it is neither, names a database that we do not know, or a package or the password is
        missing.
    """
    from sqlalchemy import URL, exc, make_url

    if not isinstance(database, str) or "://" not in database:
        return URL.create("sqlite", database=str(absolute(database, "path")))
    try:
        address = make_url(database)
    except (exc.ArgumentError, ValueError):  # their text has the URL, and so the password
        address = None
    if address is None or address.drivername not in _DRIVERS:
        hint = "such as postgresql://user@host/name or sqlite:///alerts.sqlite"
        raise ConfigError("expected the URL of a database", key="url", hint=hint)
    if password_env is not None:
        address = address.set(password=_from_environment(password_env))
    if file_of(address) is None:
        _need_psycopg()
        return address.set(drivername="postgresql+psycopg")
    return address.set(database=str(file_of(address)))


def file_of(address: URL) -> Path | None:
    """Return the file of an SQLite database; ``None`` for a server.

    Raises
    ------
    ConfigError
        If it is a database in memory.
    """
    if address.get_backend_name() != "sqlite":
        return None
    if not address.database or address.database == ":memory:":
        raise ConfigError("names no file", key="url", hint="such as sqlite:///alerts.sqlite")
    return absolute(address.database, "url")


def place_of(address: URL) -> str:
    """Return what may be shown of an address."""
    if (file := file_of(address)) is not None:
        return str(file)
    host = f"{address.host or 'localhost'}:{address.port}" if address.port else address.host
    return clean(f"{address.database or 'the database'} at {host or 'the local server'}")


def writing(address: URL, wait_s: float) -> Engine:
    """Return an engine whose transactions keep other writers out.

    Parameters
    ----------
    address : URL
    wait_s : float
        How long to wait for a connection, and for another process that writes [s].
    """
    from sqlalchemy import event

    file = file_of(address)
    if file is None:
        engine = _postgresql(address, wait_s)
        event.listen(engine, "begin", partial(_begin_postgresql, wait_s))
        return engine
    engine = _sqlite(partial(_open_file, file, wait_s))
    event.listen(engine, "begin", partial(_run, "BEGIN IMMEDIATE"))
    _reconnect_if_replaced(engine, file)
    return engine


def reading(address: URL) -> Engine:
    """Return an engine whose connections cannot write."""
    from sqlalchemy import event

    file = file_of(address)
    if file is None:
        options: Any = {"postgresql_readonly": True, "stream_results": True}
        return _postgresql(address, 10.0).execution_options(**options)
    engine = _sqlite(partial(_open_to_read, file))
    event.listen(engine, "begin", partial(_run, "BEGIN"))
    return engine


def _run(statement: str, connection: Connection, parameters: tuple[object, ...] = ()) -> None:
    """Hand a statement to the driver; it raises the driver's errors."""
    cursor: Any = connection.connection.cursor()
    cursor.execute(statement, parameters)


def sink_error(error: BaseException, what: str) -> RetryLater | RefusedForGood:
    """Return the error that tells a host whether to try again.

    Its text is the first line of what the server or the driver says: no SQL, no values.
    """
    cause = getattr(error, "orig", None) or error
    lines = str(cause).strip().splitlines()
    reason = f"{what}: {clean(lines[0]) if lines else type(cause).__name__}"
    return (RetryLater if _may_pass(error) else RefusedForGood)(reason)


def _may_pass(error: BaseException) -> bool:
    cause = getattr(error, "orig", None) or error
    if isinstance(cause, sqlite3.Error):
        return getattr(cause, "sqlite_errorcode", 0) & 0xFF in _MAY_PASS_SQLITE
    state = getattr(cause, "sqlstate", None)
    if state is None:  # the connection is lost, or never was
        lost = ("OperationalError", "InterfaceError")  # of the driver, or SQLAlchemy's for them
        return type(error).__name__ in lost
    return state[:2] in _MAY_PASS_POSTGRESQL or state == _UNIQUE_VIOLATION


def _from_environment(name: str) -> str:
    password = os.environ.get(name) if isinstance(name, str) else None
    if not password:
        raise ConfigError(f"{name!r} is not in the environment", key="password_env")
    return password


# --- PostgreSQL ---------------------------------------------------------------------------------


def _need_psycopg() -> None:
    """Look for the driver, which SQLAlchemy imports late."""
    try:
        import psycopg  # noqa: F401
    except ImportError as error:
        hint = pip_line("database")
        raise ConfigError(f"needs another package: {error}", key="url", hint=hint) from error


def _postgresql(address: URL, wait_s: float) -> Engine:
    from sqlalchemy import create_engine

    asked = {"connect_timeout": max(2, round(wait_s)), "application_name": "icecube-alerts"}
    return create_engine(
        address,
        connect_args={name: value for name, value in asked.items() if name not in address.query},
        hide_parameters=True,  # of statements, in errors
        isolation_level="READ COMMITTED",
        max_overflow=0,
        paramstyle="format",  # rows go to the driver as tuples
        pool_pre_ping=True,
        pool_size=1,
    )


def _begin_postgresql(wait_s: float, connection: Connection) -> None:
    """Wait until no other writer is at work; what it wrote is seen after that."""
    wait_ms = str(max(1, round(1000 * wait_s)))
    _run(_BEGIN_POSTGRESQL, connection, (wait_ms,))
    _run("SELECT pg_advisory_xact_lock(%s)", connection, (ADVISORY_LOCK,))


# --- SQLite -------------------------------------------------------------------------------------


def _sqlite(open_it: Any) -> Engine:
    from sqlalchemy import QueuePool, create_engine

    return create_engine(
        "sqlite://",
        creator=open_it,
        hide_parameters=True,
        max_overflow=0,
        poolclass=QueuePool,
        pool_size=1,
    )


def _open_file(path: Path, wait_s: float) -> sqlite3.Connection:
    """Open a file for writing, an empty one if there is none."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # A host may write from another thread than the one that made the sink, one at a time.
        raw = sqlite3.connect(path, timeout=wait_s, isolation_level=None, check_same_thread=False)
        with contextlib.ExitStack() as on_error:
            on_error.callback(raw.close)
            raw.execute("PRAGMA page_size=16384")  # of a new file: a record fits into one
            _refuse_others(raw, path)
            use_wal(raw, wait_s)
            raw.execute("PRAGMA synchronous=FULL")
            raw.execute("PRAGMA cache_size=-65536")  # KiB: keeps the indexes of a large file
            sync_folder(path.parent)
            on_error.pop_all()
    except OSError as error:
        raise wrong(error, path) from error
    return raw


def _open_to_read(path: Path) -> sqlite3.Connection:
    raw = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, isolation_level=None)
    with contextlib.ExitStack() as on_error:
        on_error.callback(raw.close)
        _refuse_others(raw, path)
        on_error.pop_all()
    return raw


def _refuse_others(raw: sqlite3.Connection, path: Path) -> None:
    """Raise `RefusedForGood` for a database of another program, before anything in it changes."""
    (application,) = raw.execute("PRAGMA application_id").fetchone()
    (tables,) = raw.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application != APPLICATION_ID and (application or tables):
        raise RefusedForGood(f"{path} is a database of another program")


def use_wal(raw: sqlite3.Connection, wait_s: float) -> None:
    """Switch to a write-ahead log; for this SQLite does not wait for other processes by itself."""
    until = time.monotonic() + wait_s
    while True:
        try:
            raw.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= until:
                raise
            time.sleep(0.01)
        else:
            return


def _reconnect_if_replaced(engine: Engine, path: Path) -> None:
    """Open the file anew when another one, or none, has its name: it was moved or deleted."""
    from sqlalchemy import event, exc

    def note(_: object, held: Any) -> None:
        held.info["file"] = file_id(path)

    def compare(_: object, held: Any, __: object) -> None:
        if held.info["file"] != file_id(path):
            raise exc.DisconnectionError

    event.listen(engine, "connect", note)
    event.listen(engine, "checkout", compare)
