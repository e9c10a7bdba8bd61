"""The host: messages from a source, through parsers and significance, to the sinks.

In a notebook or service::

    from icecube_plugin.host import Config, Host

    with Host() as host:               # runs in a thread, from GCN, into the default sinks
        ...
    for record in Host().records("a_notice.xml"):    # no sink
        print(record.alert.event_key)

Inside somebody else's consumer, `Host.handle` takes the messages.

The promise
-----------
At least once. For each batch: parse, assess, write to every sink, keep what could not be read, or
what a sink refuses, as dead letters, put what a sink cannot take in time into its spool, and only
then commit the offsets. Whatever ends the process, the next one begins with the first message that
was not committed. Sinks that drop a record id that they have make it exactly once.

When the host's own disk is full it waits for room, as long as its source can wait: Kafka can, a
file, or somebody else's consumer, cannot.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from icecube_hooks import ConfigError, Message, NoticeError, NotOurs, Record, Sink, SinkError
from icecube_hooks.host import PluginSet, load_plugins, make_sink
from icecube_plugin import __version__

from ._store import StoreError
from .config import Config, SinkConfig, load_config
from .dead_letters import KEPT, DeadLetters, TooLarge
from .delivery import Delivery
from .files import FileSource
from .filters import make_filter
from .guard import InHand, TimeLimit
from .lane import LaneState, attempt
from .sightings import Sightings
from .summary import Source, Summary
from .versions import note_versions

__all__ = ["Host", "check_sinks"]

log = logging.getLogger(__name__)

AGAIN_S: Final = 1.0
"""How often a full disk is tried again."""


class Host:
    """Runs plugins on a stream of notices.

    Parameters
    ----------
    config : Config, optional
        Default: all defaults, credentials from the environment. A file is read by `from_file`
        only.
    plugins : PluginSet, optional
        Default: the installed ones that `config` allows.
    source : callable, optional
        Makes the `Source` when the host runs. Default: the topics of `config` on Kafka, live.
    on_batch : callable, optional
        Called with the `Summary` after every batch, for progress.

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
        self.plugins = plugins if plugins is not None else _plugins(self.config)
        self.summary = Summary()
        self.error: BaseException | None = None
        self._make_source = self._live if source is None else source
        self._on_batch = on_batch
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._delivery: Delivery | None = None
        self._lock = threading.RLock()
        self._unread: set[tuple[str, str]] = set()
        folder = self.config.data_folder
        self.dead_letters = DeadLetters(
            folder / "dead-letters.sqlite",
            _versions(self.plugins),
            self.config.dead_letters_limit,
        )
        self._sightings = Sightings(folder / "sightings.sqlite", self.config.remember_notices)
        self._limit = TimeLimit(self.config.parse_limit_s)
        self._in_hand = InHand(folder / "in-hand")
        self._source: Source | None = None
        self.moved_at = time.monotonic()

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
        self.open()
        try:
            self._source = found = (source or self._make_source)()
            try:
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
        """Make the sinks and tell the plugins; `run` and `handle` do so if need be.

        Raises
        ------
        ConfigError
            If a sink cannot be made.
        """
        with self._lock:
            if self._delivery is None:
                delivery = Delivery(
                    self._sinks(),
                    self.config.data_folder,
                    refuse=self._refuse_records,
                    spool_limit=self.config.spool_limit,
                    stopping=self._stopping.is_set,
                )
                self.summary.count(delivery.states)
                note_versions(self.config.data_folder / "versions.jsonl", _versions(self.plugins))
                options = dict(self.config.plugins.options)
                name = f"icecube-alerts {__version__}"
                self.plugins.notify("on_start", host=name, options=options)
                self._delivery = delivery
        return self

    def handle(self, messages: Sequence[Message]) -> list[Record]:
        """Read, assess and deliver messages that somebody else's consumer has received.

        When it returns, each message is in every required sink, or on disk: in the sink's spool
        or among the dead letters. Only then should its offset be committed. Threads may call it,
        one is served at a time.

        Returns
        -------
        list of Record
            Of the messages that could be read.

        Raises
        ------
        ConfigError
            If a sink cannot be made.
        StoreError
            If a message can neither be delivered nor kept.
        """
        with self._lock:
            delivery = self.open()._delivery
            assert delivery is not None  # noqa: S101  # that is what `open` does
            began = time.monotonic()
            records = self._recognised(self._read(messages))
            began = self.summary.spent("read", began)
            try:
                delivery.write(records, self._idle, self._keep)
            finally:
                self.summary.count(delivery.states)
            self._remember(records)
            for record in records:
                self.plugins.notify("on_record", record=record)
            self.summary.spent("deliver", began)
            return records

    @property
    def sinks(self) -> list[LaneState]:
        """What became of the records for each sink; empty while the host is closed."""
        delivery = self._delivery
        return [] if delivery is None else delivery.states

    def close(self) -> None:
        """Close the sinks and tell the plugins; a later `handle` opens them again."""
        with self._lock:
            delivery, self._delivery = self._delivery, None
            if delivery is not None:
                delivery.close()
                self.summary.count(delivery.states)
                self._limit.close()
                self._in_hand.close()
                self._sightings.close()
                self.plugins.notify("on_stop")

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

        size = self.config.batch_size
        return self.run(
            lambda: BackfillSource(self.config.kafka, since=since, until=until, batch_size=size)
        )

    def start(self) -> Host:
        """Run in a background thread; see `is_alive`, `stop` and `error`."""
        if self.is_alive:
            raise RuntimeError("this host is running")
        self._stopping.clear()
        self.error = None
        self._thread = threading.Thread(target=self._run_quietly, name="icecube-alerts")
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
                yield from self._read(batch)
                source.commit()
        finally:
            source.close()
            self._limit.close()
            self._in_hand.close()

    def redeliver(self, record: Record, sink: str | None = None) -> list[str]:
        """Give one record to all sinks, or to the one named; return the names that failed."""
        configs = [c for c in self.config.sinks_or_defaults() if sink in (None, c.name)]
        if sink is not None and not configs:
            return [sink]  # no longer configured
        failed = []
        for config, made in self._sinks(configs):
            wanted = sink is not None or make_filter(config)(record)
            if wanted and attempt(config.name, made, [record]) is not None:
                failed.append(config.name)
            getattr(made, "close", lambda: None)()
        return failed

    def _sinks(self, configs: Sequence[SinkConfig] | None = None) -> list[tuple[SinkConfig, Sink]]:
        configs = self.config.sinks_or_defaults() if configs is None else configs
        return [(c, make_sink(self.plugins, c.name, c.type, c.options)) for c in configs]

    def _live(self) -> Source:
        from .kafka import LiveSource

        return LiveSource(self.config.kafka, batch_size=self.config.batch_size)

    def _run(self, source: Source) -> None:
        began = time.monotonic()
        for batch in self._until_stopped(source):
            self.summary.spent("wait", began)
            self.handle(batch)
            began = time.monotonic()
            source.commit()
            self.moved_at = began = self.summary.spent("commit", began)
            if batch and self._on_batch is not None:
                self._on_batch(self.summary)

    def _finish(self) -> None:
        """Let sinks that are behind catch up, once the source has ended by itself."""
        if self._delivery is not None and not self._stopping.is_set():
            self._delivery.finish(self._idle)
            self.summary.count(self._delivery.states)

    def _watched(self, source: Source) -> contextlib.AbstractContextManager[object]:
        """Watch a live source; what ends by itself needs nobody to."""
        if not hasattr(source, "heartbeat_age_s"):
            return contextlib.nullcontext()
        from .watch import Watch

        return Watch(self, source)

    def _idle(self) -> None:
        self.moved_at = time.monotonic()
        if self._source is not None:
            self._source.idle()

    def _keep(self, action: Callable[[], object]) -> None:
        """Write to our own disk; while it is full, wait, if the source can."""
        said = False
        while True:
            try:
                action()
            except StoreError as error:
                if self._stopping.is_set() or not getattr(self._source, "can_wait", False):
                    raise
                if not said:
                    log.error("%s; waiting until that works", error)
                said = True
                self._stopping.wait(AGAIN_S)
                self._idle()
            else:
                if said:
                    log.warning("the disk can be written again; going on")
                return

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

    def _read(self, batch: Sequence[Message]) -> list[Record]:
        """Parse and assess a batch; what cannot be read becomes dead letters."""
        records = []
        for message in batch:
            self.summary.messages += 1
            if len(message.value) > self.config.message_limit_mb * 2**20:
                self._refuse_large(message)
                continue
            try:
                self._in_hand.take(message)
                record = self._limit.run(self.plugins.record, message)
            except NotOurs:
                self.summary.passed += 1
                continue
            except NoticeError as error:
                self._refuse(message, error)
                continue
            records.append(record)
            self._count(record)
        self._in_hand.clear()
        return records

    def _recognised(self, records: list[Record]) -> list[Record]:
        """Note in each record when the same notice came before."""
        if not records or not self.config.remember_notices:
            return records
        try:
            return self._sightings.look_up(records)
        except StoreError as error:
            log.warning("%s; repeats are not recognised", error)
            return records

    def _remember(self, records: Sequence[Record]) -> None:
        if not records or not self.config.remember_notices:
            return
        try:
            self._sightings.note(records)
        except StoreError as error:
            log.warning("%s; these will not be recognised", error)

    def _count(self, record: Record) -> None:
        self.summary.records += 1
        kind = record.alert.kind.value
        self.summary.kinds[kind] = self.summary.kinds.get(kind, 0) + 1
        for name in record.alert.unread:
            if (kind, name) not in self._unread and len(self._unread) < 10_000:
                self._unread.add((kind, name))
                log.info("field %s of %s notices is not read; it is kept", name, kind)

    def _refuse_large(self, message: Message) -> None:
        limit, size = self.config.message_limit_mb, len(message.value)
        reason = f"{size} bytes are more than {limit:g} MB; the first {KEPT} are kept"
        begin = message.replace(value=message.value[:KEPT])
        self._refuse(begin, TooLarge(reason).at(message))

    def _refuse(self, message: Message, error: NoticeError) -> None:
        self.summary.refused += 1
        log.error("refused %s", error)
        self._keep(lambda: self.dead_letters.add([message], error))
        self.plugins.notify("on_refused", message=message, error=error)

    def _refuse_records(self, records: Sequence[Record], error: SinkError, sink: str) -> None:
        self.dead_letters.add([record.message for record in records], error, sink)


def _plugins(config: Config) -> PluginSet:
    return load_plugins(
        allow=config.plugins.allow,
        block=config.plugins.block,
        significance=config.significance,
    )


def _versions(plugins: PluginSet) -> dict[str, str]:
    return {info.distribution: info.version for info in plugins.plugins if info.distribution}


def check_sinks(config: Config, plugins: PluginSet) -> list[str]:
    """Make and close every configured sink; return what is wrong, a line each."""
    problems = []
    for sink in config.sinks_or_defaults():
        try:
            make_filter(sink)
            made = make_sink(plugins, sink.name, sink.type, sink.options)
            getattr(made, "close", lambda: None)()
        except ConfigError as error:
            problems.append(str(error))
    return problems
