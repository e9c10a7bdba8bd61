"""Many rows with few statements."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, Final

__all__ = ["insert"]

PARAMETERS: Final = 999
"""The most that every SQLite takes in one statement."""


def insert(cursor: Any, statement: str, rows: Sequence[Sequence[Any]]) -> None:
    """Insert rows into one table, as many as go with each statement.

    SQLite lets go of Python's lock at every statement. Where two threads work, one with each row,
    handing it back and forth takes longer than the rows.

    Parameters
    ----------
    cursor
        Of a database driver.
    statement : str
        ``INSERT INTO name (columns) VALUES (?, ?)``, with the driver's own mark for a parameter.
    rows : sequence of sequences
        All of the same length, which is at least one.
    """
    at_once = PARAMETERS // len(rows[0]) if rows else 1
    whole = len(rows) - len(rows) % at_once
    for start in range(0, whole, at_once):
        several = _several(statement, at_once)
        cursor.execute(several, list(chain.from_iterable(rows[start : start + at_once])))
    cursor.executemany(statement, rows[whole:])


@lru_cache(256)
def _several(statement: str, count: int) -> str:
    """Return a statement that inserts so many rows."""
    begin, values, row = statement.rpartition(" VALUES ")
    return begin + values + ", ".join([row] * count)
