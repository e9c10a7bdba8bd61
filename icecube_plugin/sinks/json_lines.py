"""The sink ``jsonl``: one line of JSON per record, appended to one file.

Conventions
-----------
- A line holds ``Record.to_dict()``. A batch is written under one lock, with one sync.
- At least once: a record that is delivered again after a restart is appended again. `read_lines`
  drops such lines by `Record.id`, and so must every other reader.
- Several processes may append to one file: an advisory lock keeps their lines apart.
- A write that fails half-way (full disk) is taken back. A process that is killed half-way leaves
  a torn line; the next write ends it with a newline, so that only that line is broken, and says so
  in the log.
- The file is opened for each batch: it may be moved away or deleted at any time, by logrotate for
  example (without its ``copytruncate``).

Rotation, if asked for, happens before a write: ``alerts.jsonl`` becomes
``alerts-2026-05-02.0001.jsonl``, where the day [UTC] is that of its last line, and with
``compress`` the same with ``.gz``. Times are those of the file system. Nothing is ever deleted. A
batch is not divided, so that a file may grow beyond ``max_mb`` if a single batch does.

POSIX only.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, Final, Literal

from msgspec import Meta

from icecube_hooks import Record, SinkType, hookimpl
from icecube_plugin.disk import (
    absolute,
    is_at,
    lock,
    replacing,
    sync_data,
    sync_folder,
    usable_file,
    write_all,
    wrong,
)

if TYPE_CHECKING:
    from gzip import GzipFile

__all__ = ["JsonLines", "files", "read_lines"]

log = logging.getLogger(__name__)

_LINES: Final = 32
_PERIODS: Final = {"day": "%Y-%m-%d", "month": "%Y-%m", "year": "%Y"}


class JsonLines:
    """Append each record to a file, as one line.

    Parameters
    ----------
    path : str or path
        The file; it and its folder are made if they are not there.
    sync : bool
        Whether a batch is on the disk, not only in the system's memory, when `write` returns.
    max_mb : float, optional
        Begin a new file where this one would grow beyond so many megabytes [10^6 bytes, > 0].
    every : {'day', 'month', 'year'}, optional
        Begin a new file where the last line is from an earlier day, month or year [UTC].
    compress : bool
        Whether finished files are packed with gzip.

    Raises
    ------
    ConfigError
        If the file cannot be made or opened, or an option has a wrong value.
    """

    def __init__(
        self,
        *,
        path: str | os.PathLike[str] = "icecube-alerts-data/alerts.jsonl",
        sync: bool = True,
        max_mb: Annotated[float, Meta(gt=0.0)] | None = None,
        every: Literal["day", "month", "year"] | None = None,
        compress: bool = False,
    ) -> None:
        self.path = usable_file(absolute(path, "path"), "path")
        self.sync = sync
        self.max_bytes = None if max_mb is None else 1e6 * max_mb
        self.period = None if every is None else _PERIODS[every]
        self.compress = compress

    def write(self, records: Sequence[Record], /) -> None:
        """Append a batch.

        Raises
        ------
        RetryLater
            If the system refuses (full disk, missing rights), or another process holds the file.
        """
        if not records:
            return
        lines = [record.to_json().encode() for record in records]
        more = sum(map(len, lines)) + len(lines)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with _locked(self.path) as file:
                if not self._is_finished(os.fstat(file), more):
                    self._append(file, lines)
                    return
                self._finish(file)  # under the lock: who waits for it sees that the file is gone
            with _locked(self.path) as file:
                self._append(file, lines)
        except OSError as error:
            raise wrong(error, self.path) from error

    def _append(self, file: int, lines: Sequence[bytes]) -> None:
        size = os.fstat(file).st_size
        torn = _end_of_torn_line(file, size, self.path)
        _append(file, chain([torn] if torn else (), _parts(lines)), size, self.sync)
        if self.sync and size == 0:
            sync_folder(self.path.parent)

    def _is_finished(self, status: os.stat_result, more: int) -> bool:
        """Say whether the file is full or of an earlier period."""
        if status.st_size == 0:
            return False
        if self.max_bytes is not None and status.st_size + more > self.max_bytes:
            return True
        return self.period is not None and _at(status.st_mtime, self.period) != _now(self.period)

    def _finish(self, file: int) -> None:
        """Give the file its final name, and pack what has one."""
        day = _at(os.fstat(file).st_mtime, _PERIODS["day"])
        numbers = [0, *(number for of, number, _ in _finished(self.path) if of == day)]
        name = f"{self.path.stem}-{day}.{max(numbers) + 1:04d}{self.path.suffix}"
        self.path.rename(self.path.with_name(name))
        if self.sync:
            sync_folder(self.path.parent)
        for _, _, path in _finished(self.path) if self.compress else ():
            if path.suffix != ".gz":
                _pack(path, self.sync)


def files(path: str | os.PathLike[str]) -> list[Path]:
    """Return the finished files of `path`, oldest first, and at the end `path` itself.

    Parameters
    ----------
    path : str or path
        The file to which a sink appends.
    """
    live = Path(path)
    finished = [file for _, _, file in sorted(_finished(live))]
    return [*finished, live] if live.exists() or not finished else finished


def read_lines(path: str | os.PathLike[str]) -> Iterator[Record]:
    """Yield the records of such a file and of its finished ones, each once.

    Lines that are not a record (torn by a crash, or not ours) are logged and left out.

    Parameters
    ----------
    path : str or path
        The file to which a sink appends, or any other of its form.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    seen: set[str] = set()
    for file in files(path):
        with _opened(file) as lines:
            for number, line in enumerate(lines, start=1):
                record = _record(line, f"{file}:{number}")
                if record is not None and record.id not in seen:
                    seen.add(record.id)
                    yield record


