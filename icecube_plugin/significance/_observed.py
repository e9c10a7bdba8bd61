"""The gravitational-wave events that this host has searched, numbered as they came.

One SQLite file with one row per superevent and stream, so a restart forgets nothing and any
number of notices of one superevent count once. Notices that are not real (tests, mock events
``MS...``) are never counted.

LVK's own alerts, where the host hears them, say by their flag which stream a superevent is of, and
how often one comes; without, which searches ran gives the stream away.

The number of an event among those seen so far is no number of trials: whoever corrects each event
for what came before it, and judges again and again, finds something "strong" in a season of chance
four to ten times as often as stated. The number decides how much of the whole error is spent on an
event (`spent_trials`): the errors of all events, however many come, add up to what is stated.
"""

from __future__ import annotations

import math
import sqlite3
import threading
import weakref
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Self

from icecube_hooks import YEAR_S, Alert, Status

from ._rates import Rate, count_text, gw_stream_of, gw_time
from ._trials import Trials
from ._values import TRIALS

__all__ = ["ObservedEvents", "spent_trials"]

FEWEST_HEARD: Final = 10
"""Superevents of a stream that make a rate."""

# An older version has a table "looks" without numbers, in which nothing tells what came first.
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS numbered (
    superevent TEXT NOT NULL, stream TEXT NOT NULL, number INTEGER NOT NULL,
    PRIMARY KEY (superevent, stream)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS heard (
    superevent TEXT NOT NULL PRIMARY KEY, stream TEXT, time REAL NOT NULL
) WITHOUT ROWID;
"""
# A retraction has no stream: the superevent is no longer one of those that stand.
_HEAR: Final = """
INSERT INTO heard VALUES (:superevent, :stream, :time)
ON CONFLICT DO UPDATE SET
    stream = :stream, time = CASE WHEN :stream IS NULL THEN time ELSE :time END
"""
_STREAM: Final = "SELECT stream FROM heard WHERE superevent = ? AND stream IS NOT NULL"
_HEARD: Final = """
SELECT count(*), min(time), max(time), count(number) FROM heard
LEFT JOIN numbered USING (superevent, stream) WHERE stream = ?
"""
_ADD: Final = """
INSERT OR IGNORE INTO numbered
SELECT :superevent, :stream, count(*) + 1 FROM numbered WHERE stream = :stream
"""
_NUMBER: Final = "SELECT number FROM numbered WHERE superevent = :superevent AND stream = :stream"


def spent_trials(number: int, expected: float, of: str = "event") -> Trials:
    """Return the trials that the `number`-th of an open series of events pays for.

    Half of the error is for the first `expected` events, a quarter for the next 2 `expected`, an
    eighth for the next 4, and so on, in equal shares. With n trials for each, the chance that any
    event of an endless season of chance gets a post-trial p-value below a is at most a (Sidak).

    Parameters
    ----------
    number : int
        From 1, in the order in which the events came.
    expected : float
        How many a season has, fixed beforehand.

    Examples
    --------
    >>> [spent_trials(number, 100).n for number in (1, 100, 101, 301)]
    [200.0, 200.0, 800.0, 3200.0]
    """
    size = math.ceil(TRIALS.number(expected))
    block, last = 0, size
    while number > last:
        block += 1
        last += size * 2**block
    n = size * 2.0 ** (2 * block + 1)
    source = f"spent: {of} {number} of this host, paid as one of {count_text(n, 'trial')}"
    return Trials.given(n, f"{source}, for {size:g} expected a season and those beyond")


class ObservedEvents:
    """The superevents that a host has seen, by stream, in a file.

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

    def hear(self, alert: Alert) -> None:
        """Note which stream the superevent of an alert of LVK's own is of, by its flag."""
        superevent = alert.gw and alert.gw.superevent_id
        time = gw_time(alert) or alert.notice_time
        if not alert.is_real or superevent is None or time is None:
            return
        row = {"superevent": superevent, "stream": gw_stream_of(alert), "time": time.timestamp()}
        with self._lock:
            self._db.execute(_HEAR, row)

    def stream(self, alert: Alert) -> str | None:
        """Return the stream that a search followed up: by LVK's flag, else as it is guessed."""
        name = alert.gw and alert.gw.superevent_id
        with self._lock:
            found = self._db.execute(_STREAM, (name,)).fetchone()
        return str(found[0]) if found else gw_stream_of(alert)

    def rate(self, stream: str) -> Rate | None:
        """Return how often this host hears of a superevent of a stream; ``None`` of too few.

        Days on which the host was away count as days without one.
        """
        with self._lock:
            n, first, last, n_searches = self._db.execute(_HEARD, (stream,)).fetchone()
        if n < FEWEST_HEARD or last == first:
            return None
        days = (f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d}" for time in (first, last))
        return Rate(
            per_year=(n - 1) / (last - first) * YEAR_S,
            what=f"{stream} GW alerts",
            source=f"heard {n} superevents from {' to '.join(days)}, {n_searches} searches",
        )

    def add(self, alert: Alert) -> None:
        """Give the superevent of `alert` its number in its `stream`, once."""
        if alert.is_real and alert.status is not Status.RETRACTION and (look := self._look(alert)):
            with self._lock:
                self._db.execute(_ADD, look)

    def number(self, alert: Alert) -> int | None:
        """Return which of its stream the superevent was, from 1; ``None`` if it is not counted.

        A retracted superevent keeps its number: what was spent on it is spent.
        """
        look = self._look(alert)
        with self._lock:
            found = None if not look else self._db.execute(_NUMBER, look).fetchone()
        return int(found[0]) if found else None

    def _look(self, alert: Alert) -> dict[str, str] | None:
        superevent, stream = alert.gw and alert.gw.superevent_id, self.stream(alert)
        return {"superevent": superevent, "stream": stream} if superevent and stream else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
