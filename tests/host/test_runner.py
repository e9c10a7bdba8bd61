from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from icecube_hooks import (
    ConfigError,
    Message,
    NoticeError,
    Record,
    RefusedForGood,
    RetryLater,
    SinkType,
    hookimpl,
)
from icecube_hooks.host import PluginSet, load_plugins
from icecube_hooks.testing import RecordingSink
from icecube_plugin.host import Config, DeadLetter, Host, Journal, SinkConfig, StoreError, runner
from icecube_plugin.host.store import FileLock
from tests.host.sinks import Troubled
from tests.patience import PATIENCE_S, wait_for

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
    """Batches from memory; notes what was on disk when they were committed."""

    def __init__(self, batches: Sequence[Sequence[Message]], folder: Path) -> None:
        self.given = batches
        self.folder = folder
        self.durable_at_commit: list[int] = []
        self.closed = False
        self.idled = 0

    def batches(self) -> Iterator[list[Message]]:
        for batch in self.given:
            yield list(batch)

    def commit(self) -> None:
        self.durable_at_commit.append(Journal(self.folder).look())

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
    source = Source([notices[:2], [bad, notices[2]], []], config.data_folder)
    host = Host(config.replace(sinks=config.sinks), plugins=plugins, source=lambda: source)
    summary = host.run()
    assert (summary.messages, summary.records, summary.refused) == (4, 3, 1)
    assert summary.kinds == {"lvk-search": 3}
    assert summary.written == {"kept": 3, "broken": 0}
    assert summary.failed == {"broken": 3}
    assert [m.value for m in (r.message for r in plugin.sink.records.values())] == [
        m.value for m in notices[:3]
    ]
    assert source.durable_at_commit == [2, 4, 4]  # commits follow the journal
    assert source.closed
    assert plugin.sink.closed == 1
    letters = [(x.sink, x.message.offset) for x in host.journal.letters()]
    assert sorted(letters, key=str) == [("broken", 0), ("broken", 1), ("broken", 2), (None, 99)]
    names = [name for name, _ in plugin.calls]
    assert names == ["start", "record", "record", "refused", "record", "stop"]
    assert plugin.calls[0] == ("start", ("icecube-alerts", {}))


def test_a_slow_observer_holds_nothing_up(
    config: Config, plugin: Plugin, notices: list[Message]
) -> None:
    entered, gate = threading.Event(), threading.Event()

    class Slow:
        @hookimpl
        def on_record(self, record: Record) -> None:
            entered.set()
            gate.wait()

    plugins = load_plugins(allow=["icecube-plugin"], extra={"third": plugin, "slow": Slow()})
    source = Source([[notice] for notice in notices[:3]], config.data_folder)
    host = Host(
        config.replace(sinks=(SinkConfig(name="kept", type="keep"),)),
        plugins=plugins,
        source=lambda: source,
    )
    host.start()
    try:
        wait_for(entered.is_set)
        wait_for(lambda: source.durable_at_commit == [1, 2, 3] and len(plugin.sink.records) == 3)
        wait_for(lambda: [name for name, _ in plugin.calls].count("record") == 3)
        assert not gate.is_set()
    finally:
        gate.set()
        host.stop()
    assert host.error is None


def test_a_sink_that_is_not_required_leaves_no_letters(
    config: Config, plugins: PluginSet, plugin: Plugin, notices: list[Message]
) -> None:
    sinks = (SinkConfig(name="broken", type="fail", required=False),)
    source = Source([notices], config.data_folder)
    host = Host(config.replace(sinks=sinks), plugins=plugins, source=lambda: source)
    assert host.run().failed == {"broken": len(notices)}
    assert list(host.journal.letters()) == []


def test_nothing_is_committed_when_nothing_can_be_kept(
    config: Config, plugins: PluginSet, plugin: Plugin, tmp_path: Path
) -> None:
    (tmp_path / "journal.sqlite").mkdir()
    source = Source([[Message(value=b"?")]], config.data_folder)
    host = Host(config, plugins=plugins, source=lambda: source)
    with pytest.raises(OSError, match=r"cannot use .*journal\.sqlite"):
        host.run()
    assert source.durable_at_commit == []
    assert source.closed
    assert host.sinks == []


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
    source = Patient([[Message(value=b"?")]], config.data_folder)
    source.obstacle = tmp_path / "journal.sqlite"
    source.obstacle.mkdir()
    host = Host(config, plugins=plugins, source=lambda: source)
    assert host.run().refused == 1
    assert len(list(host.journal.letters())) == 1
    assert source.durable_at_commit == [1]
    assert host.journal_error is None


