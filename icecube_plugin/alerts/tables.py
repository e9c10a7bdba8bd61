"""Tables of alerts, and their files."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from icecube_hooks import Alert
from icecube_plugin.sky.points import times_of

if TYPE_CHECKING:
    import numpy as np
    from astropy.table import QTable

    Floats = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class _Column:
    """One column of `table`: name, how to get its values, and their kind."""

    name: str
    get: Callable[[Alert], Any]
    kind: str
    text: str


def _of_alert(name: str, alert: Alert) -> Any:
    return getattr(alert, name)


def _of_place(name: str, alert: Alert) -> Any:
    return None if alert.localization is None else getattr(alert.localization, name)


def _of_region(part: str, name: str, alert: Alert) -> Any:
    found = _of_place(part, alert)
    return None if found is None else getattr(found, name)


def _of_gw(name: str, alert: Alert) -> Any:
    return None if alert.gw is None else getattr(alert.gw, name)


def _position_angle(alert: Alert) -> float | None:
    found = _of_place("ellipse", alert) or _of_place("asymmetric", alert)
    return None if found is None else found.position_angle_deg


def _covers(alert: Alert) -> str | None:
    with_systematics = _of_place("systematic_included", alert)
    if with_systematics is None:
        return None
    return "statistical and systematic" if with_systematics else "statistical"


def _plain(name: str, kind: str, text: str, field: str = "") -> _Column:
    return _Column(name, partial(_of_alert, field or name), kind, text)


def _placed(name: str, kind: str, text: str, field: str = "") -> _Column:
    return _Column(name, partial(_of_place, field or name), kind, text)


def _side(name: str) -> _Column:
    text = f"box of the error: {name.replace('_', ' ')}; right ascension as quoted"
    return _Column(name, partial(_of_region, "asymmetric", f"{name}_deg"), "deg", text)


COLUMNS: Final = (
    _plain("notice_id", "str", "kind:event:revision"),
    _plain("event", "str", "run_event, or what the event is known by", "event_key"),
    _Column("name", lambda a: ", ".join(a.event_names) or None, "str", "names, as sent"),
    _plain("kind", "str", "gold, bronze, cascade, ..."),
    _plain("format", "str", "form in which it arrived"),
    _plain("run_id", "int", "run number"),
    _plain("event_id", "int", "event number"),
    _plain("revision", "int", "0 is the first notice"),
    _plain("circular_number", "int", "number of the GCN Circular"),
    _plain("status", "str", "initial, update, retraction, ..."),
    _plain("tense", "str", "observation, test, ..."),
    _plain("trigger_time", "time", "UTC"),
    _plain("notice_time", "time", "when the notice was made, UTC"),
    _placed("ra", "deg", "right ascension, ICRS", "ra_deg"),
    _placed("dec", "deg", "declination, ICRS", "dec_deg"),
    _placed("error_radius", "deg", "radius of the error circle", "error_radius_deg"),
    _placed("error_radius_50", "deg", "radius at 50 % containment", "error_radius_50_deg"),
    _placed("containment", "", "of the error region"),
    _Column("error_covers", _covers, "str", "which errors the region covers"),
    _Column("semi_major", partial(_of_region, "ellipse", "semi_major_deg"), "deg", "error ellipse"),
    _Column("semi_minor", partial(_of_region, "ellipse", "semi_minor_deg"), "deg", "error ellipse"),
    *(_side(name) for name in ("ra_minus", "ra_plus", "dec_minus", "dec_plus")),
    _Column("position_angle", _position_angle, "deg", "of ellipse or box, north through east"),
    _plain("energy", "TeV", "most probable neutrino energy", "energy_tev"),
    _plain("signalness", "", "probability of astrophysical origin"),
    _plain("far", "Hz", "false-alarm rate", "far_hz"),
    _Column("superevent", partial(_of_gw, "superevent_id"), "str", "gravitational-wave event"),
    _Column("p_generic", lambda a: a.p_value("generic"), "", "p-value, generic search"),
    _Column("p_bayesian", lambda a: a.p_value("bayesian"), "", "p-value, Bayesian search"),
    _plain("n_coincident", "int", "number of coincident events"),
)

META: Final = {"RADESYS": "ICRS", "TIMESYS": "UTC", "comments": ["masked: not stated"]}


def table(alerts: Iterable[Alert]) -> QTable:
    """Return a table with a row for each alert, masked where a value is not stated.

    Columns have units and descriptions; `COLUMNS` lists them. `write_table` and `read_table` keep
    all of it in ECSV, FITS and VOTable.

    Examples
    --------
    >>> from icecube_hooks.testing import make_alert
    >>> alerts = table([make_alert(), make_alert(energy_tev=None)])
    >>> alerts["energy"].unit, alerts["energy"].mask.tolist()
    (Unit("TeV"), [False, True])
    """
    from astropy.table import QTable

    rows = list(alerts)
    result: Any = QTable(meta=dict(META))
    for column in COLUMNS:
        result[column.name] = _values([column.get(alert) for alert in rows], column.kind)
        result[column.name].info.description = column.text
    return result


def write_table(
    alerts: QTable, path: str | PathLike[str], form: str | None = None, **options: Any
) -> None:
    r"""Write what `table` made.

    Parameters
    ----------
    alerts : QTable
    path : path
    form : {'ascii.ecsv', 'fits', 'votable'}, optional
        Where the ending of the file does not say it: ``.ecsv``, ``.fits``, ``.vot``, ``.xml``.
    **options
        For `astropy.table.QTable.write`, such as ``overwrite=True``.

    Notes
    -----
    Times are written as ISO 8601 text: neither FITS nor VOTable keeps a masked `Time`. FITS holds
    ASCII only, so other characters of text are escaped there (``\xe9``).
    """
    form = form or _form(path)
    plain: Any = alerts.copy()
    for column in COLUMNS:
        if column.kind in ("str", "time") and column.name in plain.colnames:
            plain[column.name] = _as_text(alerts[column.name], column.kind, form)
            plain[column.name].info.description = column.text
    plain.write(path, format=form, **options)


def read_table(path: str | PathLike[str], form: str | None = None) -> QTable:
    """Read what `write_table` wrote, as `table` made it. Further columns are left out."""
    from astropy.table import QTable

    found = QTable.read(path, format=form or _form(path))
    result: Any = QTable(meta=dict(META))
    for column in (column for column in COLUMNS if column.name in found.colnames):
        result[column.name] = _restored(found[column.name], column.kind)
        result[column.name].info.description = column.text
    return result


_FORMS: Final = {
    ".ecsv": "ascii.ecsv",
    ".fits": "fits",
    ".fit": "fits",
    ".vot": "votable",
    ".votable": "votable",
    ".xml": "votable",
}


def _form(path: str | PathLike[str]) -> str:
    ending = Path(path).suffix.lower()
    if ending not in _FORMS:
        known = ", ".join(_FORMS)
        raise ValueError(f"expected a file name that ends in one of {known}, got {ending!r}")
    return _FORMS[ending]


def _values(values: Sequence[Any], kind: str) -> Any:
    """Return a column of one kind; ``None`` is masked."""
    import numpy as np
    from astropy import units as u
    from astropy.table import MaskedColumn
    from astropy.utils.masked import Masked

    mask = np.array([value is None for value in values], dtype=bool)
    if kind == "time":
        return _masked_times(values, mask)
    if kind == "str":
        texts = ["" if value is None else str(value) for value in values]
        return MaskedColumn(np.array(texts, dtype=str), mask=mask)
    if kind == "int":
        return MaskedColumn([0 if v is None else v for v in values], mask=mask, dtype=np.int64)
    floats = np.array([math.nan if v is None else v for v in values], dtype=float)
    return Masked(floats, mask=mask) * u.Unit(kind)


def _masked_times(values: Sequence[datetime | None], mask: Any) -> Any:
    import numpy as np

    times = times_of([value or datetime(2000, 1, 1, tzinfo=UTC) for value in values])
    if mask.any():
        times[mask] = np.ma.masked
    return times


def _as_text(column: Any, kind: str, form: str) -> Any:
    """Return text that a file of that form can hold."""
    texts = _listed(column.isot if kind == "time" else column)
    if form == "fits":
        texts = [
            None if t is None else t.encode("ascii", "backslashreplace").decode() for t in texts
        ]
    return _values(texts, "str")


def _restored(column: Any, kind: str) -> Any:
    """Bring back what a file format has turned into something else."""
    import numpy as np

    if kind not in ("str", "time"):
        return _values(_listed(column), kind)
    texts = [text or None for text in _listed(column)]  # files have no other mask for text
    if kind == "str":
        return _values(texts, kind)
    times = [datetime.fromisoformat(f"{text}+00:00") if text else None for text in texts]
    return _masked_times(times, np.array([one is None for one in times], dtype=bool))


def _listed(column: Any) -> list[Any]:
    """Return plain values, ``None`` where masked."""
    import numpy as np

    values = np.ma.MaskedArray(getattr(column, "value", column))
    found: list[Any] = values.tolist()
    return [one.decode() if isinstance(one, bytes) else one for one in found]
