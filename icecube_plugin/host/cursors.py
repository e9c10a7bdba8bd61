"""Cursors: the number in the journal up to which each sink has everything.

They stand in a file of their own, which is not synced at each move: after a crash of the machine a
sink gets some records again. A cursor belongs to a sink's name and type, and to one journal: in
another journal, begun after the first was put aside, everything is new.

A command may move a cursor while a host delivers. So a worker moves it only from where it put it
last, and otherwise takes over what it finds.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .journal import Journal
from .store import Store, StoreError

__all__ = ["Cursor", "Cursors"]

log = logging.getLogger(__name__)

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS cursors (
    name TEXT NOT NULL, type TEXT NOT NULL, journal TEXT NOT NULL, seq INTEGER NOT NULL,
    PRIMARY KEY (name, type)
);
"""

_HERE: Final = "CASE journal WHEN ? THEN seq ELSE 0 END"
"""Where a cursor is in the journal of that name: another one's numbers say nothing there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cursor:
    """One cursor.

    Attributes
    ----------
    name, type : str
        Of the sink.
    seq : int
        Number of the last entry that it has.
    """

    name: str
    type: str
    seq: int


class Cursors:
    """The cursors of a data folder, in one journal; each method may raise a `StoreError`.

    Parameters
    ----------
    folder : Path
    journal : Journal

    Attributes
    ----------
    is_new : bool
        Whether there was no file, or a damaged one.
    """

    def __init__(self, folder: Path, journal: Journal) -> None:
        self.path = folder / "cursors.sqlite"
        self._journal = journal
        self._store = Store(self.path, _SCHEMA, synced=False)
        self.is_new = not self.path.exists() or self._was_damaged()

    def get(self, name: str, kind: str) -> int | None:
        """Return where a sink is; ``None`` if it is not known."""
        query = f"SELECT {_HERE} FROM cursors WHERE name = ? AND type = ?"  # noqa: S608  # ours
        asked = (self._journal.uuid, name, kind)
        with self._store.reading() as db:
            found = db.execute(query, asked).fetchone()
        return None if found is None else int(found[0])

    def begin(self, name: str, kind: str, start: int | None) -> int:
        """Return where a sink begins: where it was, or if it is new at `start`, or now."""
        there, left, last = self.get(name, kind), self.get(name, ""), self._journal.tail.last
        if left is not None:  # of an older version, which knew no types
            self.forget(name, "")
            there = left if there is None else there
        if there is not None and there > last:
            log.error("the journal ends before what sink %s has: was it restored?", name)
        elif there is not None and left is None:
            return there
        where = (last if start is None else start) if there is None else min(there, last)
        self.put(name, kind, where)
        return where

    def put(self, name: str, kind: str, seq: int) -> None:
        """Put a cursor somewhere."""
        row = (name, kind, self._journal.uuid, seq)
        with self._store.transaction() as db:
            db.execute("INSERT OR REPLACE INTO cursors VALUES (?, ?, ?, ?)", row)

    def move(self, name: str, kind: str, old: int, new: int) -> bool:
        """Move a cursor on; return False if it is not, or no longer, at `old`."""
        change = "UPDATE cursors SET seq = ?, journal = ?"
        where = f" WHERE name = ? AND type = ? AND {_HERE} = ?"
        journal = self._journal.uuid
        row = (new, journal, name, kind, journal, old)
        with self._store.transaction() as db:
            return db.execute(change + where, row).rowcount == 1

    def all(self) -> list[Cursor]:
        """Return all cursors, by name."""
        if not self.path.exists():
            return []
        query = f"SELECT name, type, {_HERE} FROM cursors ORDER BY name"  # noqa: S608  # ours
        journal = self._journal.uuid
        with self._store.reading() as db:
            rows = db.execute(query, (journal,)).fetchall()
        return [Cursor(name=name, type=kind, seq=seq) for name, kind, seq in rows]

    def forget(self, name: str, kind: str | None = None) -> bool:
        """Remove the cursors of a name, of one type or all; return whether there was one."""
        with self._store.transaction() as db:
            query = "DELETE FROM cursors WHERE name = ? AND type = ifnull(?, type)"
            return db.execute(query, (name, kind)).rowcount > 0

    def _was_damaged(self) -> bool:
        try:
            self.all()
        except StoreError:
            if not self._store.damaged:
                raise
        return self._store.damaged > 0

    def close(self) -> None:
        """Close the file; a later call opens it again."""
        self._store.close()
