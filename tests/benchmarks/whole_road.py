"""The whole road of an alert, beside the way of the public tutorial notebook, in one run.

Ours
    Kafka message in, through the ordinary `Host`: parse, significance, SQLite (WAL,
    ``synchronous=FULL``) and JSON lines (one fdatasync per batch), then the offsets are committed.
The tutorial's
    ``json.loads``, four ``scipy.stats.norm.isf`` (two searches, before and after trials), a new
    indented JSON file per alert and 15 printed lines. No Kafka, and nothing is synced.

Both get the same notices and write to the same disk. Each repetition of each side is a process of
its own, and the sides take turns. The clock of ours runs from the first message that the Kafka
client hands over to the return of the last commit; that of the tutorial's from the first
``json.loads`` to the last line. Imports, connecting and joining the group are outside of both
(``start_up.py`` measures imports). After every repetition the values are compared: one row, line
and file per notice, and the same sigmas.

Run it from the root of a checkout::

    python -m tests.benchmarks.whole_road
    python -m tests.benchmarks.whole_road --apache-kafka
    python -m tests.benchmarks.whole_road --bootstrap-servers localhost:9092

The default broker is librdkafka's mock cluster in a process of its own. It keeps only the newest
5,000 or so messages of a partition; more notices than fit are refused.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import gc
import json
import math
import multiprocessing
import os
import platform
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final, TextIO, TypeVar, cast
from unittest import mock

import msgspec

TOPIC: Final = "gcn.notices.icecube.lvk_nu_track_search"
ROOT: Final = Path(__file__).parents[2]
FIXTURES: Final = ROOT / "fixtures" / TOPIC
CORPUS: Final = ROOT.parent / "shared" / "corpus"
TRIALS: Final = 100
PARTITIONS: Final = 4
STAGES: Final = ("kafka", "parse", "significance", "encode", "sqlite", "jsonl")

Function = TypeVar("Function", bound=Callable[..., Any])

Sigmas = tuple[float | None, ...]
"""Sigma of the generic search before and after trials, and the same of the Bayesian one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """One repetition of one side.

    Attributes
    ----------
    wall_s, cpu_s : float
        Between the first and the last notice; CPU of the whole process, Kafka client included.
    start_s : float
        From making the host to the first message.
    stages_s : dict
        Where the time went, by stage; empty unless asked for.
    sigmas : dict
        By superevent.
    """

    wall_s: float
    cpu_s: float
    start_s: float = 0.0
    stages_s: dict[str, float] = field(default_factory=dict)
    sigmas: dict[str, Sigmas]


def notices(count: int) -> list[bytes]:
    """Return notices that differ in their ids."""
    known = models()
    return [notice(known[number % len(known)], number) for number in range(count)]


def models() -> list[dict[str, Any]]:
    """Return the real notices that state both p-values; without the corpus, our fixtures."""
    real = [path for part in ("raw", "json") for path in sorted((CORPUS / part).rglob("*.json"))]
    found = [json.loads(path.read_bytes()) for path in real or sorted(FIXTURES.iterdir())]
    return [
        one
        for one in found
        if isinstance(one, dict)
        and "ref_ID" in one
        and all(isinstance(one.get(f"pval_{search}"), float) for search in ("generic", "bayesian"))
    ]


def notice(model: dict[str, Any], number: int) -> bytes:
    """Return a notice of another event."""
    name = f"S{240101 + number % 28}n{number:07d}"
    known = str(model.get("reference", {}).get("gcn.notices.LVK.alert", "")).partition("-")[2]
    reference = {"gcn.notices.LVK.alert": f"{name}-{known or '2-Preliminary'}"}
    return json.dumps(model | {"ref_ID": name, "reference": reference}).encode()


# --- the tutorial's way -------------------------------------------------------------------------


def run_tutorial(folder: Path, values: Sequence[bytes], printed_to: str) -> Outcome:
    """Handle every notice as the notebook does."""
    from scipy.stats import norm

    isf: Callable[[float], float] = norm.isf
    with Path(printed_to).open("w") as out:
        (folder / "warm").mkdir()
        for value in values[:50]:
            tutorial_alert(value, folder / "warm", out, isf)
        (folder / "json").mkdir()
        began, began_cpu = time.perf_counter(), time.process_time()
        for value in values:
            tutorial_alert(value, folder / "json", out, isf)
        wall_s, cpu_s = time.perf_counter() - began, time.process_time() - began_cpu
    written = [json.loads(path.read_bytes()) for path in (folder / "json").iterdir()]
    assert len(written) == len(values), f"{len(written)} files for {len(values)} notices"
    return Outcome(
        wall_s=wall_s, cpu_s=cpu_s, sigmas={r["ref_ID"]: _file_sigmas(r) for r in written}
    )


