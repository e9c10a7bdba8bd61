r"""How surprising an IceCube alert near an observer's transient is.

For an observer who fixed a position, a time window and the kinds of alert beforehand. Alerts of a
kind come at the published rate R over the whole sky, so within the window T the expected number
in a circle around the position is

.. math:: \mu = R \, T \int_\Omega d(\delta) \, \mathrm{d}\Omega / 4\pi,

and the chance of at least one is :math:`1 - e^{-\mu}`. The circle is as wide as the separation
found, or as the alert's own error region if that is larger, so the chance is exact for the nearest
of point-like alerts and conservative for extended ones. The post-trial value pays for every kind
of alert that was allowed to match, and for as many transients as were tried.

The density d over declination is that of IceCat-1 for gold and bronze alerts (`alert_density`):
the Earth absorbs from the north and atmospheric muons raise the threshold in the south, so at the
horizon tracks are 3.5 times denser than on average, and there are hardly any at -50 deg. It is
integrated over the circle; at a circle's middle alone it is wrong by a third near the horizon.
Cascades, whose density is not published, are taken as isotropic.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from icecube_hooks import (
    Alert,
    AlertKind,
    Direction,
    Localization,
    Sided,
    Significance,
)
from icecube_plugin.alerts import same_event
from icecube_plugin.alerts.words import UNCORRECTED
from icecube_plugin.sky import Area, Areas, cap_area_deg2, region_or_none, separation_deg
from icecube_plugin.sky.directions import SKY_DEG2

from ._assessment import assess_p
from ._chance import poisson_chance
from ._icecat1 import Density, alert_density, alert_radii, alert_share, circle_density
from ._rates import ALERT_RATES, Rate, count_text, expected_count
from ._season import newest
from ._trials import Trials
from ._values import RATE, TRIALS, PValueError

__all__ = [
    "Coincidence",
    "Multiplet",
    "coincidence",
    "earlier_alert",
    "expected_alerts",
    "multiplet",
]

DAY: Final = timedelta(days=1)
"""Notices of one event may state times that differ; they are of one day."""
_ICECAT1: Final = "density of alerts over declination as in IceCat-1"
_ISOTROPY: Final = "alerts of this kind taken as equally dense everywhere"


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
        Alerts of this kind expected by chance in that circle and window.
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
    density: Density | None = None,
    min_signalness: float = 0.0,
    transients: float | None = None,
    areas: Areas = region_or_none,
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
        ``density(dec_deg)``: density of alerts at a declination relative to isotropy, for all
        kinds; by default that of IceCat-1 for gold and bronze (`alert_density`).
    min_signalness : float
        Only alerts with at least this signalness match, fixed beforehand; of gold and bronze.
        Rate and density are then those of such alerts.
    transients : float, optional
        How many transients (or positions, or windows) were tried, this one included. Without,
        the kinds only are paid for, and there is no verdict.
    areas : callable
        Finds the region of an alert: ``Maps(folder).area`` of `icecube_plugin.sky.skymaps` takes
        the sky map where there is one, instead of what the notice states.

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
    wanted = [alert for alert in newest(alerts) if (alert.signalness or 0.0) >= min_signalness]
    found = []
    for alert, place, when in _within(wanted, allowed, start, stop):
        region = areas(place)
        apart = separation_deg(place, position)
        radius = max(apart, _size_deg(region))
        known = density or alert_density(alert.kind, min_signalness)
        share = alert_share(alert.kind, min_signalness)
        n_expected = share * _in_circle(alert.kind, window, position, radius, known, rates)
        significance = assess_p(
            -math.expm1(-n_expected),
            quantity=f"{alert.kind} coincidence",
            trials=trials,
            sided=sided,
            provider=provider,
            notes=() if density is not None else (_ISOTROPY if known is None else _ICECAT1,),
        )
        match = Coincidence(
            alert=alert,
            separation_deg=apart,
            is_contained=None if region is None else _holds(region, position),
            containment=None if region is None else region.containment,
            delta_t_s=(when - time).total_seconds(),
            n_expected=n_expected,
            significance=significance,
        )
        found.append(match)
    return tuple(sorted(found, key=_expected))


def earlier_alert(
    alert: Alert,
    earlier: Iterable[Alert],
    *,
    window_s: float,
    kinds: Iterable[AlertKind] = (AlertKind.GOLD, AlertKind.BRONZE),
    rates: Mapping[AlertKind, Rate] = ALERT_RATES,
    areas: Areas = region_or_none,
    trials: float | Trials | None = None,
    provider: str = "icecube",
) -> Coincidence | None:
    """Return the nearest earlier alert of a new one, and how often one is as near by chance.

    The kinds count together as one stream. Whether two alerts come from one source this does not
    tell; every new alert is a look, so give `trials`.

    Parameters
    ----------
    alert : Alert
        The new one.
    earlier : iterable of Alert
        All notices; of each real event the newest is taken, and `alert`'s own event is left out.
    window_s : float
        How far to look back [s], fixed beforehand.
    kinds : iterable of AlertKind
    rates : mapping
    areas : callable
        As of `coincidence`.
    trials : float or Trials, optional
        New alerts (and windows) that were looked at so.

    Returns
    -------
    Coincidence or None
        Its `separation_deg`, of the best fits, decides; its region does not. ``None`` if no earlier
        alert is in the window, or the new one states no place or time.
    """
    place, when = alert.localization, alert.trigger_time
    if place is None or when is None:
        return None
    allowed = frozenset(kinds)
    near = [
        (separation_deg(there, place), one, then, there)
        for one, there, then in _before(alert, when, earlier, window_s, allowed)
    ]
    if not near:
        return None
    apart, one, then, there = min(near, key=lambda found: found[0])
    position = Direction(ra_deg=place.ra_deg, dec_deg=place.dec_deg)
    n_expected = math.fsum(
        _in_circle(kind, window_s, position, apart, alert_density(kind), rates) for kind in allowed
    )
    region = areas(there)
    return Coincidence(
        alert=one,
        separation_deg=apart,
        is_contained=None if region is None else _holds(region, position),
        containment=None if region is None else region.containment,
        delta_t_s=(then - when).total_seconds(),
        n_expected=n_expected,
        significance=assess_p(
            -math.expm1(-n_expected),
            quantity="nearest earlier alert",
            trials=trials,
            provider=provider,
            notes=(_ICECAT1,),
        ),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Multiplet:
    """The earlier alerts whose regions overlap that of a new one, and how many do by chance.

    Attributes
    ----------
    alerts : tuple of Alert
        The nearest first.
    n_expected : float
        How many overlap by chance within the window.
    significance : Significance or None
        The chance of as many or more; ``None`` where none overlaps.
    """

    alerts: tuple[Alert, ...]
    n_expected: float
    significance: Significance | None


def multiplet(
    alert: Alert,
    earlier: Iterable[Alert],
    *,
    window_s: float,
    kinds: Iterable[AlertKind] = (AlertKind.GOLD, AlertKind.BRONZE),
    rates: Mapping[AlertKind, Rate] = ALERT_RATES,
    areas: Areas = region_or_none,
    trials: float | Trials | None = None,
    provider: str = "icecube",
) -> Multiplet | None:
    """Return which earlier alerts overlap a new one, and the chance of so many.

    Two regions overlap if their best fits are nearer than their radii together, each the radius of
    the circle with the region's area. Alerts come at the rates of their kinds, with the density
    over declination and the sizes of IceCat-1; the new alert's place and size are taken as they
    are. Of a region that is not stated the radius is 0.

    Parameters
    ----------
    alert, earlier, window_s, kinds, rates, areas, trials
        As of `earlier_alert`.

    Returns
    -------
    Multiplet or None
        ``None`` if the new alert states no place or time.

    Raises
    ------
    PValueError
        For kinds whose sizes are not known: other than gold and bronze.
    """
    place, when = alert.localization, alert.trigger_time
    if place is None or when is None:
        return None
    allowed, radius = frozenset(kinds), _size_deg(areas(place))
    apart = [
        (separation_deg(place, there), radius + _size_deg(areas(there)), one)
        for one, there, _ in _before(alert, when, earlier, window_s, allowed)
    ]
    near = [(far, one) for far, reach, one in apart if far <= reach]
    found = tuple(one for _, one in sorted(near, key=lambda pair: pair[0]))
    n_expected = math.fsum(
        _in_circle(kind, window_s, place, radius + other, alert_density(kind), rates) / len(radii)
        for kind, radii in ((kind, alert_radii(kind)) for kind in allowed)
        for other in radii
    )
    significance = None
    if found:
        significance = assess_p(
            poisson_chance(len(found), n_expected),
            quantity=f"{count_text(len(found), 'earlier alert')} or more that overlap",
            trials=trials,
            provider=provider,
            notes=(_ICECAT1,),
        )
    return Multiplet(alerts=found, n_expected=n_expected, significance=significance)


def _before(
    alert: Alert,
    when: datetime,
    earlier: Iterable[Alert],
    window_s: float,
    kinds: frozenset[AlertKind],
) -> Iterator[tuple[Alert, Localization, datetime]]:
    """Yield the alerts of other events in the window before an alert."""
    start = when - timedelta(seconds=RATE.number(window_s))
    for other, place, at in _within(newest(earlier), kinds, start, when):
        may_be_its_own = other.event_key == alert.event_key or when - at < DAY
        if not (may_be_its_own and same_event(other, alert)):
            yield other, place, at


def _size_deg(area: Area | None) -> float:
    return 0.0 if area is None else _radius_deg(area.area_deg2)


def _in_circle(
    kind: AlertKind,
    window_s: float,
    middle: Direction | Localization,
    radius_deg: float,
    density: Density | None,
    rates: Mapping[AlertKind, Rate],
) -> float:
    """Return how many alerts of a kind come into a circle within a window [s]."""
    relative = 1.0 if density is None else circle_density(density, middle.dec_deg, radius_deg)
    area = cap_area_deg2(radius_deg)
    return expected_alerts(kind, window_s, area, rates=rates, density=relative)


def _radius_deg(area_deg2: float) -> float:
    """Return the radius of the circle with an area [deg^2]."""
    return math.degrees(2 * math.asin(math.sqrt(min(area_deg2 / SKY_DEG2, 1.0))))


def _looks(n_kinds: int, transients: float | None) -> Trials:
    kinds = count_text(n_kinds, "kind")
    if transients is None:
        source = f"{kinds} of alert; else {UNCORRECTED}"
        return Trials(n=float(n_kinds), source=source, is_whole=False)
    n = TRIALS.number(transients)
    tried = count_text(n, "transient")
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


def _holds(region: Area, position: Direction) -> bool:
    found: bool = region.contains(position.ra_deg, position.dec_deg)
    return found
