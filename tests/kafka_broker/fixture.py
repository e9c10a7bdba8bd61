"""Fixtures with a real Kafka broker: `kafka` and `private_kafka`; three: `kafka_cluster`.

Use them through ``pytest_plugins = ["tests.kafka_broker.fixture"]``. Where no broker can run they
skip and say why; with ``ICECUBE_REQUIRE_KAFKA=1`` they fail instead, so that CI cannot pass
without having tested delivery.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NoReturn

import pytest

from .broker import KafkaBroker, KafkaBrokerError, KafkaCluster, fetch_jars, missing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["kafka", "kafka_cluster", "private_kafka", "require_kafka"]


@pytest.fixture(scope="session")
def kafka() -> Iterator[KafkaBroker]:
    """One broker for the whole session.

    Tests share it: give topics and groups names of your own, and do not stop it.
    """
    require_kafka()
    with KafkaBroker() as broker:
        yield broker


@pytest.fixture
def private_kafka() -> Iterator[KafkaBroker]:
    """A broker of this one test, to stop, kill and restart."""
    require_kafka()
    with KafkaBroker() as broker:
        yield broker


@pytest.fixture
def kafka_cluster() -> Iterator[KafkaCluster]:
    """Three brokers of this one test, where it is about brokers."""
    require_kafka()
    with KafkaCluster() as cluster:
        yield cluster


def require_kafka(env: Mapping[str, str] = os.environ) -> None:
    """Skip the calling test if no broker can run here, or fail it if one must.

    Parameters
    ----------
    env
        The environment, for `ICECUBE_REQUIRE_KAFKA`, ``PATH`` and the cache.
    """
    reason = missing(env)
    if reason is None:
        try:
            fetch_jars(env)
        except KafkaBrokerError as error:
            reason = str(error)
    if reason is not None:
        _give_up(reason, required=env.get("ICECUBE_REQUIRE_KAFKA") == "1")


def _give_up(reason: str, *, required: bool) -> NoReturn:
    if required:
        pytest.fail(f"ICECUBE_REQUIRE_KAFKA=1, but Kafka cannot run: {reason}", pytrace=False)
    pytest.skip(f"Kafka cannot run: {reason}")
