"""Alerts in astropy's terms: coordinates, times, quantities, error regions, tables.

::

    from icecube_plugin import astro

    blazar = SkyCoord(77.358 * u.deg, 5.693 * u.deg)
    if astro.contains(alert, blazar):
        print(astro.separation_deg(alert, blazar), "deg inside", astro.region(alert).area_deg2)

Conventions
-----------
- ICRS, UTC, TeV. Angles that are plain floats are degrees.
- What a single alert does not state raises `NotStatedError`. In bulk, `table` masks it, and
  `sky_coords` holds NaN, which is inside of no region.
- Regions are on the sphere. Circles, ellipses and turned boxes are measured along great circles
  from their centre; an ellipse has the radius of the plane ellipse in each direction. Its position
  angle is 0 where it is not stated, as the GCN schema says.
- The asymmetric errors of circulars make a box in right ascension and declination. They bound the
  contour that IceCube found, so the box holds at least what it states. It ends at a pole.
- Importing this module is cheap: numpy and astropy are imported when a function needs them.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from icecube_hooks import (
    Alert,
    AsymmetricError,
    CoincidentEvent,
    Direction,
    Ellipse,
    IceCubePluginError,
    Localization,
)

if TYPE_CHECKING:
    import numpy as np
    from astropy.coordinates import SkyCoord
    from astropy.table import QTable
    from astropy.time import Time
    from astropy.units import Quantity

    Floats = np.ndarray[Any, np.dtype[np.float64]]

__all__ = [
    "BoxRegion",
    "CircleRegion",
    "EllipseRegion",
    "NotStatedError",
    "Placed",
    "Region",
    "TurnedBoxRegion",
    "circularised_radius_deg",
    "contains",
    "energy",
    "read_table",
    "region",
    "scale_radius",
    "separation_deg",
    "sky_coord",
    "sky_coords",
    "table",
    "time",
    "write_table",
]

Placed = Alert | CoincidentEvent | Localization | Direction
"""What has a position."""

EDGE_DEG: Final = 1e-9
"""Points this near to an edge of a box count as inside: their coordinates are rounded."""


class NotStatedError(IceCubePluginError, ValueError):
    """An alert does not state what was asked for.

    Parameters
    ----------
    field : str
        What is missing: ``position``, ``error``, ``trigger time``, ``energy``.
    of : str
        The alert's `notice_id`, or what else was asked.
    """

    def __init__(self, field: str, of: str) -> None:
        super().__init__(field, of)
        self.field = field
        self.of = of

    def __str__(self) -> str:
        return f"{self.of} states no {self.field}"


def sky_coord(of: Placed) -> SkyCoord:
    """Return the position [ICRS].

    Raises
    ------
    NotStatedError
        If there is none.

    Examples
    --------
    >>> from icecube_hooks import Direction
    >>> sky_coord(Direction(ra_deg=77.43, dec_deg=5.72)).to_string("hmsdms")
    '05h09m43.2s +05d43m12s'
    """
    place = _place(of)
    return _coordinates(place.ra_deg, place.dec_deg)


def sky_coords(of: Iterable[Placed]) -> SkyCoord:
    """Return the positions of many as one array [ICRS]; NaN where none is stated.

    Examples
    --------
    >>> from icecube_hooks.testing import make_alert
    >>> sky_coords([make_alert(), make_alert(localization=None)]).ra.deg.tolist()
    [345.82, nan]
    """
    places = [_place_or_none(one) for one in of]
    ra = [math.nan if place is None else place.ra_deg for place in places]
    dec = [math.nan if place is None else place.dec_deg for place in places]
    return _coordinates(ra, dec)


def time(alert: Alert) -> Time:
    """Return the trigger time [UTC].

    Raises
    ------
    NotStatedError
        If there is none.
    """
    if alert.trigger_time is None:
        raise NotStatedError("trigger time", _name(alert))
    found: Time = _times([alert.trigger_time])[0]
    return found


def energy(alert: Alert) -> Quantity:
    """Return the most probable neutrino energy [TeV].

    Raises
    ------
    NotStatedError
        If there is none.
    """
    from astropy import units as u

    if alert.energy_tev is None:
        raise NotStatedError("energy", _name(alert))
    return alert.energy_tev * u.TeV


def separation_deg(of: Placed, coord: SkyCoord) -> Any:
    """Return the angle between a position and `coord` [deg]: a float, or an array for an array.

    Raises
    ------
    NotStatedError
        If there is no position.
    """
    place = _place(of)
    return _scalar(_coordinates(place.ra_deg, place.dec_deg).separation(coord).deg)


def contains(of: Placed, coord: SkyCoord) -> Any:
    """Tell whether `coord` lies in the error region: a bool, or an array for an array.

    Raises
    ------
    NotStatedError
        If there is no position or no error.
    """
    return region(of).contains(coord)


def circularised_radius_deg(error: AsymmetricError | Ellipse, dec_deg: float) -> float:
    """Return the radius [deg] that stands for an error region that is no circle.

    IceCube circularises by sqrt(ra_err * cos(dec) * dec_err), where each error is half of the
    width that the two signs span. For an ellipse, whose axes are true angles, it is the root of
    the product of the semi-axes.

    Examples
    --------
    >>> from icecube_hooks import AsymmetricError
    >>> box = AsymmetricError(ra_minus_deg=2, ra_plus_deg=2, dec_minus_deg=1, dec_plus_deg=1)
    >>> round(circularised_radius_deg(box, 60.0), 12)
    1.0
    """
    if isinstance(error, Ellipse):
        return math.sqrt(error.semi_major_deg * error.semi_minor_deg)
    ra = (error.ra_minus_deg + error.ra_plus_deg) / 2
    dec = (error.dec_minus_deg + error.dec_plus_deg) / 2
    return math.sqrt(ra * math.cos(math.radians(dec_deg)) * dec)


def scale_radius(radius: float, from_containment: float, to_containment: float) -> float:
    """Return the radius at another containment, **if** the error is a circular Gaussian.

    The distance from the centre of a two-dimensional Gaussian follows Rayleigh's distribution,
    so radii go with sqrt(-ln(1 - containment)). IceCube's contours are wider in the tails or
    not round; where a notice gives both radii, use those.

    Parameters
    ----------
    radius : float
        In any unit; the result is in the same.
    from_containment, to_containment : float
        In (0, 1).

    Raises
    ------
    ValueError
        If a containment is not in (0, 1).

    Examples
    --------
    >>> round(scale_radius(1.0, 0.5, 0.9), 4)
    1.8226
    """
    for containment in (from_containment, to_containment):
        if not 0.0 < containment < 1.0:
            raise ValueError(f"expected a containment between 0 and 1, got {containment}")
    return radius * math.sqrt(math.log1p(-to_containment) / math.log1p(-from_containment))


@dataclass(frozen=True, kw_only=True, slots=True)
class Region(ABC):
    """Where the source is, with probability `containment`.

    Attributes
    ----------
    ra_deg, dec_deg : float
        The best position [deg, ICRS]: not always the middle.
    containment : float or None
        In (0, 1].
    """

    ra_deg: float
    dec_deg: float
    containment: float | None = None

    @property
    @abstractmethod
    def area_deg2(self) -> float:
        """Area on the sphere [deg^2]; the whole sky has 41,253."""

    @abstractmethod
    def contains(self, coord: SkyCoord) -> Any:
        """Tell whether `coord` is inside: a bool, or an array of them. NaN is outside."""

    @abstractmethod
    def boundary(self, points: int = 360) -> SkyCoord:
        """Return about that many points along the edge [ICRS], in order, for a plot."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _PolarRegion(Region):
    """A region that is given by its radius in each direction."""

    @abstractmethod
    def _radius_deg(self, angle_deg: Floats) -> Floats:
        """Return the radius [deg] at position angles [deg, N through E]."""

    @abstractmethod
    def _kinks_deg(self) -> Sequence[float]:
        """Return position angles [deg] between which the radius is smooth."""

    @property
    def area_deg2(self) -> float:
        """Integral of 1 - cos(radius) over the position angle, between kinks by Gauss's rule."""
        import numpy as np

        nodes, weights = np.polynomial.legendre.leggauss(200)
        edges = np.unique(np.mod(self._kinks_deg(), 360.0))
        low, high = edges, np.append(edges[1:], edges[0] + 360.0)
        angles = (low + high)[:, None] / 2 + (high - low)[:, None] / 2 * nodes
        heights = 2 * np.sin(np.radians(self._radius_deg(angles)) / 2) ** 2
        steradians = np.sum(heights * weights * np.radians(high - low)[:, None] / 2)
        return float(np.degrees(np.degrees(steradians)))

    def contains(self, coord: SkyCoord) -> Any:
        """Compare the distance of `coord` with the radius in its direction."""
        centre = _coordinates(self.ra_deg, self.dec_deg)
        angle = centre.position_angle(coord).deg
        return _scalar(centre.separation(coord).deg <= self._radius_deg(angle))

    def boundary(self, points: int = 360) -> SkyCoord:
        """Go round by position angle."""
        import numpy as np
        from astropy import units as u

        angles = np.linspace(0.0, 360.0, points, endpoint=False)
        centre = _coordinates(self.ra_deg, self.dec_deg)
        return centre.directional_offset_by(angles * u.deg, self._radius_deg(angles) * u.deg)


