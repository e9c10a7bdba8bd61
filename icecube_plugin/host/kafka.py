"""Notices from Kafka: GCN's brokers, or any other.

Delivery
--------
Auto-commit is off. `LiveSource.commit` commits, synchronously, the offsets of the messages that
the last batch held; the host calls it when its sinks have them. A Kafka error event is never a
message: it is logged by class, once until it changes, and one that no waiting mends ends the run.

`BackfillSource` reads a range of Kafka time stamps from every partition, with positions of its
own, and commits nothing, so it disturbs no consumer group.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from icecube_hooks import ConfigError, IceCubePluginError, Message
from icecube_hooks.host import nearest

from .config import KafkaConfig

if TYPE_CHECKING:
    import confluent_kafka

__all__ = ["BackfillSource", "KafkaFailure", "LiveSource", "client_options", "connect"]

log = logging.getLogger(__name__)
client_log = logging.getLogger("librdkafka")

CONNECT_TIMEOUT_S: Final = 10.0
POLL_S: Final = 0.5


class KafkaFailure(IceCubePluginError, ConnectionError):
    """The broker cannot be reached, or refuses us.

    Parameters
    ----------
    reason : str
        What happened and what to do about it.
    code : str
        librdkafka's name of the error.
    """

    def __init__(self, reason: str, code: str = "") -> None:
        super().__init__(reason)
        self.code = code


def client_options(config: KafkaConfig) -> dict[str, Any]:
    """Return the options for gcn-kafka's clients; the user's own win.

    Raises
    ------
    ConfigError
        Without credentials, where GCN's brokers are asked for.
    """
    # Level 2: what librdkafka logs at 3 comes through error_cb too, once and not fifty times.
    options: dict[str, Any] = {"log_level": 2}
    if config.bootstrap_servers is not None:
        options["bootstrap.servers"] = config.bootstrap_servers
        if config.client_id is None:
            options["security.protocol"] = "plaintext"
    elif config.client_id is None and not config.options.keys() & {"sasl.oauthbearer.client.id"}:
        raise ConfigError(
            f"no credentials for {config.domain}",
            hint="set GCN_CLIENT_ID and GCN_CLIENT_SECRET; make them at https://gcn.nasa.gov/quickstart",
        )
    if config.client_id is not None:
        options["client_id"] = config.client_id
        options["domain"] = config.domain
    if config.client_secret is not None:
        options["client_secret"] = config.client_secret.reveal()
    return options | dict(config.options)


class _Errors:
    """What librdkafka reports while nobody waits for an answer.

    Until `connected` an error is only noted, for the message of the failure; after that it is
    logged, if its class was not logged just before.
    """

    def __init__(self) -> None:
        self.last: confluent_kafka.KafkaError | None = None
        self.connected = False

    def __call__(self, error: confluent_kafka.KafkaError) -> None:
        """Take an error from librdkafka."""
        if self.connected and (self.last is None or self.last.code() != error.code()):
            log.warning("Kafka: %s", error.str())
        self.last = error


def connect(
    config: KafkaConfig, *, group_id: str, timeout_s: float = CONNECT_TIMEOUT_S
) -> tuple[confluent_kafka.Consumer, set[str]]:
    """Make a consumer and see which topics the broker has.

    Returns
    -------
    consumer, topics
        The topics that the broker shows to us.

    Raises
    ------
    KafkaFailure, ConfigError
        With one line that says what to do.
    """
    import confluent_kafka
    import gcn_kafka

    errors = _Errors()
    options = client_options(config) | {
        "group.id": group_id,
        "error_cb": errors,
        "logger": client_log,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "enable.partition.eof": True,
        "auto.offset.reset": config.start,
        "partition.assignment.strategy": "cooperative-sticky",
    }
    try:
        consumer = gcn_kafka.Consumer(options)
    except confluent_kafka.KafkaException as error:
        raise ConfigError(error.args[0].str(), key="kafka.options") from error
    except (TypeError, ValueError) as error:
        raise ConfigError(str(error), key="kafka.options") from error
    try:
        topics = _topics(consumer, errors, timeout_s)
        errors.connected = True
        return consumer, topics
    except confluent_kafka.KafkaException as error:
        consumer.close()
        where = options.get("bootstrap.servers", f"kafka.{config.domain}")
        raise _failure(errors.last or error.args[0], where) from error


def _topics(consumer: confluent_kafka.Consumer, errors: _Errors, timeout_s: float) -> set[str]:
    """Ask for the topics; end the wait early when the credentials are refused."""
    import confluent_kafka

    remaining = timeout_s
    while True:
        try:
            return set(consumer.list_topics(timeout=min(remaining, 2.0)).topics)
        except confluent_kafka.KafkaException:
            consumer.poll(0.0)  # delivers the errors that explain it
            remaining -= 2.0
            refused = confluent_kafka.KafkaError._AUTHENTICATION
            if remaining <= 0 or (errors.last is not None and errors.last.code() == refused):
                raise


def _failure(error: confluent_kafka.KafkaError, where: str) -> KafkaFailure:
    """Say what an error means for a person."""
    import confluent_kafka

    text = error.str()
    if _NO_ROUTE.search(text):
        advice = f"cannot reach {where}, or the server that checks credentials: check the network"
    elif error.code() == confluent_kafka.KafkaError._AUTHENTICATION:
        advice = "the credentials were refused: check GCN_CLIENT_ID and GCN_CLIENT_SECRET"
    elif error.code() in _NOT_ALLOWED:
        advice = "the credentials do not allow this: check their scope and the consumer group"
    else:
        advice = f"cannot reach {where}: check the address and the network"
    return KafkaFailure(f"{advice} ({text})", error.name())


_NO_ROUTE = re.compile(r"resolve host|connect to server|onnection timed out|Timeout was reached")
"""Words of libcurl when the token endpoint cannot be reached."""

_NOT_ALLOWED: Final = (29, 30, 31)
"""Topic, group and cluster authorisation failed (Kafka's error codes)."""


def check_topics(wanted: Sequence[str], there: set[str], *, named: bool) -> None:
    """Compare the topics to subscribe to with those of the broker.

    Parameters
    ----------
    wanted : sequence of str
    there : set of str
    named : bool
        Whether a person named them: then each has to be there. Of the default ones some may be
        missing, but not all.

    Raises
    ------
    ConfigError
    """
    missing = [topic for topic in wanted if topic not in there]
    if missing and (named or len(missing) == len(wanted)):
        hint = nearest(missing[0], (topic for topic in there if not topic.startswith("__")))
        raise ConfigError(f"the broker has no topic {missing[0]!r}", key="kafka.topics", hint=hint)
    if missing:
        log.warning("the broker has no topic %s; going on with the others", ", ".join(missing))


def message_from(kafka: confluent_kafka.Message) -> Message:
    """Copy what librdkafka holds into a `Message`."""
    kind, milliseconds = kafka.timestamp()
    stamped = kind != 0 and milliseconds >= 0
    return Message(
        value=kafka.value() or b"",
        topic=kafka.topic(),
        partition=kafka.partition(),
        offset=kafka.offset(),
        timestamp=datetime.fromtimestamp(milliseconds / 1000, UTC) if stamped else None,
        key=kafka.key(),
        headers=tuple(_headers(kafka)),
    )


def _headers(kafka: confluent_kafka.Message) -> Iterator[tuple[str, bytes | None]]:
    """Yield all headers: a name may come more than once."""
    found: Any = kafka.headers() or ()  # a list of pairs, whatever the stub allows
    for name, value in found:
        yield name, value.encode() if isinstance(value, str) else value


def _place(kafka: confluent_kafka.Message) -> tuple[str, int, int]:
    """Return topic, partition and offset, which every event but some errors has."""
    offset = kafka.offset()
    return kafka.topic() or "", kafka.partition() or 0, -1 if offset is None else offset


class _Source:
    """What live reading and back-fill share: a consumer, polled in batches."""

    def __init__(self, consumer: confluent_kafka.Consumer, batch_size: int) -> None:
        self.consumer = consumer
        self.batch_size = batch_size
        self._seen: set[int] = set()

    def close(self) -> None:
        """Leave the group and free the client."""
        self.consumer.close()

    def _poll(self) -> list[confluent_kafka.Message]:
        """Wait for one event, then take what else is there: a lone message is not held back."""
        first = self.consumer.poll(POLL_S)
        if first is None:
            return []
        return [first, *self.consumer.consume(self.batch_size - 1, 0.0)]

    def _handle_error(self, event: confluent_kafka.Message) -> None:
        """Log an error event by class; raise for one that does not pass."""
        import confluent_kafka

        error = event.error()
        if error is None or error.code() == confluent_kafka.KafkaError._PARTITION_EOF:
            return
        if error.fatal() or error.code() in (
            *_NOT_ALLOWED,
            confluent_kafka.KafkaError._AUTHENTICATION,
        ):
            raise _failure(error, event.topic() or "the broker")
        if error.code() not in self._seen:
            self._seen.add(error.code())
            log.warning("Kafka: %s %s", event.topic() or "", error.str())


class LiveSource(_Source):
    """Topics as they come, in a consumer group.

    Parameters
    ----------
    config : KafkaConfig
    topics : sequence of str, optional
        Instead of those of `config`; each must exist.
    batch_size : int
    """

    def __init__(
        self, config: KafkaConfig, *, topics: Sequence[str] = (), batch_size: int = 500
    ) -> None:
        consumer, there = connect(config, group_id=config.group_id)
        super().__init__(consumer, batch_size)
        try:
            named = bool(topics) or config.topics != KafkaConfig().topics
            check_topics(topics or config.topics, there, named=named)
        except ConfigError:
            self.close()
            raise
        self._next: dict[tuple[str, int], int] = {}
        subscribed = [topic for topic in topics or config.topics if topic in there]
        consumer.subscribe(subscribed, on_assign=_log_assignment)

    def batches(self) -> Iterator[list[Message]]:
        """Yield messages as they come, and an empty list when none came for half a second."""
        while True:
            batch = []
            for event in self._poll():
                if event.error() is not None:
                    self._handle_error(event)
                    continue
                message = message_from(event)
                batch.append(message)
                topic, partition, offset = _place(event)
                self._next[topic, partition] = offset + 1
            yield batch

    def commit(self) -> None:
        """Commit the offsets after the last batch; what a rebalance took away is left to others."""
        import confluent_kafka

        if not self._next:
            return
        offsets = [confluent_kafka.TopicPartition(t, p, o) for (t, p), o in self._next.items()]
        self._next.clear()
        try:
            self.consumer.commit(offsets=offsets, asynchronous=False)
        except confluent_kafka.KafkaException as error:
            log.warning("offsets not committed, messages may come again: %s", error.args[0].str())


def _log_assignment(_consumer: object, partitions: list[confluent_kafka.TopicPartition]) -> None:
    log.info("assigned %s", ", ".join(f"{p.topic}[{p.partition}]" for p in partitions) or "nothing")


class BackfillSource(_Source):
    """Messages whose Kafka time stamp lies in a range, from every partition, then an end.

    Parameters
    ----------
    config : KafkaConfig
    since : datetime
        First time stamp [UTC].
    until : datetime, optional
        Last time stamp [UTC]; default is what is there when the source is made.
    topics : sequence of str, optional
        Instead of those of `config`; each must exist.
    batch_size : int

    Attributes
    ----------
    total : int
        Number of offsets in the range: an upper bound of the number of messages.
    """

    def __init__(
        self,
        config: KafkaConfig,
        *,
        since: datetime,
        until: datetime | None = None,
        topics: Sequence[str] = (),
        batch_size: int = 500,
    ) -> None:
        consumer, there = connect(config, group_id=f"{config.group_id}-backfill")
        super().__init__(consumer, batch_size)
        self.since = since
        self.until = until
        try:
            named = bool(topics) or config.topics != KafkaConfig().topics
            check_topics(topics or config.topics, there, named=named)
            wanted = [topic for topic in topics or config.topics if topic in there]
            self._open = self._ranges(wanted)
        except Exception:
            self.close()
            raise
        self.total = sum(end - start for start, end in self._open.values())

    def _ranges(self, topics: Sequence[str]) -> dict[tuple[str, int], tuple[int, int]]:
        """Find first and end offset of each partition, leaving out empty ranges."""
        import confluent_kafka

        known = self.consumer.list_topics(timeout=CONNECT_TIMEOUT_S).topics
        places = [(topic, partition) for topic in topics for partition in known[topic].partitions]
        stamp = int(self.since.timestamp() * 1000)
        asked = [confluent_kafka.TopicPartition(t, p, stamp) for t, p in places]
        found = self.consumer.offsets_for_times(asked, timeout=CONNECT_TIMEOUT_S) if asked else []
        ranges = {}
        for place in found:
            key = (place.topic, place.partition)
            low, high = self.consumer.get_watermark_offsets(place, timeout=CONNECT_TIMEOUT_S)
            # An answer below 0 means that no message is that new: the range is empty.
            start = max(place.offset, low) if place.offset >= 0 else high
            if start < high:
                ranges[key] = (start, high)
        return ranges

    def batches(self) -> Iterator[list[Message]]:
        """Yield messages until every partition has been read to where it ended at the start."""
        import confluent_kafka

        self.consumer.assign(
            [
                confluent_kafka.TopicPartition(t, p, start)
                for (t, p), (start, _) in self._open.items()
            ]
        )
        while self._open:
            batch = []
            for event in self._poll():
                self._handle_error(event)
                if event.error() is None and self._is_wanted(event):
                    batch.append(message_from(event))
                self._mark(event)
            yield batch

    def commit(self) -> None:
        """Do nothing: a back-fill leaves no trace in a consumer group."""

    def _is_wanted(self, event: confluent_kafka.Message) -> bool:
        """Check the range again: time stamps need not ascend inside a partition."""
        topic, partition, offset = _place(event)
        end = self._open.get((topic, partition), (0, 0))[1]
        stamp = event.timestamp()[1] / 1000
        too_late = self.until is not None and stamp > self.until.timestamp()
        return offset < end and stamp >= self.since.timestamp() and not too_late

    def _mark(self, event: confluent_kafka.Message) -> None:
        """Close a partition when its end is reached; the last offsets may hold no message."""
        import confluent_kafka

        topic, partition, offset = _place(event)
        key = (topic, partition)
        if key not in self._open:
            return
        error = event.error()
        at_end = error is not None and error.code() == confluent_kafka.KafkaError._PARTITION_EOF
        if at_end or (error is None and offset + 1 >= self._open[key][1]):
            del self._open[key]
