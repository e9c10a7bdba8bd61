"""The host on a real Kafka broker."""

from __future__ import annotations

import json
import signal
import subprocess
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from confluent_kafka import Producer

from icecube_hooks import ConfigError, Message
from icecube_plugin.host import Config, Host, KafkaConfig, SinkConfig
from icecube_plugin.host.kafka import (
    BackfillSource,
    KafkaFailure,
    LiveSource,
    check_topics,
    connect,
)
from icecube_plugin.sinks.database import read_records
from tests.kafka_broker.broker import KafkaBroker
from tests.patience import wait_for

from .kafka.common import (
    NOON,
    command,
    drain,
    kafka_config,
    notice,
    publish,
    rows,
    running,
)


@pytest.mark.parametrize("trial", range(20))
def test_a_group_goes_on_where_it_stopped(kafka: KafkaBroker, trial: int) -> None:
    """A clean stop ends with nothing owed, whichever commit is under way when it comes.

    Commits after each message are under way while newer offsets wait: each of these is late.
    """
    topic = f"resume.{trial}"
    kafka.create_topic(topic, partitions=2)
    publish(kafka, topic, [notice(n) for n in range(9)])
    config = kafka_config(kafka, topic)
    assert sorted(drain(LiveSource(config, batch_size=1), 9)) == [notice(n) for n in range(9)]
    publish(kafka, topic, [notice(9)])
    assert drain(LiveSource(config), 1) == [notice(9)]


def test_what_is_not_committed_comes_again(kafka: KafkaBroker) -> None:
    kafka.create_topic("again")
    publish(kafka, "again", [notice(1)])
    config = kafka_config(kafka, "again")
    source = LiveSource(config)
    assert [m.value for m in next(b for b in source.batches() if b)] == [notice(1)]
    source.close()
    assert drain(LiveSource(config), 1) == [notice(1)]


def test_messages_keep_their_coordinates(kafka: KafkaBroker) -> None:
    kafka.create_topic("coordinates")
    producer = Producer({"bootstrap.servers": kafka.bootstrap_servers, "log_level": 0})
    stamp = int(NOON.timestamp() * 1000)
    producer.produce(
        "coordinates", b"v", key=b"k", headers=[("h", b"1"), ("h", b"2")], timestamp=stamp
    )
    producer.produce("coordinates", None, timestamp=stamp)  # a tombstone is passed over
    producer.produce("coordinates", b"")
    producer.flush(30.0)
    source = LiveSource(kafka_config(kafka, "coordinates"))
    messages: list[Message] = []
    batches = source.batches()
    while len(messages) < 2:
        messages += next(batches)
    source.close()
    first, second = messages
    assert (second.value, second.offset) == (b"", 2)
    assert (first.topic, first.partition, first.offset) == ("coordinates", 0, 0)
    assert (first.value, first.key, first.headers) == (b"v", b"k", (("h", b"1"), ("h", b"2")))
    assert first.timestamp == NOON


@pytest.fixture(scope="module")
def hours(kafka: KafkaBroker) -> str:
    """Return a topic with one notice an hour, 0 to 23 o'clock, on three partitions."""
    topic = "hours"
    kafka.create_topic(topic, partitions=3)
    times = [NOON - timedelta(hours=12 - n) for n in range(24)]
    publish(kafka, topic, [notice(n) for n in range(24)], times)
    return topic


@pytest.mark.parametrize(
    ("since", "until", "first", "last"),
    [
        (NOON - timedelta(days=1), None, 0, 23),
        (NOON, None, 12, 23),
        (NOON, NOON, 12, 12),
        (NOON - timedelta(hours=2), NOON + timedelta(minutes=30), 10, 12),
        (NOON + timedelta(days=1), None, 0, -1),  # after everything: offsets_for_times says -1
    ],
)
def test_a_backfill_reads_exactly_the_range(
    kafka: KafkaBroker,
    hours: str,
    since: datetime,
    until: datetime | None,
    first: int,
    last: int,
) -> None:
    source = BackfillSource(kafka_config(kafka, hours), since=since, until=until)
    values = [message.value for batch in source.batches() for message in batch]
    source.close()
    assert sorted(values) == sorted(notice(n) for n in range(first, last + 1))


def test_the_host_runs_a_backfill(kafka: KafkaBroker, hours: str, tmp_path: Path) -> None:
    sinks = (SinkConfig(name="db", type="sqlite", options={"path": f"{tmp_path}/a.sqlite"}),)
    config = Config(data_folder=tmp_path, kafka=kafka_config(kafka, hours), sinks=sinks)
    summary = Host(config).backfill(NOON, NOON + timedelta(hours=3))
    assert (summary.records, summary.written) == (4, {"db": 4})


