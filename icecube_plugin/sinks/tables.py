"""The sink ``table``: one catalogue file, as ECSV, FITS or VOTable, for astropy and TOPCAT.

Conventions
-----------
- Columns, units and descriptions are those of `icecube_plugin.sky.table`, and three more:
  ``record_id``, ``gw_notice_number``, and ``retracted`` (whether a notice of the event that the
  file has seen withdraws it). `icecube_plugin.sky.read_table` reads the file.
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
from typing import Any, Final

from icecube_hooks import ConfigError, Record, RefusedForGood, RetryLater, SinkType, hookimpl
from icecube_plugin.alerts.words import clean
from icecube_plugin.disk import (
    absolute,
    checked,
    identity,
    locked_folder,
    made_folder,
    replace_file,
    sync_folder,
    wrong,
)

__all__ = ["Table"]

_FORMS: Final = {".ecsv": "ascii.ecsv", ".fits": "fits", ".vot": "votable", ".xml": "votable"}
_FORMATS: Final = ("circular", "binary", "text", "voevent", "json")
_FORMULA: Final = ("=", "+", "-", "@")
_NO_INTEGER: Final = -(2**63)
_MORE: Final = {
    "record_id": "same notice, same bytes, same id",
    "gw_notice_number": "number of the LVK notice",
    "retracted": "a notice of the event that this file has seen withdraws it",
}


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
        rows: str = "newest",
    ) -> None:
        self.path = absolute(path, "path")
        checked(rows, ("newest", "all"), "rows")
        self.rows = rows
        if self.path.suffix not in _FORMS:
            known = ", ".join(_FORMS)
            raise ConfigError(f"expected a file that ends in one of {known}", key="path")
        self.form = _FORMS[self.path.suffix]
        if self.path.is_dir():
            raise ConfigError(f"{self.path} is a folder", key="path")
        made_folder(self.path.parent, "path")
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
    from icecube_plugin.alerts.tables import table

    try:
        found: Any = table(record.alert for record in records)
    except OverflowError as error:
        raise RefusedForGood("a whole number beyond 64 bits does not fit into a table") from error
    for name in found.colnames:
        if getattr(found[name], "dtype", None) is not None and found[name].dtype.kind == "U":
            _put(found, name, [None if t is None else _cell(t) for t in found[name].tolist()])
    searches = [record.alert.gw for record in records]
    numbers = [None if gw is None else gw.notice_number for gw in searches]
    return _with_more(found, [record.id for record in records], numbers)


def _cell(text: str) -> str:
    """Return text that neither a terminal nor a spreadsheet acts on."""
    return f"'{clean(text, 299)}" if text.startswith(_FORMULA) else clean(text)


def _with_more(table: Any, ids: list[str], numbers: list[int | None]) -> Any:
    import numpy as np
    from astropy.table import MaskedColumn

    unknown = [number is None for number in numbers]
    whole = MaskedColumn([number or 0 for number in numbers], mask=unknown, dtype=np.int64)
    table["record_id"] = np.array(ids, dtype=str)
    table["gw_notice_number"] = whole
    table["retracted"] = np.zeros(len(ids), dtype=bool)
    for name, text in _MORE.items():
        table[name].info.description = text
    return table


def _put(table: Any, name: str, texts: Sequence[str | None]) -> None:
    """Replace a column of text."""
    import numpy as np
    from astropy.table import MaskedColumn

    mask = [text is None for text in texts]
    description = table[name].info.description
    table[name] = MaskedColumn(np.array([text or "" for text in texts], dtype=str), mask=mask)
    table[name].info.description = description


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
    names = ("event", "notice_id", "kind", "revision", "gw_notice_number", "format")
    times = table["notice_time"]
    made = ["" if unknown else time for time, unknown in zip(times.value, times.mask, strict=True)]
    columns = [table[name].tolist() for name in names]
    for event, notice, kind, revision, number, form, time in zip(*columns, made, strict=True):
        newest = revision if revision is not None else number if number is not None else -1
        is_real = notice.startswith(f"{kind}:")
        yield (event, is_real), (newest, _FORMATS.index(form), str(time))


def _content(table: Any, form: str) -> bytes:
    """Return the file: made in memory, so that a full disk is met at one place."""
    from icecube_plugin.alerts.tables import write_table

    for column in table.itercols():
        if getattr(column, "dtype", None) is not None and column.dtype.kind == "i":
            column.fill_value = _NO_INTEGER  # astropy's own, 999999, may be somebody's number
    file: Any = io.StringIO() if form == "ascii.ecsv" else io.BytesIO()
    write_table(table, file, form)
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

    from icecube_plugin.alerts.tables import read_table

    try:
        known, found = read_table(path, form), QTable.read(path, format=form)
        ids = [str(one) for one in found["record_id"].tolist()]
        table = _with_more(known, ids, found["gw_notice_number"].tolist())
        table["retracted"] = found["retracted"].astype(bool)
    except OSError:
        raise
    except Exception as error:  # astropy raises many kinds for what is no table
        reason = str(error).splitlines() or [type(error).__name__]
        raise RetryLater(f"{path} is no table of ours ({reason[0]}); move it away") from error
    table["retracted"].info.description = _MORE["retracted"]
    return table


@hookimpl
def register_sinks() -> list[SinkType]:
    """Register the sink ``table``."""
    summary = "catalogue file: ECSV, FITS or VOTable"
    return [SinkType(name="table", make=Table, summary=summary)]
