"""Topics as they come, in a consumer group."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from icecube_hooks import ConfigError, IceCubePluginError, Message
from icecube_plugin.host.config import HealthConfig, KafkaConfig
from icecube_plugin.host.health import Problem

from .batch_consumer import BatchConsumer
from .connect import (
    connect,
    coordinates,
    make_admin,
    make_consumer,
    message_from,
    where,
    why_missing,
)
from .positions import Beginning, Partition, beginning, ends, name_of
from .reports import SILENT_S, ClientReports
from .topics import (
    HEARTBEAT_TOPIC,
    TopicWatch,
    check_topics,
    present,
    subscription,
    wanted_topics,
)

if TYPE_CHECKING:
    import confluent_kafka

__all__ = ["LiveSource"]

log = logging.getLogger(__name__)

LAST_COMMIT_S: Final = 3.0
"""How long the end of a run waits for the broker to take the last offsets."""
POSITION_S: Final = 5.0
GAP_TOLD_S: Final = 3600.0
"""For how long a gap makes the host unhealthy: it cannot be mended, but must be seen."""


class LiveSource(BatchConsumer):
    """Topics as they come, in a consumer group.

    Hosts of one group share the partitions (cooperative-sticky); what a rebalance takes away in
    the middle of a batch is not committed here any more, and comes to the next owner again.

    Parameters
    ----------
    config : KafkaConfig
    topics : sequence of str, optional
        Instead of those of `config`; each must exist, unless ``config.wait``.
    claimed : sequence of str, optional
        Read where nobody names a topic: what parsers claim. One that does not exist is read when
        it comes.
    batch_size : int

    Attributes
    ----------
    is_live : bool
        That it gives again what was not committed, with the same offsets.
    last_heartbeat : datetime, optional
        When the last message of ``gcn.heartbeat`` came [UTC].
    lost : dict
        By topic and partition, messages that the broker removed before they were read.

    Raises
    ------
    ConfigError, KafkaFailure
        See `connect` and `check_topics`; not for a broker that is away if ``config.wait``.
    """

    is_live: Final = True

    def __init__(
        self,
        config: KafkaConfig,
        *,
        topics: Sequence[str] = (),
        claimed: Sequence[str] = (),
        batch_size: int = 500,
    ) -> None:
        self.last_heartbeat: datetime | None = None
        self.lost: dict[Partition, int] = {}
        self._gaps: list[tuple[float, str]] = []
        self._last_seen: dict[str, datetime] = {}
        self._yielded: dict[Partition, int] = {}  # what commits of the host will make safe
        self._safe: dict[Partition, int] = {}  # and has, but the broker does not know yet
        self._next: dict[Partition, int] = {}  # what comes next, of the partitions that are ours
        self._topic_ids: dict[str, str] = {}
        self._is_committing = self._is_closed = False
        if config.group_id is None:
            raise ConfigError("is required", key="kafka.group_id")
        self._config, self._group_id = config, config.group_id
        self._wanted, self._is_named = wanted_topics(config, topics, claimed)
        reports = ClientReports(where(config), _silent_s(config))
        consumer, there = self._consumer(reports)
        super().__init__(consumer, reports, batch_size)
        self._topics = TopicWatch(lambda: make_admin(config), self._wanted, there)
        watches = config.bootstrap_servers is None if config.heartbeat is None else config.heartbeat
        # From the start on, whether or not there is a connection: silence is what is looked for.
        self._last_sign_s = time.monotonic() if watches else None
        subscribed = [subscription(topic) for topic in self._wanted]
        consumer.subscribe(
            [*subscribed, *([HEARTBEAT_TOPIC] if watches else [])],
            on_assign=self._assigned,
            on_revoke=self._revoked,
            on_lost=self._gone,
        )
        log.info(
            "reading %s of %s as group %s",
            _number(len(self._wanted), "topic"), where(config), self._group_id,
        )  # fmt: skip

    def _consumer(self, reports: ClientReports) -> tuple[confluent_kafka.Consumer, set[str] | None]:
        config = self._config
        options: dict[str, Any] = {"on_commit": self._committed}
        if config.instance_id is not None:
            options["group.instance.id"] = config.instance_id
        if config.wait:
            made = make_consumer(config, group_id=self._group_id, reports=reports, **options)
            return made, None
        consumer, there = connect(config, group_id=self._group_id, reports=reports, **options)
        try:
            named, why = self._is_named, why_missing(consumer)
            check_topics(self._wanted, there, named=named, why=why)
        except IceCubePluginError:
            consumer.close()
            raise
        return consumer, there

    def batches(self) -> Iterator[list[Message]]:
        """Yield messages as they come, and an empty list when none came for half a second."""
        while True:
            yield [m for event in self._events() if (m := self._taken(event)) is not None]
            self._look_for_new_topics()

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
        self._topics.close()
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
        before = len(self._held), set(self._next)
        self.idle()
        return before != (len(self._held), set(self._next))

    def idle(self) -> None:
        """As in `BatchConsumer`; heartbeats are not paused, nor held back."""
        super().idle()
        held, self._held = self._held, []
        self._held = [event for event in held if not self._is_heartbeat(event)]

    # --- what is told ---------------------------------------------------------------------------

    @property
    def last_seen(self) -> dict[str, datetime]:
        """When the last message came, by topic [UTC]."""
        return dict(self._last_seen)  # a copy in one step: other threads ask

    @property
    def missing(self) -> tuple[str, ...]:
        """Wanted topics that the broker does not have."""
        return self._topics.missing

    def lag(self) -> dict[Partition, int]:
        """Return how many messages are not committed, by topic and partition, some seconds ago."""
        return {key: lag for key, lag in self._reports.lag.items() if key[0] != HEARTBEAT_TOPIC}

    def heartbeat_age_s(self) -> float | None:
        """Return the time since the last heartbeat, or since the start if none came [s].

        ``None`` if this host does not watch: it is not asked to, or another host of the group has
        the partition.
        """
        since = self._last_sign_s
        return None if since is None else time.monotonic() - since

    def problems(self, limits: HealthConfig) -> Iterator[Problem]:
        """Yield why alerts do not flow, or may have been lost, a line each."""
        yield from self._reports.problems(limits.connection_limit_s)
        if self._is_named:
            for topic in self.missing:
                yield Problem("topic-missing", f"the broker has no topic {topic!r}")
        now_s, age_s = time.monotonic(), self.heartbeat_age_s()
        if age_s is not None and age_s > limits.heartbeat_limit_s:
            yield Problem("no-heartbeat", f"no heartbeat from GCN for {age_s:.0f} s")
        since_s = self._reports.lag_since_s
        if since_s is not None and now_s - since_s > limits.stall_limit_s:
            text = f"messages wait, and none was done with for {now_s - since_s:.0f} s"
            yield Problem("no-commits", text)
        for at_s, text in list(self._gaps):
            if now_s - at_s < GAP_TOLD_S:
                yield Problem("messages-lost", text)

    # --- commits --------------------------------------------------------------------------------

    def _send_commit(self) -> None:
        import confluent_kafka

        if self._safe and not self._is_committing:
            offsets = [
                confluent_kafka.TopicPartition(t, p, at, self._topic_ids.get(t, ""))
                for (t, p), at in self._safe.items()
            ]
            try:
                self.consumer.commit(offsets=offsets, asynchronous=True)
                self._is_committing = True
            except confluent_kafka.KafkaException as error:
                self._reports.commit_error(error.args[0])

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
                self._reports.commit_error(problem)
                continue
            self._reports.committed()
            if self._safe.get(key) == partition.offset:
                del self._safe[key]

    # --- messages -------------------------------------------------------------------------------

    def _taken(self, event: confluent_kafka.Message) -> Message | None:
        """Note where an event stands, and return its message if it is one to handle."""
        topic, number, offset = coordinates(event)
        error = event.error()
        if error is not None and error.name() != "_PARTITION_EOF":
            self._take_error(error, event, topic, number)
            return None
        if error is None and self._is_heartbeat(event):
            return None
        self._reports.topic_is_read(topic)
        following = offset if error is not None else offset + 1  # an end is past markers, too
        is_ours = (topic, number) in self._next and topic != HEARTBEAT_TOPIC
        if is_ours and following > self._next[topic, number]:
            self._yielded[topic, number] = self._next[topic, number] = following
        if error is not None:
            return None
        self._last_seen[topic] = datetime.now(UTC)
        return None if event.value() is None else message_from(event)  # a tombstone says nothing

    def _take_error(
        self,
        error: confluent_kafka.KafkaError,
        event: confluent_kafka.Message,
        topic: str,
        number: int,
    ) -> None:
        import confluent_kafka

        if error.name() == "_AUTO_OFFSET_RESET":  # not in the range that the broker has, or none
            if (topic, number) in self._next:
                self._reassign([confluent_kafka.TopicPartition(topic, number)])
        elif error.name() == "UNKNOWN_TOPIC_OR_PART" and self._is_missing(topic):
            self._reports.count(error)  # that is told already
        else:
            self._note_error(event)

    def _is_missing(self, topic: str) -> bool:
        return topic in map(subscription, self._topics.missing)

    def _is_heartbeat(self, event: confluent_kafka.Message) -> bool:
        if event.error() is not None or event.topic() != HEARTBEAT_TOPIC:
            return False
        self.last_heartbeat = datetime.now(UTC)
        self._last_sign_s = time.monotonic()
        return True

    # --- partitions -----------------------------------------------------------------------------

    def _assigned(
        self,
        consumer: confluent_kafka.Consumer,
        partitions: list[confluent_kafka.TopicPartition],
    ) -> None:
        """Take further partitions over, which may be in the middle of a batch."""
        import confluent_kafka

        beats = [tp for tp in partitions if tp.topic == HEARTBEAT_TOPIC]
        for partition in beats:
            partition.offset = confluent_kafka.OFFSET_END  # those of the past tell nothing
        if self._last_sign_s is not None and not beats and not self._has_heartbeats():
            self._last_sign_s = None  # another host of the group has them
        elif beats and self._last_sign_s is None:
            self._last_sign_s = time.monotonic()
        others = [tp for tp in partitions if tp.topic != HEARTBEAT_TOPIC]
        self._next |= dict.fromkeys(_keys(partitions), -1)
        if others and not self._is_closed:
            self._find_positions(others)
        consumer.incremental_assign(partitions)
        # The client remembers that a partition was paused, also when it was another's meanwhile.
        change = consumer.pause if self._is_idle else consumer.resume
        change(others)

    def _has_heartbeats(self) -> bool:
        return any(topic == HEARTBEAT_TOPIC for topic, _ in self._next)

    def _find_positions(self, partitions: list[confluent_kafka.TopicPartition]) -> None:
        """Decide where partitions are read from, tell, and commit what is new.

        Where the broker does not answer, the client begins where the group stopped, or says that
        it cannot: then we are here again.
        """
        import confluent_kafka

        try:
            ids = self._topics.ask_ids(tp.topic for tp in partitions)
            found = self.consumer.committed(partitions, timeout=POSITION_S)
            whole = ends(self.consumer, partitions, POSITION_S)
            skips_past = self._config.start == "latest" and self._is_new_group(found)
        except confluent_kafka.KafkaException as error:
            log.warning("Kafka: where to begin is not known yet: %s", error.args[0].str())
            return
        self._topic_ids |= ids
        stored = {(tp.topic, tp.partition): tp for tp in found if tp.error is None}
        begins: dict[Partition, Beginning] = {}
        for partition in partitions:
            key = (partition.topic, partition.partition)
            if key in whole and key in stored:
                is_new = bool(stored[key].metadata) and stored[key].metadata != ids.get(key[0])
                begins[key] = beginning(
                    self._position(key, stored[key].offset),
                    *whole[key],
                    is_new_topic=is_new and key[0] in ids,
                    skips_past=skips_past,
                )
                partition.offset = begins[key].offset
        self._begin(begins, {key for key, tp in stored.items() if tp.offset < 0})

    def _position(self, key: Partition, committed: int) -> int | None:
        """Return what comes next: of the group, or of ours if that is further."""
        further = max(committed, self._safe.get(key, -1), self._yielded.get(key, -1))
        return None if further < 0 else further

    def _is_new_group(self, found: Iterable[confluent_kafka.TopicPartition]) -> bool:
        """Find whether the group has no offset at all, in none of the topics."""
        import confluent_kafka

        if any(tp.offset >= 0 for tp in found):
            return False
        # Not the consumer's own `list_topics`: inside of a callback that ends the process.
        known = self._topics.ask_partitions()
        wanted = present(self._wanted, known)
        every = [confluent_kafka.TopicPartition(t, number) for t in wanted for number in known[t]]
        stored = self.consumer.committed(every, timeout=POSITION_S)
        return all(tp.offset < 0 for tp in stored)

    def _begin(self, begins: dict[Partition, Beginning], without: set[Partition]) -> None:
        """Note and tell where partitions are read from."""
        by_why: dict[str, list[str]] = {}
        for key, begin in begins.items():
            self._next[key] = begin.offset
            if begin.is_gap:
                self._tell_gap(key, begin)
            else:
                by_why.setdefault(begin.why, []).append(name_of(key))
            if begin.is_gap or key in without:
                # The first position is committed at once: a quiet topic must keep its place.
                self._yielded.pop(key, None)
                self._safe[key] = begin.offset
        for why, names in by_why.items():
            log.info("reading %s, from %s", ", ".join(names), why)
        self._send_commit()

    def _tell_gap(self, key: Partition, begin: Beginning) -> None:
        text = f"{name_of(key)}: {begin.why}"
        log.error("%s", text)
        self.lost[key] = self.lost.get(key, 0) + begin.lost
        self._gaps.append((time.monotonic(), text))
        del self._gaps[:-100]

    def _reassign(self, partitions: list[confluent_kafka.TopicPartition]) -> None:
        """Read partitions of ours from where they have to be read, not from where they are."""
        self._find_positions(partitions)
        self.consumer.incremental_unassign(partitions)  # a seek is refused in this state
        self.consumer.incremental_assign(partitions)
        change = self.consumer.pause if self._is_idle else self.consumer.resume
        change(partitions)

    def _look_for_new_topics(self) -> None:
        """Begin again where a topic has been deleted and made again while it was read."""
        import confluent_kafka

        ids = self._topics.ids
        again = {t for t, known in self._topic_ids.items() if ids.get(t, known) != known}
        if again:
            mine = [key for key in self._next if key[0] in again]
            for key in mine:  # offsets of the topic that is gone
                self._yielded.pop(key, None)
                self._safe.pop(key, None)
            self._held = [e for e in self._held if coordinates(e)[0] not in again]
            if mine:
                self._reassign([confluent_kafka.TopicPartition(*key) for key in mine])
            self._topic_ids |= {topic: ids[topic] for topic in again}

    def _revoked(self, _consumer: object, partitions: list[confluent_kafka.TopicPartition]) -> None:
        """Forget what another host has now; the client gives it up when we return."""
        if any(topic == HEARTBEAT_TOPIC for topic, _ in _keys(partitions)):
            self._last_sign_s = None
        self._gone(_consumer, partitions)

    def _gone(self, _consumer: object, partitions: list[confluent_kafka.TopicPartition]) -> None:
        """Forget what is not ours; heartbeats are still waited for, if the connection was lost."""
        gone = _keys(partitions)
        for key in gone:
            for kept in (self._next, self._yielded, self._safe):
                kept.pop(key, None)
        self._held = [event for event in self._held if coordinates(event)[:2] not in gone]
        log.info("given up %s", ", ".join(sorted(map(name_of, gone))) or "nothing")


def _keys(partitions: list[confluent_kafka.TopicPartition]) -> set[Partition]:
    return {(partition.topic, partition.partition) for partition in partitions}


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _silent_s(config: KafkaConfig) -> float:
    """Return the longest silence of a connection that works [s]."""
    beat_ms = config.options.get("heartbeat.interval.ms", 0)
    return max(SILENT_S, 3e-3 * beat_ms) if isinstance(beat_ms, int) else SILENT_S