def test_a_backfill_stops_at_the_end_that_it_found(kafka: KafkaBroker) -> None:
    kafka.create_topic("growing")
    publish(kafka, "growing", [notice(1)])
    source = BackfillSource(kafka_config(kafka, "growing"), since=NOON - timedelta(days=9999))
    assert source.total == 1
    publish(kafka, "growing", [notice(2)])
    assert [m.value for batch in source.batches() for m in batch] == [notice(1)]
    source.close()


def test_an_unknown_topic_is_named(kafka: KafkaBroker) -> None:
    kafka.create_topic("gcn.known.topic")
    config = KafkaConfig(bootstrap_servers=kafka.bootstrap_servers, group_id="x")
    expected = r"no topic 'gcn\.known\.topik' \(did you mean 'gcn\.known\.topic'\?\)"
    with pytest.raises(ConfigError, match=expected):
        LiveSource(config, topics=["gcn.known.topik"])
    with pytest.raises(ConfigError, match=r"no topic 'a\.\*'"):
        check_topics(["a.*", "b"], {"gcn.known.topic"}, named=False)
    check_topics(["a.*", "gcn.known.*"], {"gcn.known.topic"}, named=False)


def test_an_unreachable_broker_is_one_clear_line() -> None:
    config = KafkaConfig(bootstrap_servers="127.0.0.1:1")
    with pytest.raises(KafkaFailure, match=r"^cannot reach 127\.0\.0\.1:1: check the address"):
        connect(config, group_id="x", timeout_s=2.0)


def test_a_wrong_librdkafka_option_is_a_configuration_error() -> None:
    config = KafkaConfig(bootstrap_servers="127.0.0.1:1", options={"no.such.option": 1})
    with pytest.raises(ConfigError, match=r"kafka\.options: .*no\.such\.option"):
        connect(config, group_id="x", timeout_s=2.0)


def test_heartbeats_alone_are_nothing_to_read() -> None:
    server = "127.0.0.1:1"
    config = KafkaConfig(bootstrap_servers=server, group_id="g", topics=("gcn.heartbeat",))
    with pytest.raises(ConfigError, match="heartbeats are not notices"):
        LiveSource(config)


def test_credentials_are_needed_for_gcn() -> None:
    with pytest.raises(ConfigError, match=r"no credentials for gcn\.nasa\.gov \(set GCN_CLIENT_ID"):
        LiveSource(KafkaConfig(group_id="g"), claimed=["a"])


@pytest.mark.full
def test_killed_anywhere_nothing_is_lost_or_doubled(kafka: KafkaBroker, tmp_path: Path) -> None:
    topic, total = "killed", 2000
    kafka.create_topic(topic, partitions=2)
    values = [notice(n) for n in range(total)]
    values[700] = b'{"pval_generic": broken'
    publish(kafka, topic, values)
    listen = command(kafka, tmp_path, topic, "listen", more='instance_id = "a"')
    for moment in (1, 300, 900):
        with running(listen):
            wait_for(lambda least=moment: rows(tmp_path) >= least)  # type: ignore[misc]
    with running(listen) as host:
        wait_for(lambda: rows(tmp_path) == total - 1)
        host.send_signal(signal.SIGTERM)
        _, told = host.communicate(timeout=300)
    assert host.returncode in (0, 1), told  # 1 if the broken one came to the last host
    assert "stopping after the batch in hand" in told
    ids = [record.id for record in read_records(str(tmp_path / "a.sqlite"))]
    assert len(ids) == len(set(ids)) == total - 1
    lines = (tmp_path / "a.jsonl").read_text().splitlines()
    assert {json.loads(line)["id"] for line in lines} == set(ids)
    letters = Host(Config(data_folder=tmp_path, sinks=())).journal.letters()
    assert [letter.message.value for letter in letters] == [values[700]]


def test_listen_and_backfill_by_command(kafka: KafkaBroker, tmp_path: Path, hours: str) -> None:
    words = ["backfill", "--since", "2026-05-02T12:00:00Z", "--json"]
    done = subprocess.run(
        command(kafka, tmp_path, hours, *words), capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout)["written"] == {"db": 12, "lines": 12}
    assert rows(tmp_path) == 12
    words = ["backfill", "--since", "2026-05-01", "--until", "2026-05-02T00:30:00"]
    subprocess.run(command(kafka, tmp_path, hours, *words), check=True, capture_output=True)
    assert rows(tmp_path) == 13


def test_a_missing_topic_ends_the_command(kafka: KafkaBroker, tmp_path: Path) -> None:
    words = ["listen", "--topic", "no.such.topic"]
    done = subprocess.run(
        command(kafka, tmp_path, "x", *words), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "the broker has no topic 'no.such.topic'" in done.stderr
