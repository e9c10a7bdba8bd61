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
At least once. For each batch: parse, assess, write to every sink, keep what could not be read or
written as dead letters, and only then commit the offsets. Whatever ends the process, the next one
begins with the first message that was not committed. Sinks that drop a record id that they have
make it exactly once.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from icecube_hooks import ConfigError, Message, NoticeError, NotOurs, Record, Sink
from icecube_hooks.host import PluginSet, load_plugins, make_sink
from icecube_plugin import __version__

from .config import Config, SinkConfig, load_config
from .dead_letters import DeadLetters
from .delivery import Delivery
from .files import FileSource

__all__ = ["Host", "Source", "Summary"]

log = logging.getLogger(__name__)


class Source(Protocol):
    """Where a host takes messages from."""

    def batches(self) -> Iterator[list[Message]]:
        """Yield batches of messages; an empty one while nothing comes."""
        ...

    def commit(self) -> None:
        """Note that everything yielded so far is safe."""
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
    kinds : dict
        Number of records by kind of alert.
    written, failed : dict
        Number of records by sink.
    """

    messages: int = 0
    records: int = 0
    refused: int = 0
    passed: int = 0
    kinds: dict[str, int] = field(default_factory=dict)
    written: dict[str, int] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)


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
        self.dead_letters = DeadLetters(
            self.config.data_folder / "dead-letters.sqlite", _versions(self.plugins)
        )

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
        DeadLetterError
            If a message can neither be delivered nor kept: nothing is committed then.
        KafkaFailure
            If Kafka refuses us.
        """
        self.open()
        try:
            found = (source or self._make_source)()
            try:
                self._run(found)
            finally:
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
                delivery = Delivery(self._sinks(), wait=self._stopping.wait)
                self.summary.written, self.summary.failed = delivery.written, delivery.failed
                options = dict(self.config.plugins.options)
                name = f"icecube-alerts {__version__}"
                self.plugins.notify("on_start", host=name, options=options)
                self._delivery = delivery
        return self

    def handle(self, messages: Sequence[Message]) -> list[Record]:
        """Read, assess and deliver messages that somebody else's consumer has received.

        When it returns, each message is in every required sink or kept as a dead letter: only
        then should its offset be committed. Threads may call it, one is served at a time.

        Returns
        -------
        list of Record
            Of the messages that could be read.

        Raises
        ------
        ConfigError
            If a sink cannot be made.
        DeadLetterError
            If a message can neither be delivered nor kept.
        """
        with self._lock:
            delivery = self.open()._delivery
            assert delivery is not None  # noqa: S101  # that is what `open` does
            records = self._read(messages)
            for failure in delivery.write(records):
                if failure.required:
                    kept = [record.message for record in failure.records]
                    self.dead_letters.add(kept, failure.error, failure.sink)
            for record in records:
                self.plugins.notify("on_record", record=record)
            return records

    def close(self) -> None:
        """Close the sinks and tell the plugins; a later `handle` opens them again."""
        with self._lock:
            delivery, self._delivery = self._delivery, None
            if delivery is not None:
                delivery.close()
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
        ConfigError, DeadLetterError, KafkaFailure
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

    def redeliver(self, record: Record, sink: str | None = None) -> list[str]:
        """Give one record to all sinks, or to the one named; return the names that failed."""
        configs = [c for c in self.config.sinks_or_defaults() if sink in (None, c.name)]
        if sink is not None and not configs:
            return [sink]  # no longer configured
        delivery = Delivery(self._sinks(configs), wait=self._stopping.wait)
        try:
            return [failure.sink for failure in delivery.write([record])]
        finally:
            delivery.close()

    def _sinks(self, configs: Sequence[SinkConfig] | None = None) -> list[tuple[SinkConfig, Sink]]:
        configs = self.config.sinks_or_defaults() if configs is None else configs
        return [(c, make_sink(self.plugins, c.name, c.type, c.options)) for c in configs]

    def _live(self) -> Source:
        from .kafka import LiveSource

        return LiveSource(self.config.kafka, batch_size=self.config.batch_size)

    def _run(self, source: Source) -> None:
        for batch in self._until_stopped(source):
            self.handle(batch)
            source.commit()
            if batch and self._on_batch is not None:
                self._on_batch(self.summary)

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
            try:
                record = self.plugins.record(message)
            except NotOurs:
                self.summary.passed += 1
                continue
            except NoticeError as error:
                self._refuse(message, error)
                continue
            records.append(record)
            self._count(record)
        return records

    def _count(self, record: Record) -> None:
        self.summary.records += 1
        kind = record.alert.kind.value
        self.summary.kinds[kind] = self.summary.kinds.get(kind, 0) + 1
        for name in record.alert.unread:
            if (kind, name) not in self._unread and len(self._unread) < 10_000:
                self._unread.add((kind, name))
                log.info("field %s of %s notices is not read; it is kept", name, kind)

    def _refuse(self, message: Message, error: NoticeError) -> None:
        self.summary.refused += 1
        log.error("refused %s", error)
        self.dead_letters.add([message], error)
        self.plugins.notify("on_refused", message=message, error=error)


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
            made = make_sink(plugins, sink.name, sink.type, sink.options)
            getattr(made, "close", lambda: None)()
        except ConfigError as error:
            problems.append(str(error))
    return problems
