"""One sink with a thread of its own, which reads on from its cursor in the journal.

A sink that is slow, down, or hangs is simply behind: it holds nobody up, and loses nothing. The
thread makes its sink, again and again while that fails; only a wrong option ends the host.

Of the hosts on one data folder the one that holds the sink's lock delivers to it; in the others the
worker follows the cursor, so that they know when their records are there.
"""

from __future__ import annotations

import logging
import random
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import quote

from icecube_hooks import (
    ConfigError,
    IceCubePluginError,
    Record,
    RefusedForGood,
    RetryLater,
    Sink,
    SinkError,
)
from icecube_hooks.host import in_words

from .config import SinkConfig
from .cursors import Cursors
from .filters import make_filter
from .journal import Journal
from .store import FileLock, StoreError
from .tail import Entry, Part

__all__ = ["SinkState", "Worker", "is_wrong_option", "lock_path", "write_once"]

log = logging.getLogger(__name__)

FIRST_PAUSE_S: Final = 0.2
LONGEST_PAUSE_S: Final = 60.0
LOOK_S: Final = 0.1
"""How often a worker looks for what other processes have done."""

SUSPICIOUS: Final = 12
"""After so many failures of a batch, some minutes, it is looked at record by record."""

PROBES: Final = 5
"""After so many failures one after another a sink is down."""


@dataclass(slots=True)
class SinkState:
    """What became of the records for one sink, since the host started.

    Attributes
    ----------
    name, type : str
    required : bool
    written, refused : int
        Records that the sink has; that it refused for good, which are dead letters.
    dropped : int
        Records that were removed from the journal, or damaged there, before the sink had them.
    skipped : int
        Records that were older than it wants them.
    waiting : int
        Entries of the journal after its cursor.
    busy_since, last_success, last_failure : datetime or None
        [UTC]
    last_error : str or None
    in_trouble : bool
        Whether the sink says, or has said last, that it cannot write at the moment, or it cannot
        be made.
    """

    name: str
    type: str
    required: bool
    written: int = 0
    refused: int = 0
    dropped: int = 0
    skipped: int = 0
    waiting: int = 0
    busy_since: datetime | None = None
    last_success: datetime | None = None
    last_failure: datetime | None = None
    last_error: str | None = None
    in_trouble: bool = False


class _Withdrawn(Exception):
    """The batch in hand is not in the journal after all; it will come again."""


