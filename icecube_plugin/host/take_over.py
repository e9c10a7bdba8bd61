"""What versions before 0.2 left in a data folder: spools, dead letters, and the list of notices.

All of it goes into the journal at the first start: records that waited for a sink for that sink
alone, dead letters as such, notices that came before as entries without anything to deliver. A
file that has been taken over is renamed to ``NAME.taken-over``.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from icecube_hooks import NoticeError, Record

from .cursors import Cursors
from .journal import SEEN, Journal, Row
from .store import FileLock

__all__ = ["take_over"]

log = logging.getLogger(__name__)

AT_ONCE: Final = 500

_PLACE: Final = 'topic, partition, "offset", origin'
_SEEN: Final = f"number, seen_at, {_PLACE}, record_id, notice_id FROM seen"
_LETTERS: Final = f"number, at, {_PLACE}, id, sink, error, reason, versions, message FROM letters"
_WAITING: Final = "number, record FROM records"


def take_over(folder: Path, journal: Journal, cursors: Cursors) -> None:
    """Move what an older version has left into the journal.

    Raises
    ------
    StoreError
        If the journal cannot be written; it is tried again at the next start.
    """
    spools = sorted((folder / "spool").glob("*.sqlite"))
    seen, letters = folder / "sightings.sqlite", folder / "dead-letters.sqlite"
    if not (spools or seen.exists() or letters.exists()):
        return
    lock = FileLock(folder / "locks" / "take-over.lock")
    if not lock.take():
        return  # another process is at it
    try:
        _move(seen, _SEEN, lambda rows: journal.adopt([_seen(row) for row in rows]))
        _move(letters, _LETTERS, lambda rows: journal.adopt([_letter(row) for row in rows]))
        for spool in spools:
            name = unquote(spool.stem)
            if not any(cursor.name == name for cursor in cursors.all()):
                cursors.put(name, "", journal.look())
            _move(spool, _WAITING, lambda rows, name=name: _adopt(journal, rows, name))  # type: ignore[misc]
    finally:
        lock.release()


def _move(path: Path, columns: str, adopt: Callable[[Sequence[Any]], object]) -> None:
    """Adopt the rows of an old file in parts, oldest first, and rename it."""
    if not path.exists():
        return
    count, end = 0, "taken-over"
    query = f"SELECT {columns} ORDER BY number LIMIT {AT_ONCE}"  # ours
    forget = f"DELETE FROM {columns.rsplit(' ', 1)[1]} WHERE number <= ?"  # noqa: S608  # names of our own tables
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.text_factory = lambda value: value.decode("utf-8", "replace")
            while rows := db.execute(query).fetchall():
                adopt(rows)
                db.execute(forget, (rows[-1][0],))
                count += len(rows)
    except sqlite3.Error as error:
        log.error("%s is damaged (%s): what is left of it is not taken over", path, error)
        end = "damaged"
    path.rename(f"{path}.{end}")
    log.warning("%d rows of %s are in the journal now; it is %s.%s", count, path, path.name, end)


def _seen(row: Sequence[Any]) -> Row:
    _, at, topic, partition, offset, origin, record_id, notice_id = row
    when = datetime.fromisoformat(at).timestamp()
    return Row(when, topic, partition, offset, origin, record_id, notice_id, error=SEEN)


def _letter(row: Sequence[Any]) -> Row:
    _, at, topic, partition, offset, origin, key, sink, error, reason, versions, message = row
    when = datetime.fromisoformat(at).timestamp()
    letter = (key, when, sink, error, reason, versions)
    body = message.encode()
    return Row(when, topic, partition, offset, origin, error=error, body=body, letter=letter)


def _adopt(journal: Journal, rows: Sequence[Any], sink: str) -> None:
    records = []
    for number, text in rows:
        try:
            records.append(Record.from_json(text))
        except NoticeError as error:
            log.error("record %d that waited for sink %s is damaged: %s", number, sink, error)
    if records:
        journal.append(records, sink=sink)
