"""The journal: what came, in order, on disk before anything is promised.

One SQLite file holds for each message that is ours an *entry* (where it came from, which record and
notice it is) and a *body*: the record as JSON, or the message if it could not be read. Whoever is
to have the records reads on from a number of its own, see `cursors`.

- A batch is one transaction, records and refusals in the order in which they came. Its offsets may
  be committed when `Journal.append` returns, and for no other reason.
- Several processes may append. So a number is given inside of the transaction, and none is used
  again: the newest entry is never removed.
- A body has a checksum. One that is damaged is told, and passed over.
- *Dead letters* are entries that could not be read, or that a sink has refused. They and their
  bodies stay while other bodies are removed for their age, or for the size of all.
- The newest records are kept in memory, too, see `tail`.
"""

from __future__ import annotations

import hashlib
import json
import logging
import sqlite3
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from icecube_hooks import Message, NoticeError, Record, Sighting
from icecube_plugin.sql import insert

from .store import Store, StoreError, is_damage
from .tail import CHUNK, CHUNK_BYTES, DURABLE, Batch, Entry, Part, Tail

__all__ = ["KEPT", "SEEN", "DeadLetter", "Journal", "Refusal", "Row", "TooLarge", "letter_key"]

log = logging.getLogger(__name__)

KEPT: Final = 65_536
"""What is kept of a message that is too large to be read [bytes]."""

SEEN: Final = "Seen"
"""Error of entries that hold only that an older version has delivered a notice."""

