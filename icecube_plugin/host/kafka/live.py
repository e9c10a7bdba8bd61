"""Topics as they come, in a consumer group."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from icecube_hooks import IceCubePluginError, Message
from icecube_plugin.host.config import KafkaConfig

from ._polled import PolledSource
from .connect import (
    HEARTBEAT_TOPIC,
    Reports,
    check_topics,
    connect,
    make_consumer,
    message_from,
    place,
    wanted_topics,
    why_missing,
)

if TYPE_CHECKING:
    import confluent_kafka

__all__ = ["LiveSource"]

log = logging.getLogger(__name__)

LAST_COMMIT_S: Final = 3.0
"""How long the end of a run waits for the broker to take the last offsets."""


class LiveSource(PolledSource):
    """Topics as they come, in a consumer group.

    Hosts of one group share the partitions (cooperative-sticky); what a rebalance takes away in
    the middle of a batch is not committed here any more, and comes to the next owner again.

    Parameters
    ----------
    config : KafkaConfig
    topics : sequence of str, optional
        Instead of those of `config`; each must exist, unless ``config.wait``. A default topic
        that does not exist is read when it comes.
    batch_size : int

    Attributes
    ----------
    last_heartbeat : datetime, optional
        When the last message of ``gcn.heartbeat`` came [UTC].

    Raises
    ------
    ConfigError, KafkaFailure
        See `connect` and `check_topics`; not for a broker that is away if ``config.wait``.
    """

    is_live: Final = True
    """That it gives again what was not committed, with the same offsets."""

    def __init__(
        self, config: KafkaConfig, *, topics: Sequence[str] = (), batch_size: int = 500
    ) -> None:
        self._last_seen: dict[str, datetime] = {}
        self.last_heartbeat: datetime | None = None
        self._last_sign_s: float | None = None
        self._yielded: dict[tuple[str, int], int] = {}  # what commits of the host will make safe
        self._safe: dict[tuple[str, int], int] = {}  # and has, but the broker does not know yet
        self._owned: set[tuple[str, int]] = set()
        self._is_committing = self._is_closed = False
        self._missing: set[str] = set()
        reports = Reports()
        wanted, named = wanted_topics(config, topics)
        consumer = self._consumer(config, wanted, named, reports)
        super().__init__(consumer, reports, batch_size)
        watches = config.bootstrap_servers is None if config.heartbeat is None else config.heartbeat
        subscribed = [*wanted, *([HEARTBEAT_TOPIC] if watches else [])]
        consumer.subscribe(subscribed, on_assign=self._assigned, on_revoke=self._revoked)

    def _consumer(
        self, config: KafkaConfig, wanted: Sequence[str], named: bool, reports: Reports
    ) -> confluent_kafka.Consumer:
        options: dict[str, Any] = {"on_commit": self._committed}
        if config.instance_id is not None:
            options["group.instance.id"] = config.instance_id
        if config.wait:
            return make_consumer(config, group_id=config.group_id, reports=reports, **options)
        consumer, there = connect(config, group_id=config.group_id, reports=reports, **options)
        try:
            check_topics(wanted, there, named=named, why=why_missing(consumer))
        except IceCubePluginError:
            consumer.close()
            raise
        self._missing = set(wanted) - there
        return consumer

    def batches(self) -> Iterator[list[Message]]:
        """Yield messages as they come, and an empty list when none came for half a second."""
        while True:
            yield [m for event in self._events() if (m := self._taken(event)) is not None]

    def commit(self) -> None:
        """Commit the offsets after all that was yielded, in the partitions that are still ours.

        It does not wait for the answer, which may take until a broker is back. One commit is under
        way at a time; what came meanwhile goes with the next batch, also an empty one.
        """
        self._safe |= self._yielded
        self._yielded.clear()
        self._send_commit()

    def close(self) -> None:
        """End with nothing owed: commit all that is safe, leave the group, free the client.

        Where the broker does not answer that is given up after `LAST_COMMIT_S`. A second call does
        nothing.

        What is queued is served first, also with nothing to commit: a client that is closed while
        it has partitions to take over gives them up twice, and the second time confluent-kafka
        can wait for ever, with Python's lock in hand (librdkafka's issues 4041, 4884).
        """
        if self._is_closed:
            return
        self._is_closed = True
        deadline = time.monotonic() + LAST_COMMIT_S
        self._send_commit()
        # One commit is under way at a time: when it is answered, newer offsets may still be owed.
        while self._serve() or self._is_committing or self._safe:
            if time.monotonic() > deadline:
                log.warning("the broker has not taken the last offsets: their messages come again")
                break
            self._send_commit()
            time.sleep(0.01)
        super().close()

    def _serve(self) -> bool:
        """Serve what is queued; return whether partitions or messages came."""
        before = len(self._held), set(self._owned)
        self.idle()
        return before != (len(self._held), self._owned)

    def idle(self) -> None:
        """As in `PolledSource`; heartbeats are not paused, nor held back."""
        super().idle()
        held, self._held = self._held, []
        self._held = [event for event in held if not self._is_heartbeat(event)]

    @property
    def last_seen(self) -> dict[str, datetime]:
        """When the last message came, by topic [UTC]."""
        return dict(self._last_seen)  # a copy in one step: other threads ask

    def lag(self) -> dict[tuple[str, int], int]:
        """Return how many messages are not committed, by topic and partition, some seconds ago."""
        return {key: lag for key, lag in self._reports.lag.items() if key[0] != HEARTBEAT_TOPIC}

    def heartbeat_age_s(self) -> float | None:
        """Return the time since the last heartbeat, or since we began to wait for one [s].

        ``None`` if this host does not watch: it is not asked to, or another host of the group has
        the partition.
        """
        since = self._last_sign_s
        return None if since is None else time.monotonic() - since

    def _send_commit(self) -> None:
        import confluent_kafka

        if self._safe and not self._is_committing:
            offsets = [
                confluent_kafka.TopicPartition(t, p, at) for (t, p), at in self._safe.items()
            ]
            try:
                self.consumer.commit(offsets=offsets, asynchronous=True)
                self._is_committing = True
            except confluent_kafka.KafkaException as error:
                self._reports.error(error.args[0], "offsets are not committed yet")

    def _committed(
        self,
        error: confluent_kafka.KafkaError | None,
        partitions: list[confluent_kafka.TopicPartition],
    ) -> None:
        """Take the answer to a commit; what failed stays for the next."""
        self._is_committing = False
        for partition in partitions:
            key = (partition.topic, partition.partition)
            problem = error or partition.error
            if problem is not None:
                self._reports.error(problem, "offsets are not committed yet")
            elif self._safe.get(key) == partition.offset:
                del self._safe[key]

    def _taken(self, event: confluent_kafka.Message) -> Message | None:
        """Note where an event stands, and return its message if it is one to handle."""
        if event.error() is not None:
            if event.topic() not in self._missing:  # of those one has been told already
                self._note_error(event)
            return None
        if self._is_heartbeat(event):
            return None
        topic, partition, offset = place(event)
        self._last_seen[topic] = datetime.now(UTC)
        if (topic, partition) in self._owned:
            self._yielded[topic, partition] = offset + 1
        return message_from(event)

    def _is_heartbeat(self, event: confluent_kafka.Message) -> bool:
        if event.error() is not None or event.topic() != HEARTBEAT_TOPIC:
            return False
        self.last_heartbeat = datetime.now(UTC)
        self._last_sign_s = time.monotonic()
        return True

    def _assigned(
        self,
        consumer: confluent_kafka.Consumer,
        partitions: list[confluent_kafka.TopicPartition],
    ) -> None:
        """Take further partitions over, which may be in the middle of a batch."""
        import confluent_kafka

        for partition in partitions:
            self._missing.discard(partition.topic)
            if partition.topic == HEARTBEAT_TOPIC:
                partition.offset = confluent_kafka.OFFSET_END  # those of the past tell nothing
                self._last_sign_s = time.monotonic()
        self._owned |= _keys(partitions)
        consumer.incremental_assign(partitions)
        # The client remembers that a partition was paused, also when it was another's meanwhile.
        change = consumer.pause if self._is_idle else consumer.resume
        change([tp for tp in partitions if tp.topic != HEARTBEAT_TOPIC])
        log.info("assigned %s", _names(partitions))

    def _revoked(self, _consumer: object, partitions: list[confluent_kafka.TopicPartition]) -> None:
        """Forget what another host has now; the client gives it up when we return."""
        gone = _keys(partitions)
        self._owned -= gone
        self._yielded = {key: at for key, at in self._yielded.items() if key not in gone}
        self._safe = {key: at for key, at in self._safe.items() if key not in gone}
        self._held = [event for event in self._held if place(event)[:2] not in gone]
        if any(topic == HEARTBEAT_TOPIC for topic, _ in gone):
            self._last_sign_s = None
        log.info("given up %s", _names(partitions))


def _keys(partitions: list[confluent_kafka.TopicPartition]) -> set[tuple[str, int]]:
    return {(partition.topic, partition.partition) for partition in partitions}


def _names(partitions: list[confluent_kafka.TopicPartition]) -> str:
    return ", ".join(f"{p.topic}[{p.partition}]" for p in partitions) or "nothing"
