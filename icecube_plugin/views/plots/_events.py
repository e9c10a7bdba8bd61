"""What is drawn of records: events and their regions, and how each looks. No matplotlib here."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from icecube_hooks import (
    Alert,
    AlertKind,
    CoincidentEvent,
    Direction,
    IceCubePluginError,
    Localization,
    Record,
    Status,
)
from icecube_plugin import __version__
from icecube_plugin.alerts import Event, group
from icecube_plugin.alerts.merge import SAME_PLACE_DEG
from icecube_plugin.alerts.words import clean, heading, notice_label, number_text, time_text
from icecube_plugin.sky import region_or_none, resized, separation_deg
from icecube_plugin.sky.projections import Point, map_lon, tangent

if TYPE_CHECKING:
    from icecube_plugin.sky.projections import Floats
    from icecube_plugin.sky.skymaps import Pixels

LABEL_CHARACTERS: Final = 40
HALF: Final = 0.5
MOST: Final = 0.9
SAME_CONTAINMENT: Final = 0.005
FINDER_POINTS: Final = 96
MIN_HALF_DEG: Final = 0.5
MAX_HALF_DEG: Final = 50.0
WIDEST: Final = 2.0
"""A frame takes in older regions as long as it is at most so much wider than the newest one."""

INNER: Final = 0.94
COMPASS: Final = ("N", "NE", "E", "SE", "S", "SW", "W", "NW")


class PlotError(IceCubePluginError, ValueError):
    """There is nothing to draw.

    Parameters
    ----------
    reason : str
    """


class Style(NamedTuple):
    """How a kind of alert looks: colour for screens, marker for black and white."""

    colour: str
    marker: str


STYLES: Final[Mapping[AlertKind, Style]] = {
    AlertKind.GOLD: Style("#ce8300", "o"),
    AlertKind.BRONZE: Style("#a25410", "s"),
    AlertKind.TRACK: Style("#55545a", "p"),
    AlertKind.CASCADE: Style("#244bbe", "D"),
    AlertKind.HESE: Style("#1d5326", "^"),
    AlertKind.EHE: Style("#782378", "v"),
    AlertKind.COINC: Style("#3c9ade", "<"),
    AlertKind.NU_EM: Style("#b48c66", ">"),
    AlertKind.LVK_SEARCH: Style("#6f00ff", "*"),
    AlertKind.LVK_GW: Style("#1e001e", "P"),
    AlertKind.AMON: Style("#93939c", "h"),
}
"""Colours that are 20 units of CIELAB apart for everybody (Machado et al. 2009: deuteranopia,
protanopia), and have a contrast of 3 : 1 to white. A search found them; a test holds them."""


def style_of(kind: AlertKind) -> Style:
    """Return how a kind looks; a kind of a third party looks like AMON's."""
    return STYLES.get(kind, STYLES[AlertKind.AMON])


class Look(NamedTuple):
    """How a region looks beside others: dashes mean "scaled", and nothing else."""

    opacity: float = 1.0
    width: float = 1.6
    is_dashed: bool = False
    is_filled: bool = False
    has_marker: bool = True


