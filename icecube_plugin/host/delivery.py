"""From records to sinks, each sink apart from the others.

A batch goes to every sink in turn. What a sink cannot write, after its attempts, is handed back;
a required sink's records become dead letters, so when `Delivery.write` returns, every record is
durable somewhere.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from icecube_hooks import Record, RefusedForGood, RetryLater, Sink, SinkError

from .config import SinkConfig

__all__ = ["Delivery", "Undelivered", "backoff_s"]

log = logging.getLogger(__name__)

BACKOFF_S: Final = 0.2
LONGEST_BACKOFF_S: Final = 10.0


def backoff_s(attempt: int) -> float:
    """Return how long to wait after the `attempt`-th failure, counted from 1 [s]."""
    return min(BACKOFF_S * 2.0 ** min(attempt - 1, 20), LONGEST_BACKOFF_S)


@dataclass(frozen=True, slots=True)
class Undelivered:
    """Records that one sink did not take, and why."""

    sink: str
    required: bool
    records: Sequence[Record]
    error: SinkError


@dataclass(slots=True)
class Delivery:
    """The configured sinks.

    Attributes
    ----------
    sinks : list of (SinkConfig, Sink)
    wait : callable
        Sleeps between attempts; returns true if the host is to stop, which ends the attempts.
    written, failed : dict
        Number of records by sink, for the summary.
    """

    sinks: list[tuple[SinkConfig, Sink]]
    wait: Callable[[float], bool | None] = time.sleep
    written: dict[str, int] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)

    def write(self, records: Sequence[Record]) -> Iterator[Undelivered]:
        """Give a batch to every sink; yield what one did not take."""
        if not records:
            return
        for config, sink in self.sinks:
            failures = list(self._write_to(config, sink, records))
            lost = sum(len(failure.records) for failure in failures)
            self.written[config.name] = self.written.get(config.name, 0) + len(records) - lost
            if lost:
                self.failed[config.name] = self.failed.get(config.name, 0) + lost
            yield from failures

    def close(self) -> None:
        """Close every sink; one that fails is logged."""
        for config, sink in self.sinks:
            try:
                getattr(sink, "close", _nothing)()
            except Exception:  # isolation: the other sinks must be closed too
                log.exception("sink %s failed to close", config.name)

    def _write_to(
        self, config: SinkConfig, sink: Sink, records: Sequence[Record]
    ) -> Iterator[Undelivered]:
        """Write a batch; if it is refused for good, find the records that are to blame."""
        error = self._attempts(config, sink, records)
        if error is None:
            return
        if isinstance(error, RetryLater) or len(records) == 1:
            log.error("%s; %d record(s) not written", error, len(records))
            yield Undelivered(config.name, config.required, records, error)
            return
        for record in records:
            yield from self._write_to(config, sink, [record])

    def _attempts(
        self, config: SinkConfig, sink: Sink, records: Sequence[Record]
    ) -> SinkError | None:
        """Try until it works, the sink refuses for good, or the attempts are used up."""
        for attempt in range(1, config.attempts + 1):
            error = _try(config, sink, records)
            if not isinstance(error, RetryLater):
                return error
            log.warning("%s; attempt %d of %d", error, attempt, config.attempts)
            if attempt == config.attempts or self.wait(backoff_s(attempt)):
                return error
        return None


def _try(config: SinkConfig, sink: Sink, records: Sequence[Record]) -> SinkError | None:
    try:
        sink.write(records)
        getattr(sink, "flush", _nothing)()
    except SinkError as error:
        error.sink = config.name
        return error
    except Exception as error:  # isolation: any other exception of a sink is final
        log.debug("traceback of sink %s", config.name, exc_info=error)
        reason = f"{type(error).__name__}: {error}"
        return RefusedForGood(reason, sink=config.name)
    return None


def _nothing() -> None:
    """Stand in for an optional method."""
