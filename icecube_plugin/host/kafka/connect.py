"""A Kafka client: its options, its connection, and what it reports while nobody asks."""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from icecube_hooks import ConfigError, IceCubePluginError, Message
from icecube_hooks.host import nearest
from icecube_plugin.host.config import KafkaConfig

if TYPE_CHECKING:
    import confluent_kafka

__all__ = [
    "HEARTBEAT_TOPIC",
    "KafkaFailure",
    "Reports",
    "check_topics",
    "client_options",
    "connect",
    "failure",
    "make_consumer",
    "message_from",
    "place",
    "wanted_topics",
    "why_missing",
    "without_value",
]

log = logging.getLogger(__name__)
client_log = logging.getLogger("librdkafka")

HEARTBEAT_TOPIC: Final = "gcn.heartbeat"
"""GCN publishes there once a second, so that silence can be told from a broken line."""

CONNECT_TIMEOUT_S: Final = 10.0
STATISTICS_S: Final = 2.0


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


class Reports:
    """What librdkafka reports while nobody waits for an answer: errors, and its statistics.

    Attributes
    ----------
    errors : dict
        Number of error events by class: librdkafka's name, such as ``_TRANSPORT``.
    lag : dict
        Messages between the committed offset and the end, by topic and partition.
    last : confluent_kafka.KafkaError, optional
        The last error that says something.
    is_quiet : bool
        Errors are only counted: while a connection is being made they end up in its failure.
    """

    def __init__(self) -> None:
        self.errors: dict[str, int] = {}
        self.lag: dict[tuple[str, int], int] = {}
        self.last: confluent_kafka.KafkaError | None = None
        self.is_quiet = False
        self._logged: set[str] = set()
        self._down_since: float | None = None

    def error(self, error: confluent_kafka.KafkaError, about: str = "") -> None:
        """Count an error; log it if its class was not logged since the connection came."""
        name = error.name()
        self.errors[name] = self.errors.get(name, 0) + 1
        if name == "_ALL_BROKERS_DOWN":  # comes with one that says why
            return
        self.last = error
        if not self.is_quiet and name not in self._logged:
            self._logged.add(name)
            log.warning("Kafka: %s%s", f"{about}: " if about else "", error.str())

    def statistics(self, text: str) -> None:
        """Take librdkafka's statistics, a JSON object: see its STATISTICS.md."""
        found = json.loads(text)
        if not self.is_quiet:
            self._note_connection(any(b["state"] == "UP" for b in found["brokers"].values()))
        self.lag = {
            (topic, int(number)): partition["consumer_lag"]
            for topic, data in found["topics"].items()
            for number, partition in data["partitions"].items()
            if partition["fetch_state"] != "none" and partition["consumer_lag"] >= 0
        }

    def _note_connection(self, is_up: bool) -> None:
        now = time.monotonic()
        if not is_up and self._down_since is None:
            self._down_since = now
            log.warning("Kafka: no connection to any broker; trying without end")
        if is_up and self._down_since is not None:
            log.warning("Kafka: connected again after %.0f s", now - self._down_since)
            self._down_since = None
            self._logged.clear()


def make_consumer(
    config: KafkaConfig, *, group_id: str, reports: Reports, **options: Any
) -> confluent_kafka.Consumer:
    """Make a consumer that is not connected yet.

    Raises
    ------
    ConfigError
        Without credentials, or if librdkafka refuses an option.
    """
    import confluent_kafka
    import gcn_kafka

    everything = client_options(config) | {
        "group.id": group_id,
        "error_cb": reports.error,
        "stats_cb": reports.statistics,
        "statistics.interval.ms": int(STATISTICS_S * 1000),
        "logger": client_log,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": config.start,
        "partition.assignment.strategy": "cooperative-sticky",
        **options,
    }
    try:
        return gcn_kafka.Consumer(everything)
    except confluent_kafka.KafkaException as error:
        raise ConfigError(without_value(error), key="kafka.options") from None
    except (TypeError, ValueError) as error:
        raise ConfigError(str(error), key="kafka.options") from error


def without_value(error: confluent_kafka.KafkaException) -> str:
    """Return what librdkafka says of a wrong option, without its value: it may be a password."""
    text: str = error.args[0].str()
    return re.sub(r'Invalid value ".*" for', "Invalid value for", text, flags=re.DOTALL)


