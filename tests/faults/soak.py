"""A host under a steady stream for a long time, with one of its sinks down: does it grow?

``python -m tests.faults.soak --minutes 30 --rate 200`` prints resident memory, open files and
threads of the host every half minute, and fails if the second half grew over the first.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import Producer

from tests.host.kafka.common import command, notice
from tests.kafka_broker.broker import KafkaBroker

TOPIC = "soak"
MOST_GROWTH_KB = 8 * 1024
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
    """Stream at `rate` per second; return the samples and how many were sent."""
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
    samples, began = [], time.monotonic()
    try:
        while (at_s := time.monotonic() - began) < seconds:
            time.sleep(every_s)
            samples.append(look(host.pid, at_s))
    finally:
        done.set()
        stream.join()
        host.terminate()
        host.wait(timeout=30)
    return samples, sent[0]


def _stream(kafka: KafkaBroker, rate: float, done: threading.Event, sent: list[int]) -> None:
    producer = Producer({"bootstrap.servers": kafka.bootstrap_servers, "log_level": 0})
    began = time.monotonic()
    while not done.wait(0.05):
        while sent[0] < rate * (time.monotonic() - began):
            producer.produce(TOPIC, notice(sent[0]))
            sent[0] += 1
        producer.poll(0)
    producer.flush(30)


def growth_kb(samples: list[Sample]) -> float:
    """Return how much more is resident in the last quarter than in the second one [kB]."""
    quarter = max(len(samples) // 4, 1)
    second, last = samples[quarter : 2 * quarter], samples[-quarter:]
    return statistics.median(s.resident_kb for s in last) - statistics.median(
        s.resident_kb for s in second or samples[:1]
    )


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
    grown = growth_kb(samples)
    print(f"{sent} messages; grown by {grown:.0f} kB from the second quarter to the last")
    more = samples[-1].files > samples[len(samples) // 4].files + 2
    more |= samples[-1].threads > samples[len(samples) // 4].threads
    return 1 if grown > MOST_GROWTH_KB or more else 0


if __name__ == "__main__":
    sys.exit(main())
