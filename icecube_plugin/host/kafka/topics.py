"""Which topics are wanted, which of them the broker has, and whether they are the same as before.

A wanted topic is a name, or a pattern with ``*`` as in the topics that parsers claim.
"""

from __future__ import annotations

import fnmatch
import logging
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from icecube_hooks import ConfigError
from icecube_hooks.host import nearest

from .advice import failure

if TYPE_CHECKING:
    import confluent_kafka

    from icecube_plugin.host.config import KafkaConfig

__all__ = [
    "HEARTBEAT_TOPIC",
    "REFRESH_S",
    "TopicWatch",
    "check_topics",
    "missing",
    "present",
    "subscription",
    "wanted_topics",
]

log = logging.getLogger(__name__)

HEARTBEAT_TOPIC: Final = "gcn.heartbeat"
"""GCN publishes there once a second, so that silence can be told from a broken line."""

REFRESH_S: Final = 20.0
"""How often the broker is asked which topics it has: a new one is read after so long at most."""
ANSWER_S: Final = 5.0
MOST_NAMED: Final = 3


def wanted_topics(
    config: KafkaConfig, asked: Sequence[str] = (), claimed: Sequence[str] = ()
) -> tuple[tuple[str, ...], bool]:
    """Return the topics to read, without heartbeats, and whether a person named them.

    Parameters
    ----------
    config : KafkaConfig
    asked : sequence of str
        Instead of all others.
    claimed : sequence of str
        What is read where nobody names a topic.

    Raises
    ------
    ConfigError
        If none is left.
    """
    named = tuple(asked) or config.topics
    chosen = (claimed if named is None else named, () if asked else config.topics_extra)
    every = dict.fromkeys(topic for topics in chosen for topic in topics)
    wanted = tuple(topic for topic in every if topic != HEARTBEAT_TOPIC)
    if not wanted:
        raise ConfigError("no topic to read: heartbeats are not notices", key="kafka.topics")
    return wanted, named is not None


def present(wanted: Iterable[str], there: Collection[str]) -> list[str]:
    """Return the topics of the broker that are wanted, in the order in which they are."""
    found: dict[str, None] = {}
    for pattern in wanted:
        found |= dict.fromkeys(sorted(t for t in there if fnmatch.fnmatchcase(t, pattern)))
    return list(found)


def missing(wanted: Iterable[str], there: Collection[str]) -> list[str]:
    """Return the wanted names and patterns of which the broker has no topic."""
    return [pattern for pattern in wanted if not present([pattern], there)]


def subscription(wanted: str) -> str:
    r"""Return a name or pattern as librdkafka subscribes to it.

    Examples
    --------
    >>> subscription("gcn.classic.text.ICECUBE_*")
    '^gcn\\.classic\\.text\\.ICECUBE_.*$'
    """
    if "*" not in wanted:
        return wanted
    return "^" + wanted.replace(".", r"\.").replace("*", ".*") + "$"


def check_topics(
    wanted: Sequence[str],
    there: Collection[str],
    *,
    named: bool,
    why: Callable[[str], confluent_kafka.KafkaError | None] = lambda _topic: None,
) -> None:
    """Compare the topics to subscribe to with those of the broker.

    Parameters
    ----------
    wanted : sequence of str
    there : collection of str
    named : bool
        Whether a person named them: then each has to be there. Of those that parsers claim some
        may be missing, but not all.
    why : callable, optional
        Asks the broker why it does not show a topic, see `why_missing`.

    Raises
    ------
    ConfigError
    KafkaFailure
        If a topic is there, and the credentials do not allow to read it.
    """
    absent = missing(wanted, there)
    if absent and (named or len(absent) == len(wanted)):
        error = None if "*" in absent[0] else why(absent[0])
        if error is not None and error.name() == "TOPIC_AUTHORIZATION_FAILED":
            raise failure(error, f"topic {absent[0]!r}")
        hint = nearest(absent[0], (topic for topic in there if not topic.startswith("__")))
        raise ConfigError(f"the broker has no topic {absent[0]!r}", key="kafka.topics", hint=hint)


class TopicWatch:
    """Asks the broker every `REFRESH_S`, in a thread of its own.

    Parameters
    ----------
    admin : callable
        Makes the `confluent_kafka.admin.AdminClient`.
    wanted : sequence of str
    there : collection of str, optional
        What the broker is known to have.

    Attributes
    ----------
    missing : tuple of str
        Wanted topics that the broker does not have.
    ids : dict
        The broker's id of each topic that was asked for: another one after it was made again.
    """

    def __init__(
        self, admin: Callable[[], Any], wanted: Sequence[str], there: Collection[str] | None = None
    ) -> None:
        self.missing = () if there is None else tuple(missing(wanted, there))
        self.ids: dict[str, str] = {}
        self._make_admin = admin
        self._made_admin: Any = None
        self._is_controlled = False
        self._wanted = wanted
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._tell()
        threading.Thread(target=self._watch, name="kafka-topics", daemon=True).start()

    def close(self) -> None:
        """End the thread, some time."""
        self._closed.set()

    def ask_ids(self, topics: Iterable[str]) -> Mapping[str, str]:
        """Ask for the ids of topics now; return those that are answered."""
        import confluent_kafka

        names = sorted(set(topics))
        if not names or not self._has_controller():
            return {}
        answers = self._admin().describe_topics(
            confluent_kafka.TopicCollection(names), request_timeout=ANSWER_S
        )
        found = {}
        for name, answer in answers.items():
            try:
                found[name] = str(answer.result(timeout=2 * ANSWER_S).topic_id)
            except (confluent_kafka.KafkaException, TimeoutError) as error:
                log.debug("no id of topic %s: %s", name, error)
        self.ids |= found
        return found

    def ask_partitions(self) -> Mapping[str, list[int]]:
        """Ask for all topics and their partitions now.

        Raises
        ------
        confluent_kafka.KafkaException
        """
        found = self._admin().list_topics(timeout=ANSWER_S).topics
        return {topic: list(data.partitions) for topic, data in found.items()}

    def look(self) -> None:
        """Ask once which topics there are, and for the ids of those that are known."""
        import confluent_kafka

        self.ask_ids(self.ids)
        try:
            there = self.ask_partitions()
        except confluent_kafka.KafkaException as error:
            log.debug("no list of topics: %s", error)
            return
        before, self.missing = self.missing, tuple(missing(self._wanted, there))
        for topic in before:
            if topic not in self.missing:
                log.warning("topic %s is there now", topic)
        if set(self.missing) - set(before):
            self._tell()

    def _has_controller(self) -> bool:
        """Whether a broker answers for the cluster; none of a mock one does, nor ever will."""
        import confluent_kafka

        if not self._is_controlled:
            try:
                found = self._admin().list_topics(timeout=ANSWER_S)
            except confluent_kafka.KafkaException as error:
                log.debug("no list of topics: %s", error)
                return False
            self._is_controlled = found.controller_id in found.brokers
        return self._is_controlled

    def _admin(self) -> Any:
        with self._lock:
            if self._made_admin is None:
                self._made_admin = self._make_admin()
            return self._made_admin

    def _watch(self) -> None:
        while not self._closed.wait(REFRESH_S):
            self.look()

    def _tell(self) -> None:
        """Name some of the missing topics: twenty would hide the one that counts."""
        if self.missing:
            names, others = ", ".join(self.missing[:MOST_NAMED]), len(self.missing) - MOST_NAMED
            more = f" and {others} more (icecube-alerts topics --broker)" if others > 0 else ""
            text = "the broker has no topic %s%s; looking again every %.0f s"
            log.warning(text, names, more, REFRESH_S)
