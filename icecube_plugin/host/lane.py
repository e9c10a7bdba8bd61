"""One sink with a thread of its own.

A lane takes batches from the host, which waits for each, but not for longer than the sink's
patience. What the sink has not taken by then is put into the lane's spool, on disk, and from then
on everything for this sink goes through the spool, so the order stays; the thread empties it when
the sink is back. So a sink that is slow, down, or hangs holds nobody up, and loses nothing.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, TypeVar

from icecube_hooks import Record, RefusedForGood, RetryLater, Sink, SinkError

from ._store import StoreError
from .config import SinkConfig
from .spool import Spool

__all__ = ["Lane", "LaneState", "attempt"]

log = logging.getLogger(__name__)

T = TypeVar("T")

FIRST_PAUSE_S: Final = 0.2
LONGEST_PAUSE_S: Final = 60.0
LOOK_AGAIN_S: Final = 1.0
SUSPICIOUS: Final = 12
"""After so many failures of a batch, some minutes, it is looked at record by record."""

PROBES: Final = 5
CHUNK: Final = 500


@dataclass(slots=True)
class LaneState:
    """What became of the records for one sink, since the host started.

    Attributes
    ----------
    name, type : str
    required : bool
    written, refused, dropped : int
        Records that the sink has; that it refused for good, which are dead letters; that it did
        not take in time although it is not required.
    waiting : int
        Records in the spool.
    busy_since, last_success, last_failure : datetime or None
        [UTC]
    last_error : str or None
    in_trouble : bool
        Whether the sink says, or has said last, that it cannot write at the moment.
    """

    name: str
    type: str
    required: bool
    written: int = 0
    refused: int = 0
    dropped: int = 0
    waiting: int = 0
    busy_since: datetime | None = None
    last_success: datetime | None = None
    last_failure: datetime | None = None
    last_error: str | None = None
    in_trouble: bool = False


class _LeftOff(Exception):
    """The batch is in the spool, or the lane is to end: no further attempt."""


@dataclass(slots=True, eq=False)
class Ticket:
    """A batch in the hands of a lane.

    Attributes
    ----------
    records : sequence of Record
    done : Event
        Set when the sink has them, or they are dead letters.
    left : bool
        Whether the host has stopped waiting.
    numbers : list of int
        Where the spool has them, then.
    """

    records: Sequence[Record]
    done: threading.Event = field(default_factory=threading.Event)
    left: bool = False
    numbers: list[int] = field(default_factory=list)


class Lane:
    """A sink, its thread and its spool.

    Parameters
    ----------
    config : SinkConfig
    sink : Sink
    spool : Spool
    refuse : callable
        Keeps records as dead letters: ``refuse(records, error, sink_name)``.
    accepts : callable
        Whether a record is for this sink.
    """

    def __init__(
        self,
        config: SinkConfig,
        sink: Sink,
        spool: Spool,
        *,
        refuse: Callable[[Sequence[Record], SinkError, str], None],
        accepts: Callable[[Record], bool],
    ) -> None:
        self.config = config
        self.sink = sink
        self.spool = spool
        self.state = LaneState(config.name, config.type, config.required, waiting=len(spool))
        self._refuse = refuse
        self._accepts = accepts
        self._jobs: queue.SimpleQueue[Ticket | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._behind = self.state.waiting > 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(
            target=self._work, name=f"icecube-sink-{config.name}", daemon=True
        )
        self._thread.start()

    def take(self, records: Sequence[Record]) -> Ticket | None:
        """Take a batch; return what to wait for, or ``None`` if there is nothing to wait for.

        Raises
        ------
        StoreError
            If the records must be put into the spool, and cannot.
        """
        wanted = [record for record in records if self._accepts(record)]
        if not wanted:
            return None
        with self._lock:
            if self._behind:
                self._put_aside(wanted)
                return None
        ticket = Ticket(wanted)
        self._jobs.put(ticket)
        return ticket

    def leave(self, ticket: Ticket) -> None:
        """Stop waiting for a batch: from here on it is in the spool.

        Raises
        ------
        StoreError
            If the spool cannot be written; the host still has to wait.
        """
        with self._lock:
            if ticket.done.is_set():
                return
            ticket.numbers = self._put_aside(ticket.records)
            ticket.left = True
            self._behind = True
        name, limit = self.config.name, self.config.patience_s
        what = "its records wait on disk" if self.config.required else "not required: dropped"
        log.warning("sink %s is not done after %g s: %s", name, limit, what)

    def finish(self, idle: Callable[[], object]) -> None:
        """Wait for the spool to be empty, as long as the sink gets on within its patience."""
        waiting, until = self.state.waiting, time.monotonic() + self.config.patience_s
        while self._behind and not self.state.in_trouble and time.monotonic() < until:
            self._stopping.wait(0.05)
            idle()
            if self.state.waiting < waiting:
                waiting, until = self.state.waiting, time.monotonic() + self.config.patience_s

    def stop(self) -> None:
        """Tell the thread to end; it finishes a write that it is in and closes the sink."""
        self._stopping.set()
        self._jobs.put(None)

    def join(self, timeout_s: float) -> None:
        """Wait for the thread; one that hangs is left behind."""
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            log.error("sink %s hangs; it is left as it is", self.config.name)

    def _put_aside(self, records: Sequence[Record]) -> list[int]:
        if not self.config.required:
            self.state.dropped += len(records)
            return []
        numbers = self.spool.add(records)
        self.state.waiting += len(numbers)
        return numbers

    def _work(self) -> None:
        """Be the thread."""
        while not self._stopping.is_set():
            try:
                self._serve_all()
            except _LeftOff:
                break
            except Exception:  # ours, not the sink's: what is in hand goes through the spool
                log.exception("the thread of sink %s has failed; it begins again", self.config.name)
                self._behind = self.state.in_trouble = True
                self._stopping.wait(LOOK_AGAIN_S)
        self._close_sink()
        self.spool.unlock()

    def _serve_all(self) -> None:
        self._drain()
        while (ticket := self._jobs.get()) is not None:
            self._serve(ticket)
            self._drain()

    def _serve(self, ticket: Ticket) -> None:
        """Write a batch that the host waits for."""
        try:
            self._deliver(ticket.records, lambda: ticket.left)
        except _LeftOff:
            if self._stopping.is_set():
                raise
            return
        with self._lock:
            ticket.done.set()
            if ticket.left and not self.config.required:
                self.state.dropped -= len(ticket.records)  # it took them after all
        self._forget(ticket.numbers)

    def _drain(self) -> None:
        """Write what is in the spool, oldest first, until it is empty."""
        while self._behind:
            if not self.spool.lock():  # another process takes them out
                self._pause(LOOK_AGAIN_S)
                continue
            waiting = self._until(_never, self._waiting)
            try:
                self._deliver(list(waiting.values()), _never, SUSPICIOUS)
            except RetryLater:
                self._sift(waiting)
            else:
                self._forget(list(waiting))
        self.spool.unlock()

    def _waiting(self) -> dict[int, Record]:
        """Return the next records of the spool; without any, the lane is no longer behind."""
        with self._lock:
            waiting = self.spool.first(CHUNK)
            if not waiting:
                self._behind, self.state.waiting = False, 0
                log.warning("sink %s has caught up", self.config.name)
            return waiting

    def _sift(self, waiting: Mapping[int, Record]) -> None:
        """Refuse records that the sink cannot take now, if it can take others: it is not down."""
        passed: list[int] = []
        failed: list[int] = []
        for number, record in waiting.items():
            (passed if self._once(record) is None else failed).append(number)
            if self._stopping.is_set() or (not passed and len(failed) == PROBES):
                break
        while passed and failed and not self._stopping.is_set():
            number = failed.pop()
            error = self._once(waiting[number])
            if error is not None:
                self._give_up([waiting[number]], error, _never)
            passed.append(number)
        self._forget(passed)

    def _once(self, record: Record) -> RetryLater | None:
        """Write one record once; return why it may be taken later, if that is so."""
        try:
            self._settle([record], self._attempt([record]), _never)
        except RetryLater as error:
            return error
        return None

    def _settle(
        self, records: Sequence[Record], error: SinkError | None, left: Callable[[], bool]
    ) -> None:
        """Count what the sink has, keep what it refuses."""
        if error is None:
            self.state.written += len(records)
        else:
            self._give_up(records, error, left)

    def _forget(self, numbers: Sequence[int]) -> None:
        self._until(_never, lambda: self.spool.remove(numbers))
        with self._lock:
            self.state.waiting = max(self.state.waiting - len(numbers), 0)

    def _deliver(
        self, records: Sequence[Record], left: Callable[[], bool], attempts: int | None = None
    ) -> None:
        """Write until the sink has the records or refuses them; if it does, find the guilty.

        Raises
        ------
        RetryLater
            If it has not worked after `attempts`.
        """
        error = self._until(left, lambda: self._attempt(records), attempts) if records else None
        if error is None or len(records) == 1:
            self._settle(records, error, left)
        else:
            for record in records:
                self._deliver([record], left, attempts)

    def _give_up(
        self, records: Sequence[Record], error: SinkError, left: Callable[[], bool]
    ) -> None:
        log.error("%s; %d record(s) refused", error, len(records))
        if self.config.required:
            self._until(left, lambda: self._refuse(records, error, self.config.name))
        self.state.refused += len(records)

    def _attempt(self, records: Sequence[Record]) -> SinkError | None:
        """Write once; raise `RetryLater`, return what is final."""
        self.state.busy_since = datetime.now(UTC)
        error = attempt(self.config.name, self.sink, records)
        self.state.busy_since = None
        self._note(error)
        if isinstance(error, RetryLater):
            raise error
        return error

    def _note(self, error: SinkError | None) -> None:
        """Keep the state, and say so when it changes."""
        state, was_in_trouble = self.state, self.state.in_trouble
        state.in_trouble = isinstance(error, RetryLater)
        if error is None:
            state.last_success = datetime.now(UTC)
        else:
            state.last_failure, state.last_error = datetime.now(UTC), str(error)
        if state.in_trouble and not was_in_trouble:
            log.warning("%s; trying again", error)
        elif was_in_trouble and not state.in_trouble:
            log.warning("sink %s works again", self.config.name)

    def _until(
        self, left: Callable[[], bool], action: Callable[[], T], attempts: int | None = None
    ) -> T:
        """Do something until it works, nobody waits for it any more, or after `attempts`."""
        try:
            return action()
        except RetryLater:
            pass
        except StoreError as error:
            log.error("sink %s: %s; trying again", self.config.name, error)
        from tenacity import (
            Retrying,
            retry_if_exception_type,
            stop_after_attempt,
            stop_never,
            wait_exponential,
            wait_random,
        )

        def pause(seconds: float) -> None:
            if left() or self._stopping.wait(seconds) or left():
                raise _LeftOff

        pause(FIRST_PAUSE_S)
        again = Retrying(
            retry=retry_if_exception_type((RetryLater, StoreError)),
            wait=wait_exponential(FIRST_PAUSE_S * 2, LONGEST_PAUSE_S)
            + wait_random(0, FIRST_PAUSE_S),
            stop=stop_never if attempts is None else stop_after_attempt(attempts),
            sleep=pause,
            reraise=True,
        )
        return again(action)

    def _pause(self, seconds: float) -> None:
        if self._stopping.wait(seconds):
            raise _LeftOff

    def _close_sink(self) -> None:
        try:
            getattr(self.sink, "close", _nothing)()
        except Exception:  # isolation: nobody else must suffer
            log.exception("sink %s failed to close", self.config.name)


def attempt(name: str, sink: Sink, records: Sequence[Record]) -> SinkError | None:
    """Write a batch once; return what the sink says, any exception of it as a `SinkError`."""
    try:
        sink.write(records)
        getattr(sink, "flush", _nothing)()
    except SinkError as error:
        error.sink = name
        return error
    except BaseException as error:  # isolation: even sys.exit in a sink is its own
        log.debug("traceback of sink %s", name, exc_info=error)
        kind = RetryLater if _is_import_race(error) else RefusedForGood
        return kind(f"{type(error).__name__}: {error}", sink=name)
    return None


def _is_import_race(error: BaseException) -> bool:
    """Whether two sinks, in their threads, have imported the same package at the same time."""
    is_deadlock = type(error).__name__ == "_DeadlockError"  # importlib's; it has no public name
    return is_deadlock or "partially initialized module" in str(error)


def _nothing() -> None:
    """Stand in for an optional method."""


def _never() -> bool:
    return False
