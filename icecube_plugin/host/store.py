"""The host's own SQLite files: durable when a call returns, and begun afresh when damaged.

Conventions
-----------
- A file that is no database, or a damaged one, is renamed to ``NAME.damaged-TIME`` with its
  ``-wal`` and ``-shm``, an error is logged, and an empty one takes its place.
- Before each use a look shows whether the file is still the one that was opened: another process
  may have put it aside, or a person removed it.
- Before a ``fork()`` all files are closed, and opened again when they are used: what SQLite knows
  of open files and their locks is not true in the child.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import sqlite3
import threading
import weakref
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from icecube_hooks import IceCubePluginError
from icecube_plugin.disk import file_id, make_private

__all__ = ["FileLock", "Store", "StoreError", "is_damage", "tell_of_fork"]

log = logging.getLogger(__name__)

BUSY_S: Final = 10.0
"""How long to wait for another program that has locked the file; then the caller decides."""

_DAMAGE: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)

_told_of_fork: weakref.WeakSet[Any] = weakref.WeakSet()
_stores: weakref.WeakSet[Store] = weakref.WeakSet()
_closed: list[Store] = []


def tell_of_fork(thing: Any) -> None:
    """Have ``thing.after_fork()`` called in a child process."""
    _told_of_fork.add(thing)


def _before_fork() -> None:
    for store in list(_stores):
        store.hold()
        _closed.append(store)


def _after_fork() -> None:
    while _closed:
        _closed.pop().let_go()


def _in_child() -> None:
    _after_fork()
    for thing in list(_told_of_fork):
        thing.after_fork()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_in_child)


class StoreError(IceCubePluginError, OSError):
    """A file of the host cannot be read or written: going on would lose a message."""


class Store:
    """One SQLite file and one connection to it, for the threads of a process in turn.

    Parameters
    ----------
    path : Path
    schema : str
        SQL that makes the tables where they are not there yet.
    synced : bool
        Whether a transaction survives a crash of the machine, not only one of the process.
    page_size : int
        Of a new file [bytes].

    Attributes
    ----------
    opened, damaged : int
        How often the file has been opened (another number may mean another file), and put aside.
    """

    def __init__(
        self, path: Path, schema: str, *, synced: bool = True, page_size: int = 4096
    ) -> None:
        self.path = path
        self.opened = self.damaged = 0
        self._schema = schema
        # A checkpoint inside of a commit holds the caller up, so not before 2,000 pages.
        self._settings = (
            f"PRAGMA page_size = {page_size}; PRAGMA auto_vacuum = INCREMENTAL;"
            " PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 2000;"
            f" PRAGMA synchronous = {'FULL' if synced else 'NORMAL'};"
        )
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._lock = threading.RLock()
        _stores.add(self)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Begin a transaction that no other process can disturb; durable when it ends.

        Raises
        ------
        StoreError
            If the file cannot be opened or written; a damaged one has been put aside then.
        """
        with self.reading() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            if self._file != file_id(self.path):  # what was written went with the old file
                self.damaged += 1
                raise StoreError(f"{self.path} was put aside at this moment")

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Lend the connection, for statements that stand for themselves; raises as the above."""
        with self._lock:
            try:
                yield self._connected()
            except StoreError:
                raise
            except (sqlite3.Error, OSError) as error:
                if is_damage(error):
                    self._put_aside(error)
                raise StoreError(f"cannot use {self.path}: {error}") from error

    def close(self) -> None:
        """Close the file; a later call opens it again."""
        with self._lock:
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()

    def hold(self) -> None:
        """Close the file, and keep other threads from opening it."""
        self._lock.acquire()
        self.close()

    def let_go(self) -> None:
        """Let other threads open the file again."""
        self._lock.release()

    def _connected(self) -> sqlite3.Connection:
        if self._connection is not None and self._file == file_id(self.path):
            return self._connection
        self.close()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        make_private(self.path)
        self._file = file_id(self.path)
        connection = sqlite3.connect(
            self.path, timeout=BUSY_S, check_same_thread=False, isolation_level=None
        )
        # One text with bytes that are no UTF-8 must not make whole queries fail.
        connection.text_factory = lambda value: value.decode("utf-8", "replace")
        try:
            connection.executescript(self._settings + self._schema)
        except BaseException:
            connection.close()
            raise
        self.opened += 1
        self._connection = connection
        return connection

    def _put_aside(self, error: BaseException) -> None:
        self.close()
        self.damaged += 1
        if self._file != file_id(self.path):
            return  # another process was quicker
        suffix = f".damaged-{datetime.now(UTC):%Y%m%dT%H%M%S.%f}"
        for end in ("-shm", "-wal", ""):
            with contextlib.suppress(FileNotFoundError):
                Path(f"{self.path}{end}").rename(f"{self.path}{suffix}{end}")
        log.error("%s is damaged (%s): renamed to *%s, begun afresh", self.path, error, suffix)


class FileLock:
    """A file that one thread of one process has; the system lets go of it when that ends."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: int | None = None
        tell_of_fork(self)

    def take(self) -> bool:
        """Return whether we have it now.

        Raises
        ------
        OSError
            If the file cannot be made.
        """
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(file)
                return False
            self._file = file
        return True

    def release(self) -> None:
        """Let another one have it."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)

    after_fork = release  # the parent's lock stays: only its own last descriptor ends it


def is_damage(error: BaseException) -> bool:
    """Whether an error says that the file is damaged, or no database at all."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _DAMAGE
