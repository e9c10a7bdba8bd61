"""What live reading and back-fill share: a consumer read in batches, paused while sinks work."""

from __future__ import annotations

import threading
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from icecube_plugin.host.tail import CHUNK_BYTES

from .advice import failure
from .connect import coordinates
from .reports import ClientReports
from .topics import HEARTBEAT_TOPIC

if TYPE_CHECKING:
    import confluent_kafka

__all__ = ["BatchConsumer"]

POLL_S: Final = 0.5
CLOSE_S: Final = 3.0


class BatchConsumer:
    """A consumer, read in batches.

    Parameters
    ----------
    consumer : confluent_kafka.Consumer
    reports : ClientReports
        What the consumer reports to.
    batch_size : int

    Attributes
    ----------
    can_wait : bool
        That `idle` keeps the source alive for as long as the host likes.
    """

    can_wait: Final = True

    def __init__(
        self, consumer: confluent_kafka.Consumer, reports: ClientReports, batch_size: int
    ) -> None:
        self.consumer = consumer
        self.batch_size = batch_size
        self._reports = reports
        self._held: list[confluent_kafka.Message] = []
        self._is_idle = False

    @property
    def errors(self) -> dict[str, int]:
        """Number of Kafka's error events by class: librdkafka's name, such as ``_TRANSPORT``."""
        return dict(self._reports.errors)

    def idle(self) -> None:
        """Show Kafka that we live, while the sinks work on a batch: at least once a second.

        Fetching is paused until the next batch is asked for, so memory stays as it is, and a
        group does not throw out a member whose sinks take longer than `max.poll.interval.ms`.
        """
        if not self._is_idle:
            self._is_idle = True
            self.consumer.pause(self._pausable())
        self._held += self.consumer.consume(self.batch_size, 0.0)

    def close(self) -> None:
        """Leave the group, if there is one, and free the client.

        Where no broker answers, the client waits for one as long as a session lasts: not we.
        """
        closing = threading.Thread(target=self.consumer.close, name="kafka-close", daemon=True)
        closing.start()
        closing.join(CLOSE_S)

    def _events(self) -> list[confluent_kafka.Message]:
        """Return what was held back, or wait for one event and take what else is there.

        A lone message is not held back.
        """
        if self._is_idle:
            self._is_idle = False
            self.consumer.resume(self._pausable())
        if not self._held and (first := self.consumer.poll(POLL_S)) is not None:
            self._held = [first, *self.consumer.consume(self.batch_size - 1, 0.0)]
        return self._first_held()

    def _first_held(self) -> list[confluent_kafka.Message]:
        """Take what is handled at once: all, or a few large ones, for each is copied often."""
        sizes = accumulate(len(event) for event in self._held)
        count = next((n for n, size in enumerate(sizes, 1) if size >= CHUNK_BYTES), None)
        taken, self._held = self._held[:count], self._held[count:] if count else []
        return taken

    def _pausable(self) -> list[confluent_kafka.TopicPartition]:
        return [tp for tp in self.consumer.assignment() if tp.topic != HEARTBEAT_TOPIC]

    def _note_error(self, event: confluent_kafka.Message) -> None:
        """Count and log an error event; raise for one that does not pass."""
        error = event.error()
        if error is None or error.name() == "_PARTITION_EOF":
            return
        topic = coordinates(event)[0]
        if error.fatal() or error.name() in _LASTING:
            raise failure(error, topic or "the broker")
        self._reports.topic_error(error, topic)


_LASTING: Final = ("_FATAL", "GROUP_AUTHORIZATION_FAILED", "CLUSTER_AUTHORIZATION_FAILED")
"""Errors after which no message comes any more, whatever is waited for."""
