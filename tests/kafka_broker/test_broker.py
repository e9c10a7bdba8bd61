"""The test broker itself: is it real, does it keep its data, and does it say what it lacks?"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition

from .broker import KafkaBroker, KafkaBrokerError, fetch_jars, jar_folder, java_version, missing
from .fixture import require_kafka

if TYPE_CHECKING:
    from pathlib import Path


def produce(kafka: KafkaBroker, topic: str, values: list[bytes], start_ms: int) -> None:
    """Write `values` one second apart."""
    producer = Producer({"bootstrap.servers": kafka.bootstrap_servers, "acks": "all"})
    for i, value in enumerate(values):
        producer.produce(topic, value, timestamp=start_ms + 1000 * i)
    assert producer.flush(10) == 0


def consumer(kafka: KafkaBroker, group: str) -> Consumer:
    return Consumer(
        {
            "bootstrap.servers": kafka.bootstrap_servers,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "log_level": 0,
        }
    )


def read(client: Consumer, count: int, timeout_s: float = 20.0) -> list[bytes]:
    values: list[bytes] = []
    deadline = time.monotonic() + timeout_s
    while len(values) < count and time.monotonic() < deadline:
        message = client.poll(0.5)
        if message is not None and message.error() is None:
            values.append(message.value() or b"")
    return values


def test_time_look_up(kafka: KafkaBroker) -> None:
    kafka.create_topic("broker.time")
    produce(kafka, "broker.time", [b"0", b"1", b"2"], start_ms=1_700_000_000_000)
    client = consumer(kafka, "broker.time")
    wanted = [TopicPartition("broker.time", 0, ms) for ms in (1_700_000_000_500,)]
    (found,) = client.offsets_for_times(wanted, timeout=10)
    assert found.offset == 1
    assert client.get_watermark_offsets(TopicPartition("broker.time", 0), timeout=10) == (0, 3)
    client.assign([found])
    assert read(client, 2) == [b"1", b"2"]
    client.close()


def test_topics_have_the_partitions_asked_for(kafka: KafkaBroker) -> None:
    kafka.create_topic("broker.three", partitions=3)
    client = consumer(kafka, "broker.three")
    metadata = client.list_topics("broker.three", timeout=10)
    assert len(metadata.topics["broker.three"].partitions) == 3
    client.close()


def test_a_topic_is_not_made_by_subscribing(kafka: KafkaBroker) -> None:
    client = consumer(kafka, "broker.unknown")
    client.subscribe(["broker.unknown"])
    message = client.poll(10)
    assert message is not None
    error = message.error()
    assert error is not None
    assert error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART
    assert "broker.unknown" not in kafka.topics()
    client.close()


def test_a_topic_is_created_once(kafka: KafkaBroker) -> None:
    kafka.create_topic("broker.once")
    with pytest.raises(KafkaBrokerError, match=r"^could not create topic 'broker.once': .*exists"):
        kafka.create_topic("broker.once")


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_data_and_commits_survive(private_kafka: KafkaBroker, end: str) -> None:
    private_kafka.create_topic("broker.kept")
    produce(private_kafka, "broker.kept", [b"0", b"1"], start_ms=1_700_000_000_000)
    client = consumer(private_kafka, "broker.kept")
    client.subscribe(["broker.kept"])
    assert read(client, 1) == [b"0"]
    client.commit(offsets=[TopicPartition("broker.kept", 0, 1)], asynchronous=False)
    client.close()
    address = private_kafka.bootstrap_servers

    getattr(private_kafka, end)()
    assert not private_kafka.is_running
    private_kafka.restart()

    assert private_kafka.bootstrap_servers == address
    client = consumer(private_kafka, "broker.kept")
    client.subscribe(["broker.kept"])
    assert read(client, 1) == [b"1"]
    client.close()


def test_closed_broker_says_so() -> None:
    broker = KafkaBroker()
    with pytest.raises(KafkaBrokerError, match=r"^the broker is closed"):
        broker.restart()


@pytest.mark.parametrize(
    ("banner", "version"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('openjdk version "21" 2023-09-19', 21),
        ('java version "1.8.0_392"', 8),
        ("java: symbol lookup error", None),
    ],
)
def test_java_version(banner: str, version: int | None) -> None:
    assert java_version(banner) == version


def program(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def java(folder: Path, version: str) -> None:
    program(folder, "java", f"echo 'openjdk version \"{version}\"' >&2")


def test_missing(tmp_path: Path) -> None:
    env = {"PATH": str(tmp_path), "ICECUBE_KAFKA_CACHE": str(tmp_path / "cache")}
    assert missing(env) == "no java on the PATH"
    java(tmp_path, "11.0.2")
    assert missing(env) == "java is 11, Kafka needs 17 or later"
    java(tmp_path, "17.0.2")
    assert missing(env) == "no mvn on the PATH to fetch Kafka with"
    jar_folder(env).mkdir(parents=True)
    assert missing(env) is None


def test_failed_fetch_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    java(tmp_path, "17.0.2")
    program(tmp_path, "mvn", "echo 'no such host'; exit 1")
    env = {"PATH": f"{tmp_path}:/bin:/usr/bin", "ICECUBE_KAFKA_CACHE": str(tmp_path / "cache")}
    monkeypatch.setenv("PATH", env["PATH"])
    with pytest.raises(KafkaBrokerError) as caught:
        fetch_jars(env)
    assert str(caught.value) == ("could not fetch Kafka's jars: mvn exited with 1\nno such host")
    assert list((tmp_path / "cache").iterdir()) == []
    with pytest.raises(pytest.skip.Exception, match=r"^Kafka cannot run: could not fetch"):
        require_kafka(env)
    with pytest.raises(pytest.fail.Exception, match=r"^ICECUBE_REQUIRE_KAFKA=1, but Kafka cannot"):
        require_kafka({**env, "ICECUBE_REQUIRE_KAFKA": "1"})