def tutorial_alert(value: bytes, folder: Path, out: TextIO, isf: Callable[[float], float]) -> None:
    """Read, interpret, write and print one alert."""
    alert = json.loads(value)
    for search in ("generic", "bayesian"):
        p = alert[f"pval_{search}"]
        post = 1 - (1 - p) ** TRIALS
        alert[f"{search}_significance"] = {
            "sigma": float(isf(p)),
            "p_value_post": post,
            "sigma_post": float(isf(post)),
            "verdict": tutorial_verdict(post),
        }
    with (folder / f"{alert['ref_ID']}.json").open("w") as file:
        json.dump(alert, file, indent=2)
    tutorial_print(alert, out)


def tutorial_verdict(p: float) -> str:
    """Return the band of a p-value."""
    bands = ((2.87e-7, "discovery"), (0.00135, "strong"), (0.0228, "moderate"), (0.1587, "weak"))
    return next((name for limit, name in bands if p < limit), "none")


def tutorial_print(alert: dict[str, Any], out: TextIO) -> None:
    """Print 15 lines."""
    print("=" * 60, file=out)
    print(f"IceCube LVK alert {alert['ref_ID']}", file=out)
    print("=" * 60, file=out)
    print(f"  notice time:   {alert['alert_datetime']}", file=out)
    print(f"  trigger time:  {alert['trigger_time']}", file=out)
    print(f"  search start:  {alert['observation_start']}", file=out)
    print(f"  search stop:   {alert['observation_stop']}", file=out)
    print(f"  neutrinos:     {alert['n_events_coincident']}", file=out)
    for search in ("generic", "bayesian"):
        found = alert[f"{search}_significance"]
        print(f"  {search} p-value: {alert[f'pval_{search}']:.4f}", file=out)
        print(f"    {found['sigma']:.2f} sigma, {found['sigma_post']:.2f} post-trial", file=out)
        print(f"    evidence: {found['verdict']}", file=out)
    print("-" * 60, file=out)


def _file_sigmas(alert: dict[str, Any]) -> Sigmas:
    found = (alert["generic_significance"], alert["bayesian_significance"])
    return tuple(one[name] for one in found for name in ("sigma", "sigma_post"))


# --- ours ---------------------------------------------------------------------------------------


class Stopwatch:
    """Time by stage, without what a stage spends inside another one."""

    def __init__(self) -> None:
        self.spent_ns: Counter[str] = Counter()
        self._threads = threading.local()  # each sink has a thread

    def timed(self, stage: str, function: Function) -> Function:
        """Return `function` with its time counted under `stage`."""

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            inner_ns = self._threads.__dict__.setdefault("inner_ns", [0])
            inner_ns.append(0)
            began = time.perf_counter_ns()
            try:
                return function(*args, **kwargs)
            finally:
                took = time.perf_counter_ns() - began
                self.spent_ns[stage] += took - inner_ns.pop()
                inner_ns[-1] += took

        return cast("Function", call)


class Clock:
    """Runs from the first message to the last commit."""

    def __init__(self, count: int, stopwatch: Stopwatch) -> None:
        self.count = count
        self.stopwatch = stopwatch
        self.made = time.perf_counter()
        self.began = self.began_cpu = self.ended = self.ended_cpu = 0.0

    def start(self) -> None:
        """Note the first message; forget what was timed while waiting for it."""
        self.stopwatch.spent_ns.clear()
        self.began, self.began_cpu = time.perf_counter(), time.process_time()

    def stop(self) -> None:
        """Note the end."""
        self.ended, self.ended_cpu = time.perf_counter(), time.process_time()

    def outcome(self, sigmas: dict[str, Sigmas] | None = None) -> Outcome:
        """Return what was measured."""
        return Outcome(
            wall_s=self.ended - self.began,
            cpu_s=self.ended_cpu - self.began_cpu,
            start_s=self.began - self.made,
            stages_s={stage: ns / 1e9 for stage, ns in self.stopwatch.spent_ns.items()},
            sigmas=sigmas or {},
        )


