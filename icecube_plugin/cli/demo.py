"""``icecube-alerts demo``: the whole road on published alerts, in one process.

librdkafka's mock cluster speaks Kafka's real protocol inside this process. The notices of
``fixtures/`` are published to the topics that they have on GCN, and the ordinary host reads them
through an ordinary consumer group into SQLite and JSON.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from icecube_hooks import ConfigError, Message
from icecube_plugin.alerts.words import UNCORRECTED, sigma_text
from icecube_plugin.significance import superseded

from ._common import configuration, table

if TYPE_CHECKING:
    from icecube_plugin.host import Config, Summary

__all__ = ["MockCluster", "add_arguments", "demo_messages", "fixtures_folder"]

EXAMPLES: Final = """\
examples:
  icecube-alerts demo
  icecube-alerts demo --folder /tmp/demo --verbose
"""

QUIET_S: Final = 3.0
"""The demonstration ends when nothing new came for so long [s]."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = EXAMPLES
    parser.add_argument("--folder", default="icecube-alerts-demo", help="where results are written")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    messages = list(demo_messages())
    print(f"starting a Kafka mock cluster; publishing {len(messages)} notices ...", file=sys.stderr)
    began = time.perf_counter()
    with MockCluster() as cluster:
        cluster.publish(messages)
        folder = Path(arguments.folder).expanduser()
        config = _config(folder, cluster.bootstrap_servers, messages, configuration(arguments))
        summary = _receive(config, len(messages))
    _print(config, summary, time.perf_counter() - began)
    return 0 if summary.messages == len(messages) and not summary.failed else 1


def fixtures_folder() -> Path:
    """Return the folder with our notices: in the installed package, or in a checkout."""
    package = Path(__file__).parent.parent
    for folder in (package / "fixtures", package.parent / "fixtures"):
        if folder.is_dir():
            return folder
    raise ConfigError("the notices of the demonstration are not installed")


def demo_messages() -> Iterator[Message]:
    """Yield the notices in the folders that are named like topics, and one that is broken."""
    folder = fixtures_folder()
    for topic in sorted((*folder.glob("gcn.*"), *folder.glob("igwn.*"))):
        for file in sorted(topic.iterdir()):
            yield Message(value=file.read_bytes(), topic=topic.name)
    broken = folder / "broken" / "ra_9999.json"
    topic_of_broken = "gcn.notices.icecube.gold_bronze_track_alerts"
    yield Message(value=broken.read_bytes(), topic=topic_of_broken)


class MockCluster:
    """librdkafka's in-process cluster and the producer that owns it."""

    def __enter__(self) -> Self:
        import confluent_kafka

        options: dict[str, Any] = {"test.mock.num.brokers": 1, "log_level": 0}
        self.producer = confluent_kafka.Producer(options)
        brokers = self.producer.list_topics(timeout=10.0).brokers
        self.bootstrap_servers = ",".join(f"{b.host}:{b.port}" for b in brokers.values())
        return self

    def publish(self, messages: list[Message]) -> None:
        """Send every message to its topic and wait until all are there."""
        for message in messages:
            self.producer.produce(str(message.topic), message.value)
        if self.producer.flush(30.0):
            raise ConnectionError("the mock cluster does not take messages")

    def __exit__(self, *_: object) -> None:
        del self.producer


def _config(folder: Path, bootstrap_servers: str, messages: list[Message], given: Config) -> Config:
    """Return the demonstration's configuration: of the given one, what it says of plugins."""
    from icecube_plugin.host import Config, KafkaConfig
    from icecube_plugin.host.config import default_sinks

    return Config(
        data_folder=folder,
        kafka=KafkaConfig(
            bootstrap_servers=bootstrap_servers,
            group_id="icecube-alerts-demo",
            topics=tuple(sorted({str(message.topic) for message in messages})),
        ),
        plugins=given.plugins,
        significance=given.significance,
        annotators=given.annotators,
        parsers=given.parsers,
        observers=given.observers,
        sinks=tuple(sink for sink in default_sinks(folder) if sink.type != "terminal"),
    )


def _receive(config: Config, expected: int) -> Summary:
    """Run the host until it has everything, or nothing has come for a while."""
    from icecube_plugin.host import Host
    from icecube_plugin.host.kafka import LiveSource

    last = time.monotonic()

    def look(summary: Summary) -> None:
        nonlocal last
        last = time.monotonic()
        if summary.messages >= expected:
            host.stop(0.0)

    host = Host(config, source=lambda: LiveSource(config.kafka), on_batch=look)
    host.start()
    try:
        while host.is_alive and time.monotonic() - last < 10 * QUIET_S:
            time.sleep(0.05)
    finally:
        host.stop()
    if host.error is not None:
        raise host.error
    return host.summary


def _print(config: Config, summary: Summary, seconds: float) -> None:
    from icecube_plugin.sinks.database import read_records

    sinks = {sink.type: sink.options for sink in config.sinks_or_defaults()}
    database = str(sinks["sqlite"]["path"])
    records = list(read_records(database))
    rows = [
        [kind, str(len({r.alert.event_key for r in group})), str(len(group)), _formats(group)]
        for kind, group in _by_kind(records).items()
    ]
    print(table(rows, ["KIND", "EVENTS", "NOTICES", "FORMATS"]))
    print()
    print(table(_searches(records), ["GW EVENT", "NOTICE", "SEARCH", "P", "SIGMA", "FAR/YR"]))
    print(f"one-sided; best of 2 searches with the penalty for 2, else {UNCORRECTED}")
    before = f"{summary.repeats} known from an earlier run, " if summary.repeats else ""
    print(
        f"\n{summary.messages} messages through Kafka in {seconds:.1f} s: {summary.records} read, "
        f"{before}{summary.refused} refused (broken on purpose), "
        f"{summary.passed} passed over (another observatory's circular)\n"
        f"database  {database}\nfiles     {sinks['json']['folder']}/\n"
        f"lines     {sinks['jsonl']['path']}\nrefused   {config.data_folder}/journal.sqlite"
    )


def _by_kind(records: list[Any]) -> Mapping[str, list[Any]]:
    groups: dict[str, list[Any]] = {}
    for record in records:
        label = record.alert.kind + ("" if record.alert.is_real else " (not real)")
        groups.setdefault(label, []).append(record)
    return dict(sorted(groups.items()))


def _formats(records: list[Any]) -> str:
    counts = Counter(record.alert.format.value for record in records)
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))


def _searches(records: list[Any]) -> list[list[str]]:
    rows = []
    old = superseded(record.alert for record in records)
    for record in records:
        if record.alert.gw is None:
            continue
        for found in record.significances:
            p = found.p_value if found.p_value_post is None else found.p_value_post
            sigma = found.sigma if found.sigma_post is None else found.sigma_post
            numbers = [
                "-" if value is None else f"{value:.4g}" for value in (p, found.far_per_year)
            ]
            numbers.insert(1, sigma_text(sigma).removesuffix(" sigma"))
            name, label = str(record.alert.event_key), record.alert.revision_label
            label += " (superseded)" if record.alert.notice_id in old else ""
            rows.append([name, label, found.quantity, *numbers])
    return sorted(map(list, {tuple(row) for row in rows}))  # a circular repeats its notice
