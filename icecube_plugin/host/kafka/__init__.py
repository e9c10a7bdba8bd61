"""Notices from Kafka: GCN's brokers, or any other.

Delivery
--------
Auto-commit is off. `LiveSource.commit` commits the offsets of the messages that were yielded; the
host calls it when it has them on disk. A Kafka error event is never a message: it is counted by
class, logged once for each topic until the connection has come back, and one that no waiting mends
ends the run. Lost connections are made anew without end, with growing pauses, by librdkafka.

Where a partition is read from is decided in `positions`: nothing is passed over in silence.

`BackfillSource` reads a part of the past from every partition, with positions of its own, and
commits nothing, so it disturbs no consumer group.
"""

from .access import foreign_members, unreadable
from .advice import KafkaFailure
from .backfill import BackfillSource, OffsetRange, Run
from .connect import (
    client_options,
    connect,
    make_admin,
    where,
    why_missing,
)
from .live import LiveSource
from .topics import check_topics, present, wanted_topics

__all__ = [
    "BackfillSource",
    "KafkaFailure",
    "LiveSource",
    "OffsetRange",
    "Run",
    "check_topics",
    "client_options",
    "connect",
    "foreign_members",
    "make_admin",
    "present",
    "unreadable",
    "wanted_topics",
    "where",
    "why_missing",
]