class WatchedConsumer:
    """A Kafka consumer that starts the clock with its first message."""

    def __init__(self, consumer: Any, clock: Clock) -> None:
        self._consumer = consumer
        self._clock = clock
        timed = clock.stopwatch.timed
        self._timed_poll = timed("kafka", consumer.poll)
        self.consume = timed("kafka", consumer.consume)
        self.commit = timed("kafka", consumer.commit)

    def poll(self, timeout: float) -> Any:
        """Poll; the wait for the first message is not counted."""
        event = self._timed_poll(timeout)
        if event is not None and event.error() is None and not self._clock.began:
            self._clock.start()
        return event

    def __getattr__(self, name: str) -> Any:
        return getattr(self._consumer, name)


def run_ours(folder: Path, count: int, servers: str, *, by_stage: bool) -> Outcome:
    """Handle every notice on the broker as ``icecube-alerts listen`` does."""
    clock, database = listen(folder, count, servers, TOPIC, notices(1)[0], by_stage=by_stage)
    return clock.outcome(_database_sigmas(database, count))


def listen(
    folder: Path, count: int, servers: str, topic: str, first: bytes, *, by_stage: bool = False
) -> tuple[Clock, Path]:
    """Run a host until it has had `count` notices; return its times and its database.

    It reads the notice `first` before, and so imports what is imported late.
    """
    from icecube_hooks import Message
    from icecube_hooks.host import load_plugins
    from icecube_plugin.host import Config, Host, KafkaConfig, SinkConfig, Summary
    from icecube_plugin.host.kafka import LiveSource

    gc.freeze()
    database, lines = folder / "alerts.sqlite", folder / "alerts.jsonl"
    config = Config(
        data_folder=folder,
        kafka=KafkaConfig(bootstrap_servers=servers, group_id=uuid.uuid4().hex, topics=(topic,)),
        significance={"icecube": {"trials": TRIALS}},
        sinks=(
            SinkConfig(name="database", type="sqlite", options={"path": str(database)}),
            SinkConfig(name="lines", type="jsonl", options={"path": str(lines)}),
        ),
    )
    plugins = load_plugins(significance=config.significance)
    load_plugins().record(Message(value=first, topic=topic)).to_json()
    clock = Clock(count, Stopwatch())

    def source() -> LiveSource:
        made = LiveSource(config.kafka)
        made.consumer = cast("Any", WatchedConsumer(made.consumer, clock))
        return made

    def look(summary: Summary) -> None:
        if summary.messages >= count:
            clock.stop()
            host.stop(0.0)

    host = Host(config, plugins=plugins, source=source, on_batch=look)
    with _stages(plugins, clock.stopwatch) if by_stage else contextlib.nullcontext():
        summary = host.run()
    assert (summary.messages, summary.refused, summary.failed) == (count, 0, {}), summary
    with lines.open("rb") as file:
        assert sum(1 for _ in file) == count
    return clock, database


@contextlib.contextmanager
def _stages(plugins: Any, stopwatch: Stopwatch) -> Iterator[None]:
    """Time what the plugins do, each where the host calls it."""
    from icecube_hooks import Record

    timed = stopwatch.timed
    for name, parser in plugins.parsers.items():
        plugins.parsers[name] = msgspec.structs.replace(parser, parse=timed("parse", parser.parse))
    for name, provider in plugins.significances.items():
        plugins.significances[name] = msgspec.structs.replace(
            provider, make=_timed_provider(provider.make, timed)
        )
    for name, kind in plugins.sinks.items():
        plugins.sinks[name] = msgspec.structs.replace(
            kind, make=_timed_sink(name, kind.make, timed)
        )
    with mock.patch.object(Record, "to_json", timed("encode", Record.to_json)):
        yield


def _timed_provider(make: Callable[..., Any], timed: Any) -> Callable[..., Any]:
    @functools.wraps(make)
    def made(**options: Any) -> Any:
        return timed("significance", make(**options))

    return made


def _timed_sink(name: str, make: Callable[..., Any], timed: Any) -> Callable[..., Any]:
    @functools.wraps(make)
    def made(**options: Any) -> Any:
        sink = make(**options)
        sink.write = timed(name, sink.write)
        return sink

    return made


def _database_sigmas(database: Path, count: int) -> dict[str, Sigmas]:
    """Read back what SQLite holds, and check that it is one row per notice."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        (rows,) = connection.execute("SELECT count(*) FROM records").fetchone()
        assert rows == count, f"{rows} rows for {count} notices"
        query = """
            SELECT superevent_id, quantity, sigma, sigma_post
            FROM records JOIN significances USING (record_number)
            WHERE quantity IN ('generic', 'bayesian')
        """
        found = {(event, what): rest for event, what, *rest in connection.execute(query)}
    assert len(found) == 2 * count
    events = {event for event, _ in found}
    return {event: (*found[event, "generic"], *found[event, "bayesian"]) for event in events}


# --- the broker ---------------------------------------------------------------------------------


def serve_mock_cluster(pipe: Connection) -> None:
    """Run librdkafka's mock cluster until the other end of `pipe` closes."""
    import confluent_kafka

    options: dict[str, Any] = {"test.mock.num.brokers": 1, "log_level": 0}
    producer = confluent_kafka.Producer(options)
    brokers = producer.list_topics(timeout=10.0).brokers.values()
    pipe.send(",".join(f"{broker.host}:{broker.port}" for broker in brokers))
    with contextlib.suppress(EOFError):
        pipe.recv()


