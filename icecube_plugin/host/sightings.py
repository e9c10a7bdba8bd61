"""Which notices this host has delivered before, on any topic and in any format.

A notice is noted after its delivery, so one whose delivery a crash has cut short is not taken for a
repeat. The newest ones are kept, as many as configured.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from icecube_hooks import Message, Record, Sighting

from ._store import Store, StoreError

__all__ = ["Sightings"]

MOST_PER_NOTICE: Final = 20

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS seen (
    number INTEGER PRIMARY KEY,
    notice_id TEXT NOT NULL,
    record_id TEXT NOT NULL,
    seen_at TEXT NOT NULL,
    topic TEXT, partition INTEGER, "offset" INTEGER, origin TEXT
);
CREATE INDEX IF NOT EXISTS seen_by_notice ON seen (notice_id);
"""

_COLUMNS: Final = 'record_id, seen_at, topic, partition, "offset", origin'

_OF_NOTICES: Final = f"""
SELECT notice_id, {_COLUMNS} FROM seen
WHERE notice_id IN (SELECT value FROM json_each(?)) ORDER BY number
"""  # noqa: S608  # made of the constant above


class Sightings:
    """The list of notices, in one SQLite file, which stays open until `close`.

    Parameters
    ----------
    path : Path
    limit : int
        How many are kept.
    """

    def __init__(self, path: Path, limit: int) -> None:
        self.path = path
        self.limit = limit
        self._store = Store(path, _SCHEMA, "the list of notices", synced=False)

    def look_up(self, records: Sequence[Record]) -> list[Record]:
        """Return the records with their `Record.sightings`; those in one batch see each other.

        Raises
        ------
        StoreError
            If the file cannot be read.
        """
        known = self._known({record.alert.notice_id for record in records})
        before: dict[str, Record] = {}  # the last of each notice in this batch
        now = datetime.now(UTC)
        found = []
        for record in records:
            notice_id = record.alert.notice_id
            if notice_id in before:
                known.setdefault(notice_id, []).append(_sighting(before[notice_id], now))
            before[notice_id] = record
            earlier = tuple(known.get(notice_id, ()))
            found.append(record.replace(sightings=earlier) if earlier else record)
        return found

    def note(self, records: Sequence[Record]) -> None:
        """Add records that have been delivered, and forget the oldest beyond the limit.

        One that `look_up` has found to be known from the same place is not added again.

        Raises
        ------
        StoreError
            If the file cannot be written.
        """
        now = datetime.now(UTC).isoformat()
        with self._store.transaction(hold=True) as connection:
            connection.executemany(
                f"INSERT INTO seen (notice_id, {_COLUMNS})"  # noqa: S608  # ours
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                [_row(record, now) for record in records if not _is_known(record)],
            )
            connection.execute(
                "DELETE FROM seen WHERE number <= (SELECT max(number) FROM seen) - ?",
                (self.limit,),
            )

    def _known(self, notice_ids: set[str]) -> dict[str, list[Sighting]]:
        if not self.path.exists():
            return {}
        known: dict[str, list[Sighting]] = {}
        with self._store.transaction(hold=True) as connection:
            for notice_id, *row in connection.execute(_OF_NOTICES, (json.dumps([*notice_ids]),)):
                found = known.setdefault(notice_id, [])
                try:
                    found += [_restored(*row)] if len(found) < MOST_PER_NOTICE else []
                except (ValueError, TypeError) as error:
                    raise StoreError(f"{self.path} is damaged: {error}") from error
        return known

    def close(self) -> None:
        """Close the file; a later call opens it again."""
        self._store.close()


def _sighting(record: Record, now: datetime) -> Sighting:
    message = record.message
    return Sighting(
        record_id=record.id,
        seen_at=now,
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        origin=message.origin,
    )


def _is_known(record: Record) -> bool:
    """Whether a record was delivered before, from the same place."""
    return any(
        one.record_id == record.id and _place(one) == _place(record.message)
        for one in record.sightings
    )


def _place(where: Message | Sighting) -> tuple[object, ...]:
    return where.topic, where.partition, where.offset, where.origin


def _row(record: Record, now: str) -> tuple[object, ...]:
    return (record.alert.notice_id, record.id, now, *_place(record.message))


def _restored(
    record_id: str,
    seen_at: str,
    topic: str | None,
    partition: int | None,
    offset: int | None,
    origin: str | None,
) -> Sighting:
    return Sighting(
        record_id=record_id,
        seen_at=datetime.fromisoformat(seen_at),
        topic=topic,
        partition=partition,
        offset=offset,
        origin=origin,
    )
