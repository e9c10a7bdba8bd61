"""Which records this process has delivered: what comes again is not sent again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from icecube_hooks import Record

__all__ = ["Delivered"]

REMEMBERED: Final = 10_000


class Delivered:
    """The ids of the last ten thousand."""

    def __init__(self) -> None:
        self._ids: dict[str, None] = {}

    def new(self, records: Iterable[Record]) -> Iterator[Record]:
        """Yield the records that are not among them, looked up when it is their turn."""
        return (record for record in records if record.id not in self._ids)

    def add(self, record: Record) -> None:
        """Remember one; beyond the limit the oldest is forgotten."""
        self._ids[record.id] = None
        if len(self._ids) > REMEMBERED:
            del self._ids[next(iter(self._ids))]
