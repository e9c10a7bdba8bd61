"""Messages from GCN or any Kafka broker, committed when AMPEL has them."""

import atexit
from collections.abc import Iterator
from typing import Any

from ampel.abstract.AbsAlertLoader import AbsAlertLoader
from confluent_kafka import TopicPartition
from gcn_kafka import Consumer

from icecube_hooks import Message
from icecube_hooks.messages import message_from
from icecube_plugin.host import load_config
from icecube_plugin.host.kafka import client_options


class IceCubeKafkaLoader(AbsAlertLoader[Message]):
    """Consumes the topics of a configuration file.

    Parameters
    ----------
    config : str
        A configuration file as for ``icecube-alerts``; its part ``[kafka]`` is used.
    idle_s : float
        The run ends after so long without a message [s]; AMPEL's controller begins the next one.
    """

    config: str
    idle_s: float = 10.0

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        kafka = load_config(self.config).kafka
        options = {"group.id": kafka.group_id, "auto.offset.reset": kafka.start}
        self._consumer = Consumer(client_options(kafka) | options | {"enable.auto.commit": False})
        self._consumer.subscribe(list(kafka.topics))
        atexit.register(self._consumer.close)  # AMPEL has no end for loaders; the group waits else

    def __next__(self) -> Message:
        """Return the next message; Kafka's reports of its own trouble are logged."""
        while (received := self._consumer.poll(self.idle_s)) is not None:
            if received.error() is None:
                return message_from(received)
            self.logger.warning(str(received.error()))
        raise StopIteration

    def acknowledge(self, alerts: Iterator[Any]) -> None:
        """Commit the offsets of alerts that are in AMPEL's database."""
        done: dict[tuple[str, int], int] = {}
        for alert in alerts:
            topic, partition, offset = alert.extra["kafka"]
            done[topic, partition] = max(offset + 1, done.get((topic, partition), 0))
        places = [TopicPartition(*place, offset) for place, offset in done.items()]
        self._consumer.commit(offsets=places, asynchronous=False)
