r"""How surprising an IceCube alert near an observer's transient is.

For an observer who fixed a position, a time window and the kinds of alert beforehand. Alerts of a
kind come at the published rate R over the whole sky, so within the window T the expected number
in an area :math:`\Omega` is

.. math:: \mu = R \, T \, \Omega / 4\pi \times \text{relative density at that declination},

and the chance of at least one is :math:`1 - e^{-\mu}`. The area is the larger of the circle as
wide as the separation found and the alert's own error region, so the chance is exact for the
nearest of point-like alerts and conservative for extended ones. The post-trial value pays for
every kind of alert that was allowed to match, and for as many transients as were tried.

Isotropy is an assumption, and a poor one for tracks: the Earth absorbs from the north and
atmospheric muons raise the threshold in the south. Of 49 gold and bronze events of 2019 to 2022
in GCN's table, 73 % lie at declinations from -5 to 30 deg, 2.5 times the isotropic share; outside
that band they are half as frequent or less. Near the horizon the isotropic chance is therefore
too small by that factor: give `density` where it matters.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from icecube_hooks import (
    Alert,
    AlertKind,
    AsymmetricError,
    Direction,
    Ellipse,
    Localization,
    Sided,
    Significance,
)

from ._assessment import assess_p
from ._rates import ALERT_RATES, Rate, count_text, expected_count
from ._season import newest
from ._trials import Trials
from ._values import RATE, TRIALS, PValueError

__all__ = [
    "Coincidence",
    "coincidence",
    "contains",
    "expected_alerts",
    "region_area_deg2",
    "separation_deg",
]

SKY_DEG2: Final = 4 * math.pi * math.degrees(1) ** 2
_ISOTROPY: Final = (
    "isotropic alerts assumed: up to 2.5 times too small at declinations -5 to 30 deg for tracks"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Coincidence:
    """One alert that came within the window, and what that is worth.

    Attributes
    ----------
    alert : Alert
    separation_deg : float
        Between position and best fit [deg].
    is_contained : bool or None
        Whether the position lies in the alert's stated region; ``None`` if it states none.
    containment : float or None
        Probability content of that region, as stated.
    delta_t_s : float
        Alert minus transient [s].
    n_expected : float
        Alerts of this kind expected by chance in that area and window.
    significance : Significance
        The chance of at least one, pre- and post-trial.
    """

    alert: Alert
    separation_deg: float
    is_contained: bool | None
    containment: float | None
    delta_t_s: float
    n_expected: float
    significance: Significance


def separation_deg(a: Direction | Localization, b: Direction | Localization) -> float:
    """Return the angle between two positions [deg], exact for all angles (Vincenty).

    Examples
    --------
    >>> round(separation_deg(Direction(ra_deg=0, dec_deg=90), Direction(ra_deg=77, dec_deg=0)), 6)
    90.0
    """
    east, north, along = _offset(a, b)
    return math.degrees(math.atan2(math.hypot(east, north), along))


def contains(region: Localization, position: Direction) -> bool | None:
    """Return whether `position` lies in the stated region; ``None`` if none is stated.

    A box is compared in right ascension and declination differences, as IceCube quotes it.
    """
    if region.error_radius_deg is not None:
        return separation_deg(region, position) <= region.error_radius_deg
    if region.ellipse is not None:
        return _in_ellipse(region, region.ellipse, position)
    if region.asymmetric is not None:
        return _in_box(region, region.asymmetric, position)
    return None


def region_area_deg2(region: Localization) -> float | None:
    """Return the area of the stated region [deg^2]; ``None`` if none is stated.

    A box counts whole, though the contour that it holds is smaller.
    """
    if region.error_radius_deg is not None:
        return cap_area_deg2(region.error_radius_deg)
    if region.ellipse is not None:
        return math.pi * region.ellipse.semi_major_deg * region.ellipse.semi_minor_deg
    if region.asymmetric is not None:
        box = region.asymmetric
        width = (box.ra_minus_deg + box.ra_plus_deg) * math.cos(math.radians(region.dec_deg))
        return width * (box.dec_minus_deg + box.dec_plus_deg)
    return None


def cap_area_deg2(radius_deg: float) -> float:
    """Return the area of a circle on the sphere [deg^2].

    Examples
    --------
    >>> round(cap_area_deg2(180))
    41253
    """
    return SKY_DEG2 * math.sin(math.radians(min(radius_deg, 180.0)) / 2) ** 2


def expected_alerts(
    kind: AlertKind,
    window_s: float,
    area_deg2: float = SKY_DEG2,
    *,
    rates: Mapping[AlertKind, Rate] = ALERT_RATES,
    density: float = 1.0,
) -> float:
    """Return how many alerts of a kind are expected in a window [s] and an area [deg^2].

    Parameters
    ----------
    density : float
        Density at the place relative to isotropy.

    Raises
    ------
    PValueError
        If `rates` has no such kind.

    Examples
    --------
    >>> from icecube_hooks import YEAR_S
    >>> round(expected_alerts(AlertKind.GOLD, YEAR_S), 6)
    10.0
    """
    if kind not in rates:
        raise PValueError("expected a kind of alert with a rate", str(kind))
    fraction = RATE.number(area_deg2) / SKY_DEG2
    return expected_count(rates[kind].per_year, window_s) * fraction * RATE.number(density)


def coincidence(
    position: Direction,
    time: datetime,
    alerts: Iterable[Alert],
    *,
    before_s: float,
    after_s: float,
    kinds: Iterable[AlertKind] = (AlertKind.GOLD, AlertKind.BRONZE, AlertKind.CASCADE),
    rates: Mapping[AlertKind, Rate] = ALERT_RATES,
    density: Callable[[float], float] | None = None,
    transients: float = 1,
    sided: Sided | str = Sided.ONE,
    provider: str = "icecube",
) -> tuple[Coincidence, ...]:
    """Return the alerts within the window around `time`, the most surprising first.

    Position, window and kinds must have been chosen before looking at the alerts; a window fitted
    around the coincidence makes every chance below meaningless.

    Parameters
    ----------
    position : Direction
        Of the transient [deg, ICRS], known much better than the alerts.
    time : datetime
        Of the transient [aware].
    alerts : iterable of Alert
        All notices; of each real event the newest is taken (see `newest`).
    before_s, after_s : float
        Window: alerts from `before_s` before to `after_s` after `time` [s].
    kinds : iterable of AlertKind
        Kinds that may match. Each is one look, whether or not one of it came.
    rates : mapping
        Rate of each kind over the whole sky.
    density : callable, optional
        ``density(dec_deg)``: density of alerts at a declination relative to isotropy.
    transients : float
        How many transients (or positions, or windows) were tried, this one included.

    Raises
    ------
    PValueError
        For a kind without a rate, a naive `time`, or a negative window.

    Examples
    --------
    >>> coincidence(Direction(ra_deg=77.4, dec_deg=5.7), datetime.fromisoformat("2017-09-22T00Z"),
    ...             [], before_s=86400, after_s=86400)
    ()
    """
    if time.tzinfo is None:
        raise PValueError("expected a time with a time zone", time.isoformat())
    allowed = frozenset(kinds)
    if not allowed:
        return ()
    trials = _looks(len(allowed), transients)
    window = RATE.number(before_s) + RATE.number(after_s)
    start, stop = time - timedelta(seconds=before_s), time + timedelta(seconds=after_s)
    found = []
    for alert, place, when in _within(newest(alerts), allowed, start, stop):
        relative = 1.0 if density is None else density(place.dec_deg)
        area = max(cap_area_deg2(separation_deg(place, position)), region_area_deg2(place) or 0.0)
        n_expected = expected_alerts(alert.kind, window, area, rates=rates, density=relative)
        significance = assess_p(
            -math.expm1(-n_expected),
            quantity=f"{alert.kind} coincidence",
            trials=trials,
            sided=sided,
            provider=provider,
            notes=() if density is not None else (_ISOTROPY,),
        )
        match = Coincidence(
            alert=alert,
            separation_deg=separation_deg(place, position),
            is_contained=contains(place, position),
            containment=place.containment,
            delta_t_s=(when - time).total_seconds(),
            n_expected=n_expected,
            significance=significance,
        )
        found.append(match)
    return tuple(sorted(found, key=_expected))


def _looks(n_kinds: int, transients: float) -> Trials:
    n = TRIALS.number(transients)
    kinds, tried = count_text(n_kinds, "kind"), count_text(n, "transient")
    return Trials.given(n_kinds * n, f"given: {kinds} of alert x {tried}")


def _expected(match: Coincidence) -> float:
    return match.n_expected


def _within(
    alerts: Iterable[Alert], kinds: frozenset[AlertKind], start: datetime, stop: datetime
) -> Iterator[tuple[Alert, Localization, datetime]]:
    """Yield the alerts of `kinds` in the window that say where and when."""
    for alert in alerts:
        place, when = alert.localization, alert.trigger_time
        if alert.kind in kinds and place is not None and when is not None and start <= when <= stop:
            yield alert, place, when


def _offset(a: Direction | Localization, b: Direction | Localization) -> tuple[float, float, float]:
    """Return the unit vector to `b` in the frame of `a`: east, north, along the line of sight."""
    turn = math.radians(b.ra_deg - a.ra_deg)
    dec_a, dec_b = math.radians(a.dec_deg), math.radians(b.dec_deg)
    east = math.cos(dec_b) * math.sin(turn)
    north = math.cos(dec_a) * math.sin(dec_b) - math.sin(dec_a) * math.cos(dec_b) * math.cos(turn)
    along = math.sin(dec_a) * math.sin(dec_b) + math.cos(dec_a) * math.cos(dec_b) * math.cos(turn)
    return east, north, along


def _in_ellipse(center: Localization, ellipse: Ellipse, position: Direction) -> bool | None:
    distance = separation_deg(center, position)
    if ellipse.position_angle_deg is None:
        return _unless_between(distance, ellipse.semi_minor_deg, ellipse.semi_major_deg)
    east, north, _ = _offset(center, position)
    angle = math.atan2(east, north) - math.radians(ellipse.position_angle_deg)
    major = distance * math.cos(angle) / ellipse.semi_major_deg
    minor = distance * math.sin(angle) / ellipse.semi_minor_deg
    return math.hypot(major, minor) <= 1.0


def _unless_between(distance: float, inner: float, outer: float) -> bool | None:
    """Return whether `distance` is inside, ``None`` where it depends on an unstated angle."""
    return distance <= inner if distance <= inner or distance > outer else None


def _in_box(center: Localization, box: AsymmetricError, position: Direction) -> bool:
    ra = (position.ra_deg - center.ra_deg + 180.0) % 360.0 - 180.0
    dec = position.dec_deg - center.dec_deg
    if box.position_angle_deg:
        turn = math.radians(box.position_angle_deg)
        ra, dec = (
            ra * math.cos(turn) - dec * math.sin(turn),
            ra * math.sin(turn) + dec * math.cos(turn),
        )
    in_ra = -box.ra_minus_deg <= ra <= box.ra_plus_deg
    return in_ra and -box.dec_minus_deg <= dec <= box.dec_plus_deg
