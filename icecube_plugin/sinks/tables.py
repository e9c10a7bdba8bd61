"""The sink ``table``: one catalogue file, as ECSV, FITS or VOTable, for astropy and TOPCAT.

Conventions
-----------
- Columns, units and descriptions are those of `icecube_plugin.alerts.columns`, and ``retracted``
  (whether the event is). `icecube_plugin.alerts.tables.read_table` reads the file.
- ``alerts.ecsv`` is made of ``alerts.ecsv.sqlite``, which the sink keeps beside it: a database as
  that of the sink ``sqlite``. So both say the same of events: which notices are of one, which
  stands for it, whether it is retracted.
- A value that is not stated is masked. In FITS that is NaN for a number, the smallest 64-bit
  integer (``TNULL``) for a whole one, and empty for text and times; the readers of astropy and
  TOPCAT mask the first two, `read_table` all.
- Text is cleaned of control characters, cut at 300 characters, and stands in ``'`` where a
  spreadsheet would take it for a formula (``=``, ``+``, ``-``, ``@`` in front).
- ``rows = "newest"`` has a row for each event, its newest notice with what is now known of its
  position, of that the one that is JSON, else VOEvent, text, binary, circular; tests have a row of
  their own. ``rows = "all"`` has one for each record. ``event_key`` is that of the event.
- Each record is there once, by `Record.id`; the first one stays. The file is replaced as a whole:
  readers see the old one or the new one. Several processes may write to it.

Each batch replaces the whole file, but reads only records that are new or whose event has changed:
the other rows are kept in memory, those of ECSV as the lines that they are.
"""

from __future__ import annotations

import io
import json
import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

from icecube_hooks import (
    ConfigError,
    NoticeError,
    Record,
    RefusedForGood,
    RetryLater,
    SinkType,
    hookimpl,
)
from icecube_plugin.alerts.columns import RECORD, Column, Kind, taker
from icecube_plugin.alerts.tables import table_of, write_table
from icecube_plugin.alerts.words import clean
from icecube_plugin.disk import (
    absolute,
    identity,
    locked_folder,
    replace_file,
    sync_folder,
    usable_file,
    wrong,
)

from .database import select
from .sqlite import beside

__all__ = ["Table"]

log = logging.getLogger(__name__)

_ECSV: Final = "ascii.ecsv"
_FORMS: Final = {".ecsv": _ECSV, ".fits": "fits", ".vot": "votable", ".xml": "votable"}
_FORMULA: Final = ("=", "+", "-", "@")
_NO_INTEGER: Final = -(2**63)
_RETRACTED: Final = Column(
    name="retracted",
    kind=Kind.FLAG,
    text="the event is taken back",
    field="",  # of no record by itself
)
_COLUMNS: Final = (*RECORD, _RETRACTED)
_TEXTS: Final = {column for column in RECORD[1:] if column.kind is Kind.TEXT}
"""Not the ids of records: they are plain, and may be long."""
_EVENT_KEY: Final = next(n for n, column in enumerate(RECORD) if column.name == "event_key")
_take: Final = taker(RECORD)
_MEMBERS: Final = "SELECT record_number, event_key, retracted FROM event_members"
_ORDER: Final = " ORDER BY record_number"
_QUERIES: Final = {"all": _MEMBERS + _ORDER, "newest": f"{_MEMBERS} WHERE is_newest{_ORDER}"}
_RECORDS: Final = """
SELECT record_number, record_json FROM records
WHERE record_number IN (SELECT value FROM json_each(:numbers))
"""


class _Of(NamedTuple):
    """Of which event a record is, and whether that is retracted."""

    event_key: str
    retracted: bool


