"""The newest entries of the journal, in memory, for sinks that are up to date.

Entries are shown while the disk is still being written. Who takes them then asks `is_durable`
before it moves a cursor: what does not get to the disk is withdrawn, and others get its numbers.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from icecube_hooks import Record

__all__ = ["CHUNK", "CHUNK_BYTES", "DURABLE", "Batch", "Entry", "Part", "Tail"]

MOST: Final = 2000
MOST_BYTES: Final = 1 << 26
"""What is kept: so many records, or fewer large ones."""

CHUNK: Final = 500
CHUNK_BYTES: Final = 1 << 24
"""What a sink gets at once: so many records, or fewer large ones."""


class Entry(NamedTuple):
    """One entry of the journal.

    Attributes
    ----------
    seq : int
    at : float
        When it came [Unix time, s].
    record : Record, optional
        ``None`` if there is nothing to deliver.
    sink : str, optional
        The only sink that it is for.
    is_lost : bool
        Whether there was a record, which is damaged, or removed since.
    size : int
        Of the record as JSON [bytes].
    """

    seq: int
    at: float
    record: Record | None
    sink: str | None = None
    is_lost: bool = False
    size: int = 0


@dataclass(slots=True, eq=False)
class Batch:
    """What was added at once, and whether it is on disk; ``None`` while that is being written."""

    entries: Sequence[Entry] = ()
    durable: bool | None = None


class Part(NamedTuple):
    """Some entries in order, and the batch of the last: those before it are on disk."""

    entries: Sequence[Entry]
    batch: Batch


DURABLE: Final = Batch(durable=True)


class Tail:
    """The newest entries.

    Attributes
    ----------
    changed : Condition
        Notified when something has come, is durable, or is withdrawn.
    last : int
        Number of the newest durable entry, as far as this process knows.
    """

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.last = 0
        self._entries: dict[int, tuple[Entry, Batch]] = {}
        self._bytes = 0

    def show(self, batch: Batch) -> None:
        """Let sinks see a batch."""
        with self.changed:
            for entry in batch.entries:
                self._entries[entry.seq] = entry, batch
                self._bytes += entry.size
            while len(self._entries) > MOST or self._bytes > MOST_BYTES:
                self._drop(next(iter(self._entries)))
            self.changed.notify_all()

    def settle(self, batch: Batch, *, durable: bool) -> None:
        """Note what has become of a batch; withdraw one that is not on disk."""
        with self.changed:
            batch.durable = durable
            for entry in batch.entries:
                if durable:
                    self.last = max(self.last, entry.seq)
                else:
                    self._drop(entry.seq)
            self.changed.notify_all()

    def clear(self, last: int) -> None:
        """Forget everything: the numbers are those of another journal now."""
        with self.changed:
            self._entries.clear()
            self._bytes, self.last = 0, last
            self.changed.notify_all()

    def after(self, seq: int, *, eager: bool) -> Part:
        """Return the entries after a number that are here without a gap."""
        entries: list[Entry] = []
        size, last = 0, DURABLE
        with self.changed:
            while len(entries) < CHUNK and size < CHUNK_BYTES:
                entry, batch = self._entries.get(seq + len(entries) + 1, (None, DURABLE))
                if entry is None or not (eager or batch.durable):
                    break
                entries.append(entry)
                size, last = size + entry.size, batch
        return Part(entries, last)

    def has_more(self, seq: int, *, eager: bool) -> bool:
        """Whether there is an entry after a number; to be asked under `changed`."""
        _, batch = self._entries.get(seq + 1, (None, None))
        return self.last > seq or (batch is not None and (eager or bool(batch.durable)))

    def is_durable(self, part: Part) -> bool:
        """Wait until entries are on disk; return False if they will not be under these numbers."""
        with self.changed:
            self.changed.wait_for(lambda: part.batch.durable is not None)
        return bool(part.batch.durable)

    def _drop(self, seq: int) -> None:
        entry, _ = self._entries.pop(seq, (None, None))
        self._bytes -= entry.size if entry is not None else 0
