"""From records to sinks, each sink in a lane of its own.

When `Delivery.write` returns, each record is durable somewhere: the sink has it, or it is a dead
letter, or it waits in the spool of that sink.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import quote

from icecube_hooks import Record, Sink, SinkError

from ._store import StoreError
from .config import SinkConfig
from .filters import make_filter
from .lane import Lane, LaneState, Ticket
from .spool import Spool

__all__ = ["Delivery", "spool_path"]

TURN_S: Final = 0.05
"""How long a sink has the processor to itself before the next one gets a large batch too."""

SMALL: Final = 50
"""A batch of fewer records goes to all sinks at once, so that they wait for the disk together."""

LOOK_S: Final = 0.5
CLOSE_S: Final = 5.0

Keep = Callable[[Callable[[], object]], None]
"""Does something that writes to the disk; may wait until the disk has room."""


class Delivery:
    """The configured sinks.

    Parameters
    ----------
    sinks : sequence of (SinkConfig, Sink)
    folder : Path
        Where the spools are.
    refuse : callable
        Keeps records as dead letters: ``refuse(records, error, sink_name)``.
    spool_limit : int
        With this many records waiting for one sink, the host waits too.
    stopping : callable
        Whether the host is to end, and so does not wait for that.
    """

    def __init__(
        self,
        sinks: Sequence[tuple[SinkConfig, Sink]],
        folder: Path,
        *,
        refuse: Callable[[Sequence[Record], SinkError, str], None],
        spool_limit: int,
        stopping: Callable[[], bool],
    ) -> None:
        self._spool_limit = spool_limit
        self._stopping = stopping
        self.lanes = [
            Lane(
                config,
                sink,
                Spool(spool_path(folder, config.name)),
                refuse=refuse,
                accepts=make_filter(config),
            )
            for config, sink in sinks
        ]

    @property
    def states(self) -> list[LaneState]:
        """What became of the records for each sink."""
        return [lane.state for lane in self.lanes]

    def write(self, records: Sequence[Record], idle: Callable[[], object], keep: Keep) -> None:
        """Give a batch to every sink, and wait for each as long as its patience lasts.

        Parameters
        ----------
        records : sequence of Record
        idle : callable
            Called at least once a second while waiting; what it raises ends the wait.
        keep : callable
            Runs what writes into a spool.

        Raises
        ------
        StoreError
            If `keep` lets it through, or a full spool and a stop come together.
        """
        if not records:
            return
        began = time.monotonic()
        tickets = [(lane, self._hand(lane, records, idle, keep)) for lane in self.lanes]
        for lane, ticket in tickets:
            if ticket is not None:
                _wait(ticket, began + lane.config.patience_s, idle)
                keep(partial(lane.leave, ticket))

    def _hand(
        self, lane: Lane, records: Sequence[Record], idle: Callable[[], object], keep: Keep
    ) -> Ticket | None:
        """Hand a batch to one lane; return what is not done after its turn."""
        while lane.state.waiting >= self._spool_limit:
            if self._stopping():
                reason = f"{lane.state.waiting} records wait for sink {lane.config.name} already"
                raise StoreError(f"{reason}; this batch is not committed")
            time.sleep(LOOK_S)
            idle()
        taken: list[Ticket | None] = []
        keep(lambda: taken.append(lane.take(records)))
        (ticket,) = taken
        turn_s = 0.0 if len(records) < SMALL else TURN_S
        return None if ticket is None or ticket.done.wait(turn_s) else ticket

    def finish(self, idle: Callable[[], object]) -> None:
        """Wait for the spools to be empty, where a sink gets on."""
        for lane in self.lanes:
            lane.finish(idle)

    def close(self) -> None:
        """Close every sink; one that fails or hangs is logged."""
        for lane in self.lanes:
            lane.stop()
        until = time.monotonic() + CLOSE_S
        for lane in self.lanes:
            lane.join(max(until - time.monotonic(), 0.1))


def spool_path(folder: Path, sink: str) -> Path:
    """Return the file in which records wait for a sink."""
    return folder / "spool" / f"{quote(sink, safe='')}.sqlite"


def _wait(ticket: Ticket, until: float, idle: Callable[[], object]) -> None:
    while not ticket.done.wait(max(min(until - time.monotonic(), LOOK_S), 0.0)):
        idle()
        if time.monotonic() >= until:
            return