def _opened(file: Path) -> BinaryIO | GzipFile:
    if file.suffix != ".gz":
        return file.open("rb")
    import gzip

    return gzip.open(file, "rb")


def _finished(path: Path) -> list[tuple[str, int, Path]]:
    """Return day, number and path of each finished file of `path`."""
    name = re.compile(
        rf"{re.escape(path.stem)}-(\d{{4}}-\d\d-\d\d)\.(\d{{4,}}){re.escape(path.suffix)}(\.gz)?",
        re.ASCII,
    )
    found = ((name.fullmatch(file.name), file) for file in path.parent.iterdir())
    return [(match[1], int(match[2]), file) for match, file in found if match]


def _pack(path: Path, sync: bool) -> None:
    """Put a gzip file in the place of a finished one; if that fails, it stays as it is."""
    import gzip
    import shutil

    try:
        with (
            replacing(path.with_name(f"{path.name}.gz"), sync=sync) as new,
            path.open("rb") as plain,
            gzip.open(new, "wb") as packed,
        ):
            shutil.copyfileobj(plain, packed)
        if sync:
            sync_folder(path.parent)
        path.unlink(missing_ok=True)
    except OSError as error:
        log.warning("cannot compress %s: %s; it stays as it is", path, error.strerror or error)


def _at(timestamp: float, period: str) -> str:
    return datetime.fromtimestamp(timestamp, UTC).strftime(period)


def _now(period: str) -> str:
    return datetime.now(UTC).strftime(period)


def _record(line: bytes, place: str) -> Record | None:
    try:
        return Record.from_json(line)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        log.warning("%s: not a record: %s: %s", place, type(error).__name__, error)
        return None


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[int]:
    """Open a file, made if it is not there, and keep other processes from it.

    Raises
    ------
    RetryLater
        If one of them has it for too long.
    """
    while True:
        file = _open(path)
        try:
            lock(file, path)
            if is_at(file, path):
                yield file
                return
        finally:
            os.close(file)  # lets go of the lock, too


def _end_of_torn_line(file: int, size: int, path: Path) -> bytes:
    """Return the newline that the last line lacks, if it does."""
    if size == 0 or os.pread(file, 1, size - 1) == b"\n":
        return b""
    log.warning("%s: the last line was torn by a crash; it is ended and left in place", path)
    return b"\n"


def _parts(lines: Sequence[bytes]) -> Iterator[bytes]:
    """Yield lines together, so many at a time that the processor's cache holds them.

    And so few that ext4 is quick: it may take six times as long for one call of 4 MB as for four.
    """
    for first in range(0, len(lines), _LINES):
        yield b"\n".join([*lines[first : first + _LINES], b""])


def _append(file: int, parts: Iterable[bytes], size: int, sync: bool) -> None:
    """Append to a locked file of `size` bytes, all of it or nothing."""
    try:
        for part in parts:
            write_all(file, part)
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
