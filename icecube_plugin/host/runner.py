"""The host: messages from a source, through parsers and significance, to the sinks.

In a notebook or service::

    from icecube_plugin.host import Config, Host

    with Host() as host:               # runs in a thread, from GCN, into the default sinks
        ...
    for record in Host().records("a_notice.xml"):    # no sink
        print(record.alert.event_key)
    month = list(Host().iter_since("30d"))           # from Kafka; and iter_live()

Inside somebody else's consumer, `Host.handle` takes the messages.

The promise
-----------
At least once. For each batch: parse, assess, add records and refusals to the journal in one
transaction, and only then commit the offsets. Whatever ends the process, the next one begins with
the first message that was not committed. Each sink reads on from its cursor in the journal, which
moves when the sink has what it was given. Sinks that drop a record id that they have make it
exactly once.

When the host's own disk is full it waits for room, as long as its source can wait: Kafka can, a
file, or somebody else's consumer, cannot.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

from icecube_hooks import Message, NoticeError, NotOurs, Record
from icecube_hooks.host import PluginSet, make_sink
from icecube_plugin import __version__

from .config import (
    Config,
    HealthConfig,
    SinkConfig,
    kafka_with_group,
    known_group,
    load_config,
    quiet_sinks,
)
from .cursors import Cursors
from .files import FileSource
from .gw_maps import GWMaps
from .health import HealthReporter, Problem, sink_problems
from .health_server import HealthServer
from .in_hand import InHand
from .journal import KEPT, DeadLetter, Journal, Refusal, TooLarge
from .observers import Observers
from .plugins import configured_plugins, sink_options
from .store import StoreError, tell_of_fork
from .summary import Source, Summary
from .take_over import take_over
from .times import moment
from .versions import note_versions
from .worker import SinkState, Worker

__all__ = ["Host"]

log = logging.getLogger(__name__)

T = TypeVar("T")

AGAIN_S: Final = 1.0
"""How often a full disk is tried again."""

IDLE_S: Final = 0.5
LEAST_S: Final = 1.0
"""So long the end of a run waits for a sink that gets nowhere, however small its patience."""

PRUNE_S: Final = 60.0
CLOSE_S: Final = 5.0
START_S: Final = 5.0
"""How long a start waits for sinks to be made, to tell of a wrong option."""

AHEAD: Final = 1000
"""So many entries a run may be ahead of a sink before it waits: what is newer is in memory."""


class Host:
    """Runs plugins on a stream of notices.

    Parameters
    ----------
    config : Config, optional
        Default: all defaults, credentials from the environment. A file is read by `from_file`
        only. Where it names no sinks, the default ones but ``terminal``: nothing is printed.
    plugins : PluginSet, optional
        Default: the installed ones that `config` allows.
    source : callable, optional
        Makes the `Source` when the host runs. Default: the topics of `config` on Kafka, live.
    on_batch : callable, optional
        Called with the `Summary` after every batch, for progress.

    Attributes
    ----------
    journal : Journal
        What came; its `letters` are what could not be read or delivered.
    summary : Summary
    error : BaseException, optional
        What has ended the background thread.
    moved_at : float
        When the host has moved last, as `time.monotonic` [s].
    journal_error : str, optional
        Why the journal cannot be written at the moment.

    Raises
    ------
    ConfigError
        If a provider or option of the configuration does not exist.
    """

    def __init__(
        self,
        config: Config | None = None,
        *,
        plugins: PluginSet | None = None,
        source: Callable[[], Source] | None = None,
        on_batch: Callable[[Summary], None] | None = None,
    ) -> None:
        self.config = config if config is not None else load_config()
        self.plugins = plugins if plugins is not None else configured_plugins(self.config)
        self.summary = Summary()
        self.error: BaseException | None = None
        self._make_source = self._live if source is None else source
        self._on_batch = on_batch
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._unread: set[tuple[str, str]] = set()
        self._source: Source | None = None
        self._prune_at = 0.0
        self.moved_at = time.monotonic()
        self.journal_error: str | None = None
        self.after_fork()
        tell_of_fork(self)

    def after_fork(self) -> None:
        """Begin afresh in a child process: neither threads nor open files live through a fork."""
        config, folder = self.config, self.config.data_folder
        self.journal = Journal(
            folder,
            _versions(self.plugins),
            days=config.journal_days,
            limit_bytes=config.journal_limit_gb * 2**30,
            letters_limit=config.dead_letters_limit,
            remembered=config.remember_notices,
        )
        self._in_hand = InHand(folder / "in-hand")
        self._gw_maps = GWMaps(folder, config.mock_maps_days)
        self._workers: list[Worker] | None = None
        self._observers: Observers | None = None
        self._cursors: Cursors | None = None
        self._lock = threading.RLock()

    @classmethod
    def from_file(cls, path: str | Path) -> Host:
        """Make a host from a configuration file."""
        return cls(load_config(path))

    def run(self, source: Callable[[], Source] | None = None) -> Summary:
        """Handle messages until the source ends or `stop` is called.

        Parameters
        ----------
        source : callable, optional
            Makes another `Source` than the host's own, for this run.

        Raises
        ------
        ConfigError
            If a sink cannot be made.
        StoreError
            If a message can neither be delivered nor kept, and the source cannot wait until it
            can: nothing is committed then.
        KafkaFailure
            If Kafka refuses us.
        """
        with contextlib.suppress(StoreError):  # the source may be able to wait for the disk
            self.open()
        try:
            self._source = found = (source or self._make_source)()
            try:
                self._keep(self.open)
                with self._watched(found):
                    self._run(found)
                    self._finish()
            finally:
                self._source = None
                found.close()
        finally:
            self.close()
            self._stopping.clear()  # a later run is not stopped by what ended this one
        return self.summary

    def open(self) -> Host:
        """Begin to deliver, and tell the plugins; `run` and `handle` do so if need be.

        Raises
        ------
        ConfigError
            If a sink or another plugin has a wrong option. What else keeps a sink from being made
            is tried again.
        StoreError
            If the journal cannot be written.
        """
        with self._lock:
            if self._workers is None:
                self.plugins.prepare()
                self._workers = self._started()
                note_versions(self.config.data_folder / "versions.jsonl", _versions(self.plugins))
                options = dict(self.config.plugins.options)
                name = f"icecube-alerts {__version__}"
                self._observers = Observers(self.plugins)
                self._observers.tell("on_start", host=name, options=options)
        return self

    def handle(self, messages: Sequence[Message]) -> list[Record]:
        """Read, assess and deliver messages that somebody else's consumer has received.

        When it returns, each message is in the journal, and in every required sink that is not
        behind. Only then should its offset be committed. Threads may call it, one is served at a
        time.

        Returns
        -------
        list of Record
            Of the messages that could be read.

        Raises
        ------
        ConfigError
            If a sink has a wrong option.
        StoreError
            If the messages cannot be kept.
        """
        with self._lock:
            self.open()
            records, last = self._take(messages)
            self._wait(last)
            return records

    def refuse(self, message: Message, error: Exception) -> None:
        """Keep a message as a dead letter.

        Raises
        ------
        StoreError
            If it cannot be kept.
        """
        self.journal.append([Refusal(message, error)])

    def retry(self, letter: DeadLetter) -> str | None:
        """Try a dead letter again, with today's plugins.

        Returns
        -------
        str or None
            What is still wrong; ``None`` once it is delivered, or waits for its sink.

        Raises
        ------
        ConfigError, StoreError
            As `handle`.
        """
        if letter.is_cut:
            return "only the beginning of the message was kept; it cannot be tried again"
        if letter.sink not in {None, *(sink.name for sink in self.config.sinks_or_defaults())}:
            return f"there is no sink {letter.sink}"
        try:
            record = self._gw_maps.keep(letter.message, self.plugins.record(letter.message))
        except NoticeError as error:
            return str(error)
        with self._lock:
            self.open()
            self._wait(
                self.journal.append(self._recognised([record], again=True), sink=letter.sink)
            )
        for again in self.journal.letters([letter.number]):
            if again.at > letter.at:
                return again.reason
        self.journal.forget_letter(letter.number)
        return None

    @property
    def sinks(self) -> list[SinkState]:
        """What became of the records for each sink; empty while the host is closed."""
        return [worker.state for worker in self._workers or ()]

    def close(self) -> None:
        """Close the sinks and tell the plugins; a later `handle` opens them again."""
        with self._lock:
            workers, self._workers = self._workers, None
            if workers is not None:
                self._end(workers)
            observers, self._observers = self._observers, None
            if observers is not None:
                observers.tell("on_stop")
                observers.close()
            self.journal.close()
            self._in_hand.close()

    def backfill(self, since: datetime, until: datetime | None = None) -> Summary:
        """Run on a range of past time instead: Kafka's time stamps [UTC], both ends included.

        Parameters
        ----------
        since : datetime
        until : datetime, optional
            Default: what is there now.

        Raises
        ------
        ConfigError, StoreError, KafkaFailure
            As `run`.
        """
        from .kafka import BackfillSource

        claimed, size = self.plugins.topics(), self.config.batch_size
        return self.run(
            lambda: BackfillSource(
                self.config.kafka, since=since, until=until, claimed=claimed, batch_size=size
            )
        )

    def start(self) -> Host:
        """Run in a background thread; see `is_alive`, `stop` and `error`."""
        if self.is_alive:
            raise RuntimeError("this host is running")
        self._stopping.clear()
        self.error = None
        self._thread = threading.Thread(
            target=self._run_quietly, name="icecube-alerts", daemon=True
        )
        self._thread.start()
        return self

    def stop(self, timeout_s: float = 30.0) -> bool:
        """Finish the batch in hand, commit, and end; return whether it has ended in time."""
        self._stopping.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout_s)
            if not thread.is_alive():
                self._stopping.clear()
        return not self.is_alive

    @property
    def is_alive(self) -> bool:
        """Whether the background thread is running."""
        return self._thread is not None and self._thread.is_alive()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
        if self.error is not None and error is None:
            raise self.error

    def iter_since(
        self, since: datetime | str, until: datetime | str | None = None
    ) -> Iterator[Record]:
        """Yield the records of a range of past time, from Kafka, without sinks and journal.

        Messages that cannot be read are passed over, with a word in the log.

        Parameters
        ----------
        since, until : datetime or str
            Kafka's time stamps [UTC]; as text an ISO time, or a span before now such as ``30d``.
            Without `until`: up to what is there now.

        Raises
        ------
        ConfigError, KafkaFailure
            As `run`.
        """
        from .kafka import BackfillSource

        first, last = (moment(one) if isinstance(one, str) else one for one in (since, until))
        claimed, size = self.plugins.topics(), self.config.batch_size
        yield from self._records_of(
            BackfillSource(
                self.config.kafka, since=first, until=last, claimed=claimed, batch_size=size
            )
        )

    def iter_live(self) -> Iterator[Record]:
        """Yield records as they come from Kafka, from now on, without sinks and journal.

        In a consumer group of its own, so that nothing is taken away from a host that listens.
        Until `stop` is called from elsewhere, or the loop is left.

        Raises
        ------
        ConfigError, KafkaFailure
            As `run`.
        """
        from .kafka import LiveSource

        group = f"{known_group(self.config) or 'icecube-alerts'}-{uuid.uuid4().hex[:12]}"
        kafka = self.config.kafka.replace(group_id=group, start="latest")
        claimed, size = self.plugins.topics(), self.config.batch_size
        yield from self._records_of(LiveSource(kafka, claimed=claimed, batch_size=size))

    def _records_of(self, source: Source) -> Iterator[Record]:
        """Yield the records of a source that is committed nowhere."""
        try:
            for batch in self._until_stopped(source):
                items = self._counted(self._read(batch))
                yield from (item for item in items if isinstance(item, Record))
        finally:
            source.close()
            self._in_hand.close()

    def records(self, *paths: str | Path) -> Iterator[Record]:
        """Yield records without any sink: of files and folders, or of the host's source.

        Refused messages become dead letters. Offsets are committed when the next batch is asked
        for: after its records have been used. So a loop that is left early reads the records of
        its last batch again, the next time.
        """
        if paths:
            files = tuple(str(path) for path in paths)
            source: Source = FileSource(files, batch_size=self.config.batch_size)
        else:
            source = self._make_source()
        try:
            for batch in self._until_stopped(source):
                items = self._counted(self._read(batch))
                refused = [item for item in items if isinstance(item, Refusal)]
                if refused:
                    self._keep(partial(self.journal.append, refused))
                yield from (item for item in items if isinstance(item, Record))
                source.commit()
        finally:
            source.close()
            self._in_hand.close()

    def _started(self) -> list[Worker]:
        """Make the workers, and wait a little for what their sinks say of their options."""
        is_new = not self.journal.path.exists()
        cursors = Cursors(self.config.data_folder, self.journal)
        take_over(self.config.data_folder, self.journal, cursors)
        self.journal.look()
        workers = [self._worker(s, cursors, is_new) for s in quiet_sinks(self.config)]
        _tell_of_orphans(cursors, self.config, self.journal.tail.last)
        self._cursors = cursors
        _import_numpy()
        for worker in workers:
            worker.start()
        until = time.monotonic() + START_S
        for worker in workers:
            worker.ready.wait(max(until - time.monotonic(), 0.0))
        for worker in workers:
            if worker.wrong is not None:
                self._end(workers)
                raise worker.wrong
        self.summary.count([worker.state for worker in workers])
        return workers

    def _worker(self, sink: SinkConfig, cursors: Cursors, is_new: bool) -> Worker:
        kind = self.plugins.sinks.get(sink.type)
        eager = kind is None or not kind.after_journal
        if kind is not None and sink.skip_older_than_s is None:
            sink = sink.replace(skip_older_than_s=kind.skip_older_than_s)
        options = sink_options(self.config, sink, self.plugins)
        # Without the file of cursors nobody knows what a sink has: once more harms only some.
        everything = is_new or sink.start == "earliest" or (cursors.is_new and eager)
        return Worker(
            sink,
            partial(make_sink, self.plugins, sink.name, sink.type, options),
            self.journal,
            cursors,
            eager=eager,
            position=cursors.begin(sink.name, sink.type, 0 if everything else None),
            tells_people=kind is not None and kind.tells_people,
        )

    def _end(self, workers: Sequence[Worker]) -> None:
        for worker in workers:
            worker.stop()
        until = time.monotonic() + CLOSE_S
        for worker in workers:
            worker.join(max(until - time.monotonic(), 0.1))
        self.summary.count([worker.state for worker in workers])
        if self._cursors is not None:
            self._cursors.close()

    def _live(self) -> Source:
        from .kafka import LiveSource

        kafka, claimed = kafka_with_group(self.config), self.plugins.topics()
        return LiveSource(kafka, claimed=claimed, batch_size=self.config.batch_size)

    def _run(self, source: Source) -> None:
        began = time.monotonic()
        for batch in self._until_stopped(source):
            self.summary.spent("wait", began)
            _, last = self._take(batch)
            began = time.monotonic()
            self._wait(last - AHEAD)
            source.commit()
            self.moved_at = began = self.summary.spent("commit", began)
            self.summary.count(self.sinks)
            self.summary.plugins_failed = dict(self.plugins.failures)
            if batch and self._on_batch is not None:
                self._on_batch(self.summary)

    def _take(self, messages: Sequence[Message]) -> tuple[list[Record], int]:
        """Read messages and keep them; return the records, and the number of the last entry."""
        began = time.monotonic()
        again = not getattr(self._source, "is_live", False)
        items = self._counted(self._recognised(self._read(messages), again=again))
        began = self.summary.spent("read", began)
        last = self.journal.tail.last
        if items:
            # Sinks get a batch early once: a full disk must not make them write it each second.
            attempts = itertools.count()
            last = self._keep(
                lambda: self.journal.append(items, eager=next(attempts) == 0),
            )
        self._tell(items)
        self._prune()
        self.summary.spent("deliver", began)
        return [item for item in items if isinstance(item, Record)], last

    def _tell(self, items: Sequence[Record | Refusal]) -> None:
        if self._observers is None:
            return
        for item in items:
            if isinstance(item, Record):
                self._observers.tell("on_record", record=item)
            else:
                self._observers.tell("on_refused", message=item.message, error=item.error)

    def _wait(self, seq: int) -> None:
        """Wait until the required sinks have an entry, for each as long as its patience lasts."""
        began = time.monotonic()
        for worker in self._workers or ():
            until = began + worker.config.patience_s
            while worker.config.required and worker.position < seq and not worker.is_behind:
                if time.monotonic() >= until:
                    worker.leave()
                elif not self._wait_for(worker, seq, until):
                    self._idle()
        self.summary.count(self.sinks)

    def _wait_for(self, worker: Worker, seq: int, until: float) -> bool:
        left_s = max(until - time.monotonic(), 0.0)
        with self.journal.tail.changed:
            return self.journal.tail.changed.wait_for(
                lambda: worker.position >= seq or worker.is_behind, min(left_s, IDLE_S)
            )

    def _finish(self) -> None:
        """Let sinks catch up as long as they get on; after a stop only those that nearly have."""
        last, began = self.journal.look(), time.monotonic()
        for worker in self._workers or ():
            patience_s = max(worker.config.patience_s, LEAST_S)
            seen, until = worker.position, began + patience_s
            while worker.position < last and time.monotonic() < until:
                if self._stopping.is_set() and worker.is_behind:
                    break
                self._wait_for(worker, last, until)
                self._idle()
                if worker.position > seen:
                    seen, until = worker.position, time.monotonic() + patience_s
        self.summary.count(self.sinks)

    def _prune(self) -> None:
        """Once a minute, remove what is too old, or too much."""
        if time.monotonic() < self._prune_at:
            return
        self._prune_at = time.monotonic() + PRUNE_S
        self._gw_maps.prune()
        try:
            last = self.journal.prune()
            self._prune_at = time.monotonic() if last else self._prune_at  # there may be more
        except StoreError as error:
            log.warning("%s; nothing is removed", error)
            return
        for worker in self._workers or ():
            if worker.position < last:
                name = worker.config.name
                log.error("sink %s is so far behind that it loses records: see journal_days", name)

    def problems(self, limits: HealthConfig) -> Iterator[Problem]:
        """Yield why records do not get on from here: our own disk, and the required sinks."""
        if self.journal_error is not None:
            yield Problem("journal-stands", f"nothing can be kept: {self.journal_error}")
        yield from sink_problems(self.sinks, limits)

    def _watched(self, source: Source) -> contextlib.AbstractContextManager[object]:
        """Watch a live source; what ends by itself needs nobody to."""
        if not hasattr(source, "heartbeat_age_s"):
            return contextlib.nullcontext()
        watched = contextlib.ExitStack()
        if self.config.health.listen is not None:
            watched.enter_context(HealthServer(self, source, self.config.health.listen))
        watched.enter_context(HealthReporter(self, source))
        return watched

    def _idle(self) -> None:
        self.moved_at = time.monotonic()
        if self._source is not None:
            self._source.idle()

    def _keep(self, action: Callable[[], T]) -> T:
        """Write to our own disk; while it is full, wait, if the source can."""
        while True:
            try:
                done = action()
            except StoreError as error:
                can_wait = getattr(self._source, "can_wait", False)
                if self._stopping.is_set() or not can_wait:
                    raise
                if self.journal_error is None:
                    log.error("%s; waiting until that works", error)
                self.journal_error = str(error)
                self._stopping.wait(AGAIN_S)
                self._idle()
            else:
                if self.journal_error is not None:
                    log.warning("the disk can be written again; going on")
                self.journal_error = None
                return done

    def _run_quietly(self) -> None:
        try:
            self.run()
        except Exception as error:  # the thread's end is reported through `error`
            log.error("the host has stopped: %s", error)
            log.debug("traceback", exc_info=error)
            self.error = error

    def _until_stopped(self, source: Source) -> Iterator[list[Message]]:
        for batch in source.batches():
            yield batch
            if self._stopping.is_set():
                return

    def _read(self, batch: Sequence[Message]) -> list[Record | Refusal]:
        """Parse and assess a batch."""
        items: list[Record | Refusal] = []
        for message in batch:
            self.summary.messages += 1
            try:
                record = self._read_one(message)
            except NotOurs:
                self.summary.passed += 1
            except TooLarge as error:
                begin = message.replace(value=message.value[:KEPT])
                items.append(self._refusal(begin, error))
            except NoticeError as error:
                items.append(self._refusal(message, error))
            else:
                items.append(record)
        self._in_hand.clear()
        return items

    def _read_one(self, message: Message) -> Record:
        limit_mb, size = self.config.message_limit_mb, len(message.value)
        if size > limit_mb * 2**20:
            reason = f"{size} bytes are more than {limit_mb:g} MB; the first {KEPT} are kept"
            raise TooLarge(reason).at(message)
        self._in_hand.take(message)
        return self._gw_maps.keep(message, self.plugins.record(message))

    def _refusal(self, message: Message, error: NoticeError) -> Refusal:
        self.summary.refused += 1
        log.error("refused %s", error)
        return Refusal(message, error)

    def _recognised(self, items: list[Record | Refusal], *, again: bool) -> list[Record | Refusal]:
        """Note in each record when its notice came before.

        Without `again` leave out what the source has given before. In a back-fill nothing is left
        out: a lost database can be filled again.
        """
        try:
            known = self.journal.recognise(items, again=again)
        except StoreError as error:
            log.warning("%s; repeats are not recognised", error)
            return items
        self.summary.repeats += len(items) - len(known)
        return known

    def _counted(self, items: list[Record | Refusal]) -> list[Record | Refusal]:
        for item in items:
            if isinstance(item, Record):
                self._count(item)
        return items

    def _count(self, record: Record) -> None:
        self.summary.records += 1
        self.summary.again += any(one.record_id == record.id for one in record.sightings)
        kind = record.alert.kind.value
        self.summary.kinds[kind] = self.summary.kinds.get(kind, 0) + 1
        for name in record.alert.unread:
            if (kind, name) not in self._unread and len(self._unread) < 10_000:
                self._unread.add((kind, name))
                log.info("field %s of %s notices is not read; it is kept", name, kind)


def _import_numpy() -> None:
    """Import numpy, if it is there, before threads do.

    Where two of them import it at once one may fail, and a process cannot import it again.
    """
    with contextlib.suppress(ImportError):
        import numpy  # noqa: F401, ICN001  # that it is imported is all that is wanted


def _versions(plugins: PluginSet) -> dict[str, str]:
    return {info.distribution: info.version for info in plugins.plugins if info.distribution}


def _tell_of_orphans(cursors: Cursors, config: Config, last: int) -> None:
    """Say what waits for sinks that are not configured any more."""
    known = {(sink.name, sink.type) for sink in config.sinks_or_defaults()}
    for cursor in cursors.all():
        if (cursor.name, cursor.type) not in known and cursor.seq < last:
            log.warning(
                "%d entries wait for sink %s (%s), which is not configured:"
                " icecube-alerts sinks rename or forget",
                last - cursor.seq, cursor.name, cursor.type or "from an older version",
            )  # fmt: skip
