"""Records that a sink could not take in time, on disk until it can.

One SQLite file for each sink, in the order in which the records came. A record is known by its id
and the coordinates of its message, so one that is redelivered does not pile up.
"""

from __future__ import annotations

import fcntl
import logging
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Final

from icecube_hooks import Record

from ._store import Store

__all__ = ["Spool", "place_id"]

log = logging.getLogger(__name__)

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS records (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    record TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS damaged (number INTEGER, id TEXT, record TEXT);
"""


class Spool:
    """The records that wait for one sink.

    Several processes may add to it; the one that holds `lock` takes records out.

    Parameters
    ----------
    path : Path
        The file; it is made when the first record comes.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._store = Store(path, _SCHEMA, "waiting records")
        self._lock: IO[str] | None = None

    def add(self, records: Sequence[Record]) -> list[int]:
        """Put records at the end; durable when it returns.

        Returns
        -------
        list of int
            The numbers of those that were not there yet.

        Raises
        ------
        StoreError
            If the file cannot be written.
        """
        numbers = []
        with self._store.transaction() as connection:
            for record in records:
                found = connection.execute(
                    "INSERT INTO records (id, record) VALUES (?, ?)"
                    " ON CONFLICT DO NOTHING RETURNING number",
                    (place_id(record), record.to_json()),
                ).fetchall()
                numbers += [number for (number,) in found]
        return numbers

    def first(self, count: int) -> dict[int, Record]:
        """Return the oldest records by number, at most `count`.

        Raises
        ------
        StoreError
            If the file cannot be read.
        """
        found: dict[int, Record] = {}
        while not found and self.path.exists():
            with self._store.transaction() as connection:
                rows = connection.execute(
                    "SELECT number, record FROM records ORDER BY number LIMIT ?", (count,)
                ).fetchall()
                if not rows:
                    break
                for number, text in rows:
                    try:
                        found[number] = Record.from_json(text)
                    except (ValueError, TypeError, KeyError, AttributeError) as error:
                        self._put_aside(connection, number, error)
        return found

    def _put_aside(self, connection: sqlite3.Connection, number: int, error: Exception) -> None:
        """Move a row that the disk has damaged out of the way of the others."""
        log.error("record %d in %s is damaged (%s); put aside there", number, self.path, error)
        connection.execute("INSERT INTO damaged SELECT * FROM records WHERE number = ?", (number,))
        connection.execute("DELETE FROM records WHERE number = ?", (number,))

    def remove(self, numbers: Sequence[int]) -> None:
        """Forget records that the sink has.

        Raises
        ------
        StoreError
            If the file cannot be written.
        """
        if numbers:
            with self._store.transaction() as connection:
                connection.executemany(
                    "DELETE FROM records WHERE number = ?", [(number,) for number in numbers]
                )

    def __len__(self) -> int:
        """Return how many records wait.

        Raises
        ------
        StoreError
            If the file cannot be read.
        """
        if not self.path.exists():
            return 0
        with self._store.transaction() as connection:
            (count,) = connection.execute("SELECT count(*) FROM records").fetchone()
        return int(count)

    def lock(self) -> bool:
        """Become the process that takes records out; return whether we are."""
        if self._lock is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            file = self.path.with_suffix(".lock").open("a")
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                file.close()
                return False
            self._lock = file
        return True

    def unlock(self) -> None:
        """Let another process take records out."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def place_id(record: Record) -> str:
    """Return what is the same for a message that is delivered again, and for nothing else."""
    message = record.message
    place = f"{message.topic} {message.partition} {message.offset} {message.origin}"
    return f"{record.id} {place}".encode("ascii", "backslashreplace").decode("ascii")
