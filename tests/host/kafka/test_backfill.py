"""Parts of the past: by time, by number, by offset; stopped and gone on with."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from icecube_hooks import ConfigError
from icecube_plugin.cli._progress import progress_line
from icecube_plugin.host import Journal
from icecube_plugin.host.kafka import BackfillSource, OffsetRange, Run
from tests.kafka_broker.broker import KafkaBroker
from tests.patience import wait_for

from .common import NOON, command, kafka_config, notice, publish, rows, running


@pytest.fixture(scope="module")
def minutes(kafka: KafkaBroker) -> str:
    """Return a topic with a message a minute, numbered, on three partitions in turn."""
    topic = "minutes"
    kafka.create_topic(topic, partitions=3)
    times = [NOON + timedelta(minutes=n) for n in range(30)]
    publish(kafka, topic, [b"%d" % n for n in range(30)], times, partitions=3)
    return topic


def read(kafka: KafkaBroker, topic: str, **selection: Any) -> list[int]:
    source = BackfillSource(kafka_config(kafka, topic), **selection)
    values = [int(message.value) for batch in source.batches() for message in batch]
    assert source.done == source.total
    source.close()
    return sorted(values)


@pytest.mark.parametrize("last", [1, 2, 7, 30, 31, 1000])
def test_the_newest_of_a_topic(kafka: KafkaBroker, minutes: str, last: int) -> None:
    assert read(kafka, minutes, last=last) == list(range(max(0, 30 - last), 30))


def test_the_newest_where_one_partition_has_them(kafka: KafkaBroker) -> None:
    kafka.create_topic("uneven", partitions=2)
    times = [NOON + timedelta(hours=n) for n in range(8)]
    publish(kafka, "uneven", [b"0", b"1"], times[:2], partitions=2)
    publish(kafka, "uneven", [b"%d" % n for n in range(2, 8)], times[2:], partitions=1)
    assert read(kafka, "uneven", last=5) == [3, 4, 5, 6, 7]


@pytest.mark.parametrize(
    ("ranges", "expected"),
    [
        (["minutes:0:0-2"], [0, 3, 6]),
        (["minutes:1:9"], [28]),
        (["minutes:0:8-99", "minutes:2:0-0"], [2, 24, 27]),
        (["minutes:0:50-99"], []),
    ],
)
def test_offsets(kafka: KafkaBroker, minutes: str, ranges: list[str], expected: list[int]) -> None:
    assert read(kafka, minutes, offsets=map(OffsetRange.parse, ranges)) == expected


def test_offsets_that_are_gone_are_told(
    kafka: KafkaBroker, minutes: str, caplog: pytest.LogCaptureFixture
) -> None:
    read(kafka, minutes, offsets=[OffsetRange.parse("minutes:0:8-99")])
    assert "the broker has offsets 0 to 9 of minutes[0] only" in caplog.text


@pytest.mark.parametrize(
    ("ranges", "says"),
    [
        (["minutes:7:0-1"], "partition 7 of minutes does not exist"),
        (["minutes:1:0-1", "minutes:1:5-6"], "partition 1 of minutes is named twice"),
        (["minutez:1:0-1"], r"no topic 'minutez' \(did you mean 'minutes'\?\)"),
    ],
)
def test_offsets_of_nothing(kafka: KafkaBroker, minutes: str, ranges: list[str], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        read(kafka, minutes, offsets=[OffsetRange.parse(text) for text in ranges])


@pytest.mark.parametrize("text", ["", "a:0", "a:0:5-4", "a:x:0-1", "a b:0:1", "a:0:1-", "a:0:-1"])
def test_words_that_are_no_offsets(text: str) -> None:
    with pytest.raises(ConfigError):
        OffsetRange.parse(text)


def test_heartbeats_are_never_replayed(kafka: KafkaBroker, minutes: str) -> None:
    if "gcn.heartbeat" not in kafka.topics():
        kafka.create_topic("gcn.heartbeat")
    publish(kafka, "gcn.heartbeat", [b"-1"] * 20)
    assert read(kafka, minutes, topics=["gcn.heartbeat", minutes], last=3) == [27, 28, 29]


def test_a_run_goes_on(kafka: KafkaBroker, minutes: str, tmp_path: Path) -> None:
    """What was yielded and not committed comes again; what was committed does not."""
    config = kafka_config(kafka, minutes)
    path = tmp_path / "backfill" / "r.json"
    seen: list[int] = []
    while len(seen) < 30:
        source = BackfillSource(config, since=NOON, batch_size=4, run=Run(path, "all"))
        assert source.done == len(seen)
        filled = (batch for batch in source.batches() if batch)
        seen += [int(message.value) for message in next(filled)]
        source.commit()
        next(filled, None)  # killed with the second in hand
        source.close()
    assert sorted(seen) == list(range(30))
    again = BackfillSource(config, since=NOON, run=Run(path, "all"))
    assert list(again.batches()) == []
    assert (again.done, again.total) == (30, 30)
    again.close()
    with pytest.raises(ConfigError, match="the run was begun with 'all', not 'other'"):
        BackfillSource(config, since=NOON, run=Run(path, "other"))
    path.write_text("{")
    with pytest.raises(ConfigError, match=r"cannot read .*r\.json"):
        BackfillSource(config, since=NOON, run=Run(path, "all"))


def test_killed_and_resumed_by_command(kafka: KafkaBroker, tmp_path: Path) -> None:
    topic, total = "past", 1500
    kafka.create_topic(topic, partitions=2)
    publish(kafka, topic, [notice(n) for n in range(total)], partitions=2)
    words = ["backfill", "--since", "30d", "--resume", "all", "--json"]
    backfill = command(kafka, tmp_path, topic, *words)
    for moment in (100, 600):
        with running(backfill) as host:
            wait_for(lambda least=moment: rows(tmp_path) >= least)  # type: ignore[misc]
            host.send_signal(signal.SIGKILL)
    before, kept = rows(tmp_path), Journal(tmp_path).look()  # the sink has less, or repeats
    publish(kafka, topic, [notice(total)])  # is not in what was asked for
    done = subprocess.run(backfill, capture_output=True, text=True, check=True)
    assert rows(tmp_path) == total
    # The batch in hand when it was killed comes again, nothing else.
    assert total - kept <= json.loads(done.stdout)["messages"] <= total - before + 40
    done = subprocess.run(backfill, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["messages"] == 0


def test_the_newest_by_command(kafka: KafkaBroker, minutes: str, tmp_path: Path) -> None:
    backfill = command(kafka, tmp_path, minutes, "backfill", "--last", "3", "--json")
    done = subprocess.run(backfill, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr  # these are no notices
    assert json.loads(done.stdout)["refused"] == 3


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--until", "2026-01-01", "--last", "3"], "--until goes with --since"),
        (["--offsets", "a:0:1-2", "--topic", "b"], "--offsets names the topics"),
        (["--offsets", "a:0"], "'a:0' is not a range"),
        (["--last", "3", "--resume", "../x"], "--resume '../x' is not a name"),
        (["--last", "0"], "expected a number from 1"),
        (["--last", "3", "--since", "1d"], "not allowed with argument"),
    ],
)
def test_wrong_words(kafka: KafkaBroker, tmp_path: Path, words: list[str], says: str) -> None:
    backfill = command(kafka, tmp_path, "x", "backfill", *words)
    done = subprocess.run(backfill, capture_output=True, text=True)
    assert done.returncode == 2
    assert says in done.stderr


@pytest.mark.parametrize(
    ("state", "line"),
    [
        ((0, 1000, 0, 0.0), "0 of 1000 messages (0 %), 0/s"),
        ((250, 1000, 250, 5.0), "250 of 1000 messages (25 %), 50/s, 0:15 left"),
        ((1000, 400_000, 10, 1.0), "1000 of 400000 messages (0 %), 10/s, 11:05:00 left"),
        ((1000, 1000, 1000, 5.0), "1000 of 1000 messages (100 %), 200/s"),
        ((0, 0, 0, 1.0), "0 of 0 messages (100 %), 0/s"),
    ],
)
def test_progress(state: tuple[int, int, int, float], line: str) -> None:
    assert progress_line(*state) == line


def test_a_backfill_waits_for_slow_sinks(kafka: KafkaBroker, minutes: str) -> None:
    source = BackfillSource(kafka_config(kafka, minutes), since=NOON, batch_size=10)
    values = []
    for batch in source.batches():
        values += [int(message.value) for message in batch]
        source.idle()
        time.sleep(0.02)
        source.idle()
    source.close()
    assert sorted(values) == list(range(30))
