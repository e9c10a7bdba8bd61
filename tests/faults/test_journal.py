"""The journal in trouble, and sinks that come late, change their name, or get the past again."""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from icecube_hooks import Message, RetryLater, SinkType, hookimpl
from icecube_hooks.host import PluginSet, load_plugins
from icecube_plugin.cli.command import main
from icecube_plugin.host import Config, Host, Journal, SinkConfig, StoreError
from tests.host.kafka.common import kafka_config, notice, publish
from tests.host.sinks import Troubled
from tests.kafka_broker.broker import KafkaBroker
from tests.patience import wait_for

JUNK = b'{"pval_generic": broken, "number": %d}'


def plugins(**sinks: Troubled) -> PluginSet:
    class Third:
        @hookimpl
        def register_sinks(self) -> list[SinkType]:
            return [SinkType(name=n, make=lambda s=s: s) for n, s in sinks.items()]

    return load_plugins(allow=["icecube-plugin"], extra={"third": Third()})


class Down(Troubled):
    """Takes nothing for now."""

    def write(self, records: object, /) -> None:
        raise RetryLater("down")


def config(kafka: KafkaBroker, folder: Path, topic: str, *names: str) -> Config:
    kafka.create_topic(topic)
    sinks = tuple(SinkConfig(name=name, type=name) for name in names)
    return Config(data_folder=folder, kafka=kafka_config(kafka, topic), sinks=sinks)


def numbers(sink: Troubled) -> set[int]:
    return {int(i.split(":")[1].removeprefix("S260502a")) for i in sink.ids}