@dataclass(frozen=True, kw_only=True, slots=True)
class CircleRegion(_PolarRegion):
    """All directions within `radius_deg` of the position."""

    radius_deg: float

    def _radius_deg(self, angle_deg: Floats) -> Floats:
        import numpy as np

        return np.full_like(angle_deg, self.radius_deg)

    def _kinks_deg(self) -> Sequence[float]:
        return (0.0, 180.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class EllipseRegion(_PolarRegion):
    """An ellipse: semi-axes [deg], position angle of the major one [deg, N through E]."""

    semi_major_deg: float
    semi_minor_deg: float
    position_angle_deg: float = 0.0

    def _radius_deg(self, angle_deg: Floats) -> Floats:
        import numpy as np

        turn = np.radians(angle_deg - self.position_angle_deg)
        a, b = self.semi_major_deg, self.semi_minor_deg
        radius: Floats = a * b / np.hypot(b * np.cos(turn), a * np.sin(turn))
        return radius

    def _kinks_deg(self) -> Sequence[float]:
        """Return angles that are dense near the tips, where the radius changes fast."""
        ratio = self.semi_minor_deg / self.semi_major_deg
        near = [math.degrees(math.atan(ratio * step)) for step in TIP_STEPS]
        turns = (0.0, *near, 90.0)
        return [self.position_angle_deg + sign * turn for turn in turns for sign in (1, -1)] + [
            self.position_angle_deg + 180.0 + sign * turn for turn in turns for sign in (1, -1)
        ]


TIP_STEPS: Final = (1.0, 4.0, 16.0, 64.0)
"""Where the edge of a long ellipse is cut for integration, in widths of its tip."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TurnedBoxRegion(_PolarRegion):
    """A rectangle: distances of its sides [deg, true angles], turned [deg, N through E]."""

    west_deg: float
    east_deg: float
    south_deg: float
    north_deg: float
    position_angle_deg: float

    def _radius_deg(self, angle_deg: Floats) -> Floats:
        import numpy as np

        turn = np.radians(angle_deg - self.position_angle_deg)
        east, north = np.sin(turn), np.cos(turn)
        with np.errstate(divide="ignore", invalid="ignore"):
            sides = [
                np.where(along > 0.0, side / along, np.inf)
                for side, along in (
                    (self.east_deg, east),
                    (self.west_deg, -east),
                    (self.north_deg, north),
                    (self.south_deg, -north),
                )
            ]
        radius: Floats = np.minimum.reduce(sides)
        return radius

    def _kinks_deg(self) -> Sequence[float]:
        corners = [
            math.degrees(math.atan2(east, north))
            for east in (self.east_deg, -self.west_deg)
            for north in (self.north_deg, -self.south_deg)
        ]
        turns = (*corners, 0.0, 90.0, 180.0, 270.0)
        return [self.position_angle_deg + turn for turn in turns]


@dataclass(frozen=True, kw_only=True, slots=True)
class BoxRegion(Region):
    """From one right ascension to another, eastward, and from one declination to another.

    Attributes
    ----------
    ra_minus_deg, ra_plus_deg : float
        Differences in right ascension [deg], not multiplied by cos(dec).
    dec_minus_deg, dec_plus_deg : float
        [deg]
    """

    ra_minus_deg: float
    ra_plus_deg: float
    dec_minus_deg: float
    dec_plus_deg: float

    @property
    def area_deg2(self) -> float:
        """Width times the difference of the sines of declination."""
        low, high = (math.radians(dec) for dec in self._dec_range())
        # sin(high) - sin(low), without cancellation
        height = 2.0 * math.cos((high + low) / 2) * math.sin((high - low) / 2)
        return self._width_deg() * math.degrees(height)

    def contains(self, coord: SkyCoord) -> Any:
        """Compare both coordinates with the sides."""
        import numpy as np

        point: Any = coord.icrs
        low, high = self._dec_range()
        east = np.mod(point.ra.deg - self.ra_deg + self.ra_minus_deg + EDGE_DEG, 360.0)
        inside_ra = (east <= self._width_deg() + 2 * EDGE_DEG) | (self._width_deg() >= 360.0)
        inside_dec = (low - EDGE_DEG <= point.dec.deg) & (point.dec.deg <= high + EDGE_DEG)
        return _scalar(inside_ra & inside_dec)

    def boundary(self, points: int = 360) -> SkyCoord:
        """Go round from the south-west corner, along both parallels and meridians."""
        import numpy as np

        side = np.linspace(0.0, 1.0, max(points // 4, 1), endpoint=False)
        zero, one = np.zeros_like(side), np.ones_like(side)
        east = np.concatenate((side, one, 1.0 - side, zero))
        north = np.concatenate((zero, side, one, 1.0 - side))
        low, high = self._dec_range()
        ra = np.mod(self.ra_deg - self.ra_minus_deg + self._width_deg() * east, 360.0)
        return _coordinates(ra, low + (high - low) * north)

    def _width_deg(self) -> float:
        return min(self.ra_minus_deg + self.ra_plus_deg, 360.0)

    def _dec_range(self) -> tuple[float, float]:
        return max(self.dec_deg - self.dec_minus_deg, -90.0), min(
            self.dec_deg + self.dec_plus_deg, 90.0
        )


def region(of: Placed) -> Region:
    """Return the error region: circle, ellipse, or box.

    Raises
    ------
    NotStatedError
        If there is no position or no error.

    Examples
    --------
    >>> from icecube_hooks import Localization
    >>> circle = region(Localization(ra_deg=10, dec_deg=0, error_radius_deg=1, containment=0.9))
    >>> round(circle.area_deg2, 4)
    3.1415
    """
    place = _place(of)
    error = place.ellipse or place.asymmetric or place.error_radius_deg
    if error is None:
        raise NotStatedError("error", _name(of))
    if isinstance(error, Ellipse):
        return EllipseRegion(
            semi_major_deg=error.semi_major_deg,
            semi_minor_deg=error.semi_minor_deg,
            position_angle_deg=error.position_angle_deg or 0.0,
            **_at(place),
        )
    if isinstance(error, AsymmetricError):
        return _box(error, place)
    return CircleRegion(radius_deg=error, **_at(place))


def _at(place: Localization) -> dict[str, Any]:
    return {"ra_deg": place.ra_deg, "dec_deg": place.dec_deg, "containment": place.containment}


def _box(error: AsymmetricError, place: Localization) -> Region:
    if not error.position_angle_deg:
        return BoxRegion(
            ra_minus_deg=error.ra_minus_deg,
            ra_plus_deg=error.ra_plus_deg,
            dec_minus_deg=error.dec_minus_deg,
            dec_plus_deg=error.dec_plus_deg,
            **_at(place),
        )
    shrink = math.cos(math.radians(place.dec_deg))
    return TurnedBoxRegion(
        west_deg=error.ra_minus_deg * shrink,
        east_deg=error.ra_plus_deg * shrink,
        south_deg=error.dec_minus_deg,
        north_deg=error.dec_plus_deg,
        position_angle_deg=error.position_angle_deg,
        **_at(place),
    )


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

    times = _times([value or datetime(2000, 1, 1, tzinfo=UTC) for value in values])
    if mask.any():
        times[mask] = np.ma.masked
    return times


def _times(values: Sequence[datetime]) -> Any:
    import numpy as np
    from astropy.time import Time

    texts = [f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}" for value in values]
    return Time(np.array(texts, dtype="U26"), format="isot", scale="utc", precision=6)


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


def _coordinates(ra_deg: Any, dec_deg: Any) -> Any:
    """Return a `SkyCoord`, which has too many dynamic attributes for a type checker."""
    from astropy import units as u
    from astropy.coordinates import SkyCoord

    return SkyCoord(ra_deg * u.deg, dec_deg * u.deg, frame="icrs")


def _place_or_none(of: Placed) -> Localization | None:
    if isinstance(of, Localization):
        return of
    if isinstance(of, Direction):
        return Localization(ra_deg=of.ra_deg, dec_deg=of.dec_deg)
    return of.localization


def _place(of: Placed) -> Localization:
    place = _place_or_none(of)
    if place is None:
        raise NotStatedError("position", _name(of))
    return place


def _name(of: Placed) -> str:
    return of.notice_id if isinstance(of, Alert) else type(of).__name__


def _scalar(value: Any) -> Any:
    """Return a Python float or bool for what is no array."""
    return value.item() if getattr(value, "ndim", 0) == 0 and hasattr(value, "item") else value