class Worker:
    """A sink, its thread and its cursor.

    Parameters
    ----------
    config, journal, cursors
    make : callable
        Makes the sink.
    eager : bool
        Whether the sink writes at the same time as the journal; else after it.
    position : int
        Number of the last entry that the sink has: where the cursor is.
    tells_people : bool
        See `icecube_hooks.SinkType`.

    Attributes
    ----------
    is_behind : bool
        Whether nobody waits for it any more, until it has caught up.
    wrong : BaseException or None
        A `ConfigError`: why the sink can never be made.
    ready : Event
        Set when it has been made, or that has failed, or another process delivers.
    """

    def __init__(
        self,
        config: SinkConfig,
        make: Callable[[], Sink],
        journal: Journal,
        cursors: Cursors,
        *,
        eager: bool,
        position: int,
        tells_people: bool = False,
    ) -> None:
        self.config = config
        self.position = self._kept = position
        self.is_behind = position < journal.tail.last
        self.wrong: BaseException | None = None
        self.ready = threading.Event()
        self._state = SinkState(config.name, config.type, config.required)
        self._make, self._journal, self._cursors, self._eager = make, journal, cursors, eager
        self._accepts = make_filter(
            config, journal.path.parent, tells_others=not eager, tells_people=tells_people
        )
        self._lock = FileLock(lock_path(journal.path.parent, config.name))
        self._sink: Sink | None = None
        self._failures = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(
            target=self._work, name=f"icecube-sink-{config.name}", daemon=True
        )

    @property
    def state(self) -> SinkState:
        """What became of the records."""
        self._state.waiting = max(self._journal.tail.last - self.position, 0)
        return self._state

    def start(self) -> None:
        """Begin to deliver."""
        self._thread.start()

    def stop(self) -> None:
        """Tell the thread to end; it finishes a write that it is in and closes the sink."""
        self._stopping.set()
        with self._journal.tail.changed:
            self._journal.tail.changed.notify_all()

    def join(self, timeout_s: float) -> None:
        """Wait for the thread; one that hangs is left behind."""
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            log.error("sink %s hangs; it is left as it is", self.config.name)

    def leave(self) -> None:
        """Wait no longer for this sink, until it has caught up."""
        self.is_behind = True
        limit = self.config.patience_s
        log.warning("sink %s is not done after %g s: it is behind", self.config.name, limit)

    def _work(self) -> None:
        """Be the thread."""
        told, has_followed = "", False
        while not self._stopping.is_set():
            try:
                if not self._lock.take():
                    has_followed = False
                    self.ready.set()
                    self._stopping.wait(LOOK_S)
                    self._follow()
                elif not has_followed:  # who had the lock may have gone on since our last look
                    self._follow()
                    has_followed = True
                else:
                    self._deliver_next()
            except _Withdrawn:
                continue
            except OSError as error:  # our own disk, a StoreError mostly
                if str(error) != told:
                    log.error("sink %s: %s; trying again", self.config.name, error)
                told = str(error)
                self._stopping.wait(1.0)
            except Exception:  # ours, not the sink's
                log.exception("the thread of sink %s has failed; it goes on", self.config.name)
                self._stopping.wait(1.0)
        self._close()

    def _deliver_next(self) -> None:
        """Take what comes next from the journal, and move the cursor when the sink has it."""
        if not self._is_made():
            return
        with self._journal.tail.changed:
            more = self._journal.tail.changed.wait_for(
                lambda: (
                    self._stopping.is_set()
                    or self._journal.tail.has_more(self.position, eager=self._eager)
                ),
                timeout=LOOK_S,
            )
        if self._stopping.is_set():
            return
        part = self._journal.after(self.position, eager=self._eager)
        if not (more and part.entries):
            self._follow()
            return
        wanted = [entry for entry in part.entries if self._is_wanted(entry)]
        try:
            self._deliver(wanted, part)
        except RetryLater:
            self._failures += 1
            if self._failures % SUSPICIOUS == 0:
                self._sift(wanted, part)
            self._pause()
            return
        self._failures = 0
        self._advance(part.entries[-1].seq, part)

    def _is_wanted(self, entry: Entry) -> bool:
        if entry.record is None or entry.sink not in (None, self.config.name):
            return False
        if self._is_old(entry):
            return False
        try:
            return self._accepts(entry.record)
        except Exception:  # one alert too many is better than a sink that stands still
            log.exception("the filter of sink %s has failed; it gets the record", self.config.name)
            return True

    def _is_old(self, entry: Entry) -> bool:
        """Whether the sink does not want a record any more: by Kafka's time, or the notice's."""
        record, limit_s = entry.record, self.config.skip_older_than_s
        if limit_s is None or record is None:
            return False
        stated = record.message.timestamp or record.alert.notice_time
        return time.time() - (stated.timestamp() if stated else entry.at) > limit_s

    def _deliver(self, entries: Sequence[Entry], part: Part) -> None:
        """Write entries; if the sink refuses them, find the guilty.

        Raises
        ------
        RetryLater
            If the sink cannot write at the moment; the cursor stands after what it has.
        """
        error = self._attempt(entries) if entries else None
        if error is None:
            self._state.written += len(entries)
        elif len(entries) == 1:
            self._refuse(entries[0], error, part)
        else:
            for entry in entries:
                self._deliver([entry], part)
                self._advance(entry.seq, part)

    def _attempt(self, entries: Sequence[Entry]) -> SinkError | None:
        """Write once; raise `RetryLater`, return what is final."""
        assert self._sink is not None  # noqa: S101  # `_is_made` has said so
        self._state.busy_since = datetime.now(UTC)
        records = [entry.record for entry in entries if entry.record is not None]
        error = write_once(self.config.name, self._sink, records)
        self._state.busy_since = None
        self._note(error)
        if isinstance(error, RetryLater):
            raise error
        return error

    def _refuse(self, entry: Entry, error: SinkError, part: Part) -> None:
        log.error("%s; 1 record refused", error)
        if self.config.required:
            self._until_durable(part)
            self._journal.refuse(entry, self.config.name, error)
        self._state.refused += 1

    def _sift(self, entries: Sequence[Entry], part: Part) -> None:
        """Refuse what the sink cannot take now, if it can take others: it is not down."""
        failed: list[Entry] = []
        passed = in_row = 0
        for entry in entries:
            if self._stopping.is_set():
                return
            if self._once(entry, part) is None:
                passed, in_row = passed + 1, 0
            else:
                failed.append(entry)
                in_row += 1
                if in_row == PROBES:
                    return
            if not failed:
                self._advance(entry.seq, part)
        for entry in failed if passed else ():
            error = self._once(entry, part)
            if error is not None:
                self._refuse(entry, error, part)
        if passed:
            self._failures = 0
            self._advance(entries[-1].seq, part)

    def _once(self, entry: Entry, part: Part) -> RetryLater | None:
        try:
            self._deliver([entry], part)
        except RetryLater as error:
            return error
        return None

    def _until_durable(self, part: Part) -> None:
        if not self._journal.tail.is_durable(part):
            raise _Withdrawn

    def _advance(self, seq: int, part: Part) -> None:
        """Move the cursor, never beyond what is on disk."""
        if seq <= self.position:
            return
        self._until_durable(part)
        passed = [entry for entry in part.entries if self.position < entry.seq <= seq]
        self._count_gaps(passed)
        self._go_to(seq)
        try:
            moved = self._cursors.move(self.config.name, self.config.type, self._kept, seq)
        except StoreError as error:  # the sink has it: a crash now would repeat it, no more
            log.warning("%s; the cursor of sink %s is not kept", error, self.config.name)
            return
        if moved:
            self._kept = seq
        else:
            self._follow()

    def _count_gaps(self, passed: Sequence[Entry]) -> None:
        """Say how many records the sink does not get."""
        lost, old = sum(e.is_lost for e in passed), sum(self._is_old(e) for e in passed)
        self._state.dropped += lost
        self._state.skipped += old
        name = self.config.name
        if lost:
            log.error("%d records were removed, or damaged, before sink %s had them", lost, name)
        if old:
            log.warning("%d records are older than sink %s wants them: skipped", old, name)

    def _follow(self) -> None:
        """Go to where somebody else has put our cursor."""
        there = self._cursors.get(self.config.name, self.config.type)
        if there is None:
            self._cursors.put(self.config.name, self.config.type, self.position)
        elif there != self._kept:
            self._kept = there
            self._go_to(there)
        self._journal.look()

    def _go_to(self, seq: int) -> None:
        with self._journal.tail.changed:
            self.position = seq
            if self.is_behind and seq >= self._journal.tail.last:
                self.is_behind = False
                log.warning("sink %s has caught up", self.config.name)
            self._journal.tail.changed.notify_all()

    def _is_made(self) -> bool:
        """Make the sink if there is none; pause if that fails."""
        if self._sink is None:
            try:
                self._sink = self._opened()
            except BaseException as error:  # isolation: even sys.exit in a sink is its own
                if is_wrong_option(error) and not self.ready.is_set():
                    self.wrong = error
                    self._stopping.set()
                    return False
                log.debug("traceback of sink %s", self.config.name, exc_info=error)
                reason = f"cannot be made: {_in_short(error)}"
                self._note(RetryLater(reason, sink=self.config.name))
                self._failures += 1
                self.ready.set()
                self._pause()
                return False
            finally:
                self.ready.set()
            self._failures = 0
            if self._state.in_trouble:
                self._note(None)
        return True

    def _opened(self) -> Sink:
        """Make the sink, and let it open what it writes into: not only when an alert comes."""
        sink = self._make()
        try:
            getattr(sink, "flush", _nothing)()
        except SinkError:
            getattr(sink, "close", _nothing)()
            raise
        except BaseException as error:  # it is judged when it comes again, with a record
            log.debug("traceback of sink %s", self.config.name, exc_info=error)
        return sink

    def _note(self, error: SinkError | None) -> None:
        """Keep the state, and say so when it changes."""
        state, was_in_trouble = self._state, self._state.in_trouble
        state.in_trouble = isinstance(error, RetryLater)
        if error is None:
            state.last_success = datetime.now(UTC)
        else:
            state.last_failure, state.last_error = datetime.now(UTC), str(error)
        if state.in_trouble and not was_in_trouble:
            log.warning("%s; trying again", error)
        elif was_in_trouble and not state.in_trouble:
            log.warning("sink %s works again", self.config.name)

    def _pause(self) -> None:
        """Wait longer after each failure, not all sinks at the same moments."""
        pause = min(FIRST_PAUSE_S * 2.0 ** min(self._failures - 1, 20), LONGEST_PAUSE_S)
        self._stopping.wait(pause * (1.0 + random.random() / 4))  # noqa: S311  # no secret

    def _close(self) -> None:
        try:
            getattr(self._sink, "close", _nothing)()
        except Exception:  # isolation: nobody else must suffer
            log.exception("sink %s failed to close", self.config.name)
        self._lock.release()


