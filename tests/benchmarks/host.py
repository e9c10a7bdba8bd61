"""What the host itself costs: latency of a lone message, memory, and many sinks and parsers.

Run it from the root of a checkout::

    python -m tests.benchmarks.host latency          # a real broker: needs java and mvn
    python -m tests.benchmarks.host latency --bootstrap-servers localhost:9092
    python -m tests.benchmarks.host memory
    python -m tests.benchmarks.host scale
    python -m tests.benchmarks.host hosts            # as latency

``latency``
    Notices one by one, each on an idle host: from ``produce`` in another process until both sinks,
    SQLite (WAL, FULL) and JSON lines (fdatasync), have returned from ``write``.
``memory``
    Resident memory of a new process with the host open, and after many notices.
``scale``
    CPU per notice with 1, 20 and 200 sinks that do nothing, and with as many foreign parsers.
``hosts``
    One host, then two of one group, on the same notices in four partitions of a real broker.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import platform
import sqlite3
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

from msgspec.structs import replace

from tests.benchmarks.whole_road import PARTITIONS, TOPIC, apache_kafka, notices

BARS_MS: Final = {50: 5.0, 99: 50.0}
COUNTS: Final = (1, 20, 200)
BATCH: Final = 500
JOINING_S: Final = 12.0
"""For a group to share out its partitions, before there are any notices."""
PAUSE_S: Final = 0.2
"""Between two notices: the host has nothing to do when the next one comes."""


def sinks_in(folder: Path) -> tuple[Any, ...]:
    """Return the configuration of the two durable sinks."""
    from icecube_plugin.host import SinkConfig

    places = {"sqlite": folder / "alerts.sqlite", "jsonl": folder / "alerts.jsonl"}
    return tuple(
        SinkConfig(name=kind, type=kind, options={"path": str(path)})
        for kind, path in places.items()
    )


# --- latency ------------------------------------------------------------------------------------


def receive(pipe: Connection, servers: str, topic: str, first: int, count: int) -> None:
    """Do what `listen` does, with a bare consumer and no sinks: the least that Kafka takes."""
    import confluent_kafka

    options: dict[str, Any] = {"bootstrap.servers": servers, "auto.offset.reset": "earliest"}
    consumer = confluent_kafka.Consumer(options | {"group.id": uuid.uuid4().hex})
    consumer.subscribe([topic])
    done: dict[int, int] = {}
    while len(done) < count:
        event = consumer.poll(1.0)
        now = time.monotonic_ns()
        offset = None if event is None or event.error() else event.offset()
        if offset is not None and offset >= first:
            done[offset] = now
            if len(done) == 1:
                pipe.send("ready")
    consumer.close()
    pipe.send(done)


def listen(
    pipe: Connection, servers: str, topic: str, first: int, count: int, folder: Path
) -> None:
    """Run a host in this process; send when it is ready, and when each offset was durable [ns]."""
    from icecube_hooks.host import load_plugins
    from icecube_plugin.host import Config, Host, KafkaConfig

    kafka = KafkaConfig(bootstrap_servers=servers, group_id=uuid.uuid4().hex, topics=(topic,))
    config = Config(data_folder=folder, kafka=kafka, sinks=sinks_in(folder))
    plugins = load_plugins(significance=config.significance)
    done: dict[int, list[int]] = {}
    for name, kind in plugins.sinks.items():
        plugins.sinks[name] = replace(kind, make=_noting(kind.make, done, first))
    host = Host(config, plugins=plugins)
    with host:
        while min(map(len, done.values()), default=0) < 2:  # the first one warms everything up
            time.sleep(0.01)
        pipe.send("ready")
        while len(done) < count or min(map(len, done.values())) < 2:
            time.sleep(0.01)
    pipe.send({offset: max(times) for offset, times in done.items()})


def _noting(make: Callable[..., Any], done: dict[int, list[int]], first: int) -> Callable[..., Any]:
    def made(**options: Any) -> Any:
        sink = make(**options)
        write = sink.write

        def noted(records: Sequence[Any]) -> None:
            write(records)
            now = time.monotonic_ns()
            for offset in [record.message.offset for record in records]:
                if offset >= first:
                    done.setdefault(offset, []).append(now)

        sink.write = noted
        return sink

    made.__signature__ = _signature(make)  # type: ignore[attr-defined]  # options are checked by it
    return made


def _signature(make: Callable[..., Any]) -> Any:
    import inspect

    return inspect.signature(make)


def latency(arguments: argparse.Namespace) -> bool:
    """Print the percentiles; return whether the bars are kept."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=arguments.folder)))
        servers = arguments.bootstrap_servers or stack.enter_context(apache_kafka())
        count = arguments.messages + 1
        disk = floor_ms(folder, arguments.messages)
        _exchange(servers, receive, count)  # a broker that has just started is slow
        kafka = _exchange(servers, receive, count)
        taken = _exchange(servers, partial(listen, folder=folder), count)
    print(f"{len(taken)} notices one by one, from produce() to both sinks durable", end="")
    print(f", Python {platform.python_version()}, load {os.getloadavg()[0]:.0f}\n")
    kept = True
    for percent, bar in BARS_MS.items():
        found, bare, least = (_percentile(percent, times) for times in (taken, kafka, disk))
        kept &= found <= bar
        verdict = "kept" if found <= bar else "missed"
        print(
            f"p{percent}  {found:7.2f} ms   bar {bar:g} ms: {verdict}; "
            f"Kafka and a bare consumer alone {bare:.2f}, the disk alone {least:.2f}"
        )
    print(f"min  {taken[0]:7.2f} ms   max {taken[-1]:.2f} ms")
    return kept


