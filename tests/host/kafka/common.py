"""What the tests of the host on Kafka share: notices, a topic full of them, and running hosts."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from confluent_kafka import Producer

from icecube_plugin.host import KafkaConfig
from icecube_plugin.host.kafka import BackfillSource, LiveSource
from tests.patience import PATIENCE_S


class Broker(Protocol):
    """What has an address: a broker, a cluster, a proxy before one."""

    @property
    def bootstrap_servers(self) -> str: ...


NOON = datetime(2026, 5, 2, 12, tzinfo=UTC)


def notice(number: int) -> bytes:
    """Return an LVK notice with a superevent of its own."""
    data = {
        "ref_ID": f"S260502a{number}",
        "trigger_time": "2026-05-02T04:00:00Z",
        "pval_generic": 0.01,
        "pval_bayesian": None,
    }
    return json.dumps(data).encode()


def publish(
    kafka: Broker,
    topic: str,
    values: Sequence[bytes],
    times: Sequence[datetime] = (),
    partitions: int = 0,
) -> None:
    """Write messages: with time stamps, or to the partitions in turn, if asked."""
    producer = Producer({"bootstrap.servers": kafka.bootstrap_servers, "log_level": 0})
    for number, value in enumerate(values):
        more: dict[str, Any] = {}
        if times:
            more["timestamp"] = int(times[number].timestamp() * 1000)
        if partitions:
            more["partition"] = number % partitions
        producer.produce(topic, value, **more)
        producer.poll(0)
    assert producer.flush(120.0) == 0


def kafka_config(kafka: Broker, topic: str, **changes: Any) -> KafkaConfig:
    servers = kafka.bootstrap_servers
    return KafkaConfig(bootstrap_servers=servers, topics=(topic,), group_id=topic, **changes)


def drain(
    source: LiveSource | BackfillSource, count: int, seconds: float = PATIENCE_S
) -> list[bytes]:
    """Read until `count` messages came or the time is up; commit each batch; close."""
    values: list[bytes] = []
    deadline = time.monotonic() + seconds
    for batch in source.batches():
        values += [message.value for message in batch]
        source.commit()
        if len(values) >= count or time.monotonic() > deadline:
            break
    source.close()
    return values


def command(
    kafka: Broker,
    folder: Path,
    topic: str,
    *words: str,
    more: str = "",
    database: str = "",
    sinks: str = "",
) -> list[str]:
    """Return the command line of a host with a folder and configuration of its own."""
    folder.mkdir(exist_ok=True)
    (folder / "c.toml").write_text(
        f"""
        data_folder = "{folder}"
        batch_size = 20
        [kafka]
        bootstrap_servers = "{kafka.bootstrap_servers}"
        group_id = "{topic}"
        topics = ["{topic}"]
        {more}
        [kafka.options]
        "session.timeout.ms" = 3000  # so long the group waits for a killed host
        "heartbeat.interval.ms" = 500
        [sinks.db]
        type = "sqlite"
        path = "{database or folder / "a.sqlite"}"
        [sinks.lines]
        type = "jsonl"
        path = "{folder}/a.jsonl"
        {sinks}
        """
    )
    start = [sys.executable, "-m", "icecube_plugin.cli", "--config", str(folder / "c.toml")]
    return [*start, *words]


@contextmanager
def running(arguments: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    """Start a host; it does not outlive the test."""
    with subprocess.Popen(
        arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as host:
        try:
            yield host
        finally:
            host.kill()


def rows(folder: Path) -> int:
    if not (folder / "a.sqlite").exists():
        return 0
    with closing(sqlite3.connect(folder / "a.sqlite")) as connection:
        try:
            found: int = connection.execute("SELECT count(*) FROM records").fetchone()[0]
        except sqlite3.OperationalError:  # the table is not made yet
            return 0
        return found