def is_wrong_option(error: BaseException) -> bool:
    """Whether a sink can never be made as configured; not for trouble with disk or network.

    A sink says by ``raise ConfigError(...) from error`` that such trouble was the reason.
    """
    return isinstance(error, ConfigError) and not isinstance(error.__cause__, OSError | SinkError)


def lock_path(folder: Path, sink: str) -> Path:
    """Return the file whose holder delivers to a sink."""
    return folder / "locks" / f"{quote(sink, safe='')}.lock"


def write_once(name: str, sink: Sink, records: Sequence[Record]) -> SinkError | None:
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
        return kind(f"{in_words(error)}{_where(error)}", sink=name)
    return None


def _in_short(error: BaseException) -> str:
    """Say why a sink cannot be made: in its own words where it has any."""
    said = isinstance(error, IceCubePluginError | OSError)
    return str(error) if said else f"{in_words(error)}{_where(error)}"


def _where(error: BaseException) -> str:
    """Say where somebody's code failed: its author looks there first."""
    frames = traceback.extract_tb(error.__traceback__)
    return f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""


def _is_import_race(error: BaseException) -> bool:
    """Whether two sinks, in their threads, have imported the same package at the same time."""
    is_deadlock = type(error).__name__ == "_DeadlockError"  # importlib's; it has no public name
    signs = ("partially initialized module", "cannot load module more than once per process")
    return is_deadlock or any(sign in str(error) for sign in signs)


def _nothing() -> None:
    """Stand in for an optional method."""
