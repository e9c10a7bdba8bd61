"""A program whose writers are killed at random moments while they fill a database.

Messages go on as a Kafka consumer has them: what was not acknowledged is delivered again.
"""

from __future__ import annotations

import importlib
import itertools
import os
import random
import signal
import subprocess
import sys
import time

from icecube_hooks import Record
from icecube_hooks.testing import make_message, make_record, make_significance
from icecube_plugin.sinks.database import Database, read_records, select

BATCH = 3


def kill_writers(url: str, rounds: int) -> None:
    """Kill `rounds` writers in a process of their own, and check what they leave."""
    command = [sys.executable, "-m", "tests.sinks.killed", url, str(rounds)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    sent = int(done.stdout)
    assert sent >= rounds * BATCH
    assert [record.alert.event_id for record in read_records(url)] == list(range(sent))
    for table in ("sightings", "significances"):
        assert list(select(url, f"SELECT count(*) FROM {table}")) == [(sent,)]


def _batch(number: int) -> list[Record]:
    return [
        make_record(
            event_id=n, message=make_message(offset=n), significances=(make_significance(),)
        )
        for n in range(BATCH * number, BATCH * (number + 1))
    ]


def _write_forever(url: str, first: int, told: int) -> None:
    sink = Database(url=url)
    for number in itertools.count(first):
        sink.write(_batch(number))
        os.write(told, b"x")


def _killed(url: str, first: int, after_s: float) -> int:
    """Return how many batches a writer acknowledged until it was killed."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        _write_forever(url, first, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as told:
        done = len(told.read(1))
        time.sleep(after_s)
        os.kill(pid, signal.SIGKILL)
        assert os.waitpid(pid, 0)[1] == signal.SIGKILL
        return done + len(told.read())


def main(url: str, rounds: int) -> None:
    """Kill, deliver what is left, and print how many records were sent."""
    importlib.import_module("psycopg")  # here, not in each writer anew
    importlib.import_module("sqlalchemy")
    chance = random.Random(0)  # noqa: S311  # no secret
    done = 0
    for _ in range(rounds):
        done += _killed(url, done, chance.uniform(0.0, 0.02))
    sink = Database(url=url)
    sink.write(_batch(done))
    sink.close()
    print(BATCH * (done + 1))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