def floor_ms(folder: Path, count: int) -> list[float]:
    """Return how long the disk takes for one record in SQLite and one line, synced [ms].

    The least that durable sinks can take, one after the other: no Kafka, no parsing.
    """
    text = "x" * 6000
    taken = []
    with contextlib.closing(sqlite3.connect(folder / "floor.sqlite")) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute("CREATE TABLE records (record TEXT)")
        with (folder / "floor.jsonl").open("a") as file:
            for _ in range(count):
                began = time.monotonic()
                with database:
                    database.execute("INSERT INTO records VALUES (?)", (text,))
                print(text, file=file, flush=True)
                os.fdatasync(file.fileno())
                taken.append((time.monotonic() - began) * 1e3)
                time.sleep(0.01)
    return sorted(taken)


def _percentile(percent: int, times: Sequence[float]) -> float:
    return times[min(len(times) * percent // 100, len(times) - 1)]


def _exchange(servers: str, target: Callable[..., None], count: int) -> list[float]:
    """Produce for an idle consumer; return how long each took until `target` had it [ms]."""
    import confluent_kafka

    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    producer = confluent_kafka.Producer({"bootstrap.servers": servers, "linger.ms": 0})
    sent: dict[int, int] = {}

    def note(began: int, error: object, message: confluent_kafka.Message) -> None:
        assert error is None
        sent[message.offset()] = began  # type: ignore[index]  # it has one

    def send(value: bytes) -> None:
        report = partial(note, time.monotonic_ns())
        producer.produce(TOPIC, value, partition=0, on_delivery=report)
        producer.flush(30.0)

    values = notices(count)
    send(values[0])
    (first,) = sent
    process = context.Process(target=target, args=(theirs, servers, TOPIC, first, count))
    process.start()
    ours.recv()
    del sent[first]  # it waited for the process
    for value in values[1:]:
        send(value)
        time.sleep(PAUSE_S)
    done = ours.recv()
    process.join()
    return sorted((done[offset] - began) / 1e6 for offset, began in sent.items())


# --- memory -------------------------------------------------------------------------------------


def resident_mb() -> float:
    """Return the resident memory of this process [MB]."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1000
    raise OSError("no VmRSS in /proc/self/status")


def fill(pipe: Connection, folder: Path, count: int) -> None:
    """Send the resident memory at several points."""
    from icecube_hooks import Message
    from icecube_plugin.host import Config, Host

    host = Host(Config(data_folder=folder, sinks=sinks_in(folder))).open()
    pipe.send(("host open", resident_mb()))
    for done in range(0, count, 10 * BATCH):
        for value in _chunks(done, 10):
            host.handle([Message(value=one, topic=TOPIC, offset=number) for number, one in value])
        if done in (0, count // 2) or done + 10 * BATCH >= count:
            pipe.send((f"after {done + 10 * BATCH} notices", resident_mb()))
    host.close()
    pipe.send(None)


def _chunks(first: int, count: int) -> Iterator[list[tuple[int, bytes]]]:
    from tests.benchmarks.whole_road import models, notice

    known = models()
    for number in range(first, first + count * BATCH, BATCH):
        yield [(n, notice(known[n % len(known)], n)) for n in range(number, number + BATCH)]


def memory(arguments: argparse.Namespace) -> bool:
    """Print the resident memory at several points, and its growth."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        process = context.Process(target=fill, args=(theirs, Path(folder), arguments.notices))
        process.start()
        found = list(iter(ours.recv, None))
        process.join()
    for what, megabytes in found:
        print(f"{what:<24}{megabytes:8.1f} MB")
    between = arguments.notices - arguments.notices // 2 - 10 * BATCH
    growth = (found[-1][1] - found[-2][1]) / max(between, 1) * 1e6
    print(f"{'growth, second half':<24}{growth:8.1f} MB per million notices")
    return True


# --- scale --------------------------------------------------------------------------------------


class Nothing:
    """A sink that takes everything."""

    def write(self, records: Sequence[Any]) -> None:
        """Do nothing."""


def scale(arguments: argparse.Namespace) -> bool:
    """Print the cost per notice by number of sinks and parsers."""
    from icecube_hooks import Message
    from icecube_plugin.host import Config, Host, SinkConfig

    values = notices(BATCH * arguments.rounds)
    print(f"CPU microseconds per notice in batches of {BATCH}: min (median), notices of one kind\n")
    for what, parsers in (("sinks", 0), ("parsers", 1)):
        for count in COUNTS:
            with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
                sinks = tuple(
                    SinkConfig(name=f"s{number}", type="nothing", options={})
                    for number in range(1 if parsers else count)
                )
                config = Config(data_folder=Path(folder), sinks=sinks, remember_notices=0)
                host = Host(config, plugins=_plugins(count if parsers else 0))
                host.open()
                taken = []
                for number in range(arguments.rounds):
                    batch = [
                        Message(value=value, topic=TOPIC, offset=number)
                        for value in values[number * BATCH : (number + 1) * BATCH]
                    ]
                    began = time.process_time()
                    host.handle(batch)
                    taken.append((time.process_time() - began) / BATCH * 1e6)
                host.close()
                low, median = min(taken), statistics.median(taken)
                print(f"{count:4} {what:<8} {low:7.1f} ({median:.1f})")
    return True


def _plugins(parsers: int) -> Any:
    from icecube_hooks import ParserType, SinkType
    from icecube_hooks.host import load_plugins

    plugins = load_plugins()
    plugins.sinks["nothing"] = SinkType(name="nothing", make=Nothing)
    for number in range(parsers):
        name = f"p{number}"
        plugins.parsers[name] = ParserType(
            name=name, topics=(f"other.{name}.*",), parse=lambda _: None
        )
    return plugins


# --- hosts --------------------------------------------------------------------------------------


def share(
    pipe: Connection, servers: str, group: str, folder: Path, total: Any, wanted: int
) -> None:
    """Run a host until all of its group have `wanted` notices; send first, last, count, CPU."""
    from icecube_plugin.host import Config, Host, KafkaConfig, Summary

    kafka = KafkaConfig(bootstrap_servers=servers, group_id=group, topics=(TOPIC,), start="latest")
    config = Config(data_folder=folder, kafka=kafka, sinks=sinks_in(folder))
    times: list[float] = []
    began_cpu = 0.0

    def look(summary: Summary) -> None:
        times.append(time.monotonic())
        with total.get_lock():
            total.value += summary.messages - sum(counts)
        counts.append(summary.messages - sum(counts))

    counts: list[int] = []
    host = Host(config, on_batch=look)
    with host:
        began_cpu = time.process_time()
        while total.value < wanted:
            time.sleep(0.01)
        cpu_s = time.process_time() - began_cpu
    pipe.send((times, counts, cpu_s))


def hosts(arguments: argparse.Namespace) -> bool:
    """Print how long one host and two take for the same notices."""
    wanted = arguments.messages * 50
    with contextlib.ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=arguments.folder)))
        servers = arguments.bootstrap_servers or stack.enter_context(apache_kafka())
        print(
            f"{wanted} notices in {PARTITIONS} partitions, durable; load {os.getloadavg()[0]:.0f}"
        )
        for count in (1, 2):
            found = _group(servers, root / str(count), count, wanted)
            wall_s = max(times[-1] for times, _, _ in found) - min(t[0] for t, _, _ in found)
            first = sum(counts[0] for _, counts, _ in found)
            cpu = sum(cpu_s for _, _, cpu_s in found) / wanted * 1e6
            shares = " and ".join(str(sum(counts)) for _, counts, _ in found)
            print(f"{count} host(s)  {(wanted - first) / wall_s:8.0f} a second  ", end="")
            print(f"{cpu:6.0f} us CPU each  took {shares}")
    return True


