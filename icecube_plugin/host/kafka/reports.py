"""What a Kafka client reports while nobody asks: errors, and its statistics."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from icecube_plugin.host.health import Problem

from .advice import advice_for

if TYPE_CHECKING:
    import confluent_kafka

__all__ = ["STATISTICS_S", "ClientReports"]

log = logging.getLogger(__name__)

STATISTICS_S: Final = 2.0
SILENT_S: Final = 10.0
"""A connection on which nothing came for so long is none, whatever TCP thinks of it.

Fetches are answered twice a second, heartbeats of the group every three seconds.
"""
_REFUSALS: Final = ("_AUTHENTICATION", "SASL_AUTHENTICATION_FAILED")


class ClientReports:
    """Errors and statistics of one client, and what they mean for its health.

    Parameters
    ----------
    where : str
        The broker, in words.
    silent_s : float
        A connection on which nothing came for longer does not count [s].

    Attributes
    ----------
    errors : dict
        Number of error events by class: librdkafka's name, such as ``_TRANSPORT``.
    lag : dict
        Messages between the committed offset and the end, by topic and partition.
    lag_since_s : float, optional
        Since when there is some without a commit, as `time.monotonic` [s].
    last : confluent_kafka.KafkaError, optional
        The last error that says something.
    denied : dict
        By topic, what is said to who may not read it.
    is_quiet : bool
        Errors are only counted: while a connection is being made they end up in its failure.
    """

    def __init__(self, where: str = "the broker", silent_s: float = SILENT_S) -> None:
        self.where = where
        self.errors: dict[str, int] = {}
        self.lag: dict[tuple[str, int], int] = {}
        self.lag_since_s: float | None = None
        self.last: confluent_kafka.KafkaError | None = None
        self.denied: dict[str, str] = {}
        self.is_quiet = False
        self._silent_s = silent_s
        self._logged: set[tuple[str, str]] = set()
        # Not connected from the start of the process on, until statistics say otherwise.
        self._down_since_s: float | None = time.monotonic()
        self._was_connected = self._is_down_told = False

    @property
    def is_connected(self) -> bool:
        """Whether a broker answers."""
        return self._down_since_s is None

    def count(self, error: confluent_kafka.KafkaError) -> None:
        """Count an error that is told elsewhere."""
        self.errors[error.name()] = self.errors.get(error.name(), 0) + 1

    def error(self, error: confluent_kafka.KafkaError) -> None:
        """Take an error of the connection."""
        self.count(error)
        if error.name() == "_ALL_BROKERS_DOWN":  # comes with one that says why
            return
        self.last = error
        self._tell(error, "", advice_for(error, self.where))

    def topic_error(self, error: confluent_kafka.KafkaError, topic: str) -> None:
        """Take an error of a topic, each of which is told."""
        self.count(error)
        text = advice_for(error, f"topic {topic!r}")
        if error.name() == "TOPIC_AUTHORIZATION_FAILED":
            self.denied[topic] = text
        self._tell(error, topic, text)

    def commit_error(self, error: confluent_kafka.KafkaError) -> None:
        """Take that offsets were not committed."""
        self.count(error)
        self._tell(error, "commit", f"offsets are not committed yet: {error.str()}")

    def topic_is_read(self, topic: str) -> None:
        """Take that something came from a topic, were it only its end."""
        if self.denied.pop(topic, None) is not None:
            log.warning("Kafka: topic %r can be read now", topic)

    def committed(self) -> None:
        """Take that offsets were committed."""
        if self.lag_since_s is not None:
            self.lag_since_s = time.monotonic()

    def statistics(self, text: str) -> None:
        """Take librdkafka's statistics, a JSON object: see its STATISTICS.md."""
        found = json.loads(text)
        if not self.is_quiet:
            self._note_connection(any(self._answers(b) for b in found["brokers"].values()))
        self.lag = {
            (topic, int(number)): partition["consumer_lag"]
            for topic, data in found["topics"].items()
            for number, partition in data["partitions"].items()
            if partition["fetch_state"] != "none" and partition["consumer_lag"] >= 0
        }
        if not any(self.lag.values()):
            self.lag_since_s = None
        elif self.lag_since_s is None:
            self.lag_since_s = time.monotonic()

    def problems(self, connection_limit_s: float) -> Iterator[Problem]:
        """Yield why messages cannot come, a line each."""
        since_s = self._down_since_s
        if since_s is not None:
            down_s = time.monotonic() - since_s
            why = "" if self.last is None else f": {advice_for(self.last, self.where)}"
            if self.last is not None and self.last.name() in _REFUSALS:
                yield Problem("refused", f"{self.where} refuses us for {down_s:.0f} s{why}")
            elif down_s > connection_limit_s:
                kind = "not-connected" if self._was_connected else "never-connected"
                what = "not" if self._was_connected else "never"
                yield Problem(kind, f"{what} connected to {self.where} for {down_s:.0f} s{why}")
        for text in list(self.denied.values()):
            yield Problem("topic-denied", text)

    def _tell(self, error: confluent_kafka.KafkaError, about: str, text: str) -> None:
        """Log an error, if one of its kind was not since the connection came."""
        if not self.is_quiet and (error.name(), about) not in self._logged:
            self._logged.add((error.name(), about))
            log.warning("Kafka: %s", text)

    def _answers(self, broker: Mapping[str, Any]) -> bool:
        return bool(broker["state"] == "UP" and 0 <= broker["rxidle"] < self._silent_s * 1e6)

    def _note_connection(self, is_up: bool) -> None:
        now_s = time.monotonic()
        if not is_up and self._down_since_s is None:
            self._down_since_s = now_s
        if not is_up and not self._is_down_told:
            self._is_down_told = True
            log.warning("Kafka: no connection to any broker; trying without end")
        if is_up and self._down_since_s is not None:
            if self._is_down_told:
                log.warning("Kafka: connected after %.0f s", now_s - self._down_since_s)
            self._down_since_s = self.last = None
            self._was_connected, self._is_down_told = True, False
            self._logged.clear()
