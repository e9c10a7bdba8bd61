"""The sink ``jsonl``: one line of JSON per record, appended to one file.

Conventions
-----------
- A line holds ``Record.to_dict()``. A batch is one write and one sync.
- At least once: a record that is delivered again after a restart is appended again. `read_lines`
  drops such lines by `Record.id`, and so must every other reader.
- Several processes may append to one file: an advisory lock keeps their lines apart.
- A write that fails half-way (full disk) is taken back. A process that is killed half-way leaves
  a torn line; the next write ends it with a newline, so that only that line is broken, and says so
  in the log.
- The file is opened for each batch: it may be moved away or deleted at any time.

There is no rotation. POSIX only.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from icecube_hooks import ConfigError, Record, RetryLater, SinkType, hookimpl

from ._files import absolute, made_folder, sync_data, sync_folder, write_all, wrong

__all__ = ["JsonLines", "read_lines"]

log = logging.getLogger(__name__)

LOCK_WAIT_S: Final = 10.0
"""How long to wait for another process; a batch takes milliseconds."""


class JsonLines:
    """Append each record to a file, as one line.

    Parameters
    ----------
    path : str or path
        The file; it and its folder are made if they are not there.
    sync : bool
        Whether a batch is on the disk, not only in the system's memory, when `write` returns.

    Raises
    ------
    ConfigError
        If the file cannot be made or opened.
    """

    def __init__(
        self,
        *,
        path: str | os.PathLike[str] = "icecube-alerts-data/alerts.jsonl",
        sync: bool = True,
    ) -> None:
        self.path = absolute(path, "path")
        self.sync = sync
        made_folder(self.path.parent, "path")
        try:
            os.close(_open(self.path))
        except OSError as error:
            raise ConfigError(f"cannot open {self.path}: {error.strerror}", key="path") from error

    def write(self, records: Sequence[Record], /) -> None:
        """Append a batch.

        Raises
        ------
        RetryLater
            If the system refuses (full disk, missing rights), or another process holds the file.
        """
        if not records:
            return
        data = "".join([f"{record.to_json()}\n" for record in records]).encode()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._append(data)
        except OSError as error:
            raise wrong(error, self.path) from error

    def _append(self, data: bytes) -> None:
        file = _open(self.path)
        try:
            _lock(file, self.path)
            size = os.fstat(file).st_size
            _append(file, _end_of_torn_line(file, size, self.path) + data, size, self.sync)
        finally:
            os.close(file)  # lets go of the lock, too
        if self.sync and size == 0:
            sync_folder(self.path.parent)


def read_lines(path: str | os.PathLike[str]) -> Iterator[Record]:
    """Yield the records of such a file, each once.

    Lines that are not a record (torn by a crash, or not ours) are logged and left out.

    Parameters
    ----------
    path : str or path
        The file.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    seen: set[str] = set()
    with Path(path).open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            record = _record(line, f"{path}:{number}")
            if record is not None and record.id not in seen:
                seen.add(record.id)
                yield record


def _record(line: bytes, place: str) -> Record | None:
    try:
        return Record.from_dict(json.loads(line))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        log.warning("%s: not a record: %s: %s", place, type(error).__name__, error)
        return None


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)


def _lock(file: int, path: Path) -> None:
    """Lock an open file against other processes that do the same.

    Raises
    ------
    RetryLater
        If one of them has it for too long.
    """
    until = time.monotonic() + LOCK_WAIT_S
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                raise RetryLater(f"{path} is locked by another process") from None
            time.sleep(0.002)
        else:
            return


def _end_of_torn_line(file: int, size: int, path: Path) -> bytes:
    """Return the newline that the last line lacks, if it does."""
    if size == 0 or os.pread(file, 1, size - 1) == b"\n":
        return b""
    log.warning("%s: the last line was torn by a crash; it is ended and left in place", path)
    return b"\n"


def _append(file: int, data: bytes, size: int, sync: bool) -> None:
    """Append `data` to a locked file of `size` bytes, all of it or nothing."""
    try:
        write_all(file, data)
        if sync:
            sync_data(file)
    except BaseException:
        with contextlib.suppress(OSError):
            os.ftruncate(file, size)
        raise


@hookimpl
def register_sinks() -> list[SinkType]:
    """Register the sink ``jsonl``."""
    return [SinkType(name="jsonl", make=JsonLines, summary="JSON lines, appended to one file")]