def send(servers: str, values: Sequence[bytes]) -> None:
    """Publish notices, spread evenly over the partitions."""
    import confluent_kafka

    producer = confluent_kafka.Producer({"bootstrap.servers": servers})
    for number, value in enumerate(values):
        producer.produce(TOPIC, value, partition=number % PARTITIONS)
    producer.flush(60.0)


def _group(servers: str, folder: Path, count: int, wanted: int) -> list[Any]:
    """Run some hosts of one group; return what each sends."""
    context = multiprocessing.get_context("spawn")
    total, group = context.Value("l", 0), uuid.uuid4().hex
    pipes, processes = [], []
    for number in range(count):
        place = folder / str(number)
        place.mkdir(parents=True)
        ours, theirs = context.Pipe()
        arguments = (theirs, servers, group, place, total, wanted)
        processes.append(context.Process(target=share, args=arguments))
        pipes.append(ours)
        processes[-1].start()
    time.sleep(JOINING_S)
    send(servers, notices(wanted))
    found = [pipe.recv() for pipe in pipes]
    for process in processes:
        process.join()
    return [one for one in found if one[1]]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one of the benchmarks; return 1 if a bar is missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.host")
    parser.add_argument("what", choices=("latency", "memory", "scale", "hosts"))
    parser.add_argument("--messages", type=int, default=150, metavar="N", help="of latency")
    parser.add_argument("--notices", type=int, default=100_000, metavar="N", help="of memory")
    parser.add_argument("--rounds", type=int, default=9, metavar="N", help="of scale")
    parser.add_argument("--bootstrap-servers", metavar="HOST:PORT", help="a broker for tests")
    parser.add_argument("--folder", help="on the disk to write to (default: for temporary files)")
    arguments = parser.parse_args(argv)
    run = {"latency": latency, "memory": memory, "scale": scale, "hosts": hosts}[arguments.what]
    return 0 if run(arguments) else 1


if __name__ == "__main__":
    sys.exit(main())
