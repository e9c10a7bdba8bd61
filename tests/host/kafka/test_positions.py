"""Where partitions are read from, on a real broker: no message is passed over in silence."""

from __future__ import annotations

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions

from icecube_hooks import Message
from icecube_plugin.host.config import HealthConfig
from icecube_plugin.host.kafka import LiveSource, topics
from icecube_plugin.host.kafka.positions import beginning
from tests.kafka_broker.broker import KafkaBroker
from tests.patience import wait_for

from .common import drain, kafka_config, publish

TIMEOUT_S = 30.0


def admin(kafka: KafkaBroker) -> AdminClient:
    return AdminClient({"bootstrap.servers": kafka.bootstrap_servers, "log_level": 0})


def remove_before(kafka: KafkaBroker, topic: str, offset: int) -> None:
    """Remove the oldest messages of the first partition, as retention does."""
    client = admin(kafka)
    for answer in client.delete_records([TopicPartition(topic, 0, offset)]).values():
        answer.result(TIMEOUT_S)


def make_again(kafka: KafkaBroker, topic: str) -> None:
    client = admin(kafka)
    client.delete_topics([topic])[topic].result(TIMEOUT_S)
    wait_for(lambda: topic not in kafka.topics())
    kafka.create_topic(topic)


def settle(source: LiveSource) -> None:
    """Read until every partition has its place, and the broker knows it."""
    batches = source.batches()
    wait_for(lambda: not next(batches) and bool(source.consumer.assignment()))
    source.close()


def read(source: LiveSource, count: int) -> list[Message]:
    found: list[Message] = []
    batches = source.batches()
    while len(found) < count:
        found += next(batches)
        source.commit()
    return found


def numbers(values: list[bytes]) -> list[int]:
    return sorted(int(value) for value in values)


@pytest.mark.parametrize("start", ["latest", "earliest"])
def test_a_quiet_topic_keeps_its_place(kafka: KafkaBroker, start: str) -> None:
    """Stopped before the first message came; two came while it was down."""
    topic = f"quiet.{start}"
    kafka.create_topic(topic, partitions=2)
    publish(kafka, topic, [b"0", b"1"], partitions=2)
    config = kafka_config(kafka, topic, start=start)
    if start == "latest":
        settle(LiveSource(config))
    else:
        assert numbers(drain(LiveSource(config), 2)) == [0, 1]
    publish(kafka, topic, [b"2", b"3"], partitions=2)
    assert numbers(drain(LiveSource(config), 2)) == [2, 3]


def test_partitions_and_topics_that_come_later_begin_at_their_beginning(kafka: KafkaBroker) -> None:
    kafka.create_topic("grows.a")
    publish(kafka, "grows.a", [b"0"])
    quick = {"topic.metadata.refresh.interval.ms": 500}
    config = kafka_config(kafka, "grows.*", start="latest", options=quick)
    source = LiveSource(config)
    batches = source.batches()
    wait_for(lambda: not next(batches) and bool(source.consumer.assignment()))
    client = admin(kafka)
    for answer in client.create_partitions([NewPartitions("grows.a", 3)]).values():
        answer.result(TIMEOUT_S)
    kafka.create_topic("grows.b")
    publish(kafka, "grows.a", [b"%d" % n for n in range(1, 7)], partitions=3)
    publish(kafka, "grows.b", [b"7"])
    assert numbers([m.value for m in read(source, 7)]) == [1, 2, 3, 4, 5, 6, 7]
    source.close()


@pytest.mark.parametrize("start", ["latest", "earliest"])
def test_what_was_removed_while_the_host_was_down_is_told(
    kafka: KafkaBroker, start: str, caplog: pytest.LogCaptureFixture
) -> None:
    topic = f"removed.{start}"
    kafka.create_topic(topic)
    publish(kafka, topic, [b"%d" % n for n in range(5)])
    drain(LiveSource(kafka_config(kafka, topic)), 5)
    publish(kafka, topic, [b"%d" % n for n in range(5, 20)])
    remove_before(kafka, topic, 12)
    source = LiveSource(kafka_config(kafka, topic, start=start))
    assert numbers([m.value for m in read(source, 8)]) == list(range(12, 20))
    says = (
        f"{topic}[0]: offsets 5 to 11 are lost: the broker has removed them before they were read"
    )
    assert says in caplog.text
    assert source.lost == {(topic, 0): 7}
    assert list(source.problems(HealthConfig())) == [("messages-lost", says)]
    source.close()


