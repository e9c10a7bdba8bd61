"""A count of the distinct gravitational-wave events that this host has really seen.

One SQLite file with one row per superevent and search, so a restart forgets nothing and any
number of notices of one superevent count once. Notices that are not real (tests, mock events
``MS...``) are never counted. A retracted superevent is not counted either, whatever the order in
which its notices come, or come again.
"""

from __future__ import annotations

import sqlite3
import threading
import weakref
from pathlib import Path
from typing import Final, Self

from icecube_hooks import Alert

from ._assessment import is_retracted

__all__ = ["ObservedEvents"]

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS looks (
    superevent TEXT NOT NULL, search TEXT NOT NULL, PRIMARY KEY (superevent, search)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS retracted (superevent TEXT PRIMARY KEY) WITHOUT ROWID;
"""
_COUNT: Final = """
SELECT count(*) FROM looks
WHERE search = ? AND superevent NOT IN (SELECT superevent FROM retracted)
"""


class ObservedEvents:
    """The superevents that a host has seen, by search, in a file.

    Parameters
    ----------
    path : str or Path
        SQLite file; made if it is not there. ``:memory:`` forgets at the end.

    Attributes
    ----------
    close : callable
        Close the file. Happens by itself when nobody holds the object any more.

    Raises
    ------
    sqlite3.Error
        If the file cannot be opened or is something else.
    """

    def __init__(self, path: str | Path) -> None:
        name = path if path == ":memory:" else Path(path).expanduser()
        self._lock = threading.Lock()
        self._db = sqlite3.connect(
            name, timeout=10.0, isolation_level=None, check_same_thread=False
        )
        try:
            self._db.executescript(_SCHEMA)
        except sqlite3.Error:
            self._db.close()
            raise
        self.close = weakref.finalize(self, self._db.close)

    def add(self, alert: Alert) -> None:
        """Count the superevent of `alert` for each search that states a p-value, once."""
        superevent = None if alert.gw is None else alert.gw.superevent_id
        if superevent is None or not alert.is_real:
            return
        with self._lock:
            if is_retracted(alert):
                self._db.execute("INSERT OR IGNORE INTO retracted VALUES (?)", (superevent,))
                return
            looks = [(superevent, p.search) for p in alert.p_values if p.value is not None]
            self._db.executemany("INSERT OR IGNORE INTO looks VALUES (?, ?)", looks)

    def count(self, search: str) -> int:
        """Return the number of distinct superevents on which `search` was run."""
        with self._lock:
            (number,) = self._db.execute(_COUNT, (search,)).fetchone()
        return int(number)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
