from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from icecube_hooks import (
    ConfigError,
    Message,
    NoticeError,
    ParserType,
    Record,
    SinkType,
    hookimpl,
)
from icecube_hooks.host import PluginSet, load_plugins
from icecube_hooks.testing import RecordingSink
from icecube_plugin.host import Config, Host, SinkConfig, StoreError
from tests.host.sinks import Troubled

TOPIC = "gcn.notices.icecube.lvk_nu_track_search"


class Plugin:
    """A third party's plugin: a sink that keeps, one that always raises, and observers."""

    def __init__(self) -> None:
        self.sink = RecordingSink()
        self.calls: list[tuple[str, Any]] = []

    @hookimpl
    def register_sinks(self) -> list[SinkType]:
        return [SinkType(name="keep", make=lambda: self.sink), SinkType(name="fail", make=Fail)]

    @hookimpl
    def on_start(self, host: str, options: dict[str, Any]) -> None:
        self.calls.append(("start", (host.split()[0], options)))

    @hookimpl
    def on_record(self, record: Record) -> None:
        self.calls.append(("record", record.id))

    @hookimpl
    def on_refused(self, message: Message, error: NoticeError) -> None:
        self.calls.append(("refused", (message.value, error.reason)))

    @hookimpl
    def on_stop(self) -> None:
        self.calls.append(("stop", None))


class Fail:
    def write(self, records: Sequence[Record]) -> None:
        raise RuntimeError("always")


class Source:
    """Batches from memory; notes what was committed when."""

    def __init__(self, batches: Sequence[Sequence[Message]], sink: RecordingSink) -> None:
        self.given = batches
        self.sink = sink
        self.written_at_commit: list[int] = []
        self.closed = False
        self.idled = 0

    def batches(self) -> Iterator[list[Message]]:
        for batch in self.given:
            yield list(batch)

    def commit(self) -> None:
        self.written_at_commit.append(len(self.sink.records))

    def idle(self) -> None:
        self.idled += 1

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def plugin() -> Plugin:
    return Plugin()


@pytest.fixture
def plugins(plugin: Plugin) -> PluginSet:
    return load_plugins(allow=["icecube-plugin"], extra={"third": plugin})


@pytest.fixture
def config(tmp_path: Path) -> Config:
    sinks = (SinkConfig(name="kept", type="keep"), SinkConfig(name="broken", type="fail"))
    return Config(data_folder=tmp_path, sinks=sinks)


@pytest.fixture
def notices(fixtures: Path) -> list[Message]:
    files = sorted((fixtures / TOPIC).iterdir())
    return [
        Message(value=file.read_bytes(), topic=TOPIC, partition=0, offset=number)
        for number, file in enumerate(files)
    ]


def test_the_road_of_one_batch(
    config: Config, plugins: PluginSet, plugin: Plugin, notices: list[Message]
) -> None:
    bad = Message(value=b'{"pval_generic": 2', topic=TOPIC, partition=0, offset=99)
    source = Source([notices[:2], [bad, notices[2]], []], plugin.sink)
    host = Host(replace(config, sinks=config.sinks), plugins=plugins, source=lambda: source)
    summary = host.run()
    assert (summary.messages, summary.records, summary.refused) == (4, 3, 1)
    assert summary.kinds == {"lvk-search": 3}
    assert summary.written == {"kept": 3, "broken": 0}
    assert summary.failed == {"broken": 3}
    assert [m.value for m in (r.message for r in plugin.sink.records.values())] == [
        m.value for m in notices[:3]
    ]
    assert source.written_at_commit == [2, 3, 3]  # commits follow the sinks
    assert source.closed
    assert plugin.sink.closed == 1
    letters = [(x.sink, x.message.offset) for x in host.dead_letters.letters()]
    assert sorted(letters, key=str) == [("broken", 0), ("broken", 1), ("broken", 2), (None, 99)]
    names = [name for name, _ in plugin.calls]
    assert names == ["start", "record", "record", "refused", "record", "stop"]
    assert plugin.calls[0] == ("start", ("icecube-alerts", {}))


def test_a_sink_that_is_not_required_leaves_no_letters(
    config: Config, plugins: PluginSet, plugin: Plugin, notices: list[Message]
) -> None:
    sinks = (SinkConfig(name="broken", type="fail", required=False),)
    source = Source([notices], plugin.sink)
    host = Host(replace(config, sinks=sinks), plugins=plugins, source=lambda: source)
    assert host.run().failed == {"broken": len(notices)}
    assert list(host.dead_letters.letters()) == []


