"""The sink ``kafka``: each record as JSON to a Kafka topic of one's own.

::

    [sinks.stream]
    type = "kafka"
    bootstrap_servers = "kafka.example.org:9092"
    topic = "icecube-records"
    username = "alerts"                    # without it: no login
    password_env = "STREAM_PASSWORD"
    [sinks.stream.options]                 # handed to librdkafka as they are
    "sasl.mechanism" = "SCRAM-SHA-256"

Conventions
-----------
- The value is ``Record.to_json()``, for which ``icecube-alerts schema`` prints the schema.
- The key is the event's (`Alert.event_key`), so that all revisions of an event are in one
  partition, in order; that of a record without an event is its id.
- Headers: ``record-id``, ``notice-id``, ``schema``, ``content-type``, and ``original-topic`` where
  the notice came from one.
- The producer is idempotent and waits for all replicas. `Kafka.flush` returns when the broker has
  acknowledged every record.
- At least once: what a batch that failed had written already is written again with the batch, and
  so is what is delivered again after a restart. Readers drop what they have by ``record-id``. Of
  what they keep, the order of an event is that in which the host had it.
- After a failure the producer is given up with all that it holds, for a later record must not
  overtake one that failed.
- A record that came from the topic to which it would go is refused: it would go round for ever.
  Nothing sees a circle through two hosts.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from icecube_hooks import (
    HOOKSPEC_VERSION,
    ConfigError,
    Record,
    RefusedForGood,
    RetryLater,
    SinkError,
    SinkType,
    hookimpl,
)

from ._options import Seconds, Text, environment
from .kafka_options import check_files, without_value

if TYPE_CHECKING:
    import confluent_kafka

__all__ = [
    "SCHEMA_ID",
    "Kafka",
    "Reports",
    "checked_topic",
    "headers_of",
    "key_of",
    "refuse_circle",
]

SCHEMA_ID: Final = f"urn:icecube-plugin:record:{HOOKSPEC_VERSION}"
"""``$id`` of the schema of the records."""

client_log = logging.getLogger("librdkafka")

_OWN_OPTIONS: Final = {
    "bootstrap.servers": "it is the option bootstrap_servers",
    "enable.idempotence": "it is always on",
    "message.timeout.ms": "it is the option timeout_s",
    "delivery.timeout.ms": "it is the option timeout_s",
    "transactional.id": "there are no transactions",
}
_FOR_GOOD: Final = (10, 17, 18, 29, 31, 87)
"""Kafka's codes: too large (message, batch), invalid topic, not allowed (topic, cluster), invalid
record."""
_TOPIC: Final = re.compile(r"[A-Za-z0-9._-]{1,249}")
_STEP_S: Final = 0.2
PROBE_S: Final = 5.0


class Kafka:
    """Publish each record on a topic.

    Parameters
    ----------
    bootstrap_servers : str
        ``host:port``, or several with commas between.
    topic : str
        It must exist, unless the broker makes topics by itself. Not one of GCN's.
    username : str, optional
        For a login by SASL: SCRAM-SHA-512 through TLS, unless `options` say otherwise.
    password : str, optional
        Better in the environment.
    password_env : str, optional
        Name of the environment variable that holds the password.
    options : mapping, optional
        Further options of librdkafka.
    timeout_s : float
        How long to wait until the broker has acknowledged a batch [s].

    Raises
    ------
    ConfigError
        If an option is wrong, also by librdkafka's judgement. The broker is not asked.
    """

    def __init__(
        self,
        *,
        bootstrap_servers: Text,
        topic: Text = "icecube-records",
        username: Text | None = None,
        password: Text | None = None,
        password_env: Text | None = None,
        options: Mapping[str, Any] | None = None,
        timeout_s: Seconds = 30.0,
    ) -> None:
        self.topic = checked_topic(topic, "topic")
        self.timeout_s = timeout_s
        self._where = bootstrap_servers
        self._client_options = {
            "bootstrap.servers": self._where,
            "log_level": 2,  # what is logged at 3 comes through error_cb too, and not fifty times
            "topic.metadata.propagation.max.ms": 5000,  # until a missing topic is an error
            **_login(username, password, password_env),
            **_checked_options(options or {}),
            "enable.idempotence": True,
            "message.timeout.ms": 0,  # a message alone would be given up, and the next one written
        }
        self._producer: confluent_kafka.Producer | None = self._new_producer()

    def write(self, records: Sequence[Record], /) -> None:
        """Hand a batch to the client; `flush` says whether it has arrived.

        Raises
        ------
        RetryLater
            If the client's queue stays full.
        RefusedForGood
            If a record is too large for the client, or came from the topic of this sink.
        """
        refuse_circle(records, self.topic)
        if self._producer is None:
            self._producer = self._new_producer()
        deadline = time.monotonic() + self.timeout_s
        try:
            for record in records:
                self._produce(self._producer, record, deadline)
        except BaseException:
            self.close()
            raise

    def flush(self) -> None:
        """Wait until every record is acknowledged.

        Raises
        ------
        RetryLater
            If that takes longer than `timeout_s`, or failed in a way that may pass.
        RefusedForGood
            If the broker does not want a record: too large, not allowed.
        """
        if self._producer is None:
            return
        deadline = time.monotonic() + self.timeout_s
        while self._producer.flush(_STEP_S) and time.monotonic() < deadline:
            if self.reports.login_refused:
                break
        try:
            self.reports.check(len(self._producer))
        except SinkError:
            self.close()
            raise

    def probe(self) -> None:
        """Ask the broker which topics there are: it can be reached, and the login is right.

        Raises
        ------
        RetryLater
        """
        import confluent_kafka

        producer = self._producer or self._new_producer()
        try:
            producer.list_topics(timeout=min(self.timeout_s, PROBE_S))
        except confluent_kafka.KafkaException as error:
            producer.poll(0)  # delivers the errors that explain it
            raise self.reports.unreachable(error.args[0]) from error

    def close(self) -> None:
        """Drop the client with what it still holds: what `flush` has not confirmed may be lost."""
        if self._producer is not None:
            self._producer.purge()
            self._producer.flush(0)
            self._producer = None

    def _new_producer(self) -> confluent_kafka.Producer:
        import confluent_kafka

        self.reports = Reports(self._where)
        settings = {"error_cb": self.reports.trouble, "logger": client_log}
        try:
            return confluent_kafka.Producer(self._client_options | settings)
        except confluent_kafka.KafkaException as error:
            raise ConfigError(without_value(error), key="options") from None
        except (TypeError, ValueError) as error:
            raise ConfigError(str(error), key="options") from error

    def _produce(self, producer: confluent_kafka.Producer, record: Record, deadline: float) -> None:
        import confluent_kafka

        value, key, headers = record.to_json().encode(), key_of(record), headers_of(record)
        report = partial(self.reports.delivered, record.id)
        while True:
            try:
                producer.produce(self.topic, value, key, headers=headers, on_delivery=report)
            except BufferError:
                if time.monotonic() >= deadline:
                    raise self.reports.late(len(producer)) from None
                producer.poll(_STEP_S)
            except confluent_kafka.KafkaException as error:
                raise self.reports.failed(record.id, error.args[0]) from error
            else:
                producer.poll(0)
                return


class Reports:
    """What a client of Kafka's has reported of one batch after the other.

    Parameters
    ----------
    where : str
        The servers, for people.
    """

    def __init__(self, where: str) -> None:
        self.where = where
        self.login_refused = False
        self._last: confluent_kafka.KafkaError | None = None
        self._failures: list[tuple[str, confluent_kafka.KafkaError]] = []

    def trouble(self, error: confluent_kafka.KafkaError) -> None:
        """Take an error of the connection, which may pass."""
        if self._last is None or error.name() != "_ALL_BROKERS_DOWN":  # which only follows another
            self._last = error
        self.login_refused |= error.name() in ("_AUTHENTICATION", "SASL_AUTHENTICATION_FAILED")

    def delivered(
        self, record_id: str, error: confluent_kafka.KafkaError | None, message: object
    ) -> None:
        """Take the report of one record."""
        del message
        if error is not None:
            self._failures.append((record_id, error))

    def check(self, left: int) -> None:
        """Raise what the reports of a batch amount to; `left` records have none.

        Raises
        ------
        RetryLater, RefusedForGood
        """
        if not self._failures and not left:
            self._last = None
            return
        passing = [one for one in self._failures if one[1].code() not in _FOR_GOOD]
        if left and not passing:
            raise self.late(left)
        record_id, error = (passing or self._failures)[0]
        raise self.failed(record_id, error, others=len(self._failures) - 1)

    def failed(
        self, record_id: str, error: confluent_kafka.KafkaError, others: int = 0
    ) -> SinkError:
        """Return what to raise for a record that was not taken."""
        also = f", nor {others} other(s)" if others else ""
        reason = f"{self.where} did not take {record_id}{also}: {error.str()}{_advice(error)}"
        return RefusedForGood(reason) if error.code() in _FOR_GOOD else RetryLater(reason)

    def unreachable(self, error: confluent_kafka.KafkaError) -> RetryLater:
        """Return what to raise for a broker that gives no answer."""
        why = self._last or error
        return RetryLater(f"no answer from {self.where}: {why.str()}{_advice(why)}")

    def late(self, left: int) -> RetryLater:
        """Return what to raise for a batch that does not get through."""
        why = f": {self._last.str()}" if self._last is not None else ""
        return RetryLater(f"{left} record(s) not acknowledged by {self.where}{why}")


def key_of(record: Record) -> bytes:
    """Return the key of a record: its event, so that revisions stay in order."""
    return (record.alert.event_key or record.id).encode("utf-8", "backslashreplace")


def headers_of(record: Record) -> list[tuple[str, str | bytes | None]]:
    """Return the headers of a record."""
    texts = {
        "record-id": record.id,
        "notice-id": record.alert.notice_id,
        "schema": SCHEMA_ID,
        "content-type": "application/json",
        "original-topic": record.message.topic,
    }
    return [
        (name, text.encode("utf-8", "backslashreplace"))
        for name, text in texts.items()
        if text is not None
    ]


def refuse_circle(records: Sequence[Record], topic: str) -> None:
    """Refuse records that came from the topic to which they would go.

    Raises
    ------
    RefusedForGood
    """
    for record in records:
        if record.message.topic == topic:
            reason = f"{record.id} came from {topic}: a host must not write where it reads"
            raise RefusedForGood(reason)


def checked_topic(topic: str, key: str) -> str:
    """Return an option that is a topic to write to.

    Raises
    ------
    ConfigError
    """
    if _TOPIC.fullmatch(topic) is None or topic in (".", ".."):
        raise ConfigError(f"{topic!r:.80} is not the name of a topic", key=key)
    if topic.startswith("gcn."):
        raise ConfigError("the topics gcn.* are GCN's: choose a name of your own", key=key)
    return topic


def _checked_options(options: Mapping[str, Any]) -> dict[str, Any]:
    check_files(options, "options")
    for name in options.keys() & _OWN_OPTIONS.keys():
        raise ConfigError("cannot be set", key=f"options.{name}", hint=_OWN_OPTIONS[name])
    return dict(options)


def _login(username: str | None, password: str | None, password_env: str | None) -> dict[str, Any]:
    """Return librdkafka's options for a login; none without a name."""
    if username is None:
        for key, value in (("password", password), ("password_env", password_env)):
            if value is not None:
                raise ConfigError("is of no use without username", key=key)
        return {}
    return {
        "security.protocol": "sasl_ssl",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": username,
        "sasl.password": _password(password, password_env),
    }


def _password(password: str | None, password_env: str | None) -> str:
    if (password is None) == (password_env is None):
        raise ConfigError("give password or password_env with username", key="password_env")
    return environment(password_env, "password_env") if password is None else password


def _advice(error: confluent_kafka.KafkaError) -> str:
    """Say what to do, where librdkafka's words do not."""
    is_missing = error.name() in ("UNKNOWN_TOPIC_OR_PART", "_UNKNOWN_TOPIC")
    return " (create the topic, or see whether the account may write to it)" if is_missing else ""


@hookimpl
def register_sinks() -> list[SinkType]:
    """Register the sink ``kafka``."""
    summary = "JSON to a Kafka topic of one's own, for which there is a schema"
    return [SinkType(name="kafka", make=Kafka, summary=summary, after_journal=True)]
