"""A million messages wait while a sink sleeps ten minutes per record: does the host stay small?

``python -m tests.faults.waiting --messages 1000000 --minutes 3`` prints the resident memory of the
host every ten seconds, what waits where, and whether the host kept its partition; exit code 1 if it
was thrown out of the group or grew.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from icecube_hooks import Record, SinkType, hookimpl
from icecube_hooks.host import load_plugins
from icecube_plugin.host import Config, Host, SinkConfig
from tests.faults.soak import MOST_GROWTH_KB, look
from tests.host.kafka.common import kafka_config
from tests.kafka_broker.broker import KafkaBroker

TOPIC = "waiting"
POLL_LIMIT_MS = 20_000

PUBLISH = """
import sys
from confluent_kafka import Producer
from tests.host.kafka.common import notice
producer = Producer({"bootstrap.servers": sys.argv[1], "linger.ms": 50, "log_level": 0})
for number in range(int(sys.argv[2])):
    while True:
        try:
            producer.produce("waiting", notice(number))
            break
        except BufferError:
            producer.poll(0.1)
    producer.poll(0)
assert producer.flush(60) == 0
"""


class Sleeps:
    """A sink that takes ten minutes per record."""

    def write(self, records: Sequence[Record], /) -> None:
        time.sleep(600.0 * len(records))


class Plugin:
    """Brings the sink."""

    @hookimpl
    def register_sinks(self) -> list[SinkType]:
        return [SinkType(name="sleeps", make=Sleeps)]


def main() -> int:
    """Run the trial."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--minutes", type=float, default=3.0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, KafkaBroker() as kafka:
        kafka.create_topic(TOPIC)
        publish = [sys.executable, "-c", PUBLISH, kafka.bootstrap_servers, str(arguments.messages)]
        subprocess.run(publish, check=True)
        options = {"max.poll.interval.ms": POLL_LIMIT_MS, "session.timeout.ms": 6000}
        config = Config(
            data_folder=Path(folder),
            kafka=kafka_config(kafka, TOPIC, options=options),
            sinks=(SinkConfig(name="slow", type="sleeps", patience_s=1.0),),
        )
        plugins = load_plugins(allow=["icecube-plugin"], extra={"third": Plugin()})
        host = Host(config, plugins=plugins).start()
        samples, began = [], time.monotonic()
        while (at_s := time.monotonic() - began) < 60.0 * arguments.minutes:
            time.sleep(10.0)
            samples.append(look(os.getpid(), at_s))
            print(samples[-1], "waiting on disk:", host.summary.waiting, flush=True)
        errors = dict(getattr(host._source, "errors", {}))
        alive = host.is_alive
        host.stop()
    grown = samples[-1].resident_kb - samples[len(samples) // 2].resident_kb
    print(f"alive: {alive}; Kafka errors: {errors}; second half grown by {grown} kB")
    return 0 if alive and "_MAX_POLL_EXCEEDED" not in errors and grown < MOST_GROWTH_KB else 1


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # the sink still sleeps
