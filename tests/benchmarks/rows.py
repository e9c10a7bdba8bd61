"""What a batch costs the sink ``sqlite`` when the database holds few records, and many.

Twice: events that come in order of time, as they do, and in random order, which is the worst that
an index can meet. The records that fill the database are copies of one, with names of their own;
those that are timed have been read from notices. CPU time, and bytes of the file per record.

Run it from the root of a checkout; the largest database takes 8 GB::

    python -m tests.benchmarks.rows
    python -m tests.benchmarks.rows --most 100000
"""

from __future__ import annotations

import argparse
import contextlib
import platform
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from icecube_hooks import Message, Record
from icecube_hooks.host import PluginSet, load_plugins
from icecube_plugin.sinks.database import Statements, rows_of
from icecube_plugin.sinks.sqlite import Sqlite
from tests.benchmarks.whole_road import TOPIC, TRIALS, models, notice

SIZES: Final = (100, 1_000, 10_000, 100_000, 1_000_000)
BATCH: Final = 100
ROUNDS: Final = 9
BAR: Final = 1.2

Name = Callable[[int], str]


def in_order(number: int) -> str:
    """Return a superevent that sorts behind those before it."""
    return f"S240101n{number:09d}"


def at_random(number: int) -> str:
    """Return a superevent that sorts anywhere, always the same for a number."""
    return f"S240101n{number * 618_033_989 % 10**9:09d}"


def records_of(plugins: PluginSet, name: Name, numbers: Sequence[int]) -> list[Record]:
    """Return records of notices of different events, their JSON made."""
    value = notice(models()[0], 0)
    made = []
    for number in numbers:
        named = value.replace(b"S240101n0000000", name(number).encode())
        record = plugins.record(Message(value=named, topic=TOPIC, partition=0, offset=number))
        assert record.alert.event_key == name(number)
        record.to_json()
        made.append(record)
    return made


def fill(sink: Sqlite, template: Record, name: Name, numbers: range) -> None:
    """Insert copies of a record, as many rows in as many tables."""
    old = template.alert.event_key
    assert old is not None
    tables = rows_of([template], {}, {}, 0)
    statements = Statements(sink.engine.dialect)
    for begin in range(numbers.start, numbers.stop, 5000):
        part = range(begin, min(begin + 5000, numbers.stop))
        with sink.engine.begin() as connection:
            cursor = connection.connection.cursor()
            for table, rows in tables.items():
                if rows:
                    statements.insert(cursor, table, list(_copies(rows, old, name, part)))


def _copies(
    rows: Sequence[tuple[Any, ...]], old: str, name: Name, numbers: range
) -> Iterator[tuple[Any, ...]]:
    for number in numbers:
        new = name(number)
        for _, *cells in rows:
            texts = [cell.replace(old, new) if type(cell) is str else cell for cell in cells]
            yield (number, *texts)


def costs(plugins: PluginSet, name: Name, most: int, root: Path) -> dict[int, float]:
    """Print what a record costs at each size; return the smallest figures [us]."""
    found = {}
    sink = Sqlite(path=root / f"{name.__name__}.sqlite")
    (template,) = records_of(plugins, name, [0])
    held = 0
    for size in (size for size in SIZES if size <= most):
        fill(sink, template, name, range(held + 1, size + 1))
        held = size
        taken = []
        for _ in range(ROUNDS):
            batch = records_of(plugins, name, range(held + 1, held + BATCH + 1))
            held += BATCH
            began = time.process_time()
            sink.write(batch)
            taken.append((time.process_time() - began) / BATCH * 1e6)
        with contextlib.closing(sqlite3.connect(sink.path)) as database:
            (count,) = database.execute("SELECT count(*) FROM records").fetchone()
        assert count == held, f"{count} of {held}"
        found[size] = min(taken)
        files = (sink.path, Path(f"{sink.path}-wal"))
        bytes_each = sum(file.stat().st_size for file in files) / held
        middle = statistics.median(taken)
        print(f"{name.__name__:<10}{size:>10,}{min(taken):9.1f}{middle:9.1f}{bytes_each:10.0f}")
    sink.close()
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark; return 1 if the cost in order of time is not flat."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.rows")
    parser.add_argument("--most", type=int, default=SIZES[-1], metavar="N")
    parser.add_argument("--folder", help="on the disk to write to (default: for temporary files)")
    arguments = parser.parse_args(argv)
    plugins = load_plugins(significance={"icecube": {"trials": TRIALS}})
    print(f"CPU microseconds per record, batches of {BATCH}, Python {platform.python_version()}\n")
    print(f"{'order':<10}{'records':>10}{'min':>9}{'median':>9}{'bytes each':>12}")
    ratios = {}
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        for name in (in_order, at_random):
            found = costs(plugins, name, arguments.most, Path(folder))
            ratios[name.__name__] = max(found.values()) / found[SIZES[0]]
            (Path(folder) / f"{name.__name__}.sqlite").unlink()
    print()
    for order, ratio in ratios.items():
        print(f"{order}: the dearest is {ratio:.2f} times the cost at {SIZES[0]} records")
    return 0 if ratios["in_order"] <= BAR else 1


if __name__ == "__main__":
    sys.exit(main())