@contextlib.contextmanager
def mock_cluster() -> Iterator[str]:
    """Run the mock cluster in a process of its own and give its address."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve_mock_cluster, args=(theirs,), daemon=True)
    process.start()
    theirs.close()
    try:
        yield ours.recv()
    finally:
        ours.close()
        process.join(10.0)


@contextlib.contextmanager
def apache_kafka(topic: str = TOPIC) -> Iterator[str]:
    """Run a real broker, as the tests do."""
    from tests.kafka_broker.broker import KafkaBroker

    with KafkaBroker() as broker:
        broker.create_topic(topic, PARTITIONS)
        yield broker.bootstrap_servers


@contextlib.contextmanager
def broker(arguments: argparse.Namespace, topic: str = TOPIC) -> Iterator[str]:
    """Give the address of the broker that the command line asks for."""
    if arguments.bootstrap_servers:
        yield arguments.bootstrap_servers
    elif arguments.apache_kafka:
        with apache_kafka(topic) as servers:
            yield servers
    else:
        with mock_cluster() as servers:
            yield servers


def publish(servers: str, values: Sequence[bytes], topic: str = TOPIC) -> None:
    """Send the notices, spread evenly over the partitions, to a topic that is empty before."""
    import confluent_kafka

    options: dict[str, Any] = {"bootstrap.servers": servers, "log_level": 3}
    producer = confluent_kafka.Producer(options)
    partitions = len(producer.list_topics(topic, timeout=15.0).topics[topic].partitions)
    if not partitions:
        sys.exit(f"whole_road: {servers} has no topic {topic}; create it first")
    if _messages_on(servers, topic, partitions):
        sys.exit(f"whole_road: {topic} on {servers} is not empty; use a broker for tests")
    for number, value in enumerate(values):
        producer.produce(topic, value, partition=number % partitions)
    if producer.flush(60.0):
        sys.exit("whole_road: the broker does not take the notices")
    kept = _messages_on(servers, topic, partitions)
    if kept != len(values):
        sys.exit(f"whole_road: the broker keeps {kept} of {len(values)} notices: take fewer")


def _messages_on(servers: str, topic: str, partitions: int) -> int:
    """Return how many messages the topic holds; a new topic takes a moment to answer."""
    import confluent_kafka

    group = {"bootstrap.servers": servers, "log_level": 3, "group.id": uuid.uuid4().hex}
    consumer = confluent_kafka.Consumer(group)
    places = [confluent_kafka.TopicPartition(topic, number) for number in range(partitions)]
    until = time.monotonic() + 15.0
    while True:
        try:
            marks = [consumer.get_watermark_offsets(place, timeout=15.0) for place in places]
        except confluent_kafka.KafkaException:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)
        else:
            consumer.close()
            return sum(high - low for low, high in marks)


# --- both, and the report -----------------------------------------------------------------------


def check_same(tutorial: Outcome, ours: Outcome) -> None:
    """Compare every sigma."""
    assert tutorial.sigmas.keys() == ours.sigmas.keys()
    for event, expected in tutorial.sigmas.items():
        for theirs, own in zip(expected, ours.sigmas[event], strict=True):
            assert _is_same(theirs, own), f"{event}: sigma {own}, the tutorial has {theirs}"


def _is_same(theirs: float | None, own: float | None) -> bool:
    """Compare one sigma; theirs is infinite where ``1 - (1 - p) ** n`` rounds to 1."""
    if theirs == -math.inf:
        return own is None or own < -8.0
    close = functools.partial(math.isclose, rel_tol=1e-9, abs_tol=1e-9)
    return theirs is not None and own is not None and close(theirs, own)


def measure(arguments: argparse.Namespace) -> tuple[list[Outcome], list[Outcome], list[Outcome]]:
    """Return the outcomes of the tutorial, of ours, and of ours with every stage timed."""
    values = notices(arguments.notices)
    tutorial: list[Outcome] = []
    ours: list[Outcome] = []
    staged: list[Outcome] = []
    context = multiprocessing.get_context("spawn")
    with (
        ProcessPoolExecutor(1, mp_context=context, max_tasks_per_child=1) as alone,
        tempfile.TemporaryDirectory(prefix="whole-road-", dir=arguments.folder) as root,
        broker(arguments) as servers,
    ):
        publish(servers, values)
        for number in range(arguments.repetitions):
            if sys.stderr.isatty():
                print(f"\r{number} of {arguments.repetitions} done", end="", file=sys.stderr)
            folder = Path(root) / str(number)
            for name in ("tutorial", "ours", "staged"):
                (folder / name).mkdir(parents=True)
            task = functools.partial(
                run_tutorial, folder / "tutorial", values, arguments.printed_to
            )
            tutorial.append(alone.submit(task).result())
            for name, by_stage, outcomes in (("ours", False, ours), ("staged", True, staged)):
                road = functools.partial(run_ours, folder / name, len(values), servers)
                outcomes.append(alone.submit(road, by_stage=by_stage).result())
                check_same(tutorial[-1], outcomes[-1])
    if sys.stderr.isatty():
        print("\r", end="", file=sys.stderr)
    return tutorial, ours, staged


def spread(values: Sequence[float], digits: int = 1) -> str:
    """Return median, smallest and largest."""
    median, low, high = (f"{f(values):.{digits}f}" for f in (statistics.median, min, max))
    return f"{median:>8}  {low:>8} to {high}"


def report(
    count: int, tutorial: Sequence[Outcome], ours: Sequence[Outcome], staged: Sequence[Outcome]
) -> float:
    """Print everything; return the median ratio of the two sides."""
    per = 1e6 / count
    print(f"{count} notices, {len(ours)} repetitions, Python {platform.python_version()}", end="")
    print(f", {os.cpu_count()} cores; checked: rows, lines, files and sigmas of both sides\n")
    print("microseconds per alert      median  smallest to largest")
    for name, side in (("tutorial", tutorial), ("ours", ours)):
        print(f"{name + ', wall':<24}  {spread([o.wall_s * per for o in side])}")
        print(f"{name + ', CPU':<24}  {spread([o.cpu_s * per for o in side])}")
    rates = [count / o.wall_s for o in ours]
    ratios = [t.wall_s / o.wall_s for t, o in zip(tutorial, ours, strict=True)]
    cpu_ratios = [t.cpu_s / o.cpu_s for t, o in zip(tutorial, ours, strict=True)]
    print(f"{'tutorial : ours, wall':<24}  {spread(ratios, 2)}")
    print(f"{'tutorial : ours, CPU':<24}  {spread(cpu_ratios, 2)}")
    print(f"{'ours, alerts per second':<24}  {spread(rates)}")
    print(f"{'ours, s to first message':<24}  {spread([o.start_s for o in ours])}\n")
    report_stages(per, staged)
    return statistics.median(ratios)


def report_stages(per: float, staged: Sequence[Outcome]) -> None:
    """Print where the time goes: medians over repetitions of their own, which are slower."""
    print("where it goes (timers on)   median  smallest to largest")
    for stage in STAGES:
        print(f"{stage:<24}  {spread([o.stages_s.get(stage, 0.0) * per for o in staged])}")
    rest = [(o.wall_s - sum(o.stages_s.get(stage, 0.0) for stage in STAGES)) * per for o in staged]
    print(f"{'the rest':<24}  {spread(rest)}")
    print(f"{'all':<24}  {spread([o.wall_s * per for o in staged])}")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what the benchmarks of the whole road share."""
    parser.add_argument("--notices", type=int, default=4000, metavar="N")
    parser.add_argument("--repetitions", type=int, default=7, metavar="N")
    parser.add_argument("--bootstrap-servers", metavar="HOST:PORT", help="a broker for tests")
    parser.add_argument("--apache-kafka", action="store_true", help="start one (java, mvn)")
    parser.add_argument("--folder", help="on the disk to write to (default: for temporary files)")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark; return 1 if ours is not as many times faster as asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.whole_road", description="Ours beside the tutorial's way."
    )
    add_options(parser)
    parser.add_argument("--printed-to", default=os.devnull, help="where the tutorial prints to")
    parser.add_argument("--at-least", type=float, default=0.0, metavar="RATIO")
    arguments = parser.parse_args(argv)
    ratio = report(arguments.notices, *measure(arguments))
    return 0 if ratio >= arguments.at_least else 1


if __name__ == "__main__":
    sys.exit(main())
