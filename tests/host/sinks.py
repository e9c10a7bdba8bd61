"""Sinks in trouble, for the tests of the host."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from icecube_hooks import Record


class Troubled:
    """Keeps ids; raises `error` for the records in `bad`, `times` times; waits where told to.

    Attributes
    ----------
    gate : Event
        A write waits until it is set.
    """

    def __init__(
        self, error: BaseException | None = None, bad: Sequence[str] = (), times: int = 10**9
    ) -> None:
        self.error = error
        self.bad = frozenset(bad)
        self.times = times
        self.ids: list[str] = []
        self.closed = False
        self.entered = threading.Event()
        self.gate = threading.Event()
        self.gate.set()

    def write(self, records: Sequence[Record], /) -> None:
        self.entered.set()
        self.gate.wait()
        if self.error is not None and self.times and any(r.id in self.bad for r in records):
            self.times -= 1
            raise self.error
        self.ids += [record.id for record in records]

    def close(self) -> None:
        self.closed = True
        raise OSError("cannot close")
