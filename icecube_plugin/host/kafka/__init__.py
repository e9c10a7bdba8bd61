"""Notices from Kafka: GCN's brokers, or any other.

Delivery
--------
Auto-commit is off. `LiveSource.commit` commits the offsets of the messages that were yielded; the
host calls it when its sinks have them. A Kafka error event is never a
message: it is counted by class, logged once until the connection has come back, and one that no
waiting mends ends the run. Lost connections are made anew without end, with growing pauses, by
librdkafka.

`BackfillSource` reads a part of the past from every partition, with positions of its own, and
commits nothing, so it disturbs no consumer group.
"""

from .backfill import BackfillSource, OffsetRange, Run
from .connect import (
    KafkaFailure,
    Reports,
    check_topics,
    client_options,
    connect,
    wanted_topics,
    why_missing,
)
from .live import LiveSource

__all__ = [
    "BackfillSource",
    "KafkaFailure",
    "LiveSource",
    "OffsetRange",
    "Reports",
    "Run",
    "check_topics",
    "client_options",
    "connect",
    "wanted_topics",
    "why_missing",
]