def connect(
    config: KafkaConfig,
    *,
    group_id: str,
    reports: Reports | None = None,
    timeout_s: float = CONNECT_TIMEOUT_S,
    **options: Any,
) -> tuple[confluent_kafka.Consumer, set[str]]:
    """Make a consumer and see which topics the broker has.

    Parameters
    ----------
    config : KafkaConfig
    group_id : str
    reports : Reports, optional
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

    reports = Reports() if reports is None else reports
    consumer = make_consumer(config, group_id=group_id, reports=reports, **options)
    reports.is_quiet = True
    try:
        topics = _topics(consumer, reports, timeout_s)
    except confluent_kafka.KafkaException as error:
        consumer.close()
        where = client_options(config).get("bootstrap.servers", f"kafka.{config.domain}")
        raise failure(reports.last or error.args[0], where) from error
    reports.is_quiet = False
    return consumer, topics


def _topics(consumer: confluent_kafka.Consumer, reports: Reports, timeout_s: float) -> set[str]:
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


_REFUSED: Final = "the credentials were refused: check GCN_CLIENT_ID and GCN_CLIENT_SECRET"

_ADVICE: Final = (
    (
        r"resolve host|connect to server|onnection timed out|Timeout was reached",
        "cannot reach {where}, or the server that checks credentials: check the network",
    ),
    (r"unexpired token", "the credentials' token has expired already: check this machine's clock"),
    (
        r"invalid_token",
        "{where} does not take the credentials' token: check this machine's clock and the domain",
    ),
    (r"group\.instance\.id", "another host of the group runs with the same kafka.instance_id"),
    (r"acquire SASL", _REFUSED),
)
"""What an error of librdkafka (or of libcurl in it) says, and what to tell a person."""

_BY_CLASS: Final = {
    "_AUTHENTICATION": _REFUSED,
    "TOPIC_AUTHORIZATION_FAILED": "the credentials do not allow to read {where}",
    "GROUP_AUTHORIZATION_FAILED": "the credentials do not allow this consumer group",
    "CLUSTER_AUTHORIZATION_FAILED": "the credentials do not allow this",
}


def failure(error: confluent_kafka.KafkaError, where: str) -> KafkaFailure:
    """Say what an error means for a person."""
    text, name = error.str(), error.name()
    by_text = (advice for pattern, advice in _ADVICE if re.search(pattern, text))
    by_class = _BY_CLASS.get(name, "cannot reach {where}: check the address and the network")
    advice = next(by_text, by_class).format(where=where)
    return KafkaFailure(f"{advice} ({text})", name)


def wanted_topics(config: KafkaConfig, topics: Sequence[str]) -> tuple[tuple[str, ...], bool]:
    """Return the topics to read, without heartbeats, and whether a person named them.

    Raises
    ------
    ConfigError
        If none is left.
    """
    chosen = tuple(topics) or config.topics
    wanted = tuple(topic for topic in chosen if topic != HEARTBEAT_TOPIC)
    if not wanted:
        raise ConfigError("no topic to read: heartbeats are no notices", key="kafka.topics")
    return wanted, chosen != KafkaConfig().topics


def check_topics(
    wanted: Sequence[str],
    there: set[str],
    *,
    named: bool,
    why: Callable[[str], confluent_kafka.KafkaError | None] = lambda _topic: None,
) -> None:
    """Compare the topics to subscribe to with those of the broker.

    Parameters
    ----------
    wanted : sequence of str
    there : set of str
    named : bool
        Whether a person named them: then each has to be there. Of the default ones some may be
        missing, but not all.
    why : callable, optional
        Asks the broker why it does not show a topic, see `why_missing`.

    Raises
    ------
    ConfigError
    KafkaFailure
        If a topic is there, and the credentials do not allow to read it.
    """
    missing = [topic for topic in wanted if topic not in there]
    if missing and (named or len(missing) == len(wanted)):
        error = why(missing[0])
        if error is not None and error.name() == "TOPIC_AUTHORIZATION_FAILED":
            raise failure(error, f"topic {missing[0]!r}")
        hint = nearest(missing[0], (topic for topic in there if not topic.startswith("__")))
        raise ConfigError(f"the broker has no topic {missing[0]!r}", key="kafka.topics", hint=hint)
    if missing:
        log.warning("the broker has no topic %s; going on with the others", ", ".join(missing))


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


def place(kafka: confluent_kafka.Message) -> tuple[str, int, int]:
    """Return topic, partition and offset, which every event but some errors has."""
    offset = kafka.offset()
    return kafka.topic() or "", kafka.partition() or 0, -1 if offset is None else offset
