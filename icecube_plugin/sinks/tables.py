"""The sink ``table``: one catalogue file, as ECSV, FITS or VOTable, for astropy and TOPCAT.

Conventions
-----------
- Columns, units and descriptions are those of `icecube_plugin.alerts.columns`, and ``retracted``
  (whether a notice of the event that the file has seen withdraws it).
  `icecube_plugin.alerts.tables.read_table` reads the file.
- A value that is not stated is masked. In FITS that is NaN for a number, the smallest 64-bit
  integer (``TNULL``) for a whole one, and empty for text and times; the readers of astropy and
  TOPCAT mask the first two, `read_table` all.
- Text is cleaned of control characters, cut at 300 characters, and stands in ``'`` where a
  spreadsheet would take it for a formula (``=``, ``+``, ``-``, ``@`` in front).
- ``rows = "newest"`` keeps, of each event, the newest revision or LVK notice, of that the one that
  is JSON, else VOEvent, text, binary, circular; tests have a row of their own. A record that names
  no event always stays.
- Each record is there once, by `Record.id`; the first one stays. The file is replaced as a whole:
  readers see the old one or the new one. Several processes may write to it.

Each batch writes the whole file: a thousand rows take 0.1 s as FITS, 0.2 s as VOTable and 0.4 s as
ECSV. That is fine for the catalogue of an experiment (thousands of rows); beyond ten thousand use
``parquet`` or a database.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Literal

from icecube_hooks import ConfigError, Record, RefusedForGood, RetryLater, SinkType, hookimpl
from icecube_plugin.alerts.columns import RECORD, Column, Kind
from icecube_plugin.alerts.merge import trust
from icecube_plugin.alerts.tables import add_column, read_table, table, write_table
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

__all__ = ["Table"]

_FORMS: Final = {".ecsv": "ascii.ecsv", ".fits": "fits", ".vot": "votable", ".xml": "votable"}
_FORMULA: Final = ("=", "+", "-", "@")
_NO_INTEGER: Final = -(2**63)
_RETRACTED: Final = Column(
    name="retracted",
    kind=Kind.FLAG,
    text="a notice of the event that this file has seen withdraws it",
    field="",  # of no record by itself
)


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
        self._table: Any | None = None
        self._file: tuple[int, int, int] | None = None

    def write(self, records: Sequence[Record], /) -> None:
        """Add those records of a batch that are not there, and write the file anew.

        Raises
        ------
        RetryLater
            If the system refuses (full disk, missing rights), another process is at work for too
            long, or the file that is there is no table of ours.
        RefusedForGood
            If a whole number of the alert is beyond 64 bits.
        """
        if not records:
            return
        try:
            with locked_folder(self.path.parent):
                self._add(records)
        except OSError as error:
            raise wrong(error, self.path) from error

    def _add(self, records: Sequence[Record]) -> None:
        old = self._known()
        ids = set() if old is None else set(old["record_id"].tolist())
        new = {record.id: record for record in reversed(records) if record.id not in ids}
        if not new:
            return
        added = _table(list(new.values())[::-1])
        whole = added if old is None else _joined(old, added)
        whole = _chosen(whole, only_newest=self.rows == "newest")
        replace_file(self.path, _content(whole, self.form), sync=True)
        self._table, self._file = whole, identity(self.path)
        sync_folder(self.path.parent)

    def _known(self) -> Any:
        """Return the table that the file holds, read again if somebody else wrote it."""
        found = identity(self.path)
        if found is None:
            self._table = None
        elif found != self._file:
            self._table, self._file = _read(self.path, self.form), found
        return self._table


def _table(records: Sequence[Record]) -> Any:
    """Return a row for each record, its text cleaned."""
    try:
        found: Any = table(records, RECORD)
    except OverflowError as error:
        raise RefusedForGood("a whole number beyond 64 bits does not fit into a table") from error
    for column in RECORD[1:]:  # ids are plain, and may be long
        if column.kind is Kind.TEXT:
            texts = found[column.short].tolist()
            add_column(found, column, [None if text is None else _cell(text) for text in texts])
    add_column(found, _RETRACTED, [False] * len(records))
    return found


def _cell(text: str) -> str:
    """Return text that neither a terminal nor a spreadsheet acts on."""
    return f"'{clean(text, 299)}" if text.startswith(_FORMULA) else clean(text)


def _joined(old: Any, added: Any) -> Any:
    import numpy as np
    from astropy.table import vstack

    whole = vstack([old, added])
    for name in ("trigger_time", "notice_time"):  # whose masks astropy 7 and older lose
        masks = [np.broadcast_to(part[name].mask, len(part)) for part in (old, added)]
        whole[name][np.concatenate(masks)] = np.ma.masked
    return whole


def _chosen(table: Any, *, only_newest: bool) -> Any:
    """Mark the retracted events, and take the row of each that is to be kept."""
    events: dict[object, list[tuple[tuple[int, int, str], int]]] = {}
    for number, (event, order) in enumerate(_places(table)):
        events.setdefault((event, number) if event[0] is None else event, []).append(
            (order, -number)
        )
    withdrawn = [status == "retraction" for status in table["status"].tolist()]
    withdrawn = [a or b for a, b in zip(withdrawn, table["retracted"].tolist(), strict=True)]
    for rows in events.values():
        numbers = [-number for _, number in rows]
        table["retracted"][numbers] = any(withdrawn[number] for number in numbers)
    if not only_newest:
        return table
    return table[sorted(-max(rows)[1] for rows in events.values())]


def _places(table: Any) -> Iterator[tuple[tuple[str | None, bool], tuple[int, int, str]]]:
    """Yield the event of each row, whether it is real, and its place among others of the event."""
    names = ("event_key", "notice_id", "kind", "revision", "gw_notice_number", "format")
    times = table["notice_time"]
    made = ["" if unknown else time for time, unknown in zip(times.value, times.mask, strict=True)]
    columns = [table[name].tolist() for name in names]
    for event, notice, kind, revision, number, form, time in zip(*columns, made, strict=True):
        newest = revision if revision is not None else number if number is not None else -1
        is_real = notice.startswith(f"{kind}:")
        yield (event, is_real), (newest, -trust(form), str(time))


def _content(whole: Any, form: str) -> bytes:
    """Return the file: made in memory, so that a full disk is met at one place."""
    for column in whole.itercols():
        if getattr(column, "dtype", None) is not None and column.dtype.kind == "i":
            column.fill_value = _NO_INTEGER  # astropy's own, 999999, may be somebody's number
    file: Any = io.StringIO() if form == "ascii.ecsv" else io.BytesIO()
    write_table(whole, file, form)
    found: str | bytes = file.getvalue()
    return found.encode() if isinstance(found, str) else found


def _read(path: Path, form: str) -> Any:
    """Read a file of ours.

    Raises
    ------
    RetryLater
        If it is none: it may be somebody's, and is not overwritten.
    """
    from astropy.table import QTable

    try:
        found: Any = read_table(path, form)
        ids, retracted = found["record_id"], QTable.read(path, format=form)["retracted"]
        for column in RECORD:
            if column.short not in found.colnames:  # the file of an older version
                add_column(found, column, [None] * len(ids))
        add_column(found, _RETRACTED, retracted.astype(bool).tolist())
    except OSError:
        raise
    except Exception as error:  # astropy raises many kinds for what is no table
        reason = str(error).splitlines() or [type(error).__name__]
        raise RetryLater(f"{path} is no table of ours ({reason[0]}); move it away") from error
    return found


@hookimpl
def register_sinks() -> list[SinkType]:
    """Register the sink ``table``."""
    summary = "catalogue file: ECSV, FITS or VOTable"
    return [SinkType(name="table", make=Table, summary=summary)]
