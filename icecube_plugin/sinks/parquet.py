"""The sink ``parquet``: a folder of Parquet files, one subfolder a year, for pandas and polars.

::

    alerts.parquet/
        2025/alerts-4be2c6a0d1f3b597.parquet
        2026/alerts-93c1a7e25d04f86b.parquet
    alerts.events.parquet     # a file: which record is of which event, and how that stands
    alerts.parquet.sqlite     # what that is made of

Conventions
-----------
- One row per record, with the columns of the database's table ``records``; each has its unit, UCD
  and description. Null is "not stated". A file that an older version wrote gains the columns that
  it lacks when its year is next written.
- The year is that of the event, else of the notice, else of its arrival [UTC]; without any of them
  the subfolder is ``undated``. It is no column: readers would take it for one from ``year=2026``,
  and pandas cannot read that where one of them is null.
- Each record is there once, by `Record.id`; the first one stays. Several processes may write to one
  folder on one machine.
- Rows are never changed, so what later notices say of an event stands beside the folder, in
  ``alerts.events.parquet``: a row per record with ``record_id``, and ``event_key``, ``state``,
  ``is_newest`` (it stands for its event), ``retracted`` (the event is) and ``n_notices``, as in the
  databases' table ``event_members``. The sink keeps a database like that of the sink ``sqlite`` for
  it.
- A batch is a new file in each of its years, complete or absent. A year with more than `MAX_FILES`
  files, and each year when the sink is closed, is merged into one. A process that is killed amid
  that leaves rows twice, until the next write; `read_records` gives each once.
- A whole number beyond 64 bits is null, and a lone surrogate stands as its escape; ``record_json``
  has both.

Needs the extra ``parquet``.
"""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from icecube_hooks import ConfigError, Record, RetryLater, SinkType, hookimpl
from icecube_plugin.alerts.columns import RECORD, RECORD_JSON, Kind, taker
from icecube_plugin.alerts.index import Member
from icecube_plugin.disk import (
    absolute,
    locked_folder,
    replace_file,
    sync_folder,
    usable_folder,
    wrong,
)
from icecube_plugin.extras import pip_line

from .database import select
from .sqlite import beside

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["COLUMNS", "Parquet", "read_records", "schema", "table"]

log = logging.getLogger(__name__)

MAX_FILES: Final = 32
"""More files than these in a year are merged: reading costs a millisecond each."""

LAYOUT: Final = "2"
"""Version of the columns, in the metadata of each file under ``icecube_alerts_layout``."""


_MEMBERS: Final = f"""
SELECT record_id, {", ".join(f"member.{name}" for name in Member._fields)}
FROM records JOIN event_members AS member USING (record_number) ORDER BY record_number
"""  # noqa: S608  # names of ours

COLUMNS: Final = (*RECORD, RECORD_JSON)
"""The columns; see `icecube_plugin.alerts.columns`."""


class Parquet:
    """Write records into a folder of Parquet files.

    Parameters
    ----------
    folder : str or path
        The data set; made if it is not there.

    Raises
    ------
    ConfigError
        If the folder cannot be made or written into, or pyarrow is not installed.
    """

    def __init__(
        self, *, folder: str | os.PathLike[str] = "icecube-alerts-data/alerts.parquet"
    ) -> None:
        if find_spec("pyarrow") is None:
            reason = "the sink parquet needs pyarrow"
            raise ConfigError(reason, key="type", hint=pip_line("parquet"))
        self.folder = usable_folder(absolute(folder, "folder"), "folder")
        self._index = beside(self.folder)
        self._ids: dict[Path, frozenset[str]] = {}
        self._old: set[Path] = set()
        self._has_written = False

    def write(self, records: Sequence[Record], /) -> None:
        """Write those records of a batch that are not there.

        Raises
        ------
        RetryLater
            If the system refuses (full disk, missing rights), another process is at work for too
            long, or a file of ours cannot be read.
        """
        if not records:
            return
        try:
            with locked_folder(self.folder):
                self._look()
                self._add(records)
                self._has_written = True
                self._tell_events(records)
                self._merge(MAX_FILES)
        except ConfigError as error:
            raise RetryLater(str(error)) from error
        except OSError as error:
            raise wrong(error, self.folder) from error

    def close(self) -> None:
        """Merge the files of each year; if that fails, they stay as they are."""
        self._index.close()
        if not self._has_written:
            return
        self._has_written = False
        try:
            with locked_folder(self.folder):
                self._look()
                self._merge(1)
        except (OSError, RetryLater) as error:
            log.warning("%s: the files of a year are not merged: %s", self.folder, error)

    def _look(self) -> None:
        """Note the records that are there, and remove files whose records are all in another."""
        files = _files(self.folder)
        new = [file for file in files if file not in self._ids]
        self._ids = {file: self._ids.get(file) or _ids_in(file) for file in files}
        self._old |= {file for file in new if not _has_our_columns(file)}
        if sum(map(len, self._ids.values())) == len(frozenset().union(*self._ids.values())):
            return
        seen: set[str] = set()
        for file in sorted(files, key=lambda file: -len(self._ids[file])):
            if self._ids[file] <= seen:  # merged, and not removed because of a crash
                self._remove(file)
            else:
                seen |= self._ids[file]

    def _add(self, records: Sequence[Record]) -> None:
        known = frozenset().union(*self._ids.values())
        new = {record.id: record for record in reversed(records) if record.id not in known}
        years: dict[str, list[Record]] = {}
        for record in reversed(new.values()):
            years.setdefault(_year(record), []).append(record)
        for year, some in years.items():
            self._write_file(self.folder / year, table(some))

    def _tell_events(self, records: Sequence[Record]) -> None:
        """Write anew which record is of which event; of a folder without it, of all records."""
        import pyarrow as pa

        path = self.folder.with_suffix(".events.parquet")
        self._index.write(records if path.exists() else list(read_records(self.folder)))
        rows = zip(*select(self._index.path, _MEMBERS), strict=True)
        found = pa.table(
            [
                pa.array(values).cast(field.type)
                for values, field in zip(rows, _events(), strict=True)
            ],
            schema=_events(),
        )
        replace_file(path, _bytes(found), sync=True)

    def _merge(self, limit: int) -> None:
        """Leave one file where there are more than `limit` in a year, or one lacks columns."""
        import pyarrow as pa

        for folder in {file.parent for file in self._ids}:
            files = [file for file in self._ids if file.parent == folder]
            if len(files) > limit or not self._old.isdisjoint(files):
                rows = pa.concat_tables([self._rows(file) for file in files])
                self._write_file(folder, rows.sort_by("trigger_time"))
                for file in files:
                    self._remove(file)

    def _rows(self, file: Path) -> pa.Table:
        if file not in self._old:
            return _read(file, *schema().names)
        texts = _read(file, "record_json")["record_json"].to_pylist()
        return table(Record.from_json(text) for text in texts)

    def _write_file(self, folder: Path, rows: pa.Table) -> None:
        if not folder.exists():
            folder.mkdir()
            sync_folder(self.folder)
        path = folder / f"alerts-{secrets.token_hex(8)}.parquet"
        rows = rows.replace_schema_metadata(schema().metadata)  # merged ones have lost it
        replace_file(path, _bytes(rows), sync=True)
        sync_folder(folder)
        self._ids[path] = frozenset(rows["record_id"].to_pylist())

    def _remove(self, file: Path) -> None:
        file.unlink(missing_ok=True)
        del self._ids[file]
        self._old.discard(file)