LOOKS: Final[Mapping[str, Look]] = {
    "stated": Look(is_filled=True),
    "inner": Look(has_marker=False),
    "scaled": Look(is_dashed=True, has_marker=False),
    "older": Look(opacity=0.5, width=1.1),
    "neutrino": Look(opacity=0.8, width=1.1),
    "other": Look(opacity=0.6, width=0.8),
}
"""By role: what the newest notice states of the event, and within that; what is scaled from it;
where the event was before; neutrinos of a search; other events."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawn:
    """One event on a map.

    Attributes
    ----------
    label : str
        Name, fit to be shown.
    notice : str
        What the newest notice is: ``revision 1``.
    kind : AlertKind
    places : tuple of Localization
        Where it was said to be, oldest first, each once.
    neutrinos : tuple of Localization
        Coincident events of a search.
    numbers : tuple of str
        Their numbers in the search, and p-values: ``1: p 0.003 generic, 0.017 Bayesian``.
    time : datetime or None
    is_retracted, is_real : bool
    """

    label: str
    notice: str
    kind: AlertKind
    places: tuple[Localization, ...]
    neutrinos: tuple[Localization, ...]
    numbers: tuple[str, ...]
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
    listed = enumerate(event.latest("coincident_events") or (), start=1)
    placed = [(number, one) for number, one in listed if one.localization is not None]
    return Drawn(
        label=label_of(event),
        notice=shown(notice_label(event.newest)),
        kind=event.kind,
        places=_moves(event),
        neutrinos=tuple(one.localization for _, one in placed),
        numbers=tuple(_numbered(number, one) for number, one in placed),
        time=event.latest("trigger_time"),
        is_retracted=event.is_retracted,
        is_real=event.known.is_real,
    )


def _numbered(number: int, one: CoincidentEvent) -> str:
    """Return the number of a neutrino, with its p-values."""
    searches = (("generic", "generic"), ("bayesian", "Bayesian"))
    stated = [(one.p_value(search), word) for search, word in searches]
    ps = ", ".join(f"{number_text(p)} {word}" for p, word in stated if p is not None)
    return f"{number}: p {ps}" if ps else str(number)


def heading_of(one: Drawn) -> str:
    """Say what an event is, which notice is the newest, and when it was."""
    doubts = " (NOT REAL)" * (not one.is_real) + " (RETRACTED)" * one.is_retracted
    when = "" if one.time is None else f", {time_text(one.time, 0)} UTC"
    return f"{heading(one.kind)} {one.label}{doubts}, {one.notice}{when}"


def drawn_with(record: Record, others: Iterable[Record]) -> tuple[Drawn, list[Event], list[Record]]:
    """Return the event of a record, the other events, and which of the records are of it."""
    records = [record, *others]
    first, *rest = group(one.alert for one in records)  # they stand in the order of their alerts
    own = {id(alert) for alert in first.alerts}
    return _drawn(first), rest, [one for one in records if id(one.alert) in own]


def provenance(records: Sequence[Record]) -> str:
    """Say what a picture is made of."""
    times = [r.alert.notice_time or r.message.timestamp for r in records]
    newest = max((time for time in times if time is not None), default=None)
    until = "" if newest is None else f", the newest of {time_text(newest, 0)} UTC"
    count = f"{len(records)} notice{'s' * (len(records) != 1)}"
    return f"From {count}{until}. icecube-plugin {__version__}."


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """A region, or a position without one, to be drawn.

    Attributes
    ----------
    role : str
        Of `LOOKS`.
    label : str
    kind : AlertKind
    place : Localization
    number : str
        Of a neutrino of the event.
    """

    role: str
    label: str
    kind: AlertKind
    place: Localization
    number: str = ""

    @property
    def look(self) -> Look:
        """How it looks beside the others."""
        return LOOKS[self.role]

    @property
    def style(self) -> Style:
        """Colour, and the marker of the kind; a neutrino is a dot."""
        style = style_of(self.kind)
        return style._replace(marker=".") if self.role == "neutrino" else style


def shapes_of(one: Drawn) -> Iterator[Shape]:
    """Yield what a map shows of an event, the most important last."""
    for place in one.places[:-1]:
        yield Shape(role="older", label=one.label, kind=one.kind, place=place)
    for place in one.neutrinos:
        yield Shape(role="neutrino", label=one.label, kind=one.kind, place=place)
    for place in one.places[-1:]:
        yield Shape(role="stated", label=one.label, kind=one.kind, place=place)


def last_place(one: Drawn) -> Localization:
    """Return where an event is named and crossed out."""
    return (*one.neutrinos[:1], *one.places)[-1]


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """What a finder shows: shapes of an event and others around a centre, out to `half_deg`.

    `story` is what is known of the event.
    """

    event: Drawn
    centre: Localization
    half_deg: float
    shapes: tuple[Shape, ...]
    story: tuple[Record, ...]

    def offsets(self, shape: Shape) -> tuple[float, float]:
        """Return where a shape is: offsets to the east and north [deg]."""
        east, north = self._flat(shape.place.ra_deg, shape.place.dec_deg)
        return float(east), float(north)

    def outline(self, shape: Shape) -> tuple[Floats, Floats] | None:
        """Return the offsets of the edge of its region; ``None`` where none is stated."""
        wide = size_deg(shape.place) / self.half_deg  # of a large one only a piece is seen
        edge = outline_deg(shape.place, int(FINDER_POINTS * min(max(wide, 1.0), 15.0)))
        return None if edge is None else self._flat(*edge)

    def points(self, shape: Shape) -> Floats:
        """Return the offsets of the edge and of the position: two rows."""
        import numpy as np

        edge = self.outline(shape) or ((), ())
        return np.column_stack((np.array(edge, dtype=float), self.offsets(shape)))

    def reach_deg(self, shape: Shape) -> float:
        """Return how far a shape goes from the centre, along either axis."""
        return float(abs(self.points(shape)).max())

    def way_to(self, shape: Shape) -> str:
        """Say where a position beyond the frame is; empty if it is inside."""
        east, north = self.offsets(shape)
        if max(abs(east), abs(north)) < self.half_deg:
            return ""
        point = COMPASS[round(math.degrees(math.atan2(east, north)) / 45) % 8]
        return f"{math.hypot(east, north):.3g}° {point}"

    def is_inside(self, shape: Shape) -> bool:
        """Whether enough of a shape is inside of the frame for a name beside it."""
        return len(self.inner_points(shape)) > 0

    def inner_points(self, shape: Shape) -> Floats:
        """Return the offsets of its points inside of the frame, the position last; a row each."""
        points: Floats = self.points(shape).T
        inner: Floats = points[abs(points).max(axis=1) < INNER * self.half_deg]
        return inner

    def _flat(self, ra_deg: Any, dec_deg: Any) -> Any:
        return tangent(ra_deg, dec_deg, self.centre.ra_deg, self.centre.dec_deg)


def field_of(record: Record, others: Iterable[Record], skymap: Pixels | None = None) -> Field:
    """Return what is near a record's position: its regions, its history, neutrinos, others.

    Raises
    ------
    PlotError
        If neither the record nor another notice of its event has a position.
    """
    alert, (main, beside_it, story) = record.alert, drawn_with(record, others)
    centre = place_of(alert) or next(iter((*reversed(main.places), *main.neutrinos)), None)
    if centre is None:
        raise PlotError(f"{shown(alert.notice_id)} states no position")
    own = tuple(_own_shapes(main, centre))
    found = Field(event=main, centre=centre, half_deg=MAX_HALF_DEG, shapes=own, story=tuple(story))
    found = replace(found, half_deg=_half_deg(found, skymap))
    beside = tuple(shape for shape in _neighbours(beside_it) if found.is_inside(shape))
    return replace(found, shapes=(*beside, *own))


def _half_deg(field: Field, skymap: Pixels | None) -> float:
    """Return half of the frame: all of what the newest notice says, and what is not far beyond."""
    newest = [field.reach_deg(one) for one in field.shapes if one.role in ("stated", "scaled")]
    if skymap is not None:
        newest.append(skymap.reach_deg(field.centre.ra_deg, field.centre.dec_deg, MOST))
    need = max(MIN_HALF_DEG, *newest)
    near = (reach for reach in map(field.reach_deg, field.shapes) if reach <= WIDEST * need)
    return min(1.15 * max(need, *near), MAX_HALF_DEG)


def _own_shapes(main: Drawn, centre: Localization) -> Iterator[Shape]:
    """Yield what belongs to the event of a finder, the most important last."""
    for text, place in zip(main.numbers, main.neutrinos, strict=True):
        label, number = f"neutrino {text}", text.partition(":")[0]
        yield Shape(role="neutrino", label=label, kind=main.kind, place=place, number=number)
    for place in main.places:
        if separation_deg(place, centre) > SAME_PLACE_DEG:
            yield Shape(role="older", label="other revision", kind=main.kind, place=place)
    for role, label, place in reversed(list(regions(centre))):
        yield Shape(role=role, label=label, kind=main.kind, place=place)


def _neighbours(events: Iterable[Event]) -> Iterator[Shape]:
    for one in map(_drawn, events):
        for place in one.places[-1:]:
            yield Shape(role="other", label=one.label, kind=one.kind, place=place)
        for place in one.neutrinos:
            label = f"neutrino of {one.label}"
            yield Shape(role="neutrino", label=label, kind=one.kind, place=place)


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
        yield "inner", "50 % (stated)", smaller
    for goal in (HALF, MOST):
        scaled = resized(place, goal) if has_error(place) and not (goal == HALF and half) else None
        if scaled is not None and c is not None and abs(c - goal) > SAME_CONTAINMENT:
            yield "scaled", f"{goal:.0%} (scaled, 2-D Gaussian)".replace("%", " %"), scaled


def label_of(event: Event) -> str:
    """Return the event's public name, or its key."""
    return shown((event.latest("event_names") or (event.key,))[0])


def shown(text: str) -> str:
    """Return text of a message as one short line of characters that every font has."""
    return clean(text, LABEL_CHARACTERS).encode("latin-1", "replace").decode("latin-1")


def _moves(event: Event) -> tuple[Localization, ...]:
    """Return where the event was said to be, without what repeats the place before; last the best.

    A retraction does not move it.
    """
    stated = (a for a in event.standing if a.status is not Status.RETRACTION)
    places: list[Localization] = []
    for place in (*filter(None, map(place_of, stated)), place_of(event.known)):
        if place is None:
            continue
        if places and separation_deg(places[-1], place) <= SAME_PLACE_DEG:
            places.pop()
        places.append(place)
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
