"""Messages that could not be read or delivered, kept with everything needed to try again.

One SQLite file. A letter is known by the bytes, their Kafka coordinates and the sink that failed,
so a redelivered message does not pile up. Adding one is durable when it returns: the host commits
offsets after that. Beyond a limit the oldest letters are dropped, with a word in the log, so that
a stream of nonsense cannot fill the disk.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from icecube_hooks import Message, NoticeError

from ._store import Store, StoreError

__all__ = ["KEPT", "DeadLetter", "DeadLetters", "StoreError", "TooLarge"]

log = logging.getLogger(__name__)

KEPT: Final = 65_536
"""What is kept of a message that is too large to be read [bytes]."""


class TooLarge(NoticeError):
    """A message is larger than the host reads, and than is kept of it."""


_SCHEMA = """
CREATE TABLE IF NOT EXISTS letters (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    at TEXT NOT NULL,
    sink TEXT,
    error TEXT NOT NULL,
    reason TEXT NOT NULL,
    versions TEXT NOT NULL,
    topic TEXT,
    partition INTEGER,
    "offset" INTEGER,
    origin TEXT,
    message TEXT NOT NULL
)
"""

_INSERT = """
INSERT INTO letters
    (id, at, sink, error, reason, versions, topic, partition, "offset", origin, message)
VALUES (:id, :at, :sink, :error, :reason, :versions, :topic, :partition, :offset, :origin, :message)
ON CONFLICT (id) DO UPDATE SET at = excluded.at, error = excluded.error,
    reason = excluded.reason, versions = excluded.versions
"""

_DROP = "DELETE FROM letters WHERE number IN (SELECT number FROM letters ORDER BY number LIMIT ?)"


@dataclass(frozen=True, kw_only=True, slots=True)
class DeadLetter:
    """One message that is kept.

    Attributes
    ----------
    number : int
        What commands call it.
    at : datetime
        When it was put aside [UTC].
    sink : str or None
        The sink that failed; ``None`` if the message could not be read.
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


class DeadLetters:
    """The store; the file is made when the first letter comes.

    Parameters
    ----------
    path : Path
    versions : mapping, optional
        Version of each plugin distribution, noted with every letter.
    limit : int
        How many are kept.
    """

    def __init__(
        self, path: Path, versions: Mapping[str, str] | None = None, limit: int = 100_000
    ) -> None:
        self.path = path
        self.limit = limit
        self._versions = json.dumps(dict(versions or {}))
        self._store = Store(path, _SCHEMA, "dead letters")

    def add(self, messages: Sequence[Message], error: Exception, sink: str | None = None) -> None:
        """Keep messages; durable when it returns.

        Raises
        ------
        StoreError
            If the file cannot be written.
        """
        at = datetime.now(UTC).isoformat()
        rows = [
            {
                "id": _id(message, sink), "at": at, "sink": sink, "error": type(error).__name__,
                "reason": str(error), "versions": self._versions, "topic": message.topic,
                "partition": message.partition, "offset": message.offset,
                "origin": message.origin, "message": json.dumps(message.to_dict()),
            }
            for message in messages
        ]  # fmt: skip
        with self._store.transaction() as connection:
            connection.executemany(_INSERT, rows)
            (count,) = connection.execute("SELECT count(*) FROM letters").fetchone()
            if count > self.limit:
                connection.execute(_DROP, (count - self.limit,))
                log.error("more than %d dead letters: the oldest is dropped", self.limit)

    def letters(self, numbers: Sequence[int] = ()) -> Iterator[DeadLetter]:
        """Yield the letters in the order in which they came; all, or those with `numbers`.

        Raises
        ------
        StoreError
            If the file cannot be read.
        """
        if not self.path.exists():
            return
        with self._store.transaction() as connection:
            rows = connection.execute(
                "SELECT number, at, sink, error, reason, versions, message FROM letters"
                " ORDER BY number"
            ).fetchall()
        for row in rows:
            if not numbers or row[0] in numbers:
                try:
                    letter = _letter(row)
                except (ValueError, TypeError, KeyError, AttributeError) as error:
                    log.error("dead letter %s is damaged: %s", row[0], error)
                    continue
                yield letter

    def remove(self, number: int) -> None:
        """Forget a letter that has been handled."""
        with self._store.transaction() as connection:
            connection.execute("DELETE FROM letters WHERE number = ?", (number,))


def _id(message: Message, sink: str | None) -> str:
    place = f"{message.topic}\0{message.partition}\0{message.offset}\0{sink}\0"
    return hashlib.sha256(place.encode("utf-8", "backslashreplace") + message.value).hexdigest()


def _letter(row: tuple[int, str, str | None, str, str, str, str]) -> DeadLetter:
    number, at, sink, error, reason, versions, message = row
    return DeadLetter(
        number=number,
        at=datetime.fromisoformat(at),
        sink=sink,
        error=error,
        reason=reason,
        versions=json.loads(versions),
        message=Message.from_dict(json.loads(message)),
    )