def schema() -> pa.Schema:
    """Return the columns, each with ``unit``, ``ucd`` and ``description`` in its metadata."""
    import pyarrow as pa

    kinds = {
        Kind.TEXT: pa.string(),
        Kind.WHOLE: pa.int64(),
        Kind.REAL: pa.float64(),
        Kind.FLAG: pa.bool_(),
        Kind.TIME: pa.timestamp("us", tz="UTC"),
    }
    fields = []
    for column in COLUMNS:
        about = {"description": column.text, "unit": column.unit, "ucd": column.ucd}
        stated = {key: text for key, text in about.items() if text}
        fields.append(pa.field(column.name, kinds[column.kind], metadata=stated))
    return pa.schema(fields, metadata={"icecube_alerts_layout": LAYOUT})


def _events() -> pa.Schema:
    """Return the columns of the file about events."""
    import pyarrow as pa

    types = {"is_newest": pa.bool_(), "retracted": pa.bool_(), "n_notices": pa.int64()}
    names = ("record_id", *Member._fields)
    return pa.schema([(name, types.get(name, pa.string())) for name in names])


def table(records: Iterable[Record]) -> pa.Table:
    """Return a pyarrow table with a row for each record."""
    import pyarrow as pa

    take = taker(COLUMNS)
    rows = [map(_cell, take(record)) for record in records]
    columns = zip(*rows, strict=True) if rows else ([] for _ in COLUMNS)
    return pa.Table.from_arrays(
        [pa.array(values, field.type) for values, field in zip(columns, schema(), strict=True)],
        schema=schema(),
    )


def read_records(folder: str | os.PathLike[str]) -> Iterator[Record]:
    """Yield the records of a data set, each once, by year.

    Parameters
    ----------
    folder : str or path
        The data set.

    Raises
    ------
    RetryLater
        If a file of it cannot be read.
    """
    seen: set[str] = set()
    for file in _files(Path(folder)):
        for text in _read(file, "record_json")["record_json"].to_pylist():
            record = Record.from_json(text)
            if record.id not in seen:
                seen.add(record.id)
                yield record


def _cell(value: Any) -> Any:
    """Turn a value of the contract into one that Arrow takes."""
    if isinstance(value, str):
        return str(value).encode("utf-8", "backslashreplace").decode()
    if type(value) is int and not -(2**63) <= value < 2**63:
        return None
    return value


def _year(record: Record) -> str:
    alert = record.alert
    time: datetime | None = alert.trigger_time or alert.notice_time or record.message.timestamp
    return "undated" if time is None else f"{time.astimezone(UTC).year:04d}"


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*/alerts-*.parquet"))


def _ids_in(file: Path) -> frozenset[str]:
    return frozenset(_read(file, "record_id")["record_id"].to_pylist())


def _has_our_columns(file: Path) -> bool:
    from pyarrow import parquet

    return set(schema().names) <= set(parquet.read_schema(file).names)


def _read(file: Path, *columns: str) -> pa.Table:
    """Return columns of a file.

    Raises
    ------
    RetryLater
        If it is no Parquet file with these columns.
    """
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(file) as opened:  # `read_table` looks for columns in the path
            return opened.read(columns).select(columns)
    except (pa.ArrowException, KeyError) as error:
        reason = f"cannot read {file}: {str(error).splitlines()[0]}"
        raise RetryLater(f"{reason}; move it away") from error


def _bytes(rows: pa.Table) -> bytes:
    import pyarrow as pa
    from pyarrow import parquet

    buffer = pa.BufferOutputStream()
    parquet.write_table(rows, buffer, compression="zstd")
    found: bytes = buffer.getvalue().to_pybytes()
    return found


@hookimpl
def register_sinks() -> list[SinkType]:
    """Register the sink ``parquet``."""
    summary = "Parquet files by year, each record once"
    return [SinkType(name="parquet", make=Parquet, summary=summary)]