PRUNED_AT_ONCE: Final = 2000
MOST_SIGHTINGS: Final = 20

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS journal (uuid TEXT NOT NULL);
INSERT INTO journal SELECT lower(hex(randomblob(16))) WHERE NOT EXISTS (SELECT * FROM journal);
CREATE TABLE IF NOT EXISTS entries (
    seq INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    topic TEXT, partition INTEGER, "offset" INTEGER, origin TEXT,
    record_id TEXT, notice_id TEXT,
    sink TEXT,
    error TEXT
);
CREATE INDEX IF NOT EXISTS by_notice ON entries (notice_id) WHERE notice_id IS NOT NULL;
CREATE TABLE IF NOT EXISTS bodies (seq INTEGER PRIMARY KEY, crc INTEGER NOT NULL, body BLOB);
CREATE TABLE IF NOT EXISTS letters (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    seq INTEGER NOT NULL,
    at REAL NOT NULL,
    sink TEXT, error TEXT NOT NULL, reason TEXT NOT NULL, versions TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS letters_of ON letters (seq);
"""

_ADD_ENTRY: Final = (
    'INSERT INTO entries (seq, at, topic, partition, "offset", origin, record_id, notice_id, sink,'
    " error) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_ADD_LETTER: Final = """
INSERT INTO letters (key, seq, at, sink, error, reason, versions) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (key) DO UPDATE SET seq = excluded.seq, at = excluded.at, error = excluded.error,
    reason = excluded.reason, versions = excluded.versions
"""
_DROP_LETTERS: Final = """
DELETE FROM letters WHERE number IN (SELECT number FROM letters ORDER BY number LIMIT ?)
"""
_SIGHTINGS: Final = """
SELECT seq, notice_id, error, at, record_id, topic, partition, "offset", origin FROM entries
WHERE notice_id IN (SELECT value FROM json_each(?)) ORDER BY seq
"""
_PRUNABLE: Final = """
SELECT bodies.seq, at FROM bodies JOIN entries USING (seq)
WHERE seq < ? AND NOT EXISTS (SELECT 1 FROM letters WHERE letters.seq = bodies.seq)
ORDER BY bodies.seq LIMIT ?
"""
_FORGET: Final = """
DELETE FROM entries WHERE seq IN (
    SELECT seq FROM entries WHERE seq <= ?
    AND NOT EXISTS (SELECT 1 FROM bodies WHERE bodies.seq = entries.seq) LIMIT ?
)
"""


_Arrival = tuple[str, str | None, int | None, int | None, str | None]
"""A record's id and the place that its message came from."""


class TooLarge(NoticeError):
    """A message is larger than the host reads, and than is kept of it."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A message that could not be read, and why."""

    message: Message
    error: Exception


class Row(NamedTuple):
    """One entry as it is written: the columns of `entries`, the body, and of a dead letter its row.

    `at` is Unix time [s], `sink` the only one that it is for, `error` why there is nothing to
    deliver.
    """

    at: float
    topic: str | None
    partition: int | None
    offset: int | None
    origin: str | None
    record_id: str | None = None
    notice_id: str | None = None
    sink: str | None = None
    error: str | None = None
    body: bytes | None = None
    letter: tuple[str, float, str | None, str, str, str] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class DeadLetter:
    """One message that could not be read or delivered.

    Attributes
    ----------
    number : int
        What commands call it.
    at : datetime
        When it was put aside [UTC].
    sink : str or None
        The sink that refused it; ``None`` if the message could not be read.
    error, reason : str
        Type and text of the error.
    versions : mapping
        Version of each plugin distribution at that time.
    message : Message
    """

    number: int
    at: datetime
    sink: str | None
    error: str
    reason: str
    versions: Mapping[str, str]
    message: Message

    @property
    def is_cut(self) -> bool:
        """Whether only the beginning of the message was kept: it cannot be tried again."""
        return self.error == TooLarge.__name__


class Journal:
    """The journal of a data folder; each method may raise a `StoreError`.

    Parameters
    ----------
    folder : Path
        It and the file are made when the first entry comes.
    versions : mapping, optional
        Version of each plugin distribution, noted with every dead letter.
    days, limit_bytes : float
        Bodies that are older, or the oldest beyond this size, are removed by `prune`.
    letters_limit : int
        How many dead letters are kept.
    remembered : int
        How many of the newest entries `sightings` looks at.

    Attributes
    ----------
    tail : Tail
        The newest entries, in memory.
    damaged : int
        Number of bodies that were found damaged.
    """

    def __init__(
        self,
        folder: Path,
        versions: Mapping[str, str] | None = None,
        *,
        days: float = 90.0,
        limit_bytes: float = float(1 << 32),
        letters_limit: int = 100_000,
        remembered: int = 100_000,
    ) -> None:
        self.path = folder / "journal.sqlite"
        self.tail = Tail()
        self.damaged = 0
        self._days, self._limit_bytes = days, limit_bytes
        self._letters_limit, self._remembered = letters_limit, remembered
        self._versions = json.dumps(dict(versions or {}))
        self._writer = Store(self.path, _SCHEMA, page_size=16_384)  # has the newest pages in memory
        self._reader = Store(self.path, _SCHEMA, page_size=16_384)  # waits for no sync
        self._uuid = ""
        self._greeted: dict[Store, int] = {}

    @property
    def uuid(self) -> str:
        """What tells this journal from one that was put aside, as far as this process knows."""
        if not self._uuid:
            self.look()
        return self._uuid

    def append(
        self, items: Sequence[Record | Refusal], *, sink: str | None = None, eager: bool = True
    ) -> int:
        """Add records and refusals, for all sinks or one; return the number of the last.

        All are durable then. If `eager`, sinks may have them while the disk is being written.
        """
        at = time.time()
        new = [self._row(item, at, sink) for item in items]
        damaged = self._writer.damaged
        try:
            return self._append(items, new, eager=eager)
        except StoreError:
            if damaged == self._writer.damaged:
                raise
            return self._append(items, new, eager=False)  # into the new file

    def _append(
        self, items: Sequence[Record | Refusal], rows: Sequence[Row], *, eager: bool
    ) -> int:
        batch = Batch()
        try:
            with self._writer.transaction() as db:
                first = self._add(db, rows)
                batch.entries = _entries(first, items, rows)
                if eager:
                    self.tail.show(batch)
        except BaseException:
            self.tail.settle(batch, durable=False)
            raise
        if not eager:
            self.tail.show(batch)
        self.tail.settle(batch, durable=True)
        return first + len(rows) - 1

    def adopt(self, rows: Sequence[Row]) -> None:
        """Add what an older version has left."""
        with self._writer.transaction() as db:
            self._add(db, rows)
        self.look()

    def after(self, seq: int, *, eager: bool = False) -> Part:
        """Return the entries after a number; none if there are none yet."""
        part = self.tail.after(seq, eager=eager)
        if part.entries or seq >= self.tail.last:
            return part
        return Part(list(self._read(seq)), DURABLE)

    def look(self) -> int:
        """See what other processes have added; return the number of the last entry."""
        with self._reader.reading() as db:
            last = self._greet(self._reader, db)
        with self.tail.changed:
            self.tail.last = max(self.tail.last, last)
        return last

    def refuse(self, entry: Entry, sink: str, error: Exception) -> None:
        """Keep a record that a sink has refused as a dead letter."""
        if entry.record is None:
            return
        key = letter_key(entry.record.message, sink)
        why = (type(error).__name__, str(error), self._versions)
        with self._writer.transaction() as db:
            db.execute(_ADD_LETTER, (key, entry.seq, time.time(), sink, *map(_text, why)))

    def letters(self, numbers: Sequence[int] = ()) -> Iterator[DeadLetter]:
        """Yield dead letters in the order in which they came; all, or those with `numbers`."""
        if not self.path.exists():
            return
        with self._reader.reading() as db:
            rows = db.execute(
                "SELECT number, letters.at, letters.sink, letters.error, reason, versions, seq,"
                " entries.error FROM letters LEFT JOIN entries USING (seq) ORDER BY number"
            ).fetchall()
        for number, at, sink, error, reason, versions, seq, unread in rows:
            body = self._body(seq) if not numbers or number in numbers else None
            if body is None:
                continue
            try:
                message = Message.from_json(body) if unread else Record.from_json(body).message
                yield DeadLetter(
                    number=number, at=datetime.fromtimestamp(at, UTC), sink=sink, error=error,
                    reason=reason, versions=json.loads(versions), message=message,
                )  # fmt: skip
            except ValueError as problem:
                log.error("dead letter %d is damaged: %s", number, problem)

    def forget_letter(self, number: int) -> None:
        """Forget a dead letter that has been handled."""
        with self._writer.transaction() as db:
            db.execute("DELETE FROM letters WHERE number = ?", (number,))

    def recognise(
        self, items: Sequence[Record | Refusal], *, again: bool = True
    ) -> list[Record | Refusal]:
        """Note in records where their notices came before, in the same batch, too.

        Without `again` those are left out whose very message stands here: the same bytes at the
        same place of Kafka.
        """
        sightings, messages = self._seen(i.alert.notice_id for i in items if isinstance(i, Record))
        known: list[Record | Refusal] = []
        for item in items:
            if isinstance(item, Refusal):
                known.append(item)
                continue
            one = item.id, *_place(item.message)
            if one in messages and not again and item.message.offset is not None:
                continue
            messages.add(one)
            found = sightings[item.alert.notice_id]
            known.append(item.replace(sightings=tuple(found.values())) if found else item)
            if self._remembered:
                found.setdefault(one, _sighting(time.time(), *one))
        return known

    def _seen(
        self, notices: Iterable[str]
    ) -> tuple[dict[str, dict[_Arrival, Sighting]], set[_Arrival]]:
        """Return the sightings of notices, and all places where their messages came from."""
        sightings: dict[str, dict[_Arrival, Sighting]] = {notice: {} for notice in notices}
        messages: set[_Arrival] = set()
        if not (sightings and self.path.exists()):
            return sightings, messages
        with self._writer.reading() as db:
            oldest = _last(db) - self._remembered
            asked = json.dumps([*sightings])
            for seq, notice, error, at, *place in db.execute(_SIGHTINGS, (asked,)):
                one, found = tuple(place), sightings.setdefault(notice, {})
                if error is None:  # what an older version has only seen may come again
                    messages.add(one)
                if seq > oldest and len(found) < MOST_SIGHTINGS:
                    found.setdefault(one, _sighting(at, *one))
        return sightings, messages

    def since(self, at: datetime) -> int:
        """Return the number of the first entry that came at a time or later, or the next one."""
        with self._reader.reading() as db:
            query = "SELECT min(seq) FROM entries WHERE at >= ?"
            (first,) = db.execute(query, (at.timestamp(),)).fetchone()
            return int(first) if first is not None else _last(db) + 1

    def readdress(self, old: str, new: str) -> None:
        """Give what is for the sink `old` alone to the sink `new`."""
        with self._writer.transaction() as db:
            db.execute("UPDATE entries SET sink = ? WHERE sink = ?", (new, old))

    def prune(self) -> int:
        """Remove some of the bodies beyond the limits; return the number of the last, or 0."""
        oldest = time.time() - 86_400.0 * self._days
        with self._writer.transaction() as db:
            last = self._greet(self._writer, db)
            pages, free, size = (
                db.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("page_count", "freelist_count", "page_size")
            )
            too_large = (pages - free) * size > self._limit_bytes
            rows = db.execute(_PRUNABLE, (last, PRUNED_AT_ONCE)).fetchall()
            gone = [seq for seq, at in rows if too_large or at < oldest]
            db.executemany("DELETE FROM bodies WHERE seq = ?", [(seq,) for seq in gone])
            db.execute(_FORGET, (min(last - 1, last - self._remembered), PRUNED_AT_ONCE))
        with self._writer.reading() as db:
            # `execute` would free one page and stop. What the log holds goes into the file here, in
            # a quiet moment mostly, and not while an alert waits: that takes up to half a second.
            db.executescript(
                f"PRAGMA incremental_vacuum({4 * PRUNED_AT_ONCE}); PRAGMA wal_checkpoint(PASSIVE)"
            )
        return gone[-1] if gone else 0

    def close(self) -> None:
        """Close the file; a later call opens it again."""
        self._reader.close()
        self._writer.close()  # at last: it moves into the file what the log still holds

    def _greet(self, store: Store, db: sqlite3.Connection) -> int:
        """Look whether this is still the same journal; return the number of its last entry."""
        last = _last(db)
        if self._greeted.get(store) != store.opened:
            (found,) = db.execute("SELECT uuid FROM journal").fetchone()
            self._greeted[store] = store.opened
            if found != self._uuid:
                self._uuid = found
                self.tail.clear(last)
        return last

    def _row(self, item: Record | Refusal, at: float, sink: str | None) -> Row:
        if isinstance(item, Record):
            try:
                body = item.to_json().encode()
            except (ValueError, TypeError, RecursionError) as error:  # of a parser of others
                item = Refusal(item.message, error)
            else:
                place, notice_id = _place(item.message), _text(item.alert.notice_id)
                return Row(at, *place, item.id, notice_id, sink, None, body)
        message, name, reason = item.message, type(item.error).__name__, _text(str(item.error))
        letter = (letter_key(message, None), at, None, name, reason or name, self._versions)
        body = _of_message(message)
        return Row(at, *_place(message), error=name, body=body, letter=letter)

    def _add(self, db: sqlite3.Connection, rows: Sequence[Row]) -> int:
        """Write entries, bodies and dead letters; return the number of the first."""
        first = self._greet(self._writer, db) + 1
        numbered = list(enumerate(rows, first))
        insert(db, _ADD_ENTRY, [(seq, *row[:9]) for seq, row in numbered])
        bodies = [(seq, zlib.crc32(row.body), row.body) for seq, row in numbered if row.body]
        insert(db, "INSERT INTO bodies VALUES (?, ?, ?)", bodies)
        letters = [(row.letter[0], seq, *row.letter[1:]) for seq, row in numbered if row.letter]
        if letters:
            db.executemany(_ADD_LETTER, letters)
            self._limit_letters(db)
        return first

    def _limit_letters(self, db: sqlite3.Connection) -> None:
        (count,) = db.execute("SELECT count(*) FROM letters").fetchone()
        if count > self._letters_limit:
            log.error("more than %d dead letters: the oldest are dropped", self._letters_limit)
            db.execute(_DROP_LETTERS, (count - self._letters_limit,))

    def _read(self, seq: int) -> Iterator[Entry]:
        """Yield entries from the file; bodies one by one, so that a damaged one is alone."""
        query = "SELECT seq, at, sink, error FROM entries WHERE seq > ? ORDER BY seq LIMIT ?"
        with self._reader.reading() as db:
            rows = db.execute(query, (seq, CHUNK)).fetchall()
        size = 0
        for number, at, sink, error in rows:
            body = None if error else self._body(number)
            record = None if body is None else self._restored(number, body)
            yield Entry(number, at, record, sink, is_lost=record is None and not error)
            size += len(body or b"")
            if size > CHUNK_BYTES:
                return

    def _restored(self, seq: int, body: bytes) -> Record | None:
        try:
            return Record.from_json(body)
        except NoticeError as error:
            self._tell_of_damage(seq, error)
            return None

    def _body(self, seq: int) -> bytes | None:
        """Return a body; ``None`` if it is not there any more, or damaged, which is told."""
        query = "SELECT crc, body FROM bodies WHERE seq = ?"
        with self._reader.reading() as db:
            try:
                found = db.execute(query, (seq,)).fetchone()
            except sqlite3.DatabaseError as error:
                if not is_damage(error):
                    raise
                self._tell_of_damage(seq, error)
                return None
        if found is None:
            return None
        crc, body = found
        if not isinstance(body, bytes) or zlib.crc32(body) != crc:
            self._tell_of_damage(seq, "the checksum is wrong")
            return None
        return body

    def _tell_of_damage(self, seq: int, what: object) -> None:
        self.damaged += 1
        log.error("entry %d in %s is damaged (%s); passed over", seq, self.path, what)


def letter_key(message: Message, sink: str | None) -> str:
    """Return what is the same for a message that comes again, for each sink that refuses it."""
    place = f"{message.topic}\0{message.partition}\0{message.offset}\0{sink}\0"
    return hashlib.sha256(place.encode("utf-8", "backslashreplace") + message.value).hexdigest()


def _entries(first: int, items: Sequence[Record | Refusal], rows: Sequence[Row]) -> Sequence[Entry]:
    """Return new entries as sinks see them."""
    entries = []
    for seq, (item, row) in enumerate(zip(items, rows, strict=True), first):
        record = item if isinstance(item, Record) and row.error is None else None
        entries.append(Entry(seq, row.at, record, row.sink, size=len(row.body or b"")))
    return entries


def _last(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT max(seq) FROM entries").fetchone()[0] or 0)


def _text(text: str | None) -> str | None:
    """Return a text that SQLite takes: one from a careless parser may hold half a character."""
    if text is None or text.isascii():
        return text
    return text.encode("utf-8", "backslashreplace").decode()


def _of_message(message: Message) -> bytes:
    try:
        return message.to_json().encode()
    except ValueError:  # its place has no UTF-8; the bytes are what counts
        topic, origin = _text(message.topic), _text(message.origin)
        return message.replace(topic=topic, origin=origin, headers=()).to_json().encode()


def _place(message: Message) -> tuple[str | None, int | None, int | None, str | None]:
    return _text(message.topic), message.partition, message.offset, _text(message.origin)


def _sighting(
    at: float,
    record_id: str,
    topic: str | None,
    partition: int | None,
    offset: int | None,
    origin: str | None,
) -> Sighting:
    return Sighting(
        record_id=record_id,
        seen_at=datetime.fromtimestamp(at, UTC),
        topic=topic,
        partition=partition,
        offset=offset,
        origin=origin,
    )
