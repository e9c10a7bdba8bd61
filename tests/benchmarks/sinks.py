"""What each sink costs per record, singly and in batches, beside the notebooks' way.

    python tests/benchmarks/sinks.py [RECORDS] [--folder FOLDER]

Prints microseconds per record, the median of interleaved rounds. The notebooks' way is
``json.dump(notice, file, indent=2)`` into a new file: not atomic, not synced, and without what the
other sinks add (the typed alert, its significance). The folder decides what a sync costs: give one
on the disk that will be used.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import itertools
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from icecube_hooks import Record, Sink
from icecube_hooks.testing import make_message, make_record, make_significance
from icecube_plugin.sinks.json_files import JsonFiles
from icecube_plugin.sinks.json_lines import JsonLines
from icecube_plugin.sinks.sqlite import Sqlite
from icecube_plugin.sinks.terminal import Terminal

ROUNDS = 5
BATCH = 500
SINGLE = 200

Make = Callable[[Path], Sink]

NOTICE = {
    "$schema": "https://gcn.nasa.gov/schema/v4.2.0/gcn/notices/icecube/example.schema.json",
    "alert_datetime": "2023-04-16T07:43:11.42Z",
    "position": {"ra": 345.82, "dec": 9.14, "ra_dec_error": 0.61, "containment": 0.9},
    "text": "x" * 900,
}


class Notebook:
    """Writes the notice as notebooks do: a new indented file for each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.number = itertools.count()

    def write(self, records: Sequence[Record], /) -> None:
        for record in records:
            path = self.folder / f"notice_{next(self.number)}.json"
            with path.open("w", encoding="utf-8") as file:
                json.dump(json.loads(record.message.value), file, indent=2)


SINKS: dict[str, Make] = {
    "notebook: json.dump, new file": Notebook,
    "json": lambda folder: JsonFiles(folder=folder),
    "json, sync = false": lambda folder: JsonFiles(folder=folder, sync=False),
    "jsonl": lambda folder: JsonLines(path=folder / "a.jsonl"),
    "jsonl, sync = false": lambda folder: JsonLines(path=folder / "a.jsonl", sync=False),
    "sqlite": lambda folder: Sqlite(path=folder / "a.sqlite"),
    "terminal (into memory)": lambda folder: Terminal(stream=io.StringIO()),
}


def records(count: int) -> list[Record]:
    """Return records of about 1.2 kB, each with three significances."""
    significances = tuple(make_significance(quantity=q) for q in ("generic", "bayesian", "best"))
    made = []
    for number in range(count):
        raw = json.dumps(NOTICE | {"id": number}).encode()
        message = make_message(value=raw, offset=number)
        change = {"event_id": number, "raw": raw, "significances": significances}
        made.append(make_record(message=message, **change))
    return made


def cost_us(make: Make, parent: Path, batches: Sequence[Sequence[Record]]) -> float:
    """Return microseconds per record of a new sink that writes `batches`."""
    folder = Path(tempfile.mkdtemp(dir=parent))
    sink = make(folder)
    start = time.perf_counter()
    for batch in batches:
        sink.write(batch)
    took = time.perf_counter() - start
    with contextlib.suppress(AttributeError):
        sink.close()  # type: ignore[attr-defined]  # optional
    shutil.rmtree(folder)
    return 1e6 * took / sum(len(batch) for batch in batches)


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("records", nargs="?", type=int, default=2000)
    parser.add_argument("--folder", type=Path, default=Path())
    arguments = parser.parse_args()
    made = records(arguments.records)
    single = [[record] for record in made[:SINGLE]]
    batched = [made[i : i + BATCH] for i in range(0, len(made), BATCH)]
    costs: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in SINKS}
    for _ in range(ROUNDS):
        for name, make in SINKS.items():
            costs[name][0].append(cost_us(make, arguments.folder, single))
            costs[name][1].append(cost_us(make, arguments.folder, batched))
    print(f"{'us per record':32} {'single':>8} {f'of {BATCH}':>8}")
    for name, (alone, together) in costs.items():
        print(f"{name:32} {statistics.median(alone):8.0f} {statistics.median(together):8.1f}")


if __name__ == "__main__":
    main()
