"""Full disks, and processes that are killed: what a sink of files has to bear.

Both run a sink in a process of its own. A full disk is a small file system in memory where the
tests may mount one (root), else a limit to the size of a file, set in that process only.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from icecube_hooks import Record

ROOT = Path(__file__).parents[2]

# Writes records one by one; on trouble says which and why, and goes on when told.
WRITER = """
import importlib, json, resource, sys
from pathlib import Path
from icecube_hooks import Record, RetryLater

module, _, name = sys.argv[1].partition(":")
make = getattr(importlib.import_module("icecube_plugin.sinks." + module), name)
options, limit = json.loads(sys.argv[2]), int(sys.argv[3])
records = [Record.from_dict(json.loads(line)) for line in Path(sys.argv[4]).open()]
sink = make(**options)
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
for number, record in enumerate(records):
    try:
        sink.write([record])
    except RetryLater as error:
        print(json.dumps([number, error.reason]), flush=True)
        sys.stdin.readline()
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        sink.write([record])
if hasattr(sink, "close"):
    sink.close()
"""

# Writes records for ever, and says the id of each that is written.
ENDLESS = """
import importlib, json, sys
from icecube_hooks.testing import make_record

module, _, name = sys.argv[1].partition(":")
make = getattr(importlib.import_module("icecube_plugin.sinks." + module), name)
sink = make(**json.loads(sys.argv[2]))
for number in range(10**9):
    record = make_record(event_id=number, comments=("x" * 50_000,))
    sink.write([record])
    print(record.id, flush=True)
"""


@dataclass
class FullDisk:
    """A sink that has met a full disk, in ``folder``, for `reason` at record `number`."""

    folder: Path
    number: int
    reason: str
    process: subprocess.Popen[str]
    is_mounted: bool

    def make_room(self) -> None:
        """Let the sink go on to the end."""
        if self.is_mounted:
            subprocess.run(["mount", "-o", "remount,size=64m", str(self.folder)], check=True)
        _, said = self.process.communicate("\n", timeout=300)
        assert self.process.returncode == 0, said


@contextmanager
def full_disk(
    place: Path,
    sink: str,
    options: Mapping[str, Any],
    records: Sequence[Record],
    *,
    kilobytes: int = 128,
) -> Iterator[FullDisk]:
    """Write `records` one by one, with a path among `options` relative to a small disk."""
    folder = place / "disk"
    folder.mkdir()
    lines = place / "records.jsonl"
    lines.write_text("".join(f"{record.to_json()}\n" for record in records))
    is_mounted = _mount(folder, kilobytes)
    limit = "0" if is_mounted else str(1000 * kilobytes)
    command = [sys.executable, "-c", WRITER, sink, json.dumps(options), limit, str(lines)]
    pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    process = subprocess.Popen(command, cwd=folder, env=_environment(), text=True, **pipes)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, f"no trouble: {process.communicate()}"
        number, reason = json.loads(line)
        assert "\n" not in reason
        yield FullDisk(folder, number, reason, process, is_mounted)
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
        if is_mounted:
            subprocess.run(["umount", "-l", str(folder)], check=True)


def kill_often(
    sink: str, options: Mapping[str, Any], *, times: int, seed: int = 5
) -> Iterator[list[str]]:
    """Start a writer, kill it at a random moment, and yield the ids that it said to have written.

    It starts anew for each; the seed makes the moments the same in each run, as far as they are.
    """
    chance = random.Random(seed)  # noqa: S311  # no secret
    for _ in range(times):
        command = [sys.executable, "-c", ENDLESS, sink, json.dumps(options)]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, env=_environment(), text=True
        ) as process:
            assert process.stdout is not None
            first = process.stdout.readline()
            time.sleep(chance.uniform(0.0, 0.05))
            process.send_signal(signal.SIGKILL)
            told = [first, *process.stdout.read().splitlines(keepends=True)]
        assert first, "the writer wrote nothing"
        yield [line.strip() for line in told if line.endswith("\n")]


def _mount(folder: Path, kilobytes: int) -> bool:
    """Say whether `folder` is now a small disk."""
    if os.geteuid() != 0:
        return False
    options = f"size={kilobytes}k"
    command = ["mount", "-t", "tmpfs", "-o", options, "none", str(folder)]
    return subprocess.run(command, capture_output=True).returncode == 0


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'hooks'}"}
