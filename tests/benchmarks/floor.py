"""The least that the whole road can cost with the same fields, tables and durability.

Everything that Python code of ours could be spared is: rows and lines are made beforehand, the
notice is decoded into typed, bounded structures by msgspec, the record's fields are encoded by
msgspec, and the six sigmas of a notice are bare calls of the standard library. What is left is
SQLite (our tables and indexes, WAL, FULL, a transaction per batch of 500), a write and one
fdatasync per batch, and those C calls. No host, no checks beyond bounds, no Kafka.

Beside it, in the same process and in turns, the tutorial's way of ``whole_road.py``. With
``--voevent``, gold alerts in VOEvent, which the tutorial does not read: one regular expression
finds the values, and nothing turns them into numbers.

Run it from the root of a checkout, with ``pip install -e '.[benchmark]'``::

    python -m tests.benchmarks.floor
    python -m tests.benchmarks.floor --voevent
"""

from __future__ import annotations

import argparse
import math
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import NormalDist
from typing import Any, Final, TextIO

import msgspec
from lxml import etree
from scipy.stats import norm

from icecube_hooks import Message, Record
from icecube_hooks.host import PluginSet, load_plugins
from icecube_plugin.host.process import own_process
from icecube_plugin.sinks import sqlite
from icecube_plugin.sinks._schema import rows_of
from icecube_plugin.sinks.json_lines import _parts
from tests.benchmarks import whole_road, whole_road_xml
from tests.benchmarks.formats import SearchStruct
from tests.benchmarks.whole_road import TRIALS, tutorial_alert

BATCH: Final = 500
TUTORIAL: Final = "the tutorial's way"
_inv_cdf = NormalDist().inv_cdf


def searches(notice: SearchStruct) -> list[tuple[float, int]]:
    """Return p-value and trials of both searches and of the better one."""
    p_values = (notice.pval_generic or 1.0, notice.pval_bayesian or 1.0)
    return [(p_values[0], TRIALS), (p_values[1], TRIALS), (min(p_values), 2 * TRIALS)]


def rate(found: float) -> list[tuple[float, int]]:
    """Return the chance in a year from the rate of a VOEvent."""
    return [(-math.expm1(-found), 1)]


def match(value: bytes) -> float:
    """Parse a VOEvent and return its rate."""
    found: Any = etree.fromstring(value).find("What/Param[@name='FAR']")
    return float(found.get("value"))


def sigmas(looks: Sequence[tuple[float, int]]) -> list[float]:
    """Return each sigma before and after trials."""
    found = []
    for p, n in looks:
        post = -math.expm1(n * math.log1p(-p)) if p < 1.0 else 1.0
        found += [-_inv_cdf(p) if p < 1.0 else 0.0, -_inv_cdf(post) if 0 < post < 1.0 else 0.0]
    return found


class Floor:
    """The parts, on batches that are made beforehand."""

    def __init__(self, folder: Path, plugins: PluginSet, *, voevent: bool) -> None:
        self.plugins = plugins
        self.topic = whole_road_xml.TOPIC if voevent else whole_road.TOPIC
        self.database = sqlite._opened(folder / "floor.sqlite", 1.0)
        self.lines = os.open(folder / "floor.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.decode: Callable[[bytes], Any] = msgspec.json.Decoder(SearchStruct).decode
        self.looks: Callable[[Any], list[tuple[float, int]]] = searches
        if voevent:
            self.decode, self.looks = match, rate
        self.encode = msgspec.json.Encoder().encode
        self.last = 0

    def parts(self, values: Sequence[bytes]) -> dict[str, Callable[[], object]]:
        """Return what is timed, for one batch."""
        records = [
            self.plugins.record(Message(value=value, topic=self.topic, partition=0, offset=offset))
            for offset, value in enumerate(values, self.last)
        ]
        rows = list(rows_of(records, {}, {}, self.last).by_table())
        self.last += len(records)
        data = list(_parts([record.to_json() for record in records]))
        decoded = [self.decode(value) for value in values]
        return {
            "decode": lambda: [self.decode(value) for value in values],
            "sigmas": lambda: [sigmas(self.looks(one)) for one in decoded],
            "encode (msgspec)": lambda: [self.encode(once(record)) for record in records],
            "SQLite": lambda: self.insert(rows),
            "JSON lines": lambda: self.append(data),
        }

    def insert(self, rows: Sequence[tuple[str, Sequence[Any]]]) -> None:
        """Write rows in one transaction."""
        with sqlite._transaction(self.database, "IMMEDIATE"):
            for table, cells in rows:
                self.database.executemany(sqlite._INSERTIONS[table], cells)

    def append(self, parts: Sequence[bytes]) -> None:
        """Write lines, and sync."""
        for part in parts:
            os.write(self.lines, part)
        os.fdatasync(self.lines)


def run_tutorial(
    values: Sequence[bytes], folder: Path, out: TextIO, isf: Callable[[float], float]
) -> None:
    """Read, interpret, write and print one batch."""
    for value in values:
        tutorial_alert(value, folder, out, isf)


def once(record: Record) -> tuple[Any, ...]:
    """Return the parts of a record that are written, the notice's bytes once."""
    return record.id, record.message.offset, record.alert, record.significances


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.floor")
    parser.add_argument("--rounds", type=int, default=15, metavar="N")
    parser.add_argument("--voevent", action="store_true", help="instead of JSON")
    parser.add_argument("--folder", help="on the disk to write to (default: for temporary files)")
    arguments = parser.parse_args(argv)
    own_process()
    plugins = load_plugins(significance={"icecube": {"trials": TRIALS}})
    isf: Callable[[float], float] = norm.isf
    taken: dict[str, list[float]] = {}
    made = whole_road_xml.notices if arguments.voevent else whole_road.notices
    values = made(BATCH * arguments.rounds)
    with (
        tempfile.TemporaryDirectory(dir=arguments.folder) as name,
        Path(os.devnull).open("w") as out,
    ):
        folder = Path(name)
        floor = Floor(folder, plugins, voevent=arguments.voevent)
        for number in range(arguments.rounds):
            batch = values[number * BATCH : (number + 1) * BATCH]
            ways = floor.parts(batch)
            if not arguments.voevent:
                ways[TUTORIAL] = partial(run_tutorial, batch, folder, out, isf)
            for what, run in ways.items():
                began = time.process_time()
                run()
                taken.setdefault(what, []).append((time.process_time() - began) / BATCH * 1e6)
        (count,) = floor.database.execute("SELECT count(*) FROM records").fetchone()
        assert count == len(values)
    print(f"CPU microseconds per notice, {arguments.rounds} batches of {BATCH} in turns", end="")
    print(f", Python {platform.python_version()}\n\n{'':<22}{'min':>8}{'median':>9}")
    low, middle = ({k: f(v) for k, v in taken.items()} for f in (min, statistics.median))
    for what in taken:
        print(f"{what:<22}{low[what]:8.1f}{middle[what]:9.1f}")
    least, usual = (sum(v for k, v in by.items() if k != TUTORIAL) for by in (low, middle))
    print(f"{'all of it':<22}{least:8.1f}{usual:9.1f}")
    if TUTORIAL in low:
        print(
            f"{'tutorial : floor':<22}{low[TUTORIAL] / least:8.1f}{middle[TUTORIAL] / usual:9.1f}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
