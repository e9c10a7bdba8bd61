"""A host under a steady stream for a long time, with one of its sinks down: does it grow?

``python -m tests.faults.soak --minutes 30 --rate 200`` prints resident memory, open files and
threads of the host every half minute, from when its caches are full, and fails if they grow from
quarter to quarter.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from confluent_kafka import Producer

from icecube_plugin.host import tail
from tests.host.kafka.common import command, notice, rows
from tests.kafka_broker.broker import KafkaBroker
from tests.patience import wait_for

TOPIC = "soak"
MOST_GROWTH_KB = 8 * 1024
CACHE_BYTES = 64 << 20  # the most that the sink lets SQLite keep of its file in memory
FIRST = 4000  # so many fill it, and the newest that are kept
PADDING = b"x" * 10_000  # a leak of records is seen soon
MOST_MORE_FILES = 2  # a connection that is tried again and again is open at times
DOWN = """
[sinks.down]
type = "webhook"
url = "http://127.0.0.1:1/"  # nobody listens there
allow_private = true
"""


@dataclass
class Sample:
    """One look at the process."""

    at_s: float
    resident_kb: int
    files: int
    threads: int


def look(pid: int, at_s: float) -> Sample:
    """Read the process table (Linux)."""
    fields = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines()
    )
    files = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    return Sample(at_s, int(fields["VmRSS"].split()[0]), files, int(fields["Threads"]))


def run(
    kafka: KafkaBroker, folder: Path, seconds: float, rate: float, every_s: float
) -> tuple[list[Sample], int]:
    """Stream at `rate` per second; return the samples and how many were sent.

    They begin when all that the host keeps in memory is full, however long that takes.
    """
    database = folder / "a.sqlite"
    kafka.create_topic(TOPIC)
    done = threading.Event()
    sent = [0]
    stream = threading.Thread(target=_stream, args=(kafka, rate, done, sent))
    host = subprocess.Popen(
        command(kafka, folder, TOPIC, "listen", sinks=DOWN),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,  # a pipe that nobody reads would fill
    )
    stream.start()
    samples: list[Sample] = []
    try:
        wait_for(lambda: rows(folder) >= FIRST)
        assert database.stat().st_size > CACHE_BYTES
        assert FIRST > tail.MOST
        began = time.monotonic()
        while (at_s := time.monotonic() - began) < seconds:
            time.sleep(every_s)
            samples.append(look(host.pid, at_s))
    finally:
        done.set()
        stream.join()
        host.terminate()
        host.wait(timeout=300)
    return samples, sent[0]


def _stream(kafka: KafkaBroker, rate: float, done: threading.Event, sent: list[int]) -> None:
    producer = Producer({"bootstrap.servers": kafka.bootstrap_servers, "log_level": 0})
    began = time.monotonic()
    while not done.wait(0.05):
        while sent[0] < FIRST + rate * (time.monotonic() - began):
            producer.produce(TOPIC, b'{"padding": "%s", %s' % (PADDING, notice(sent[0])[1:]))
            sent[0] += 1
        producer.poll(0)
    producer.flush(30)


@dataclass
class Growth:
    """How much more there is in the last quarter than in the second, if it came steadily."""

    resident_kb: float
    files: float
    threads: float

    @property
    def is_none(self) -> bool:
        """Whether it is within what a steady process needs."""
        is_flat = self.resident_kb < MOST_GROWTH_KB
        return is_flat and self.files <= MOST_MORE_FILES and self.threads <= 0


def growth(samples: Sequence[Sample]) -> Growth:
    """Compare the quarters but the first: twice the smaller step from one to the next.

    One step alone is no growth: the sink that is down takes its first part from the disk.
    """
    size = len(samples) // 4
    quarters = [samples[n * size : (n + 1) * size] for n in (1, 2, 3)]

    def more(value: Callable[[Sample], int]) -> float:
        medians = [statistics.median(map(value, quarter)) for quarter in quarters]
        return 2 * min(after - before for before, after in pairwise(medians))

    return Growth(more(lambda s: s.resident_kb), more(lambda s: s.files), more(lambda s: s.threads))


def main() -> int:
    """Run the long form."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--rate", type=float, default=200.0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, KafkaBroker() as kafka:
        seconds = 60 * arguments.minutes
        samples, sent = run(kafka, Path(folder), seconds, arguments.rate, 30.0)
    for sample in samples:
        print(sample)
    grown = growth(samples)
    print(f"{sent} messages; from the second quarter to the last: {grown}")
    return 0 if grown.is_none else 1


if __name__ == "__main__":
    sys.exit(main())
