"""``icecube-alerts tail``."""

from __future__ import annotations

import argparse
import time
from collections import deque
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Final

from icecube_hooks import Record

from ._records import Kept, add_kept, kept_at
from ._screen import Screen, screen

__all__ = ["New", "add_arguments"]

EXAMPLES: Final = """\
examples:
  icecube-alerts tail
  icecube-alerts tail --follow
  icecube-alerts tail --lines alerts.jsonl -n 50 --json

One line per record, in the order of their arrival: the last ones, then with --follow each new one
until Ctrl-C. Without --database and --lines: what the configured sinks write. With --json, one
record a line, as the jsonl sink writes them.
"""

POLL_S: Final = 0.5
"""How often to look for new records: two calls of the system, or a question to a server."""

SETTLE_S: Final = 5.0
"""A database's log changes before what it holds can be read."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = EXAMPLES
    add_kept(parser)
    parser.add_argument("-n", type=int, default=10, metavar="N", help="how many at first (10)")
    parser.add_argument("--follow", "-f", action="store_true", help="go on with new ones")
    parser.add_argument("--json", action="store_true", help="print records as JSON lines")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    kept = kept_at(arguments)
    shown = screen()
    if not arguments.json:
        shown.line(f"{'SENT (UTC)':<19}  ALERT", "head")
    new = New(kept)
    for record in deque(new.records(), maxlen=max(arguments.n, 0)):
        _print(record, shown, arguments.json)
    if arguments.follow:
        for record in new.follow():
            _print(record, shown, arguments.json)
    return 0


class New:
    """Gives each record once, when it is there."""

    def __init__(self, kept: Kept) -> None:
        self.kept = kept
        self.last = 0
        self.seen: set[str] = set()

    def records(self) -> Iterator[Record]:
        """Yield the records that were not there before."""
        for number, record in self.kept.numbered(after=self.last):
            self.last = number
            if record.id not in self.seen:
                self.seen.add(record.id)
                yield record

    def follow(self) -> Generator[Record, None, None]:
        """Yield new records as they come, for ever; a file is read when it has changed."""
        before: object = None
        changed_at = time.monotonic()
        while True:
            now = _stamp(self.kept.path)
            if now != before:
                before, changed_at = now, time.monotonic()
            if now is None or time.monotonic() - changed_at < SETTLE_S:
                yield from self.records()
            time.sleep(POLL_S)


def _stamp(path: Path | None) -> list[tuple[int, int]] | None:
    """Return what changes with a file; a database also has a write-ahead log."""
    if path is None:
        return None
    files = [file for file in (path, Path(f"{path}-wal")) if file.exists()]
    return [(status.st_mtime_ns, status.st_size) for status in map(Path.stat, files)]


def _print(record: Record, shown: Screen, as_json: bool) -> None:
    if as_json:
        print(record.to_json(), flush=True)
        return
    from icecube_plugin.views.pages import glance

    row = glance(record)
    shown.line(f"{row.sent:<19}  {row.headline}", row.tone)
