"""What is drawn of records: events with their places, styles, Sun and Moon. No matplotlib here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from icecube_hooks import (
    Alert,
    AlertKind,
    Direction,
    IceCubePluginError,
    Localization,
    Record,
)
from icecube_plugin.alerts import Event, group
from icecube_plugin.alerts.words import clean
from icecube_plugin.sky import region_or_none, scale_radius, separation_deg
from icecube_plugin.sky.projections import Point, map_lon, tangent

if TYPE_CHECKING:
    from icecube_plugin.sky.projections import Floats

SAME_PLACE_DEG: Final = 0.02
"""Positions nearer than this are one: circulars round to 0.01 deg."""

LABEL_CHARACTERS: Final = 40
HALF: Final = 0.5
MOST: Final = 0.9
SAME_CONTAINMENT: Final = 0.005
FINDER_POINTS: Final = 96
MIN_HALF_DEG: Final = 0.5
MAX_HALF_DEG: Final = 50.0


class PlotError(IceCubePluginError, ValueError):
    """There is nothing to draw.

    Parameters
    ----------
    reason : str
    """


class Style(NamedTuple):
    """How a kind of alert looks: colour for screens, marker for black and white."""

    label: str
    colour: str
    marker: str


STYLES: Final[Mapping[AlertKind, Style]] = {
    AlertKind.GOLD: Style("gold track", "#E69F00", "o"),
    AlertKind.BRONZE: Style("bronze track", "#D55E00", "s"),
    AlertKind.TRACK: Style("track", "#777777", "p"),
    AlertKind.CASCADE: Style("cascade", "#0072B2", "D"),
    AlertKind.HESE: Style("HESE", "#009E73", "^"),
    AlertKind.EHE: Style("EHE", "#CC79A7", "v"),
    AlertKind.COINC: Style("AMON coincidence", "#56B4E9", "<"),
    AlertKind.NU_EM: Style("neutrino-gamma", "#A0522D", ">"),
    AlertKind.LVK_SEARCH: Style("GW search", "#8E6BD1", "*"),
    AlertKind.AMON: Style("AMON", "#999999", "h"),
}
"""Colours of Okabe and Ito (2008), which colour-blind people tell apart, and four more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawn:
    """One event on a map.

    Attributes
    ----------
    label : str
        Name, fit to be shown.
    kind : AlertKind
    places : tuple of Localization
        Where it was said to be, oldest first, each once.
    neutrinos : tuple of Localization
        Coincident events of a search.
    time : datetime or None
    is_retracted, is_real : bool
    """

    label: str
    kind: AlertKind
    places: tuple[Localization, ...]
    neutrinos: tuple[Localization, ...]
    time: datetime | None
    is_retracted: bool
    is_real: bool


def drawn(records: Iterable[Record], *, tests: bool = True) -> list[Drawn]:
    """Bring the notices of each event together, and keep what has a place on the sky.

    Raises
    ------
    PlotError
        If nothing is left.
    """
    alerts = [record.alert for record in records]
    wanted = [alert for alert in alerts if tests or alert.is_real]
    found = [_drawn(event) for event in group(wanted)]
    placed = [one for one in found if one.places or one.neutrinos]
    if not placed:
        left_out = "" if len(wanted) == len(alerts) else " (tests are left out)"
        raise PlotError(f"no alert with a position to draw{left_out}")
    return placed


