"""Several hosts in one group; and one whose sinks are slow."""

from __future__ import annotations

import json
import resource
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka import Message as ConsumedMessage
from confluent_kafka.admin import AdminClient

from icecube_hooks import Message
from icecube_plugin.host import KafkaConfig
from icecube_plugin.host.kafka import KafkaFailure, LiveSource
from icecube_plugin.sinks.database import read_records
from tests.kafka_broker.broker import KafkaBroker
from tests.patience import wait_for

from .common import command, kafka_config, notice, publish, rows, running

QUICK = {
    "session.timeout.ms": 3000,
    "heartbeat.interval.ms": 300,
    "max.poll.interval.ms": 6000,
}


def members(kafka: KafkaBroker, group: str) -> list[int]:
    """Return how many partitions each member of a group has."""
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    found = admin.describe_consumer_groups([group])[group].result(timeout=120)
    return sorted(len(member.assignment.topic_partitions) for member in found.members)


def test_hosts_join_leave_and_die_while_messages_flow(kafka: KafkaBroker, tmp_path: Path) -> None:
    """Two hosts and one database: every notice is in it, once."""
    topic, total = "shared", 1500
    kafka.create_topic(topic, partitions=4)
    values = [notice(n) for n in range(total)]

    def flow() -> None:
        for start in range(0, total, 50):
            publish(kafka, topic, values[start : start + 50])
            time.sleep(0.2)

    database = str(tmp_path / "a.sqlite")
    first = command(kafka, tmp_path / "one", topic, "listen", database=database)
    second = command(kafka, tmp_path / "two", topic, "listen", database=database)
    producer = threading.Thread(target=flow)
    with running(first) as steady:
        wait_for(lambda: members_or_none(kafka, topic) == [4])
        producer.start()
        for ending in ("kill", "terminate", "kill"):
            with running(second) as other:
                wait_for(lambda: members_or_none(kafka, topic) == [2, 2])
                time.sleep(0.3)
                getattr(other, ending)()
                other.wait(300)
        producer.join()
        with running(second):  # what a killed one has in its journal, it delivers
            wait_for(lambda: rows(tmp_path) == total)
        steady.terminate()
        steady.wait(300)
    ids = [record.id for record in read_records(database)]
    assert len(ids) == len(set(ids)) == total


def members_or_none(kafka: KafkaBroker, group: str) -> list[int] | None:
    try:
        return members(kafka, group)
    except Exception:  # noqa: BLE001  # there is no such group yet
        return None


def step(source: LiveSource, batches: Iterator[list[Message]]) -> list[Message]:
    """Do what a host does for each batch, also an empty one: take it, and commit."""
    found = next(batches)
    source.commit()
    return found


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_slow_sinks_keep_their_place_and_memory(kafka: KafkaBroker) -> None:
    """Longer than `max.poll.interval.ms`, with 100 MB waiting, and another member that comes."""
    topic = "slow"
    kafka.create_topic(topic, partitions=2)
    total = 50_000
    publish(kafka, topic, [b"%08d" % n + bytes(2000) for n in range(total)])
    config = kafka_config(kafka, topic, options=QUICK)
    source = LiveSource(config, batch_size=100)
    batches = source.batches()
    batch = next(b for b in batches if b)
    source.idle()
    before = resident_mb()
    for _ in range(18):
        source.idle()
        time.sleep(0.5)
    assert resident_mb() - before < 10
    assert members(kafka, topic) == [2]
    assert source.errors == {}

    seen = {message.value[:8] for message in batch}
    source.commit()
    while len(seen) < total:
        seen |= {message.value[:8] for message in next(batches)}
        source.commit()
    source.close()


def test_a_rebalance_in_the_middle_of_a_batch(kafka: KafkaBroker) -> None:
    """What is given away is not committed by the old owner, and comes to the new one."""
    topic = "middle"
    kafka.create_topic(topic, partitions=2)
    values = [b"%d" % n for n in range(40)]
    publish(kafka, topic, values, partitions=2)
    config = kafka_config(kafka, topic, options=QUICK)
    old = LiveSource(config)
    batches = old.batches()
    batch: list[Message] = []
    while len(batch) < 40:
        batch += next(batches)
    new = LiveSource(config)
    theirs: list[Message] = []
    news = new.batches()
    while not theirs:
        old.idle()
        theirs += next(news)
    old.commit()  # its sinks have all 40 now
    (given,) = {message.partition or 0 for message in theirs}
    wait_for(lambda: not step(old, batches) and committed(kafka, topic)[1 - given] == 20)
    assert committed(kafka, topic) == {given: 0, 1 - given: 20}  # its first position
    while len(theirs) < 20:
        theirs += next(news)
    wait_for(lambda: not step(new, news) and committed(kafka, topic)[given] == 20)
    assert [m.value for m in theirs] == [m.value for m in batch if m.partition == given]
    assert committed(kafka, topic) == {0: 20, 1: 20}
    old.idle()
    new.close()
    publish(kafka, topic, [b"after"] * 2, partitions=2)
    last: list[Message] = []
    wait_for(lambda: len(last.__iadd__(next(batches))) == 2)  # what was given comes back
    old.close()


