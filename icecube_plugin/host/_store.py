"""What the host keeps on disk for itself: small SQLite files, durable when a call returns."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from icecube_hooks import IceCubePluginError

__all__ = ["Store", "StoreError"]


class StoreError(IceCubePluginError, OSError):
    """A file of the host cannot be read or written: going on would lose a message."""


class Store:
    """One SQLite file, made when something is first put into it.

    Parameters
    ----------
    path : Path
    schema : str
        SQL that makes the tables where they are not there yet.
    what : str
        What the file holds, for errors.
    synced : bool
        Whether a transaction survives a crash of the machine, not only one of the process.
    """

    def __init__(self, path: Path, schema: str, what: str, *, synced: bool = True) -> None:
        self.path = path
        self._schema = schema
        self._what = what
        self._synchronous = "FULL" if synced else "NORMAL"
        self._held: sqlite3.Connection | None = None

    @contextlib.contextmanager
    def transaction(self, *, hold: bool = False) -> Iterator[sqlite3.Connection]:
        """Open the file for one transaction, which is durable afterwards.

        Parameters
        ----------
        hold : bool
            Keep the file open for the next one, which is quicker, until `close`.

        Raises
        ------
        StoreError
            If the file cannot be opened or written.
        """
        try:
            connection = self._held or self._open()
            self._held = None
            try:
                with connection:
                    yield connection
            except BaseException:
                connection.close()
                raise
            if hold:
                self._held = connection
            else:
                connection.close()
        except (sqlite3.Error, OSError, UnicodeError) as error:  # the last: of odd text
            raise StoreError(f"cannot keep {self._what} in {self.path}: {error}") from error

    def close(self) -> None:
        """Close the file, if it is held."""
        held, self._held = self._held, None
        if held is not None:
            held.close()

    def _open(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))  # nobody else's business
        connection = sqlite3.connect(self.path, timeout=30.0, check_same_thread=False)
        try:
            connection.execute("PRAGMA auto_vacuum = FULL")  # a file that was large shrinks again
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA synchronous = {self._synchronous}")
            connection.executescript(self._schema)
        except BaseException:
            connection.close()
            raise
        return connection