def _drawn(event: Event) -> Drawn:
    newest = event.newest
    return Drawn(
        label=label_of(event),
        kind=newest.kind,
        places=_moves(event.alerts),
        neutrinos=tuple(
            one.localization
            for one in event.latest("coincident_events") or ()
            if one.localization is not None
        ),
        time=event.latest("trigger_time"),
        is_retracted=event.is_retracted,
        is_real=newest.is_real,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """A region or position on a finder.

    Attributes
    ----------
    role : str
        ``stated``, ``scaled``, ``older``, ``neutrino`` or ``other``.
    label : str
    kind : AlertKind
    centre : (float, float)
        Offsets to the east and north [deg].
    outline : (array, array) or None
        The same of the edge of the region.
    """

    role: str
    label: str
    kind: AlertKind
    centre: tuple[float, float]
    outline: tuple[Floats, Floats] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """What a finder shows: shapes around a centre, out to `half_deg`."""

    label: str
    centre: Localization
    half_deg: float
    shapes: tuple[Shape, ...]
    is_retracted: bool
    is_real: bool


def field_of(record: Record, others: Iterable[Record]) -> Field:
    """Return what is near a record's position: its regions, its history, neutrinos, others.

    Raises
    ------
    PlotError
        If neither the record nor another notice of its event has a position.
    """
    alert, events = record.alert, group([record.alert, *(other.alert for other in others)])
    main = _drawn(events[0])  # groups stand in the order of their first alerts
    centre = place_of(alert) or next(iter((*reversed(main.places), *main.neutrinos)), None)
    if centre is None:
        raise PlotError(f"{shown(alert.notice_id)} states no position")
    own = list(_own_shapes(main, centre))
    near = (shape for shape in own if max(map(abs, shape.centre)) < MAX_HALF_DEG)
    half_deg = 1.15 * max(MIN_HALF_DEG, *(min(_reach_deg(one), MAX_HALF_DEG) for one in near))
    beside = (shape for shape in _neighbours(events[1:], centre) if _is_within(shape, half_deg))
    return Field(
        label=main.label,
        centre=centre,
        half_deg=half_deg,
        shapes=(*beside, *own),
        is_retracted=main.is_retracted,
        is_real=alert.is_real,
    )


def _own_shapes(main: Drawn, centre: Localization) -> Iterator[Shape]:
    """Yield what belongs to the event of a finder, the most important last."""
    for place in main.neutrinos:
        yield _shape("neutrino", "coincident neutrino", main.kind, place, centre)
    for place in main.places:
        if separation_deg(place, centre) > SAME_PLACE_DEG:
            yield _shape("older", "other revision", main.kind, place, centre)
    for role, label, place in reversed(list(regions(centre))):
        yield _shape(role, label, main.kind, place, centre)


def _neighbours(events: Iterable[Event], centre: Localization) -> Iterator[Shape]:
    for one in map(_drawn, events):
        for place in one.places[-1:]:
            yield _shape("other", one.label, one.kind, place, centre)
        for place in one.neutrinos:
            yield _shape("neutrino", f"neutrino of {one.label}", one.kind, place, centre)


def regions(place: Localization) -> Iterator[tuple[str, str, Localization]]:
    """Yield the regions of a place: role, what is stated or scaled in words, the region."""
    c = place.containment
    stated = "containment not stated" if c is None else f"{c * 100:.3g} % (stated)"
    yield "stated", f"error region, {stated}" if has_error(place) else "no error stated", place
    half = place.error_radius_50_deg
    if half is not None and c != HALF:
        smaller = place.replace(
            error_radius_deg=half, ellipse=None, asymmetric=None, containment=HALF
        )
        yield "stated", "50 % (stated)", smaller
    for goal in (HALF, MOST):
        resized = scaled(place, goal) if has_error(place) and not (goal == HALF and half) else None
        if resized is not None and c is not None and abs(c - goal) > SAME_CONTAINMENT:
            yield "scaled", f"{goal:.0%} (scaled, 2-D Gaussian)".replace("%", " %"), resized


def _shape(
    role: str, label: str, kind: AlertKind, place: Localization, centre: Localization
) -> Shape:
    def flat(ra: Any, dec: Any) -> Any:
        return tangent(ra, dec, centre.ra_deg, centre.dec_deg)

    outline = outline_deg(place, FINDER_POINTS)
    east, north = flat(place.ra_deg, place.dec_deg)
    return Shape(
        role=role,
        label=label,
        kind=kind,
        centre=(float(east), float(north)),
        outline=None if outline is None else flat(*outline),
    )


def _reach_deg(shape: Shape) -> float:
    """Return how far a shape goes from the centre of the finder, along either axis."""
    import numpy as np

    points = shape.centre if shape.outline is None else np.concatenate(shape.outline)
    return float(np.max(np.abs(points)))


def _is_within(shape: Shape, half_deg: float) -> bool:
    """Whether a shape has a point inside of the frame."""
    import numpy as np

    points = np.array(shape.outline if shape.outline is not None else ((), ()), dtype=float)
    points = np.column_stack((points, shape.centre))
    return bool(np.any(np.max(np.abs(points), axis=0) < half_deg))


def label_of(event: Event) -> str:
    """Return the event's public name, or its key."""
    return shown((event.latest("event_names") or (event.key,))[0])


def shown(text: str) -> str:
    """Return text of a message as one short line of characters that every font has."""
    return clean(text, LABEL_CHARACTERS).encode("latin-1", "replace").decode("latin-1")


def _moves(alerts: Iterable[Alert]) -> tuple[Localization, ...]:
    """Return the places, without those that repeat the one before; the one with an error stays."""
    places: list[Localization] = []
    for place in filter(None, map(place_of, alerts)):
        if not places or separation_deg(places[-1], place) > SAME_PLACE_DEG:
            places.append(place)
        elif has_error(place) or not has_error(places[-1]):
            places[-1] = place
    return tuple(places)


def place_of(alert: Alert) -> Localization | None:
    """Return the position; of a search the most probable direction."""
    direction = alert.most_probable_direction
    if alert.localization is not None or direction is None:
        return alert.localization
    return Localization(ra_deg=direction.ra_deg, dec_deg=direction.dec_deg)


def has_error(place: Localization) -> bool:
    """Whether the place has an error region."""
    return size_deg(place) > 0.0


def size_deg(place: Localization) -> float:
    """Return about how far the region reaches [deg]; 0 where none is stated."""
    if place.ellipse is not None:
        return place.ellipse.semi_major_deg
    box = place.asymmetric
    if box is not None:
        return max(box.ra_plus_deg, box.ra_minus_deg, box.dec_plus_deg, box.dec_minus_deg)
    return place.error_radius_deg or 0.0


def outline_deg(place: Localization, points: int) -> tuple[Floats, Floats] | None:
    """Return right ascension and declination along the error region, the inside on the left.

    ``None`` where no region is stated.
    """
    found = region_or_none(place)
    return None if found is None else found.outline_deg(points)


def point_of(place: Direction | Localization) -> Point:
    """Return map longitude and declination."""
    return map_lon(place.ra_deg), place.dec_deg


def ring_of(place: Localization, points: int) -> list[Point] | None:
    """Return the outline in map longitude and declination; ``None`` where no region is stated."""
    found = outline_deg(place, points)
    if found is None:
        return None
    ra, dec = found
    return list(zip(map_lon(ra).tolist(), dec.tolist(), strict=True))


def scaled(place: Localization, containment: float) -> Localization | None:
    """Return the place with its region at another containment, as for a 2-D Gaussian.

    ``None`` if no containment below 1 is stated.
    """
    if place.containment is None or not 0 < place.containment < 1:
        return None
    factor = scale_radius(1.0, place.containment, containment)
    radius = place.error_radius_deg
    return place.replace(
        containment=containment,
        error_radius_deg=None if radius is None else radius * factor,
        ellipse=_resized(place.ellipse, factor),
        asymmetric=_resized(place.asymmetric, factor),
    )


def _resized(error: Any, factor: float) -> Any:
    """Return an ellipse or box with its sizes, but not its angle, multiplied."""
    if error is None:
        return None
    names = [name for name in error.__struct_fields__ if name != "position_angle_deg"]
    return error.replace(**{name: getattr(error, name) * factor for name in names})
