"""Tables of alerts for astropy, and their files: the columns of `alerts.columns`, with units.

Columns have the short names there (``ra``, not ``ra_deg``), for they carry their unit.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TextIO

from icecube_hooks import Alert, Record
from icecube_plugin.sky.points import times_of

from .columns import ALERT, RECORD, Column, Kind, taker

if TYPE_CHECKING:
    from astropy.table import QTable

__all__ = ["add_column", "read_table", "table", "table_of", "write_table"]

META: Final = {"RADESYS": "ICRS", "TIMESYS": "UTC", "comments": ["masked: not stated"]}

_FORMS: Final = {
    ".ecsv": "ascii.ecsv",
    ".fits": "fits",
    ".fit": "fits",
    ".vot": "votable",
    ".votable": "votable",
    ".xml": "votable",
}

_COLUMNS: Final = {column.short: column for column in RECORD}

_FORMER: Final = {"event": "event_key", "name": "event_names", "superevent": "superevent_id"}
"""Names that files of older versions have, and those of today."""


def table(
    things: Iterable[Alert] | Iterable[Record], columns: Sequence[Column] | None = None
) -> QTable:
    """Return a table with a row for each alert, masked where a value is not stated.

    Parameters
    ----------
    things : iterable of Alert, or of Record
    columns : sequence of Column, optional
        Default: `icecube_plugin.alerts.columns.ALERT`, or ``RECORD`` there for records.

    Returns
    -------
    QTable
        Its columns have units and descriptions. `write_table` and `read_table` keep all of it in
        ECSV, FITS and VOTable.

    Examples
    --------
    >>> from icecube_hooks.testing import make_alert
    >>> alerts = table([make_alert(), make_alert(energy_tev=None)])
    >>> alerts["energy"].unit, alerts["energy"].mask.tolist()
    (Unit("TeV"), [False, True])
    """
    rows = list(things)
    if columns is None:
        columns = RECORD if rows and isinstance(rows[0], Record) else ALERT
    return table_of(map(taker(columns), rows), columns)


def table_of(rows: Iterable[Sequence[Any]], columns: Sequence[Column]) -> QTable:
    """Return a table of rows of plain values, as `table` makes it."""
    from astropy.table import QTable

    result: Any = QTable(meta=dict(META))
    by_column = list(zip(*rows, strict=True)) or [()] * len(columns)
    for column, values in zip(columns, by_column, strict=True):
        add_column(result, column, values)
    return result


def add_column(table: Any, column: Column, values: Sequence[Any]) -> None:
    """Put a column of plain values into a table, ``None`` masked."""
    table[column.short] = _values(values, column)
    table[column.short].info.description = column.text


def write_table(
    alerts: QTable, path: str | PathLike[str] | TextIO, form: str | None = None, **options: Any
) -> None:
    r"""Write what `table` made.

    Parameters
    ----------
    alerts : QTable
    path : path, or an open file
    form : {'ascii.ecsv', 'fits', 'votable'}, optional
        Where the ending of the file does not say it: ``.ecsv``, ``.fits``, ``.vot``, ``.xml``.
    **options
        For `astropy.table.QTable.write`, such as ``overwrite=True``.

    Notes
    -----
    Times are written as ISO 8601 text: neither FITS nor VOTable keeps a masked `Time`. FITS holds
    ASCII only, so other characters of text are escaped there (``\xe9``), and truths are text.
    """
    form = form or _form(path)
    plain: Any = alerts.copy()
    for name in set(plain.colnames) & set(_COLUMNS):
        column = _COLUMNS[name]
        is_text = column.kind in (Kind.TEXT, Kind.TIME)
        if is_text or (form == "fits" and column.kind is Kind.FLAG):
            plain[name] = _as_text(alerts[name], column.kind, form)
            plain[name].info.description = column.text
    plain.write(path, format=form, **options)


def read_table(path: str | PathLike[str], form: str | None = None) -> QTable:
    """Read what `write_table` wrote, as `table` made it. Further columns are left out."""
    from astropy.table import QTable

    found = QTable.read(path, format=form or _form(path))
    for old, new in _FORMER.items():
        if old in found.colnames and new not in found.colnames:
            found.rename_column(old, new)
    result: Any = QTable(meta=dict(META))
    for column in _COLUMNS.values():
        if column.short in found.colnames:
            add_column(result, column, _restored(found[column.short], column.kind))
    return result


def _form(path: str | PathLike[str] | TextIO) -> str:
    ending = Path(str(path)).suffix.lower()
    if ending not in _FORMS:
        known = ", ".join(_FORMS)
        raise ValueError(f"expected a file name that ends in one of {known}, got {ending!r}")
    return _FORMS[ending]


_TYPES: Final[dict[Kind, tuple[Any, Any]]] = {
    Kind.TEXT: (str, ""),
    Kind.WHOLE: ("i8", 0),
    Kind.FLAG: (bool, False),
}
"""Type of a column in numpy, and what stands below its mask."""


def _values(values: Sequence[Any], column: Column) -> Any:
    """Return a column of one kind; ``None`` is masked."""
    import numpy as np
    from astropy import units as u
    from astropy.table import MaskedColumn
    from astropy.utils.masked import Masked

    mask = np.array([value is None for value in values], dtype=bool)
    if column.kind is Kind.TIME:
        times = times_of([value or datetime(2000, 1, 1, tzinfo=UTC) for value in values])
        if mask.any():
            times[mask] = np.ma.masked
        return times
    if column.kind is Kind.REAL:
        floats = np.array([math.nan if value is None else value for value in values], dtype=float)
        return Masked(floats, mask=mask) * u.Unit(column.unit)
    kind, nothing = _TYPES[column.kind]
    plain = [nothing if value is None else value for value in values]
    return MaskedColumn(np.array(plain, dtype=kind), mask=mask)


def _as_text(values: Any, kind: Kind, form: str) -> Any:
    """Return text that a file of that form can hold."""
    import numpy as np
    from astropy.table import MaskedColumn

    texts = _listed(values.isot if kind is Kind.TIME else values)
    if kind is Kind.FLAG:
        texts = [None if value is None else str(value).lower() for value in texts]
    if form == "fits":
        texts = [
            None if t is None else t.encode("ascii", "backslashreplace").decode() for t in texts
        ]
    mask = [text is None for text in texts]
    return MaskedColumn(np.array([text or "" for text in texts], dtype=str), mask=mask)


def _restored(values: Any, kind: Kind) -> list[Any]:
    """Return plain values; a file format may have turned them into something else."""
    found = _listed(values)
    if kind in (Kind.WHOLE, Kind.REAL):
        return found
    found = [None if value == "" else value for value in found]  # files mask no text otherwise
    if kind is Kind.TIME:
        return [None if text is None else datetime.fromisoformat(f"{text}+00:00") for text in found]
    if kind is Kind.FLAG:
        return [None if value is None else value in (True, "true") for value in found]
    return found


def _listed(column: Any) -> list[Any]:
    """Return plain values, ``None`` where masked."""
    import numpy as np

    values = np.ma.MaskedArray(getattr(column, "value", column))
    found: list[Any] = values.tolist()
    return [one.decode() if isinstance(one, bytes) else one for one in found]