class Slow:
    """A consumer whose `consume` lasts until another member has taken a partition."""

    def __init__(self, consumer: Consumer) -> None:
        self.consumer = consumer

    def consume(self, count: int, timeout_s: float) -> list[ConsumedMessage]:
        found = self.consumer.consume(count, timeout_s)
        while len(self.consumer.assignment()) == 2:
            found += self.consumer.consume(count, 0.1)
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self.consumer, name)


def test_a_rebalance_while_messages_are_fetched(kafka: KafkaBroker) -> None:
    """They are handled, and not committed: their partition is another's by now."""
    topic = "fetching"
    kafka.create_topic(topic, partitions=2)
    config = kafka_config(kafka, topic, options=QUICK)
    old = LiveSource(config)
    batches = old.batches()
    wait_for(lambda: not next(batches) and members_or_none(kafka, topic) == [2])
    new = LiveSource(config)
    news = new.batches()
    over = threading.Event()
    joining = threading.Thread(target=lambda: any(over.is_set() for _ in news))
    slow = Slow(old.consumer)
    old.consumer = slow  # type: ignore[assignment]
    publish(kafka, topic, [b"%d" % n for n in range(40)], partitions=2)
    joining.start()
    batch: list[Message] = []
    while len(batch) < 40:
        batch += next(batches)
    over.set()
    joining.join()
    old.consumer = slow.consumer
    (kept,) = {tp.partition for tp in old.consumer.assignment()}
    old.commit()
    wait_for(lambda: not step(old, batches) and committed(kafka, topic)[kept] == 20)
    assert committed(kafka, topic)[1 - kept] == 0  # its first position
    new.close()
    old.close()


class Lending:
    """A consumer in whose `consume` another member takes a partition, reads on, and leaves."""

    def __init__(self, consumer: Consumer, config: KafkaConfig, more: Callable[[], None]) -> None:
        self.consumer, self.config, self.more = consumer, config, more

    def consume(self, count: int, timeout_s: float) -> list[ConsumedMessage]:
        found = self.consumer.consume(count, timeout_s)
        other = LiveSource(self.config)
        theirs: list[Message] = []
        news = other.batches()
        while len(theirs) < 10:
            found += self.consumer.consume(count, 0.1)
            theirs += next(news)
        self.more()
        while len(theirs) < 20:
            found += self.consumer.consume(count, 0.1)
            theirs += next(news)
        other.commit()
        other.close()
        while len(self.consumer.assignment()) < 2:
            found += self.consumer.consume(count, 0.1)
        return [event for event in found if event.error() is None]  # an end would hide it

    def __getattr__(self, name: str) -> Any:
        return getattr(self.consumer, name)


def test_a_partition_that_was_lent_is_not_moved_back(kafka: KafkaBroker) -> None:
    """What was fetched before says nothing about it any more."""
    topic = "lent"
    kafka.create_topic(topic, partitions=2)
    config = kafka_config(kafka, topic, options=QUICK)
    source = LiveSource(config)
    batches = source.batches()
    wait_for(lambda: not next(batches) and members_or_none(kafka, topic) == [2])
    more = partial(publish, kafka, topic, [b"%d" % n for n in range(20)], partitions=2)
    lending = Lending(source.consumer, config, more)
    source.consumer = lending  # type: ignore[assignment]
    more()
    batch = next(b for b in batches if b)
    source.consumer = lending.consumer
    source.commit()
    while len(batch) < 30:  # all of one partition, and what was fetched of the other before
        batch += next(batches)
        source.commit()
    source.close()
    assert committed(kafka, topic) == {0: 20, 1: 20}


def test_partitions_that_come_in_the_middle_of_a_batch(kafka: KafkaBroker) -> None:
    topic = "coming"
    kafka.create_topic(topic, partitions=2)
    config = kafka_config(kafka, topic, options=QUICK)
    one, two = LiveSource(config), LiveSource(config)
    ones, twos = one.batches(), two.batches()
    while members_or_none(kafka, topic) != [1, 1]:
        next(ones)
        next(twos)
    publish(kafka, topic, [b"%d" % n for n in range(40)], partitions=2)
    batch = next(b for b in ones if b)
    one.idle()
    two.close()  # its partition comes over, full, while `one` has a batch in hand
    while len(one.consumer.assignment()) < 2:
        one.idle()
    one.commit()
    while len(batch) < 40:
        batch += next(ones)
    assert sorted(int(message.value) for message in batch) == list(range(40))
    one.close()


def committed(kafka: KafkaBroker, group: str) -> dict[int, int]:
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    asked = ConsumerGroupTopicPartitions(
        group, [TopicPartition(group, 0), TopicPartition(group, 1)]
    )
    (answer,) = admin.list_consumer_group_offsets([asked]).values()
    return {tp.partition: tp.offset for tp in answer.result(timeout=120).topic_partitions}


