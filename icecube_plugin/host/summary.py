"""What a host takes from, and what it says that it has done."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from icecube_hooks import Message

from .worker import SinkState

__all__ = ["Source", "Summary"]


class Source(Protocol):
    """Where a host takes messages from."""

    def batches(self) -> Iterator[list[Message]]:
        """Yield batches of messages; an empty one while nothing comes."""
        ...

    def commit(self) -> None:
        """Note that everything yielded so far is safe."""
        ...

    def idle(self) -> None:
        """Stay alive: called at least once a second while the host waits with a batch in hand.

        A source whose `can_wait` is false (or that has none) may do nothing here.
        """
        ...

    def close(self) -> None:
        """Free what the source holds."""
        ...


@dataclass(slots=True)
class Summary:
    """What a host has done.

    Attributes
    ----------
    messages, records, refused, passed : int
        Taken from the source; read; broken or unknown; of others, on a shared topic.
    repeats : int
        Given by the live source again, and left out.
    again : int
        Records that this host had before, to the byte; sinks have them once.
    kinds : dict
        Number of records by kind of alert.
    written, failed, waiting : dict
        Number by sink: records that it has; that it refused, or that were lost to it; entries of
        the journal that wait for it.
    plugins_failed : dict
        Number of records for which a significance provider or an annotator has failed, by its name.
    seconds : dict
        Time spent by stage: waiting for the source, reading, delivering, committing [s].
    """

    messages: int = 0
    records: int = 0
    refused: int = 0
    passed: int = 0
    repeats: int = 0
    again: int = 0
    kinds: dict[str, int] = field(default_factory=dict)
    written: dict[str, int] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)
    waiting: dict[str, int] = field(default_factory=dict)
    plugins_failed: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def count(self, states: Sequence[SinkState]) -> None:
        """Take over what the sinks have done."""
        self.written = {state.name: state.written for state in states}
        failed = {state.name: state.refused + state.dropped for state in states}
        self.failed = {name: number for name, number in failed.items() if number}
        self.waiting = {state.name: state.waiting for state in states if state.waiting}

    def spent(self, stage: str, since: float) -> float:
        """Add the time since `since` to a stage; return now, both as `time.monotonic` [s]."""
        now = time.monotonic()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - since
        return now
