"""What stands on a topic, for the tests of the sinks that write there."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import confluent_kafka

from icecube_hooks import Record
from tests.kafka_broker.broker import KafkaBroker

__all__ = ["content", "headers", "once", "read"]


def read(broker: KafkaBroker, topic: str) -> list[confluent_kafka.Message]:
    """Return all messages of a topic, partition after partition."""
    consumer = confluent_kafka.Consumer(
        {
            "bootstrap.servers": broker.bootstrap_servers,
            "group.id": uuid4().hex,
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 10,
            "log_level": 0,
        }
    )
    with contextlib.closing(consumer):
        partitions = consumer.list_topics(topic, timeout=20.0).topics[topic].partitions
        place = confluent_kafka.TopicPartition
        consumer.assign([place(topic, p, confluent_kafka.OFFSET_BEGINNING) for p in partitions])
        found, ended = [], 0
        while ended < len(partitions):
            message = consumer.poll(20.0)
            assert message is not None
            error = message.error()
            if error is None:
                found.append(message)
            else:
                assert error.code() == confluent_kafka.KafkaError._PARTITION_EOF
                ended += 1
    return sorted(found, key=lambda message: (message.partition(), message.offset()))


def once(messages: Sequence[confluent_kafka.Message]) -> dict[str, Record]:
    """Return the records by id, as a reader has to: the first of each."""
    found: dict[str, Record] = {}
    for message in messages:
        found.setdefault(headers(message)["record-id"].decode(), content(message))
    return found


def headers(message: confluent_kafka.Message) -> dict[str, Any]:
    """Return the headers by name."""
    return dict(message.headers() or ())


def content(message: confluent_kafka.Message) -> Record:
    """Return the record."""
    return Record.from_dict(json.loads(message.value() or b""))
