"""Brokers that go away and come back, topics that come later, lines that are cut."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from icecube_plugin.host import Config, Host, SinkConfig
from icecube_plugin.host.config import HealthConfig, KafkaConfig
from icecube_plugin.host.health import Problem
from icecube_plugin.host.kafka import LiveSource, topics
from tests.kafka_broker.broker import KafkaBroker, KafkaCluster
from tests.kafka_broker.fixture import require_kafka
from tests.kafka_broker.proxy import Proxy
from tests.patience import wait_for

from .common import Broker, command, kafka_config, notice, publish, rows, running


class Line:
    """A broker, and a proxy before it."""

    def __init__(self, broker: KafkaBroker, proxy: Proxy) -> None:
        self.broker = broker
        self.proxy = proxy


@pytest.fixture(scope="module")
def line() -> Iterator[Line]:
    require_kafka()
    with Proxy() as proxy, KafkaBroker(settings=proxy.settings) as broker:
        yield Line(broker, proxy)


def config(broker: Broker, topic: str, folder: Path) -> Config:
    sinks = (SinkConfig(name="db", type="sqlite", options={"path": f"{folder}/a.sqlite"}),)
    return Config(data_folder=folder, kafka=kafka_config(broker, topic), sinks=sinks)


def test_a_cut_line_is_mended(line: Line, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    line.broker.create_topic("cut")
    publish(line.broker, "cut", [notice(1)])
    with Host(config(line.proxy, "cut", tmp_path)):
        wait_for(lambda: rows(tmp_path) == 1)
        line.proxy.cut()
        publish(line.broker, "cut", [notice(2)])
        wait_for(lambda: "no connection to any broker" in caplog.text)
        assert rows(tmp_path) == 1
        line.proxy.mend()
        wait_for(lambda: rows(tmp_path) == 2)
        wait_for(lambda: "Kafka: connected after" in caplog.text)
    told = [r.getMessage() for r in caplog.records if r.name.startswith("icecube_plugin.host")]
    assert sum("Connect" in text or "Disconnected" in text for text in told) <= 1, told


def test_the_host_outlives_a_broker_restart(line: Line, tmp_path: Path) -> None:
    line.broker.create_topic("restart")
    publish(line.broker, "restart", [notice(1)])
    with Host(config(line.broker, "restart", tmp_path)):
        wait_for(lambda: rows(tmp_path) == 1)
        line.broker.kill()
        line.broker.restart()
        publish(line.broker, "restart", [notice(2)])
        wait_for(lambda: rows(tmp_path) == 2)


def test_a_service_waits_for_its_broker(line: Line, tmp_path: Path) -> None:
    line.broker.create_topic("later")
    publish(line.broker, "later", [notice(1)])
    line.broker.stop()
    listen = command(line.broker, tmp_path, "later", "listen")
    with running([*listen, "--wait"]):
        line.broker.restart()
        wait_for(lambda: rows(tmp_path) == 1)


def test_claimed_topics_may_come_later(
    kafka: KafkaBroker, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that a pattern means, and one that is named; nobody is told of each for himself."""
    monkeypatch.setattr(topics, "REFRESH_S", 0.5)
    claimed = ["partly.one", *(f"partly.{n}" for n in range(9)), "partly.*_text"]
    kafka.create_topic("partly.one")
    publish(kafka, "partly.one", [notice(3)])
    quick = {"topic.metadata.refresh.interval.ms": 500}
    servers = kafka.bootstrap_servers
    config = KafkaConfig(bootstrap_servers=servers, group_id="partly", options=quick)
    source = LiveSource(config, claimed=claimed)
    told = "the broker has no topic partly.0, partly.1, partly.2 and 7 more"
    assert told in caplog.text
    batches = (batch for batch in source.batches() if batch)
    assert [m.value for m in next(batches)] == [notice(3)]
    for name in ("partly.4", "partly.AMON_text"):
        kafka.create_topic(name)
        publish(kafka, name, [notice(4)])
        assert [m.value for m in next(batches)] == [notice(4)]
    assert sorted(source.last_seen) == ["partly.4", "partly.AMON_text", "partly.one"]
    wait_for(lambda: "topic partly.4 is there now" in caplog.text)
    assert list(source.problems(HealthConfig())) == []  # nobody named the others
    source.close()
    assert "Subscribed topic not available" not in caplog.text


def test_a_topic_that_comes_is_read_within_half_a_minute(
    kafka: KafkaBroker, caplog: pytest.LogCaptureFixture
) -> None:
    source = LiveSource(kafka_config(kafka, "to.come", wait=True))
    batches = source.batches()

    def problems() -> list[Problem]:
        return list(source.problems(HealthConfig()))

    wait_for(lambda: not next(batches) and bool(problems()))
    assert problems() == [("topic-missing", "the broker has no topic 'to.come'")]
    assert caplog.text.count("the broker has no topic to.come; looking again every 20 s") == 1
    kafka.create_topic("to.come")
    began = time.monotonic()
    publish(kafka, "to.come", [notice(1)])
    assert [m.value for m in next(b for b in batches if b)] == [notice(1)]
    assert time.monotonic() - began < 150.0  # a busy machine; Kafka's own clients take 5 minutes
    wait_for(lambda: not next(batches) and not problems())
    source.close()


def test_a_stop_does_not_wait_for_a_broker(line: Line, tmp_path: Path) -> None:
    line.broker.create_topic("gone")
    publish(line.broker, "gone", [notice(1)])
    source = LiveSource(kafka_config(line.broker, "gone"))
    assert next(batch for batch in source.batches() if batch)
    line.broker.kill()
    began = time.monotonic()
    source.commit()
    source.close()
    assert time.monotonic() - began < 150.0  # and not until there is a broker


def test_another_broker_leads(kafka_cluster: KafkaCluster, tmp_path: Path) -> None:
    """The leader of the topic dies for good, in the middle of the stream."""
    first = kafka_cluster.brokers[0]
    topics = [f"led.{number}" for number in range(9)]
    for topic in topics:
        first.create_topic(topic, replicas=3)
    topic = next(t for t in topics if kafka_cluster.leader(t) is not first)
    leader = kafka_cluster.leader(topic)
    publish(kafka_cluster, topic, [notice(n) for n in range(50)])
    with Host(config(kafka_cluster, topic, tmp_path)):
        wait_for(lambda: rows(tmp_path) == 50)
        leader.kill()
        publish(kafka_cluster, topic, [notice(n) for n in range(50, 100)])
        wait_for(lambda: rows(tmp_path) == 100)
    assert kafka_cluster.leader(topic) is not leader
