"""Short forms of the long trials of this folder, and sinks that are slow for a long time."""

from __future__ import annotations

import signal
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from icecube_hooks import Record, SinkType, hookimpl
from icecube_hooks.host import load_plugins
from icecube_plugin.host import Config, Host, SinkConfig, runner
from tests.host.kafka.common import kafka_config, notice, publish
from tests.kafka_broker.broker import KafkaBroker
from tests.patience import wait_for

from . import kills, soak


def test_kills_lose_and_double_nothing(kafka: KafkaBroker, tmp_path: Path) -> None:
    outcome = kills.run(kafka, tmp_path, notices=1500, kills=6, seed=5)
    assert outcome.is_right, outcome
    # The one that was killed last may still be starting, and then knows no orderly end.
    assert set(outcome.exit_codes) <= {0, 1, -signal.SIGTERM}, outcome


def test_a_steady_stream_makes_nothing_grow(kafka: KafkaBroker, tmp_path: Path) -> None:
    samples, _ = soak.run(kafka, tmp_path, seconds=12.0, rate=100.0, every_s=1.0)
    assert soak.growth(samples).is_none, samples


class Sleepy:
    """A sink that sleeps longer than the group waits for a member that does not poll."""

    def __init__(self) -> None:
        self.ids: list[str] = []

    def write(self, records: Sequence[Record], /) -> None:
        time.sleep(8.0)
        self.ids += [record.id for record in records]


def test_a_sink_that_sleeps_keeps_its_host_in_the_group(
    kafka: KafkaBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits for the sink, partitions paused, beyond max.poll.interval.ms."""

    class Third:
        @hookimpl
        def register_sinks(self) -> list[SinkType]:
            return [SinkType(name="sleepy", make=lambda: sleepy)]

    monkeypatch.setattr(runner, "AHEAD", 0)
    sleepy = Sleepy()
    plugins = load_plugins(allow=["icecube-plugin"], extra={"third": Third()})
    options = {"max.poll.interval.ms": 6000, "session.timeout.ms": 6000}
    kafka.create_topic("sleepy")
    publish(kafka, "sleepy", [notice(n) for n in range(30)])
    config = Config(
        data_folder=tmp_path,
        batch_size=10,
        kafka=kafka_config(kafka, "sleepy", options=options),
        sinks=(
            SinkConfig(name="slow", type="sleepy", patience_s=30.0),
            SinkConfig(name="db", type="sqlite", options={"path": f"{tmp_path}/a.sqlite"}),
        ),
    )
    with Host(config, plugins=plugins) as host:
        wait_for(lambda: len(set(sleepy.ids)) >= 30)
        assert host._source is not None
        errors = getattr(host._source, "errors")  # noqa: B009  # of this source, not of all
        assert "_MAX_POLL_EXCEEDED" not in errors
    with closing(sqlite3.connect(tmp_path / "a.sqlite")) as database:
        assert database.execute("SELECT count(*) FROM sightings").fetchone() == (30,)
    assert len(sleepy.ids) == len(set(sleepy.ids)) == 30