def test_nothing_is_committed_when_dead_letters_cannot_be_kept(
    config: Config, plugins: PluginSet, plugin: Plugin, tmp_path: Path
) -> None:
    (tmp_path / "dead-letters.sqlite").mkdir()
    source = Source([[Message(value=b"?")]], plugin.sink)
    host = Host(config, plugins=plugins, source=lambda: source)
    with pytest.raises(OSError, match="cannot keep dead letters"):
        host.run()
    assert source.written_at_commit == []
    assert source.closed
    assert plugin.sink.closed == 1


class Patient(Source):
    """A source that can wait, as Kafka can; after two looks the disk has room again."""

    can_wait = True
    obstacle: Path

    def idle(self) -> None:
        super().idle()
        if self.idled == 2:
            self.obstacle.rmdir()


def test_a_full_disk_is_waited_for(
    config: Config, plugins: PluginSet, plugin: Plugin, tmp_path: Path
) -> None:
    source = Patient([[Message(value=b"?")]], plugin.sink)
    source.obstacle = tmp_path / "dead-letters.sqlite"
    source.obstacle.mkdir()
    host = Host(config, plugins=plugins, source=lambda: source)
    assert host.run().refused == 1
    assert len(list(host.dead_letters.letters())) == 1
    assert source.written_at_commit == [0]


def test_a_stop_ends_the_wait_without_a_commit(
    config: Config, plugins: PluginSet, plugin: Plugin, tmp_path: Path
) -> None:
    source = Patient([[Message(value=b"?")]], plugin.sink)
    source.obstacle = tmp_path / "elsewhere"
    source.obstacle.mkdir()
    (tmp_path / "dead-letters.sqlite").mkdir()
    host = Host(config, plugins=plugins, source=lambda: source)
    host.start()
    assert host.stop()
    assert isinstance(host.error, StoreError)
    assert source.written_at_commit == []


def test_the_source_is_kept_alive_while_a_sink_is_slow(
    config: Config, plugins: PluginSet, plugin: Plugin, notices: list[Message]
) -> None:
    slow = Troubled()
    slow.gate.clear()
    plugins.sinks["slow"] = SinkType(name="slow", make=lambda: slow)
    sinks = (SinkConfig(name="slow", type="slow", patience_s=1.2),)
    source = Source([notices], plugin.sink)
    host = Host(replace(config, sinks=sinks), plugins=plugins, source=lambda: source)
    summary = host.run()
    slow.gate.set()
    assert source.idled >= 2
    assert source.written_at_commit == [0]
    assert summary.waiting == {"slow": len(notices)}


def test_a_parser_that_never_ends_costs_one_message(
    config: Config, plugins: PluginSet, plugin: Plugin, notices: list[Message]
) -> None:
    class Loops:
        @hookimpl
        def register_parsers(self) -> list[ParserType]:
            return [ParserType(name="loops", topics=("loops",), parse=loop)]

    def loop(_message: Message) -> None:
        while True:
            pass

    plugins = load_plugins(allow=["icecube-plugin"], extra={"third": plugin, "loops": Loops()})
    batch = [Message(value=b"{}", topic="loops", partition=0, offset=0), notices[0]]
    source = Source([batch], plugin.sink)
    config = replace(config, parse_limit_s=0.3)
    host = Host(config, plugins=plugins, source=lambda: source)
    summary = host.run()
    assert (summary.refused, summary.records) == (1, 1)
    (letter, _) = host.dead_letters.letters()
    assert letter.reason == "loops[0]@0: reading took longer than 0.3 s"


def test_a_notice_that_comes_again_says_so(
    config: Config, plugins: PluginSet, plugin: Plugin, notices: list[Message]
) -> None:
    sinks = (SinkConfig(name="kept", type="keep"),)
    config = replace(config, sinks=sinks)
    first, second = Host(config, plugins=plugins), Host(config, plugins=plugins)
    (record,) = first.handle(notices[:1])
    assert not record.is_repeat
    (record,) = second.handle(notices[:1])  # another process, later
    assert [sighting.offset for sighting in record.sightings] == [0]
    (record,) = Host(replace(config, remember_notices=0), plugins=plugins).handle(notices[:1])
    assert not record.is_repeat
    first.close()
    second.close()


class Endless(Source):
    def batches(self) -> Iterator[list[Message]]:
        while True:
            yield from super().batches()
            self.passed.set()

    passed = threading.Event()


def test_the_background_thread(
    config: Config, plugins: PluginSet, plugin: Plugin, notices: list[Message]
) -> None:
    host = Host(config, plugins=plugins, source=lambda: Endless([notices[:1], []], plugin.sink))
    states = [host.is_alive]
    with host:
        states.append(host.is_alive)
        with pytest.raises(RuntimeError, match="is running"):
            host.start()
        assert Endless.passed.wait(10.0)
    assert [*states, host.is_alive] == [False, True, False]
    assert host.error is None
    assert host.summary.records >= 1
    first = host.summary.records
    assert host.start().stop()
    assert host.summary.records >= first


