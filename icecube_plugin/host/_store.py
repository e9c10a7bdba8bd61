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
    """

    def __init__(self, path: Path, schema: str, what: str) -> None:
        self.path = path
        self._schema = schema
        self._what = what

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Open the file for one transaction, which is durable afterwards.

        Raises
        ------
        StoreError
            If the file cannot be opened or written.
        """
        try:
            with contextlib.closing(self._open()) as connection, connection:
                yield connection
        except (sqlite3.Error, OSError, UnicodeDecodeError) as error:  # the last: in its errors
            raise StoreError(f"cannot keep {self._what} in {self.path}: {error}") from error

    def _open(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))  # nobody else's business
        connection = sqlite3.connect(self.path, timeout=30.0)
        try:
            connection.execute("PRAGMA auto_vacuum = FULL")  # a file that was large shrinks again
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.executescript(self._schema)
        except BaseException:
            connection.close()
            raise
        return connection