def test_what_is_removed_while_the_host_is_busy_is_told(
    kafka: KafkaBroker, caplog: pytest.LogCaptureFixture
) -> None:
    """The client's own position is out of range: it may not choose another in silence."""
    topic = "removed.meanwhile"
    kafka.create_topic(topic)
    publish(kafka, topic, [bytes(900_000) for _ in range(6)])
    small = {"queued.max.messages.kbytes": 1000, "fetch.message.max.bytes": 1_000_000}
    source = LiveSource(kafka_config(kafka, topic, options=small), batch_size=1)
    first = read(source, 1)
    source.idle()  # paused: what is fetched ahead is dropped
    publish(kafka, topic, [b"%d" % n for n in range(6, 20)])
    remove_before(kafka, topic, 15)
    rest = read(source, 5)
    offsets = [message.offset for message in (*first, *rest)]
    assert offsets[-5:] == [15, 16, 17, 18, 19]
    lost = 15 - 1 - max(o for o in offsets if o is not None and o < 15)
    assert source.lost == {(topic, 0): lost}
    assert f"offsets {15 - lost} to 14 are lost" in caplog.text
    source.close()


def test_a_topic_made_again_while_the_host_was_down_is_read_from_its_beginning(
    kafka: KafkaBroker, caplog: pytest.LogCaptureFixture
) -> None:
    """Its offsets mean other messages: 50 of 80 would be passed over."""
    topic = "again-and-again"
    kafka.create_topic(topic)
    publish(kafka, topic, [b"%d" % n for n in range(50)])
    config = kafka_config(kafka, topic)
    drain(LiveSource(config), 50)
    make_again(kafka, topic)
    publish(kafka, topic, [b"%d" % n for n in range(100, 180)])
    source = LiveSource(config)
    assert numbers([m.value for m in read(source, 80)]) == list(range(100, 180))
    source.close()


def test_a_topic_made_again_while_it_is_read(
    kafka: KafkaBroker, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topics, "REFRESH_S", 0.5)
    topic = "again.running"
    kafka.create_topic(topic)
    publish(kafka, topic, [b"%d" % n for n in range(5)])
    source = LiveSource(kafka_config(kafka, topic))
    read(source, 5)
    make_again(kafka, topic)
    publish(kafka, topic, [b"%d" % n for n in range(100, 130)])
    batches = source.batches()
    seen: set[int] = set()

    def are_all_there() -> bool:
        seen.update(int(message.value) for message in next(batches))
        source.commit()
        return seen == set(range(100, 130))

    wait_for(are_all_there)
    source.close()


def test_the_ends_of_a_transaction_are_committed(kafka: KafkaBroker) -> None:
    """Markers are no messages, and yet have offsets: without them there would be lag for ever."""
    topic = "transactions"
    kafka.create_topic(topic)
    producer = Producer(
        {"bootstrap.servers": kafka.bootstrap_servers, "transactional.id": "t", "log_level": 0}
    )
    producer.init_transactions(TIMEOUT_S)
    for value in (b"0", b"1"):
        producer.begin_transaction()
        producer.produce(topic, value)
        producer.commit_transaction(TIMEOUT_S)
    source = LiveSource(kafka_config(kafka, topic))
    assert numbers([m.value for m in read(source, 2)]) == [0, 1]
    batches = source.batches()

    def is_done() -> bool:
        found = next(batches)
        source.commit()
        (stored,) = source.consumer.committed([TopicPartition(topic, 0)], timeout=TIMEOUT_S)
        return not found and stored.offset == 4

    wait_for(is_done)
    source.close()


@pytest.mark.parametrize(
    ("committed", "oldest", "end", "offset", "lost", "is_gap"),
    [
        (None, 3, 9, 3, 0, False),
        (3, 3, 9, 3, 0, False),
        (9, 3, 9, 9, 0, False),
        (2, 3, 9, 3, 1, True),
        (10, 3, 9, 3, 0, True),  # made again, and shorter
    ],
)
def test_beginnings(
    committed: int | None, oldest: int, end: int, offset: int, lost: int, is_gap: bool
) -> None:
    found = beginning(committed, oldest, end)
    assert (found.offset, found.lost, found.is_gap) == (offset, lost, is_gap)
    assert beginning(committed, oldest, end, skips_past=committed is None).offset == (
        end if committed is None else offset
    )
    if committed is not None:
        assert beginning(committed, oldest, end, is_new_topic=True).offset == oldest
