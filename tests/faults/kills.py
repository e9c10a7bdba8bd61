"""Two hosts in one group, killed at random moments while notices stream in, one sink sick.

``python -m tests.faults.kills --notices 10000 --kills 100`` is the long form; CI runs a short one.
It needs a real Kafka broker (Java 17, Maven). Exit code 1 if a notice was lost or doubled.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from icecube_plugin.host import Journal
from tests.host.kafka.common import command, notice, publish
from tests.kafka_broker.broker import KafkaBroker

TOPIC = "kills"
PARTITIONS = 4
EVERY = 500
POISON = b'{"pval_generic": broken, "number": %d}'


@dataclass
class Outcome:
    """What was there at the end."""

    sent: int
    poisoned: int
    kills: int
    rows: int
    distinct: int
    lines: int
    whole_lines: int
    dead: int
    sick: int
    exit_codes: list[int]

    @property
    def is_right(self) -> bool:
        """Whether nothing was lost, and nothing doubled where that is promised."""
        good = self.sent - self.poisoned
        return (
            self.rows == self.distinct == good
            and self.whole_lines >= good
            and self.lines == self.whole_lines
            and self.dead == self.poisoned
            and self.sick == good
        )


def values(count: int) -> list[bytes]:
    """Return notices, one in `EVERY` of which no parser can read."""
    return [POISON % n if n % EVERY == EVERY // 2 else notice(n) for n in range(count)]


SICK = """
        [sinks.sick]
        type = "jsonl"
        path = "{path}"
        patience_s = 0.2
"""
"""A sink that is down half of the time: a folder stands where its file should."""


class Sickness:
    """Makes the sinks of both hosts sick, and well again, until it is told to stop."""

    def __init__(self, folder: Path) -> None:
        self.paths = [folder / name / "sick.jsonl" for name in "ab"]
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def end(self) -> None:
        """Leave the sinks well."""
        self._over.set()
        self._thread.join()

    def _work(self) -> None:
        number = 0
        while not self._over.wait(1.5):
            number += 1
            for path in self.paths:
                _put_a_folder(path, f"sick-{number}")
            self._over.wait(1.5)
            for path in self.paths:
                path.rmdir()

    def ids(self) -> set[str]:
        """Return what the sinks have."""
        files = [file for path in self.paths for file in path.parent.glob("sick*")]
        lines = (line for file in files for line in _lines(file))
        return {json.loads(line)["id"] for line in lines if _is_whole(line)}


def _put_a_folder(path: Path, name: str) -> None:
    """Put it in the place of the file, which is kept; the host may write a new one meanwhile."""
    for attempt in itertools.count():
        try:
            path.mkdir()
        except FileExistsError:
            path.rename(path.with_name(f"{name}-{attempt}.kept"))
        else:
            break


class Pair:
    """Two hosts with one database; each has its data folder and its name in the group."""

    def __init__(self, kafka: KafkaBroker, folder: Path) -> None:
        self.folder = folder
        self.database = folder / "both.sqlite"
        self.commands = [
            command(
                kafka, folder / name, TOPIC, "listen",
                more=f'instance_id = "{name}"', database=str(self.database),
                sinks=SICK.format(path=folder / name / "sick.jsonl"),
            )
            for name in ("a", "b")
        ]  # fmt: skip
        self.hosts = [self._start(number) for number in (0, 1)]

    def _start(self, number: int) -> subprocess.Popen[bytes]:
        with (self.folder / f"log-{number}").open("ab") as log:
            return subprocess.Popen(self.commands[number], stdout=log, stderr=log)

    def kill(self, number: int) -> None:
        """Kill one host, anywhere in what it does, and start it again."""
        self.hosts[number].kill()
        self.hosts[number].wait()
        self.hosts[number] = self._start(number)

    def rows(self) -> list[str]:
        """Return the ids in the database."""
        if not self.database.exists():
            return []
        with closing(sqlite3.connect(self.database)) as connection:
            try:
                return [f"{row[0]}" for row in connection.execute("SELECT event_key FROM notices")]
            except sqlite3.OperationalError:  # the tables are not made yet
                return []

    def stop(self) -> list[int]:
        """End both in order; return their exit codes."""
        for host in self.hosts:
            host.terminate()
        return [host.wait(120) for host in self.hosts]


def run(kafka: KafkaBroker, folder: Path, notices: int, kills: int, seed: int) -> Outcome:
    """Publish over the time of the kills; wait for everything to arrive."""
    chance = random.Random(seed)  # noqa: S311  # to repeat a run
    kafka.create_topic(TOPIC, partitions=PARTITIONS)
    sent = values(notices)
    pair = Pair(kafka, folder)
    sickness = Sickness(folder)
    stream = threading.Thread(target=_stream, args=(kafka, sent, kills))
    stream.start()
    for number in range(kills):
        time.sleep(chance.uniform(0.0, 2.0))
        pair.kill(chance.randrange(2))
        print(f"\rkill {number + 1} of {kills}", end="", file=sys.stderr, flush=True)
    stream.join()
    sickness.end()
    good = sum(value != POISON % n for n, value in enumerate(sent))
    until = time.monotonic() + 300.0
    while min(len(set(pair.rows())), len(sickness.ids())) < good and time.monotonic() < until:
        time.sleep(0.5)
    time.sleep(1.0)  # what would come twice comes now
    return _outcome(pair, notices, notices - good, kills, len(sickness.ids()))


def _stream(kafka: KafkaBroker, sent: list[bytes], kills: int) -> None:
    """Publish in pieces, for about as long as the kills last."""
    pieces = max(kills, 1)
    for piece in range(pieces):
        publish(kafka, TOPIC, sent[piece::pieces], partitions=PARTITIONS)
        time.sleep(1.0)


def _outcome(pair: Pair, sent: int, poisoned: int, kills: int, sick: int) -> Outcome:
    codes = pair.stop()
    ids = pair.rows()
    lines = [line for name in "ab" for line in _lines(pair.folder / name / "a.jsonl")]
    dead = {
        (letter.message.partition, letter.message.offset)
        for name in "ab"
        for letter in Journal(pair.folder / name).letters()
    }
    return Outcome(
        sent, poisoned, kills, len(ids), len(set(ids)), len(lines),
        sum(_is_whole(line) for line in lines), len(dead), sick, codes,
    )  # fmt: skip


def _lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines() if path.exists() else []


def _is_whole(line: bytes) -> bool:
    try:
        return "id" in json.loads(line)
    except ValueError:
        return False


def main() -> int:
    """Run the long form."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--notices", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    arguments = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, KafkaBroker() as kafka:
        outcome = run(kafka, Path(folder), arguments.notices, arguments.kills, arguments.seed)
    print(f"\nseed {arguments.seed}, {time.monotonic() - began:.0f} s: {outcome}")
    return 0 if outcome.is_right else 1


if __name__ == "__main__":
    sys.exit(main())