class Table:
    """Keep a catalogue of alerts in one file.

    Parameters
    ----------
    path : str or path
        The file; its ending says its form: ``.ecsv``, ``.fits``, ``.vot`` or ``.xml``.
    rows : {'newest', 'all'}
        One row per event, or one per record.

    Raises
    ------
    ConfigError
        If the folder cannot be made or written into, or an option has a wrong value.
    """

    def __init__(
        self,
        *,
        path: str | os.PathLike[str] = "icecube-alerts-data/alerts.ecsv",
        rows: Literal["newest", "all"] = "newest",
    ) -> None:
        self.path = absolute(path, "path")
        self.rows = rows
        if self.path.suffix not in _FORMS:
            known = ", ".join(_FORMS)
            raise ConfigError(f"expected a file that ends in one of {known}", key="path")
        self.form = _FORMS[self.path.suffix]
        usable_file(self.path, "path")
        self._index = beside(self.path)
        if self.path.exists() and not self._index.path.exists():
            error = RetryLater(f"{self.path} was not made from {self._index.path}; move it away")
            raise ConfigError(error.reason, key="path") from error
        self._file: tuple[int, int, int] | None = None
        self._count = 0
        self._rows: dict[int, tuple[_Of, Any]] = {}
        self._head = b""

    def write(self, records: Sequence[Record], /) -> None:
        """Add those records of a batch that are not there, and write the file anew.

        Raises
        ------
        RetryLater
            If the system refuses (full disk, missing rights), or another process is at work for too
            long.
        RefusedForGood
            If a whole number of the alert is beyond 64 bits.
        """
        if not records:
            return
        _check_sizes(records)
        try:
            with locked_folder(self.path.parent):
                self._index.write(records)
                self._make()
        except ConfigError as error:
            raise RetryLater(str(error)) from error
        except OSError as error:
            raise wrong(error, self.path) from error

    def close(self) -> None:
        """Close the database."""
        self._index.close()

    def _make(self) -> None:
        """Write the file, unless it is what we have written, and nothing is new."""
        ((count,),) = select(self._index.path, "SELECT count(*) FROM records")
        if self._file is not None and (identity(self.path), count) == (self._file, self._count):
            return
        members = select(self._index.path, _QUERIES[self.rows])
        self._look({n: _Of(key, bool(retracted)) for n, key, retracted in members})
        replace_file(self.path, self._whole(), sync=True)
        self._file, self._count = identity(self.path), count
        sync_folder(self.path.parent)

    def _look(self, wanted: Mapping[int, _Of]) -> None:
        """Bring the rows up to date: make those that are new, or of an event that has changed."""
        kept = {n: self._rows[n] for n, of in wanted.items() if n in self._rows}
        stale = [n for n, of in wanted.items() if n not in kept or kept[n][0] != of]
        found = select(self._index.path, _RECORDS, {"numbers": json.dumps(stale)})
        cells = {n: row for n, text in found if (row := _row(text, wanted[n])) is not None}
        made = [*cells.values()] if self.form != _ECSV else self._lines([*cells.values()])
        kept |= {n: (wanted[n], row) for n, row in zip(cells, made, strict=True)}
        self._rows = {n: kept[n] for n in wanted if n in kept}

    def _lines(self, rows: Sequence[Sequence[Any]]) -> list[bytes]:
        """Return the line of each row in ECSV, and keep the head of the file.

        A line does not depend on the others, and astropy takes 2 ms for each.
        """
        lines = _content(rows, self.form).splitlines(keepends=True)
        first = len(lines) - len(rows)
        self._head = b"".join(lines[:first])
        return lines[first:]

    def _whole(self) -> bytes:
        """Return the content of the file."""
        rows = [row for _, row in self._rows.values()]
        return b"".join((self._head, *rows)) if self._head else _content(rows, self.form)


def _check_sizes(records: Sequence[Record]) -> None:
    """Refuse what does not fit, before it is kept."""
    whole = [column for column in RECORD if column.kind is Kind.WHOLE]
    for value in (column.get(record) for record in records for column in whole):
        if value is not None and not _NO_INTEGER <= value < -_NO_INTEGER:
            raise RefusedForGood("a whole number beyond 64 bits does not fit into a table")


def _cell(text: str) -> str:
    """Return text that neither a terminal nor a spreadsheet acts on."""
    return f"'{clean(text, 299)}" if text.startswith(_FORMULA) else clean(text)


def _row(text: str, of: _Of) -> list[Any] | None:
    """Return the cells of a record; one that cannot be read must not keep the others out."""
    try:
        values = _take(Record.from_json(text))
    except NoticeError as error:
        log.warning("a record cannot be read, it is not in the table: %s", error)
        return None
    cells = [
        _cell(str(value)) if column in _TEXTS and value is not None else value
        for column, value in zip(RECORD, values, strict=True)
    ]
    cells[_EVENT_KEY] = _cell(of.event_key)
    return [*cells, of.retracted]


def _content(rows: Iterable[Sequence[Any]], form: str) -> bytes:
    """Return the file: made in memory, so that a full disk is met at one place."""
    whole: Any = table_of(rows, _COLUMNS)
    for column in whole.itercols():
        if getattr(column, "dtype", None) is not None and column.dtype.kind == "i":
            column.fill_value = _NO_INTEGER  # astropy's own, 999999, may be somebody's number
    file: Any = io.StringIO() if form == _ECSV else io.BytesIO()
    write_table(whole, file, form)
    found: str | bytes = file.getvalue()
    return found.encode() if isinstance(found, str) else found


@hookimpl
def register_sinks() -> list[SinkType]:
    """Register the sink ``table``."""
    summary = "catalogue file: ECSV, FITS or VOTable"
    return [SinkType(name="table", make=Table, summary=summary)]
