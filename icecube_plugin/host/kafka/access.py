"""What an account may do on a broker, found out without changing anything there."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from .advice import advice_for
from .connect import CLIENT_NAME, CONNECT_TIMEOUT_S

if TYPE_CHECKING:
    import confluent_kafka

__all__ = ["foreign_members", "unreadable"]

READ_S: Final = 10.0


def unreadable(consumer: confluent_kafka.Consumer, topics: Sequence[str]) -> dict[str, str]:
    """Try to read each topic, at its end and outside of the group; return why not, by topic."""
    import confluent_kafka

    known = consumer.list_topics(timeout=CONNECT_TIMEOUT_S).topics
    left = {(topic, number) for topic in topics for number in known[topic].partitions}
    end = confluent_kafka.OFFSET_END
    consumer.assign([confluent_kafka.TopicPartition(*key, end) for key in sorted(left)])
    denied: dict[str, str] = {}
    deadline = time.monotonic() + READ_S
    while left and time.monotonic() < deadline:
        event = consumer.poll(0.5)
        if event is None:
            continue
        error, topic = event.error(), event.topic() or ""
        if error is not None and error.name() != "_PARTITION_EOF":
            denied[topic] = advice_for(error, f"topic {topic!r}")
            left = {key for key in left if key[0] != topic}
        left.discard((topic, event.partition() or 0))
    return denied | {topic: f"topic {topic!r} gives no answer" for topic, _ in left}


def foreign_members(admin: Any, group: str) -> list[str] | None:
    """Return who else reads as a group, in words; ``None`` if the broker does not say."""
    import confluent_kafka

    try:
        answer = admin.describe_consumer_groups([group], request_timeout=CONNECT_TIMEOUT_S)[group]
        members = answer.result(timeout=2 * CONNECT_TIMEOUT_S).members
    except (confluent_kafka.KafkaException, TimeoutError):
        return None
    others = [member for member in members if member.client_id != CLIENT_NAME]
    return [f"{member.client_id} ({member.host.lstrip('/')})" for member in others]
