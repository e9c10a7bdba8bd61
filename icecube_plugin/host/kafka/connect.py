"""A Kafka client: its options, its connection, and the messages that it gives."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from icecube_hooks import ConfigError, Message
from icecube_plugin.host.config import KafkaConfig
from icecube_plugin.host.credentials import check_where_credentials_go
from icecube_plugin.sinks.kafka_options import check_files, without_value

from .advice import failure
from .reports import STATISTICS_S, ClientReports
from .topics import REFRESH_S

if TYPE_CHECKING:
    import confluent_kafka
    import confluent_kafka.admin

__all__ = [
    "CLIENT_NAME",
    "client_options",
    "connect",
    "coordinates",
    "make_admin",
    "make_consumer",
    "message_from",
    "where",
    "why_missing",
]

client_log = logging.getLogger("librdkafka")

CLIENT_NAME: Final = f"icecube-alerts@{socket.gethostname()}"
"""How a broker, and who asks it for the members of a group, sees us."""

CONNECT_TIMEOUT_S: Final = 10.0
_TOKENS_FROM: Final = "sasl.oauthbearer.token.endpoint.url"


def client_options(config: KafkaConfig) -> dict[str, Any]:
    """Return the options for gcn-kafka's clients; the user's own win.

    Raises
    ------
    ConfigError
        Without credentials, where GCN's brokers are asked for; if they would go in the clear; or
        if a file of certificates cannot be read.
    """
    # Level 2: what librdkafka logs at 3 comes through error_cb too, once and not fifty times.
    options: dict[str, Any] = {"log_level": 2, "client.id": CLIENT_NAME}
    if config.bootstrap_servers is not None:
        options["bootstrap.servers"] = config.bootstrap_servers
        if config.client_id is None:
            options["security.protocol"] = "plaintext"
    elif config.client_id is None and not config.options.keys() & {"sasl.oauthbearer.client.id"}:
        raise ConfigError(
            f"no credentials for {config.domain}",
            hint="set GCN_CLIENT_ID and GCN_CLIENT_SECRET, or icecube-alerts auth add; "
            "make them at https://gcn.nasa.gov/quickstart",
        )
    if (config.client_id is None) != (config.client_secret is None):
        both = ("client_id", "client_secret")
        there, missing = both if config.client_secret is None else both[::-1]
        raise ConfigError(
            f"there is a {there}, but no {missing}",
            key=f"kafka.{missing}",
            hint=f"set GCN_{missing.upper()}, or icecube-alerts auth add",
        )
    if config.client_id is not None:
        options["client_id"] = config.client_id
        options["domain"] = config.domain
    if config.client_secret is not None:
        options["client_secret"] = config.client_secret.reveal()
    url = config.options.get(_TOKENS_FROM)
    if isinstance(url, str):
        check_where_credentials_go(url, f"kafka.options.{_TOKENS_FROM}")
    check_files(config.options, "kafka.options")
    return options | config.options


def where(config: KafkaConfig) -> str:
    """Return the address of the broker, for people."""
    return config.bootstrap_servers or f"kafka.{config.domain}"


def make_consumer(
    config: KafkaConfig, *, group_id: str, reports: ClientReports, **options: Any
) -> confluent_kafka.Consumer:
    """Make a consumer that is not connected yet.

    Raises
    ------
    ConfigError
        Without credentials, or if librdkafka refuses an option.
    """
    import confluent_kafka
    import gcn_kafka

    everything = {
        "topic.metadata.refresh.interval.ms": int(REFRESH_S * 1000),
        **client_options(config),
        "group.id": group_id,
        "error_cb": reports.error,
        "stats_cb": reports.statistics,
        "statistics.interval.ms": int(STATISTICS_S * 1000),
        "logger": client_log,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",  # where to begin is decided in `positions`, and told
        "enable.partition.eof": True,  # that a quiet topic can be read, and how far it goes
        "partition.assignment.strategy": "cooperative-sticky",
        **options,
    }
    try:
        return gcn_kafka.Consumer(everything)
    except confluent_kafka.KafkaException as error:
        raise ConfigError(without_value(error), key="kafka.options") from None
    except (TypeError, ValueError) as error:
        raise ConfigError(str(error), key="kafka.options") from error


def make_admin(config: KafkaConfig) -> confluent_kafka.admin.AdminClient:
    """Make a client that asks about topics and groups."""
    import gcn_kafka

    quiet = {"error_cb": lambda _error: None, "logger": client_log}  # the consumer tells
    return gcn_kafka.AdminClient(client_options(config) | quiet)


def connect(
    config: KafkaConfig,
    *,
    group_id: str,
    reports: ClientReports | None = None,
    timeout_s: float = CONNECT_TIMEOUT_S,
    **options: Any,
) -> tuple[confluent_kafka.Consumer, set[str]]:
    """Make a consumer and see which topics the broker has.

    Parameters
    ----------
    config : KafkaConfig
    group_id : str
    reports : ClientReports, optional
        Takes what the client reports from now on.
    timeout_s : float
        How long to wait for the broker [s].
    **options
        Of librdkafka, over all others.

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

    reports = ClientReports(where(config)) if reports is None else reports
    consumer = make_consumer(config, group_id=group_id, reports=reports, **options)
    reports.is_quiet = True
    try:
        topics = _topics(consumer, reports, timeout_s)
    except confluent_kafka.KafkaException as error:
        consumer.close()
        raise failure(reports.last or error.args[0], where(config)) from error
    reports.is_quiet = False
    return consumer, topics


def _topics(
    consumer: confluent_kafka.Consumer, reports: ClientReports, timeout_s: float
) -> set[str]:
    """Ask for the topics; end the wait early when the credentials are refused."""
    import confluent_kafka

    deadline = time.monotonic() + timeout_s
    while True:
        try:
            return set(consumer.list_topics(timeout=0.5).topics)
        except confluent_kafka.KafkaException:
            consumer.poll(0.0)  # delivers the errors that explain it
            refused = confluent_kafka.KafkaError._AUTHENTICATION
            is_refused = reports.last is not None and reports.last.code() == refused
            if is_refused or time.monotonic() >= deadline:
                raise


def why_missing(
    consumer: confluent_kafka.Consumer,
) -> Callable[[str], confluent_kafka.KafkaError | None]:
    """Return a function that asks the broker for one topic and returns its error."""

    def ask(topic: str) -> confluent_kafka.KafkaError | None:
        found = consumer.list_topics(topic, timeout=CONNECT_TIMEOUT_S).topics[topic]
        error: confluent_kafka.KafkaError | None = found.error
        return error

    return ask


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


def coordinates(kafka: confluent_kafka.Message) -> tuple[str, int, int]:
    """Return topic, partition and offset, which every event but some errors has."""
    offset = kafka.offset()
    return kafka.topic() or "", kafka.partition() or 0, -1 if offset is None else offset
