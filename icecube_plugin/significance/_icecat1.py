"""What IceCat-1 says about an alert: how many came like it, and from where on the sky.

IceCat-1 (Abbasi et al., ApJS 269 (2023) 25) applies the selection of gold and bronze alerts to all
data since 2011, so its counts are those of the alert streams. The numbers are in `_icecat1_data`.

Why counts: a stated false-alarm rate is not the rate at which background gives an alert like this.
Alerts of IceCat-1 with a rate of at most 1 per year came at 10.9 per year, and by their signalness
4.6 per year of them are background. What is safe to say is how often alerts like it come.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import cache, lru_cache
from typing import Final

from icecube_hooks import Alert, AlertKind

from ._icecat1_data import DENSITY, FAR_PER_YEAR, KINDS, RADII_DEG, SIGNALNESS, YEARS
from ._values import PROBABILITY, RATE, PValueError

__all__ = [
    "alert_density",
    "alert_radii",
    "alert_share",
    "alerts_per_year",
    "circle_density",
    "compared",
]

Density = Callable[[float], float]
"""``density(dec_deg)``: density of alerts at a declination [deg] relative to isotropy."""

TRACKS: Final = (AlertKind.GOLD, AlertKind.BRONZE, AlertKind.TRACK)
_STEPS: Final = 96
"""Of the integral over a circle: exact to 0.1 % for the densities shipped here."""


def alerts_per_year(
    *,
    max_far_per_year: float | None = None,
    min_signalness: float | None = None,
    kind: AlertKind | None = None,
) -> float:
    """Return how many track alerts like this or better IceCat-1 has a year of 365 days.

    Parameters
    ----------
    max_far_per_year : float, optional
        Largest stated false-alarm rate [1/yr].
    min_signalness : float, optional
        Smallest signalness, instead of that.
    kind : AlertKind, optional
        Gold or bronze only.

    Examples
    --------
    >>> round(alerts_per_year(max_far_per_year=1.0), 1), round(alerts_per_year(), 1)
    (10.9, 28.1)
    """
    if max_far_per_year is not None:
        count = _interpolated(FAR_PER_YEAR, RATE.number(max_far_per_year), kind)
    else:
        count = _interpolated(SIGNALNESS, PROBABILITY.number(min_signalness or 0.0), kind)
    return count / YEARS


def compared(alert: Alert) -> Iterator[str]:
    """Yield the counts of IceCat-1 beside the rate and the signalness that a track alert states."""
    if alert.kind not in TRACKS:
        return
    if alert.far_per_year is not None:
        n = alerts_per_year(max_far_per_year=alert.far_per_year)
        yield f"like this or better: {_yearly(n)} in IceCat-1, by false-alarm rate"
    if alert.signalness is not None:
        n = alerts_per_year(min_signalness=alert.signalness)
        yield f"like this or better: {_yearly(n)} in IceCat-1, by signalness"


def alert_share(kind: AlertKind, min_signalness: float) -> float:
    """Return which share of the alerts of a kind has at least this signalness, in IceCat-1.

    Raises
    ------
    PValueError
        For a kind that IceCat-1 does not have, unless `min_signalness` is 0.
    """
    if min_signalness == 0.0:
        return 1.0
    if kind.value not in KINDS:
        raise PValueError("expected a kind of alert with known signalnesses", str(kind))
    return alerts_per_year(min_signalness=min_signalness, kind=kind) / alerts_per_year(kind=kind)


@cache
def alert_density(kind: AlertKind, min_signalness: float = 0.0) -> Density | None:
    """Return the density of a kind of alert over declination; ``None`` if it is not known.

    Parameters
    ----------
    kind : AlertKind
        Gold or bronze; the places of cascades have not been published as a catalogue.
    min_signalness : float
        Of alerts with at least this signalness. IceCat-1 is cut at 0, 0.3 and (gold) 0.5, and the
        highest cut that is not above is taken.

    Examples
    --------
    >>> gold = alert_density(AlertKind.GOLD)
    >>> round(gold(5.0), 1), round(gold(-50.0), 1)  # relative to isotropy
    (3.5, 0.0)
    """
    cuts = [cut for name, cut in DENSITY if name == kind.value and cut <= min_signalness]
    if not cuts:
        return None
    values = tuple(map(float, DENSITY[kind.value, max(cuts)].split()))
    last = len(values) - 1

    def density(dec_deg: float) -> float:
        place = (math.sin(math.radians(dec_deg)) + 1) / 2 * last
        knot = min(int(place), last - 1)
        return values[knot] + (place - knot) * (values[knot + 1] - values[knot])

    return density


@cache
def alert_radii(kind: AlertKind) -> tuple[float, ...]:
    """Return how large alerts of a kind are: radii [deg] that are equally frequent, rising.

    Each of the circle with the area of the box that the catalogue states at 90 %.

    Raises
    ------
    PValueError
        For a kind that IceCat-1 does not have.

    Examples
    --------
    >>> [alert_radii(AlertKind.GOLD)[n] for n in (0, 10, -1)]
    [0.44, 1.26, 6.96]
    """
    if kind.value not in KINDS:
        raise PValueError("expected a kind of alert with known sizes", str(kind))
    return tuple(map(float, RADII_DEG[kind.value].split()))


@lru_cache(4096)
def circle_density(density: Density, dec_deg: float, radius_deg: float) -> float:
    """Return the mean of a density over a circle on the sky around a declination [deg].

    Examples
    --------
    >>> round(circle_density(lambda dec_deg: 1.5, 20.0, 3.0), 9)
    1.5
    """
    low, high = max(-90.0, dec_deg - radius_deg), min(90.0, dec_deg + radius_deg)
    middle, half = (low + high) / 2, (high - low) / 2
    outer = math.sin(math.radians(min(radius_deg, 180.0)) / 2) ** 2
    total = weights = 0.0
    for step in range(_STEPS):
        # Steps crowd at both ends, where the width of the circle goes as a square root.
        turn = math.pi * ((step + 0.5) / _STEPS - 0.5)
        dec = middle + half * math.sin(turn)
        inner = math.sin(math.radians(dec - dec_deg) / 2) ** 2
        across = math.cos(math.radians(dec)) * math.cos(math.radians(dec_deg))
        share = max(outer - inner, 0.0) / across if across > 0 else 1.0
        width = 2 * math.asin(math.sqrt(min(share, 1.0)))
        weight = width * math.cos(math.radians(dec)) * math.cos(turn)
        weights += weight
        total += weight * density(dec)
    return total / weights if weights else density(dec_deg)


def _interpolated(
    table: Sequence[tuple[float, int, int]], limit: float, kind: AlertKind | None
) -> float:
    """Return the count at a limit, straight between those of the table."""
    counts = [_count(row, kind) for row in table]
    limits = [row[0] for row in table]
    if limit <= limits[0]:
        return counts[0]
    for (low, before), (high, after) in zip(
        zip(limits, counts, strict=True), zip(limits[1:], counts[1:], strict=True), strict=False
    ):
        if limit <= high:
            return before + (after - before) * (limit - low) / (high - low)
    return counts[-1]


def _count(row: tuple[float, int, int], kind: AlertKind | None) -> float:
    if kind is None:
        return row[1] + row[2]
    if kind.value not in KINDS:
        raise PValueError("expected gold or bronze", str(kind))
    return row[1 + KINDS.index(kind.value)]


def _yearly(per_year: float) -> str:
    return f"{per_year:.2g} a year" if per_year > 0 else "none"
