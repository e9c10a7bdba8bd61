"""The whole road of VOEvents: Kafka, parse, significance, SQLite and JSON lines, all durable.

As ``whole_road.py``, with gold and bronze alerts in VOEvent. The tutorial does not read those, so
beside it stands what ``lxml.etree.fromstring`` alone takes, in the same run. After every repetition
the database is compared with what ElementTree finds in the notices.

Run it from the root of a checkout::

    python -m tests.benchmarks.whole_road_xml
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import multiprocessing
import os
import platform
import re
import sqlite3
import statistics
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Final

from tests.benchmarks.whole_road import Outcome, add_options, broker, listen, publish, spread

TOPIC: Final = "gcn.classic.voevent.ICECUBE_ASTROTRACK_GOLD"
FIXTURES: Final = Path(__file__).parents[2] / "fixtures" / TOPIC
BAR: Final = 8000.0
"""Alerts per second of CPU."""

Facts = tuple[int, int, float, float, float, float]
"""Run, event, RA, declination, energy and signalness."""


def notices(count: int) -> list[bytes]:
    """Return notices that differ in their events."""
    models = [path.read_text() for path in sorted(FIXTURES.glob("*_1.xml"))]
    return [notice(models[number % len(models)], number) for number in range(count)]


def notice(model: str, number: int) -> bytes:
    """Return a notice of another event."""
    found = re.search(r'_(\d+)_(\d+)_1"', model)
    assert found is not None
    run, event, new = int(found[1]), int(found[2]), 10_000_000 + number
    for old, text in (
        (f"_{found[1]}_{found[2]}_1", f"_{found[1]}_{new:09}_1"),
        (f'value="{run}{event}"', f'value="{run}{new}"'),
        (f'value="{event}"', f'value="{new}"'),
    ):
        assert old in model, old
        model = model.replace(old, text)
    return model.encode()


def facts(value: bytes) -> Facts:
    """Return what a notice says, as ElementTree finds it."""
    root = ET.fromstring(value)  # noqa: S314  # our own
    stated = {param.get("name"): param.get("value", "") for param in root.findall("What/Param")}
    at = {name: float(root.findtext(f".//{name}") or "nan") for name in ("C1", "C2")}
    ids = int(stated["run_id"]), int(stated["event_id"])
    return (*ids, at["C1"], at["C2"], float(stated["energy"]), float(stated["signalness"]))


def run(folder: Path, values: Sequence[bytes], servers: str) -> Outcome:
    """Handle every notice on the broker, and compare what was written."""
    clock, database = listen(folder, len(values), servers, TOPIC, values[0])
    with contextlib.closing(sqlite3.connect(database)) as connection:
        columns = "run_id, event_id, ra_deg, dec_deg, energy_tev, signalness"
        rows = set(connection.execute(f"SELECT {columns} FROM records"))  # ours
        (sigmas,) = connection.execute("SELECT count(sigma) FROM significances").fetchone()
    assert rows == set(map(facts, values))
    assert sigmas == len(values)
    return clock.outcome()


def lxml_us(values: Sequence[bytes]) -> float:
    """Return the CPU time of ``lxml.etree.fromstring`` per notice [us]."""
    from lxml import etree

    began = time.process_time()
    for value in values:
        etree.fromstring(value)
    return (time.process_time() - began) / len(values) * 1e6


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark; return 1 if the bar is missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.whole_road_xml")
    add_options(parser)
    arguments = parser.parse_args(argv)
    values = notices(arguments.notices)
    context = multiprocessing.get_context("spawn")
    outcomes, alone_us = [], []
    with (
        ProcessPoolExecutor(1, mp_context=context, max_tasks_per_child=1) as alone,
        tempfile.TemporaryDirectory(prefix="whole-road-xml-", dir=arguments.folder) as root,
        broker(arguments, TOPIC) as servers,
    ):
        publish(servers, values, TOPIC)
        for number in range(arguments.repetitions):
            folder = Path(root) / str(number)
            folder.mkdir()
            alone_us.append(alone.submit(lxml_us, values).result())
            outcomes.append(alone.submit(functools.partial(run, folder, values, servers)).result())
    per = 1e6 / len(values)
    rates = [len(values) / one.cpu_s for one in outcomes]
    print(f"{len(values)} VOEvents, {len(outcomes)} repetitions, ", end="")
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores; database compared\n")
    print("microseconds per alert      median  smallest to largest")
    print(f"{'lxml.fromstring alone, CPU':<24}{spread(alone_us)}")
    print(f"{'ours, wall':<24}  {spread([one.wall_s * per for one in outcomes])}")
    print(f"{'ours, CPU':<24}  {spread([one.cpu_s * per for one in outcomes])}")
    print(f"{'ours, per second of CPU':<24}  {spread(rates)}")
    return 0 if statistics.median(rates) >= BAR else 1


if __name__ == "__main__":
    sys.exit(main())