def test_a_stop_ends_the_wait_without_a_commit(
    config: Config, plugins: PluginSet, plugin: Plugin, tmp_path: Path
) -> None:
    source = Patient([[Message(value=b"?")]], config.data_folder)
    source.obstacle = tmp_path / "elsewhere"
    source.obstacle.mkdir()
    (tmp_path / "journal.sqlite").mkdir()
    host = Host(config, plugins=plugins, source=lambda: source)
    host.start()
    wait_for(lambda: host.journal_error is not None)
    assert host.stop()
    assert isinstance(host.error, StoreError)
    assert source.durable_at_commit == []


@pytest.mark.full
def test_the_source_is_kept_alive_while_a_sink_is_slow(
    config: Config, plugins: PluginSet, notices: list[Message], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "AHEAD", 0)
    monkeypatch.setattr(runner, "CLOSE_S", 0.1)  # it hangs: its end is not waited for
    slow = Troubled()
    slow.gate.clear()
    plugins.sinks["slow"] = SinkType(name="slow", make=lambda: slow)
    sinks = (SinkConfig(name="slow", type="slow", patience_s=2.5),)
    source = Source([notices[:2], notices[2:]], config.data_folder)
    host = Host(config.replace(sinks=sinks), plugins=plugins, source=lambda: source)
    summary = host.run()
    slow.gate.set()
    assert source.idled >= 2  # for the first batch; then the sink is behind
    assert source.durable_at_commit == [2, len(notices)]
    assert summary.waiting == {"slow": len(notices)}


def test_a_run_ends_when_every_sink_has_everything(
    config: Config, plugins: PluginSet, notices: list[Message]
) -> None:
    """However long that takes in all, as long as it gets on within its patience."""

    class Slow(Troubled):
        def write(self, records: Sequence[Record], /) -> None:
            if len(records) > 1:  # then they come one by one
                raise RefusedForGood("one at a time")
            time.sleep(0.4)
            super().write(records)

    slow = Slow()
    plugins.sinks["slow"] = SinkType(name="slow", make=lambda: slow)
    sinks = (SinkConfig(name="slow", type="slow", patience_s=1.2, required=False),)
    batches = [[notice] for notice in notices[:7]]
    host = Host(config.replace(sinks=sinks), plugins=plugins)
    summary = host.run(lambda: Source(batches, config.data_folder))
    assert (summary.written, summary.waiting) == ({"slow": 7}, {})