def test_the_journal_is_damaged_while_alerts_come(
    kafka: KafkaBroker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sink = Troubled()
    host = Host(config(kafka, tmp_path, "damaged", "a"), plugins=plugins(a=sink))
    with host:
        publish(kafka, "damaged", [notice(n) for n in range(5)])
        wait_for(lambda: numbers(sink) == set(range(5)))
        with closing(Journal(tmp_path)) as disk:
            wait_for(lambda: disk.look() == 5)  # the sink is quicker than the disk
        host.journal.close()
        host.journal.path.write_bytes(b"garbage" * 5000)
        publish(kafka, "damaged", [notice(n) for n in range(5, 10)])
        wait_for(lambda: numbers(sink) == set(range(10)))
        wait_for(lambda: host.sinks[0].waiting == 0)
    assert "begun afresh" in caplog.text
    assert len(list(tmp_path.glob("journal.sqlite.damaged-*"))) == 1
    assert Journal(tmp_path).look() == 5


def test_another_program_has_locked_the_journal(
    kafka: KafkaBroker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """For longer than SQLite waits: the host waits, says so, and the sinks have what is known."""
    sink = Troubled()
    host = Host(config(kafka, tmp_path, "locked", "a"), plugins=plugins(a=sink))
    with host:
        publish(kafka, "locked", [notice(0)])
        wait_for(lambda: numbers(sink) == {0})
        with closing(sqlite3.connect(host.journal.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            publish(kafka, "locked", [notice(n) for n in range(1, 20)])
            wait_for(lambda: host.journal_error is not None)
            assert "database is locked" in str(host.journal_error)
            assert host.is_alive
            other.execute("ROLLBACK")
        wait_for(lambda: numbers(sink) == set(range(20)))
        wait_for(lambda: host.journal_error is None)
    assert "waiting until that works" in caplog.text


def test_junk_and_a_journal_that_cannot_be_written_hold_no_alert_for_ever(
    kafka: KafkaBroker, tmp_path: Path
) -> None:
    """Nothing is committed, the trouble is known to who asks, and all is there afterwards."""
    sink = Troubled()
    made = config(kafka, tmp_path, "unwritable", "a")
    (tmp_path / "journal.sqlite").mkdir()
    publish(kafka, "unwritable", [notice(0), JUNK % 1, notice(2)])
    host = Host(made, plugins=plugins(a=sink))
    with host:
        wait_for(lambda: host.journal_error is not None)
        assert host.is_alive
        (tmp_path / "journal.sqlite").rmdir()
        wait_for(lambda: numbers(sink) == {0, 2})
        wait_for(lambda: list(host.journal.letters()) != [])  # the sink is quicker than the disk
        (letter,) = host.journal.letters()
        assert letter.message.value == JUNK % 1


def test_a_flood_of_junk_does_not_hold_an_alert_up(kafka: KafkaBroker, tmp_path: Path) -> None:
    sink = Troubled()
    made = config(kafka, tmp_path, "flood", "a")
    publish(kafka, "flood", [*(JUNK % n for n in range(4000)), notice(4000)])
    began = time.monotonic()
    host = Host(made, plugins=plugins(a=sink))
    with host:
        wait_for(lambda: numbers(sink) == {4000})
        took_s = time.monotonic() - began
        wait_for(lambda: len(list(host.journal.letters())) == 4000)
    assert took_s < 100.0  # on a busy machine; one by one, each synced, two minutes on a quiet one


def test_a_sink_gets_a_new_name_with_records_waiting(
    kafka: KafkaBroker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    down = Down()
    made = config(kafka, tmp_path, "renamed", "hook")
    publish(kafka, "renamed", [notice(n) for n in range(7)])
    with Host(made, plugins=plugins(hook=down)) as host:
        wait_for(lambda: host.sinks != [] and host.sinks[0].waiting == 7)
    back = Troubled()
    file = tmp_path / "c.toml"
    file.write_text(f'data_folder = "{tmp_path}"\n[sinks.alarm]\ntype = "terminal"\n')
    assert main(["--config", str(file), "sinks"]) == 0
    renamed = Config(data_folder=tmp_path, sinks=(SinkConfig(name="alarm", type="alarm"),))
    Host(renamed, plugins=plugins(alarm=back)).open().close()
    assert "7 entries wait for sink hook (hook), which is not configured" in caplog.text
    file.write_text(f'data_folder = "{tmp_path}"\n[sinks.alarm]\ntype = "alarm"\n')
    assert main(["--config", str(file), "sinks", "rename", "hook", "alarm"]) == 0
    host = Host(renamed, plugins=plugins(alarm=back)).open()
    wait_for(lambda: len(back.ids) == 7)
    host.close()


def test_a_sink_is_rewound_while_the_host_runs_and_people_hear_no_old_news(
    kafka: KafkaBroker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive, people = Troubled(), Troubled()
    kafka.create_topic("rewound")
    now = datetime.now(UTC)
    old = now - timedelta(days=5)
    publish(kafka, "rewound", [notice(0), notice(1)], times=[old, now])
    made = Config(
        data_folder=tmp_path,
        kafka=kafka_config(kafka, "rewound"),
        sinks=(
            SinkConfig(name="archive", type="archive_"),
            SinkConfig(name="people", type="people", skip_older_than_s=3 * 86_400.0),
        ),
    )
    file = tmp_path / "c.toml"
    file.write_text(
        f'data_folder = "{tmp_path}"\n[sinks.archive]\ntype = "archive_"\n'
        '[sinks.people]\ntype = "people"\n'
    )
    with Host(made, plugins=plugins(archive_=archive, people=people)) as host:
        wait_for(lambda: numbers(archive) == {0, 1} and numbers(people) == {1})
        for name in ("archive", "people"):
            assert main(["--config", str(file), "sinks", "rewind", name, "--since", "1h"]) == 0
        wait_for(lambda: len(archive.ids) == 4 and len(people.ids) == 2)
        assert host.sinks[1].skipped == 2
    capsys.readouterr()
    assert main(["--config", str(file), "sinks", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["name"], row["waiting"]) for row in rows] == [("archive", 0), ("people", 0)]


def test_a_sink_that_is_added_later_gets_what_the_journal_has(
    kafka: KafkaBroker, tmp_path: Path
) -> None:
    first, late = Troubled(), Troubled()
    made = config(kafka, tmp_path, "later", "first")
    publish(kafka, "later", [notice(n) for n in range(20)])
    with Host(made, plugins=plugins(first=first)):
        wait_for(lambda: len(first.ids) == 20)
    sinks = (*made.sinks_or_defaults(), SinkConfig(name="late", type="late", start="earliest"))
    publish(kafka, "later", [notice(20)])
    more = Config(data_folder=tmp_path, kafka=made.kafka, sinks=sinks)
    with Host(more, plugins=plugins(first=first, late=late)):
        wait_for(lambda: len(late.ids) == 21)
    assert first.ids == late.ids


def test_a_sinks_own_file_is_damaged_at_the_start(kafka: KafkaBroker, tmp_path: Path) -> None:
    """It is that sink's trouble: the others get their alerts, and so does it once it is mended."""
    good = Troubled()
    kafka.create_topic("sick")
    publish(kafka, "sick", [notice(0)])
    database = tmp_path / "a.sqlite"
    database.write_bytes(b"garbage" * 1000)
    made = Config(
        data_folder=tmp_path / "data",
        kafka=kafka_config(kafka, "sick"),
        sinks=(
            SinkConfig(name="db", type="sqlite", patience_s=0.5, options={"path": str(database)}),
            SinkConfig(name="good", type="good"),
        ),
    )
    with Host(made, plugins=plugins(good=good)) as host:
        wait_for(lambda: numbers(good) == {0})
        wait_for(lambda: (host.sinks[0].in_trouble, host.sinks[0].waiting) == (True, 1))
        assert "file is not a database" in str(host.sinks[0].last_error)
        database.unlink()
        wait_for(lambda: host.sinks[0].written == 1)


def test_an_unwritable_journal_ends_with_the_disk_it_needs(tmp_path: Path) -> None:
    """Somebody else's consumer cannot wait: it hears that its message is safe nowhere."""
    (tmp_path / "journal.sqlite").mkdir()
    sink = Troubled()
    sinks = (SinkConfig(name="a", type="a"),)
    host = Host(Config(data_folder=tmp_path, sinks=sinks), plugins=plugins(a=sink))

    with pytest.raises(StoreError, match=r"cannot use .*journal\.sqlite"):
        host.handle([Message(value=notice(0))])
    (tmp_path / "journal.sqlite").rmdir()
    host.handle([Message(value=notice(0))])
    assert numbers(sink) == {0}
    host.close()