def test_one_name_for_two_hosts_is_refused(kafka: KafkaBroker) -> None:
    kafka.create_topic("fenced")
    config = kafka_config(kafka, "fenced", instance_id="me", options=QUICK)
    old = LiveSource(config)
    olds = old.batches()
    while not old.consumer.assignment():
        next(olds)
    new = LiveSource(config)
    news = new.batches()
    with pytest.raises(KafkaFailure, match=r"^another host .* the same kafka\.instance_id"):
        all(not next(news) for _ in olds)
    new.close()
    old.close()


def test_what_is_queued_is_served_before_the_end(
    kafka: KafkaBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else confluent-kafka hangs now and then, and all of Python with it."""
    topic = "joining"
    kafka.create_topic(topic)
    source = LiveSource(kafka_config(kafka, topic))
    wait_for(lambda: members_or_none(kafka, topic) == [1])
    assert not source.consumer.assignment()
    seen, close = [], source.consumer.close

    def closed() -> None:
        seen.append([(tp.topic, tp.partition) for tp in source.consumer.assignment()])
        close()

    monkeypatch.setattr(source.consumer, "close", closed)
    source.close()
    source.close()
    assert seen == [[(topic, 0)]]


def test_a_killed_host_gets_its_partitions_back_at_once(kafka: KafkaBroker) -> None:
    topic = "static"
    kafka.create_topic(topic)
    session = {"session.timeout.ms": 280_000}
    config = kafka_config(kafka, topic, instance_id="me", options=session)
    LiveSource(config).close()  # a static member does not leave: to the group this is a kill
    publish(kafka, topic, [b"x"])
    began = time.monotonic()
    source = LiveSource(config)
    assert [m.value for m in next(b for b in source.batches() if b)] == [b"x"]
    assert time.monotonic() - began < 200
    source.close()


def test_heartbeats_are_watched_and_not_handled(kafka: KafkaBroker) -> None:
    if "gcn.heartbeat" not in kafka.topics():
        kafka.create_topic("gcn.heartbeat")
    kafka.create_topic("beside")
    publish(kafka, "gcn.heartbeat", [b"old"] * 50)
    config = kafka_config(kafka, "beside", heartbeat=True, options=QUICK)
    source = LiveSource(config)
    batches = source.batches()
    waited = source.heartbeat_age_s()
    assert waited is not None  # from the start on
    while not source.consumer.assignment():
        assert next(batches) == []
    assert next(batches) == []
    assert source.heartbeat_age_s() > waited  # type: ignore[operator]  # it is not begun anew
    assert source.last_heartbeat is None  # those of the past do not count

    def beats(step: Callable[[], Any]) -> bool:
        before = source.last_heartbeat
        publish(kafka, "gcn.heartbeat", [json.dumps({"alert_datetime": 1}).encode()])
        deadline = time.monotonic() + 60.0
        while source.last_heartbeat == before and time.monotonic() < deadline:
            assert not step()
        return source.last_heartbeat != before

    assert beats(lambda: next(batches))
    publish(kafka, "beside", [b"x"])
    assert [m.value for m in next(b for b in batches if b)] == [b"x"]
    assert beats(source.idle)  # also while the sinks are slow
    source.commit()
    assert list(source.last_seen) == ["beside"]
    other = LiveSource(config)
    others = other.batches()
    wait_for(lambda: not next(others) and not next(batches) and members(kafka, "beside") == [1, 1])

    def watching() -> int:
        return sum(one.heartbeat_age_s() is not None for one in (source, other))

    wait_for(lambda: not next(others) and not next(batches) and watching() == 1)
    other.close()
    source.close()


def test_lag(kafka: KafkaBroker) -> None:
    kafka.create_topic("lag")
    publish(kafka, "lag", [b"x"] * 10)
    source = LiveSource(kafka_config(kafka, "lag"), batch_size=4)
    batches = source.batches()
    assert source.lag() == {}
    taken = 0
    while taken < 4:
        taken += len(next(batches))
    source.commit()

    def is_told() -> bool:
        source.idle()
        return source.lag() == {("lag", 0): 10 - taken}

    wait_for(is_told)
    source.close()


def test_error_events_are_no_messages(kafka: KafkaBroker) -> None:
    """The client of the broker itself: what it hands out as a message, ours counts."""
    config = kafka_config(kafka, "never.there", wait=True)
    plain = Consumer({"bootstrap.servers": kafka.bootstrap_servers, "group.id": "plain"})
    plain.subscribe(["never.there"])
    event = plain.poll(10)
    assert event is not None
    assert b"Subscribed topic not available" in (event.value() or b"")
    plain.close()
    source = LiveSource(config)
    batches = source.batches()
    wait_for(lambda: not next(batches) and bool(source.errors))
    assert source.errors == {"UNKNOWN_TOPIC_OR_PART": 1}
    source.close()
