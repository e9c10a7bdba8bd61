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
    Direction,
    Localization,
    Sided,
    Significance,
)
from icecube_plugin.sky import Region, cap_area_deg2, region_or_none, separation_deg
from icecube_plugin.sky.directions import SKY_DEG2

from ._assessment import assess_p
from ._rates import ALERT_RATES, Rate, count_text, expected_count
from ._season import newest
from ._trials import Trials
from ._values import RATE, TRIALS, PValueError

__all__ = [
    "Coincidence",
    "coincidence",
    "expected_alerts",
]

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
        region = region_or_none(place)
        area = max(
            cap_area_deg2(separation_deg(place, position)),
            0.0 if region is None else region.area_deg2,
        )
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
            is_contained=None if region is None else _holds(region, position),
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


def _holds(region: Region, position: Direction) -> bool:
    found: bool = region.contains(position.ra_deg, position.dec_deg)
    return found