def test_an_error_of_the_thread_is_told(config: Config, plugins: PluginSet) -> None:
    def no_source() -> Source:
        raise ConfigError("no source")

    host = Host(config, plugins=plugins, source=no_source)
    host.start()
    assert host.stop()
    assert isinstance(host.error, ConfigError)
    host.start()
    with pytest.raises(ConfigError, match="no source"):
        host.__exit__(None, None, None)


def test_records_without_sinks(config: Config, plugins: PluginSet, fixtures: Path) -> None:
    host = Host(config, plugins=plugins)
    records = list(host.records(fixtures / TOPIC))
    assert {record.alert.kind for record in records} == {"lvk-search"}
    assert all(record.significances for record in records if record.alert.p_values)
    assert not (config.data_folder / "alerts.sqlite").exists()


def test_records_commit_when_they_have_been_used(
    config: Config, plugins: PluginSet, plugin: Plugin, notices: list[Message]
) -> None:
    source = Source([notices[:2], notices[2:3]], plugin.sink)
    records = Host(config, plugins=plugins, source=lambda: source).records()
    next(records)
    next(records)
    assert source.written_at_commit == []
    next(records)
    assert len(source.written_at_commit) == 1
    records.close()  # type: ignore[attr-defined]  # a generator
    assert source.closed


def test_an_unknown_sink_or_provider_is_a_configuration_error(config: Config) -> None:
    with pytest.raises(ConfigError, match=r"significance\.icecub: no such provider \(did you mean"):
        Host(replace(config, significance={"icecub": {}}))
    host = Host(replace(config, sinks=(SinkConfig(name="a", type="sqlit"),)))
    with pytest.raises(ConfigError, match=r"sinks\.a\.type: no sink type 'sqlit' \(did you mean"):
        host.run()


def test_a_field_that_nobody_reads_is_reported_once(
    config: Config, plugins: PluginSet, plugin: Plugin, caplog: pytest.LogCaptureFixture
) -> None:
    value = b'{"ref_ID": "S260502ab", "trigger_time": "2026-05-02T04:00:00Z", "pval_generic": 0.5, '
    batch = [Message(value=value + b'"new_field": %d}' % n) for n in range(3)]
    caplog.set_level("INFO")
    Host(config, plugins=plugins, source=lambda: Source([batch], plugin.sink)).run()
    told = [r.getMessage() for r in caplog.records if "new_field" in r.getMessage()]
    assert told == ["field new_field of lvk-search notices is not read; it is kept"]
    assert [r.alert.unread for r in plugin.sink.records.values()] == [
        {"new_field": n} for n in range(3)
    ]


def test_messages_of_somebody_elses_consumer(
    config: Config, plugins: PluginSet, plugin: Plugin, notices: list[Message]
) -> None:
    host = Host(config, plugins=plugins)
    poison = Message(value=b'{"pval_generic": 2', topic=TOPIC, partition=0, offset=99)
    assert host.handle([poison]) == []
    (record,) = host.handle(notices[:1])
    host.handle(notices[:1])
    assert list(plugin.sink.records) == [record.id]
    assert [x.message.offset for x in host.dead_letters.letters()] == [99, 0]
    host.close()
    host.close()
    assert plugin.sink.closed == 1
    assert [name for name, _ in plugin.calls] == ["start", "refused", "record", "record", "stop"]
    host.handle(notices[1:2])
    assert len(plugin.sink.records) == 2
    host.close()


def test_threads_are_served_one_at_a_time(
    config: Config, plugins: PluginSet, plugin: Plugin, notices: list[Message]
) -> None:
    sinks = (SinkConfig(name="kept", type="keep"),)
    host = Host(replace(config, sinks=sinks), plugins=plugins)
    threads = [threading.Thread(target=host.handle, args=([notice],)) for notice in notices]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    host.close()
    assert host.summary.records == len(plugin.sink.records) == len(notices)


def test_a_run_after_a_stop_reads_everything(
    config: Config, plugins: PluginSet, plugin: Plugin, notices: list[Message]
) -> None:
    host = Host(config, plugins=plugins, source=lambda: Endless([notices[:1]], plugin.sink))
    with host:
        pass
    host.stop()
    batches = [[notice] for notice in notices]
    host.run(lambda: Source(batches, plugin.sink))
    assert len(plugin.sink.records) == len(notices)