def test_a_sink_that_cannot_be_made_does_not_keep_a_host_from_starting(
    config: Config,
    plugins: PluginSet,
    plugin: Plugin,
    notices: list[Message],
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail() -> Troubled:
        raise OSError("no route to host")

    plugins.sinks["away"] = SinkType(name="away", make=fail)
    away = SinkConfig(name="a", type="away", patience_s=0.5)
    sinks = (SinkConfig(name="kept", type="keep", patience_s=60.0), away)
    host = Host(config.replace(sinks=sinks), plugins=plugins)
    host.handle(notices[:1])
    host.handle(notices[1:2])
    assert len(plugin.sink.records) == 2
    assert caplog.text.count("it is behind") == 1, "it was waited for once, not twice"
    (_, state) = host.sinks
    assert (state.in_trouble, state.waiting) == (True, 2)
    assert state.last_error == "sink a: cannot be made: no route to host"
    host.close()


class Live(Source):
    """A source that gives again what was not committed."""

    is_live = True


def test_what_the_live_source_gives_again_is_left_out(
    config: Config, plugins: PluginSet, plugin: Plugin, notices: list[Message]
) -> None:
    for kind, entries, repeats in ((Live, 2, 0), (Live, 3, 2), (Source, 6, 0)):
        host = Host(config, plugins=plugins)
        batch = notices[: 2 if entries == 2 else 3]
        summary = host.run(lambda kind=kind, batch=batch: kind([batch], config.data_folder))  # type: ignore[misc]
        assert (host.journal.look(), summary.repeats) == (entries, repeats)
        assert (summary.messages, summary.records) == (len(batch), len(batch) - repeats)


def test_a_sink_that_is_added_later_begins_now_or_with_the_earliest(
    config: Config, plugins: PluginSet, notices: list[Message]
) -> None:
    later = {"now": Troubled(), "earliest": Troubled()}
    for start, sink in later.items():
        plugins.sinks[start] = SinkType(name=start, make=lambda sink=sink: sink)
    first = (SinkConfig(name="kept", type="keep"),)
    host = Host(config.replace(sinks=first), plugins=plugins)
    host.handle(notices[:3])
    host.close()
    more = (
        SinkConfig(name="n", type="now"),
        SinkConfig(name="e", type="earliest", start="earliest"),
    )
    host = Host(config.replace(sinks=(*first, *more)), plugins=plugins)
    host.run(lambda: Source([notices[3:4]], config.data_folder))
    assert (len(later["now"].ids), len(later["earliest"].ids)) == (1, 4)


def test_a_sink_that_is_no_longer_configured_is_told_of(
    config: Config, plugins: PluginSet, notices: list[Message], caplog: pytest.LogCaptureFixture
) -> None:
    down = Troubled(RetryLater("down"))
    plugins.sinks["hook"] = SinkType(name="hook", make=lambda: down)
    old = SinkConfig(name="hook", type="hook", patience_s=0.1)
    host = Host(config.replace(sinks=(old,)), plugins=plugins)
    down.bad = frozenset(plugins.record(notice).id for notice in notices)
    host.handle(notices[:3])
    host.close()
    Host(config.replace(sinks=()), plugins=plugins).open().close()
    assert "3 entries wait for sink hook (hook), which is not configured" in caplog.text


def test_the_file_of_cursors_is_lost(
    config: Config, plugins: PluginSet, notices: list[Message]
) -> None:
    """Sinks that may get a record again get everything; a storm of messages helps nobody."""
    made = {"lines": Troubled(), "people": Troubled()}
    plugins.sinks["lines"] = SinkType(name="lines", make=lambda: made["lines"])
    plugins.sinks["people"] = SinkType(
        name="people", make=lambda: made["people"], after_journal=True
    )
    sinks = tuple(SinkConfig(name=name, type=name) for name in made)
    for batch in (notices[:3], notices[3:4]):
        host = Host(config.replace(sinks=sinks), plugins=plugins)
        host.run(lambda batch=batch: Source([batch], config.data_folder))  # type: ignore[misc]
        for file in config.data_folder.glob("cursors.sqlite*"):
            file.write_bytes(b"garbage")
    assert len(made["lines"].ids) == 7
    assert len(made["people"].ids) == 4


def test_a_dead_letter_is_tried_again(
    config: Config, plugins: PluginSet, plugin: Plugin, notices: list[Message]
) -> None:
    moody = Troubled(RefusedForGood("no"), times=2)
    plugins.sinks["moody"] = SinkType(name="moody", make=lambda: moody)
    sinks = (SinkConfig(name="kept", type="keep"), SinkConfig(name="m", type="moody"))
    host = Host(config.replace(sinks=sinks), plugins=plugins)
    record = plugins.record(notices[0])
    moody.bad = frozenset([record.id])
    host.handle([notices[0], Message(value=b"?")])
    refused, unread = sorted(host.journal.letters(), key=lambda letter: letter.sink or "z")
    assert (refused.sink, refused.reason) == ("m", "sink m: no")
    assert host.retry(refused) == "sink m: no"
    (again,) = [letter for letter in host.journal.letters() if letter.sink]
    assert again.number == refused.number
    assert host.retry(again) is None
    assert moody.ids == [record.id]
    assert len(plugin.sink.records) == 1
    assert "no parser recognises this message" in str(host.retry(unread))
    gone = DeadLetter(
        number=9, at=unread.at, sink="x", error="", reason="", versions={}, message=notices[0]
    )
    assert host.retry(gone) == "there is no sink x"
    assert [letter.number for letter in host.journal.letters()] == [unread.number]
    host.close()


FORK = """
import os, sys
from pathlib import Path
from icecube_hooks import Message
from icecube_plugin.host import Config, Host, SinkConfig
from tests.host.kafka.common import notice

folder = Path(sys.argv[1])
sinks = (SinkConfig(name="lines", type="jsonl", patience_s=60.0,
                    options={"path": str(folder / "a.jsonl")}),)
host = Host(Config(data_folder=folder, sinks=sinks))
host.handle([Message(value=notice(0))])
child = os.fork()
host.handle([Message(value=notice(1 if child else 2))])
host.close()
if child == 0:
    os._exit(0)
sys.exit(os.waitpid(child, 0)[1])
"""


def test_a_host_that_was_used_before_a_fork_works_in_both(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", FORK, str(tmp_path)], cwd=root, timeout=300)
    assert done.returncode == 0

    def ids() -> list[str]:
        lines = (tmp_path / "a.jsonl").read_text().splitlines()
        return sorted(json.loads(line)["id"].split(":")[1] for line in lines)

    # The child does not wait for a sink to which the parent is delivering.
    options = {"path": str(tmp_path / "a.jsonl")}
    sinks = (SinkConfig(name="lines", type="jsonl", options=options),)
    with contextlib.closing(Host(Config(data_folder=tmp_path, sinks=sinks)).open()):
        wait_for(lambda: len(ids()) >= 3)
    assert ids() == ["S260502a0", "S260502a1", "S260502a2"]


def test_two_hosts_on_one_folder_deliver_everything_once(
    config: Config, plugins: PluginSet, plugin: Plugin, notices: list[Message]
) -> None:
    made = [Troubled(), Troubled()]
    sinks = iter(made)
    plugins.sinks["each"] = SinkType(name="each", make=lambda: next(sinks))
    config = config.replace(sinks=(SinkConfig(name="e", type="each"),))
    hosts = [Host(config, plugins=plugins).open(), Host(config, plugins=plugins).open()]
    for number, notice in enumerate(notices[:6]):
        hosts[number % 2].handle([notice])
    assert [len(sink.ids) for sink in made] == [6, 0]
    hosts[0].close()
    hosts[1].handle(notices[6:7])
    assert [len(sink.ids) for sink in made] == [6, 1]
    hosts[1].close()


def test_who_takes_over_goes_on_where_the_other_stopped(
    config: Config, plugins: PluginSet, notices: list[Message], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first host delivers once more, and ends, after the second has looked at the cursor."""
    made = [Troubled(), Troubled()]
    sinks = iter(made)
    plugins.sinks["each"] = SinkType(name="each", make=lambda: next(sinks))
    config = config.replace(sinks=(SinkConfig(name="e", type="each"),))
    first, second = (Host(config, plugins=plugins) for _ in range(2))
    first.handle(notices[:1])
    second.open()
    take, has_ended = FileLock.take, threading.Event()

    def late(lock: FileLock) -> bool:
        if not has_ended.is_set() and not take(lock):
            first.handle(notices[1:2])
            first.close()
            second.journal.look()
            has_ended.set()
        return take(lock)

    monkeypatch.setattr(FileLock, "take", late)
    wait_for(has_ended.is_set)
    second.handle(notices[2:3])
    second.close()
    assert [len(sink.ids) for sink in made] == [2, 1]


def test_a_program_that_fails_with_a_host_running_ends(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from icecube_plugin.host import Config, Host;"
        "from tests.host.test_health import Live;"
        "Host(Config(data_folder=pathlib.Path(sys.argv[1]), sinks=()),"
        " source=lambda: Live([])).start(); raise SystemExit(3)"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=root, timeout=300)
    assert done.returncode == 3


def test_a_notice_that_comes_again_says_so(
    config: Config, plugins: PluginSet, plugin: Plugin, notices: list[Message]
) -> None:
    sinks = (SinkConfig(name="kept", type="keep"),)
    config = config.replace(sinks=sinks)
    first, second = Host(config, plugins=plugins), Host(config, plugins=plugins)
    (record,) = first.handle(notices[:1])
    assert not record.is_repeat
    (record,) = second.handle(notices[:1])  # another process, later
    assert [sighting.offset for sighting in record.sightings] == [0]
    (record,) = Host(config.replace(remember_notices=0), plugins=plugins).handle(notices[:1])
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
    host = Host(
        config, plugins=plugins, source=lambda: Endless([notices[:1], []], config.data_folder)
    )
    states = [host.is_alive]
    with host:
        states.append(host.is_alive)
        with pytest.raises(RuntimeError, match="is running"):
            host.start()
        assert Endless.passed.wait(PATIENCE_S)
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
    source = Source([notices[:2], notices[2:3]], config.data_folder)
    records = Host(config, plugins=plugins, source=lambda: source).records()
    next(records)
    next(records)
    assert source.durable_at_commit == []
    next(records)
    assert len(source.durable_at_commit) == 1
    records.close()  # type: ignore[attr-defined]  # a generator
    assert source.closed


def test_an_unknown_sink_or_provider_is_a_configuration_error(config: Config) -> None:
    with pytest.raises(ConfigError, match=r"significance\.icecub: no such provider \(did you mean"):
        Host(config.replace(significance={"icecub": {}}))
    host = Host(config.replace(sinks=(SinkConfig(name="a", type="sqlit"),)))
    with pytest.raises(ConfigError, match=r"sinks\.a\.type: no sink type 'sqlit' \(did you mean"):
        host.run()


def test_a_field_that_nobody_reads_is_reported_once(
    config: Config, plugins: PluginSet, plugin: Plugin, caplog: pytest.LogCaptureFixture
) -> None:
    value = b'{"ref_ID": "S260502ab", "trigger_time": "2026-05-02T04:00:00Z", "pval_generic": 0.5, '
    batch = [Message(value=value + b'"new_field": %d}' % n) for n in range(3)]
    caplog.set_level("INFO")
    Host(config, plugins=plugins, source=lambda: Source([batch], config.data_folder)).run()
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
    assert [x.message.offset for x in host.journal.letters()] == [99, 0]
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
    host = Host(config.replace(sinks=sinks), plugins=plugins)
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
    host = Host(config, plugins=plugins, source=lambda: Endless([notices[:1]], config.data_folder))
    with host:
        pass
    host.stop()
    batches = [[notice] for notice in notices]
    host.run(lambda: Source(batches, config.data_folder))
    assert len(plugin.sink.records) == len(notices)
