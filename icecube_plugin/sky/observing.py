"""What a site sees: altitudes and airmass, Sun and Moon, the dark hours, a night.

Conventions
-----------
- Altitudes without refraction [deg]. UT1 is taken for UTC, which is off by less than 0.9 s or
  0.004 deg of altitude: no table of the Earth's rotation is needed, and nothing is downloaded.
- Dark is when the Sun is lower than `DARK_SUN_DEG`.
- The positions come from ERFA, which astropy brings: to 0.01 deg for the Sun and the Moon.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from icecube_hooks import Direction, Localization

from .directions import polar_deg
from .site import Site

if TYPE_CHECKING:
    import numpy as np

    Floats = np.ndarray[Any, np.dtype[np.float64]]

__all__ = [
    "DARK_SUN_DEG",
    "HIGH_ENOUGH_DEG",
    "Night",
    "Window",
    "airmass",
    "altitudes_deg",
    "dark_times",
    "evening_of",
    "highest",
    "moon_altitudes_deg",
    "night",
    "sun_altitudes_deg",
    "sun_and_moon",
    "windows",
]

DARK_SUN_DEG: Final = -12.0
"""Below this altitude of the Sun it is dark (nautical twilight ends)."""
HIGH_ENOUGH_DEG: Final = 30.0
"""From this altitude on it is observed: an airmass of 2."""
SUNSET_DEG: Final = -0.833
"""Altitude of the Sun's centre when it sets: its radius, and the refraction at the horizon."""
STEP: Final = timedelta(minutes=10)
STEPS: Final = 24 * 6
NIGHT_STEP: Final = timedelta(minutes=5)
UNIX_EPOCH_JD: Final = 2_440_587.5
TT_MINUS_UTC_S: Final = 69.2
"""Since 2017; the Sun moves 0.04 arcsec in a second, the Moon half an arcsec."""
AU_KM: Final = 149_597_870.7
EARTH_KM: Final = 6371.0
YEARS: Final = range(1900, 2100)
"""For which ERFA's series for the Earth is made."""


def altitudes_deg(ra_deg: Any, dec_deg: Any, times: Sequence[datetime], site: Site) -> list[float]:
    """Return the altitude of a position [deg, ICRS] at some times.

    Examples
    --------
    >>> paranal = Site(name="Paranal", lat_deg=-24.627, lon_deg=-70.404, height_m=2635)
    >>> moment = datetime(2023, 4, 16, 7, 42, 31, tzinfo=UTC)
    >>> [round(altitude, 2) for altitude in altitudes_deg(345.82, 9.14, [moment], paranal)]
    [-9.87]
    """
    import erfa
    import numpy as np

    days = _days(times)
    with _far_years():
        # What takes long, precession and the like, is done once a day: it moves less than 1 arcsec.
        dates, which = np.unique(np.floor(days), return_inverse=True)
        of_day, _ = erfa.apco13(
            UNIX_EPOCH_JD,
            dates + 0.5,
            0.0,  # UT1 - UTC
            *(math.radians(site.lon_deg), math.radians(site.lat_deg), site.height_m),
            *(0.0, 0.0),  # polar motion
            *(0.0, 0.0, 0.0, 1.0),  # no air: no refraction
        )
        turned = erfa.aper13(UNIX_EPOCH_JD, days, of_day[which])
        stars = np.radians(ra_deg), np.radians(dec_deg)
        # without proper motion, parallax, radial velocity
        apparent = erfa.atciq(*stars, *(0.0, 0.0, 0.0, 0.0), turned)
        zenith_distance = erfa.atioq(*apparent, turned)[1]
    return [float(altitude) for altitude in 90.0 - np.degrees(zenith_distance)]


def sun_altitudes_deg(times: Sequence[datetime], site: Site) -> list[float]:
    """Return the altitude of the Sun [deg]."""
    return altitudes_deg(*_sun_deg(times), times, site)


def moon_altitudes_deg(times: Sequence[datetime], site: Site) -> list[float]:
    """Return the altitude of the Moon [deg]."""
    ra, dec, distance_km = _moon_deg(times)
    return [
        # The site is nearer to the Moon than the centre of the Earth: up to 1 deg lower.
        math.degrees(math.atan2(math.sin(high) - EARTH_KM / far, math.cos(high)))
        for high, far in zip(
            map(math.radians, altitudes_deg(ra, dec, times, site)), distance_km, strict=True
        )
    ]


def sun_and_moon(moment: datetime) -> Mapping[str, Direction]:
    """Return where Sun and Moon are, seen from the centre of the Earth: the Moon to 1 deg.

    Nothing outside of the years 1900 to 2099, for which the series are made.
    """
    if moment.year not in YEARS:
        return {}
    found = {"Sun": _sun_deg([moment]), "Moon": _moon_deg([moment])[:2]}
    return {
        name: Direction(ra_deg=float(ra[0]), dec_deg=float(dec[0]))
        for name, (ra, dec) in found.items()
    }


def _sun_deg(times: Sequence[datetime]) -> tuple[Floats, Floats]:
    return _sun_at(tuple(times))


@lru_cache(maxsize=8)  # the same times for each site; this is what takes longest
def _sun_at(times: tuple[datetime, ...]) -> tuple[Floats, Floats]:
    import erfa

    with _far_years():
        earth = erfa.epv00(UNIX_EPOCH_JD, _days(times, TT_MINUS_UTC_S))[0]["p"]
    return _ra_dec_deg(-earth)


def _moon_deg(times: Sequence[datetime]) -> tuple[Floats, Floats, Floats]:
    """Return right ascension, declination [deg] and distance [km] from the centre of the Earth."""
    import erfa
    import numpy as np

    with _far_years():
        moon = erfa.moon98(UNIX_EPOCH_JD, _days(times, TT_MINUS_UTC_S))["p"]
    return *_ra_dec_deg(moon), np.linalg.norm(moon, axis=-1) * AU_KM


def _ra_dec_deg(vectors: Any) -> tuple[Floats, Floats]:
    import erfa
    import numpy as np

    ra, dec = erfa.c2s(vectors)
    return np.degrees(ra) % 360.0, np.degrees(dec)


def _days(times: Sequence[datetime], later_s: float = 0.0) -> Floats:
    """Return days since 1970; `later_s` leads from UTC to another time scale."""
    import numpy as np

    return np.array([(moment.timestamp() + later_s) / 86_400 for moment in times])


@contextmanager
def _far_years() -> Iterator[None]:
    """Take years whose leap seconds are not known, or that are far from 2000, as they are."""
    import erfa

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", erfa.ErfaWarning)
        yield


def dark_times(now: datetime, site: Site) -> list[datetime]:
    """Return when it is dark in the next 24 hours, in steps of 10 minutes."""
    times = [now + number * STEP for number in range(STEPS)]
    suns = sun_altitudes_deg(times, site)
    return [moment for moment, sun in zip(times, suns, strict=True) if sun < DARK_SUN_DEG]


def highest(
    ra_deg: float, dec_deg: float, times: Sequence[datetime], site: Site
) -> tuple[datetime, float]:
    """Return at which of some times a position is highest, and how high [deg]."""
    found = max(zip(altitudes_deg(ra_deg, dec_deg, times, site), times, strict=True))
    return found[1], found[0]


def airmass(altitude_deg: float) -> float:
    """Return the airmass at an altitude [deg, > 0], after Kasten & Young (1989, Appl. Opt. 28).

    Examples
    --------
    >>> round(airmass(90.0), 2), round(airmass(30.0), 2), round(airmass(0.5), 1)
    (1.0, 1.99, 31.3)
    """
    bend = 0.50572 * math.pow(altitude_deg + 6.07995, -1.6364)
    return 1.0 / (math.sin(math.radians(altitude_deg)) + bend)


@dataclass(frozen=True, kw_only=True, slots=True)
class Night:
    """Altitudes [deg] from local noon to local noon.

    Attributes
    ----------
    site : Site
    evening : date
        Local date on which it begins.
    times : sequence of datetime
        [UTC]
    target, sun, moon : sequence of float
    moon_illumination : float
        Share of the disc that is lit at the middle of the night.
    moon_distance_deg : float
        Between Moon and target at that time.
    """

    site: Site
    evening: date
    times: Sequence[datetime]
    target: Sequence[float]
    sun: Sequence[float]
    moon: Sequence[float]
    moon_illumination: float
    moon_distance_deg: float


def evening_of(moment: datetime, site: Site) -> date:
    """Return the local date on which the night of a moment begins; by day, the next night's."""
    local = moment.astimezone(UTC) + timedelta(hours=site.lon_deg / 15)
    (sun,) = sun_altitudes_deg([moment], site)
    return (local - timedelta(hours=12) if sun < SUNSET_DEG else local).date()


def night(place: Direction | Localization, site: Site, evening: date) -> Night:
    """Compute a night, from the local mean noon of a date to the next."""
    noon = datetime.combine(evening, time(12), UTC) - timedelta(hours=site.lon_deg / 15)
    times = [noon + number * NIGHT_STEP for number in range(timedelta(days=1) // NIGHT_STEP + 1)]
    sun = sun_altitudes_deg(times, site)
    middle = times[sun.index(min(sun))]
    moon_ra, moon_dec, _ = _moon_deg([middle])
    return Night(
        site=site,
        evening=evening,
        times=times,
        target=altitudes_deg(place.ra_deg, place.dec_deg, times, site),
        sun=sun,
        moon=moon_altitudes_deg(times, site),
        moon_illumination=_lit(middle),
        moon_distance_deg=float(polar_deg(moon_ra, moon_dec, place.ra_deg, place.dec_deg)[0][0]),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """A time in which a site can observe a position: dark, and high enough.

    Attributes
    ----------
    start, stop : datetime
        [UTC]; to a minute.
    best_time : datetime
        When it is highest.
    altitude_deg : float
        At that time.
    moon_altitude_deg, moon_distance_deg : float
        Of the Moon, and from it, at that time (seen from the centre of the Earth: to 1 deg).
    moon_illumination : float
        Share of the Moon's disc that is lit, 0 to 1.
    """

    start: datetime
    stop: datetime
    best_time: datetime
    altitude_deg: float
    moon_altitude_deg: float
    moon_distance_deg: float
    moon_illumination: float


def windows(
    place: Direction | Localization,
    site: Site,
    start: datetime,
    *,
    above_deg: float = HIGH_ENOUGH_DEG,
    sun_below_deg: float = DARK_SUN_DEG,
) -> list[Window]:
    """Return when a site can observe a position in the 24 hours from `start`, in order of time.

    Parameters
    ----------
    place : Direction or Localization
    site : Site
    start : datetime
    above_deg : float
        Lowest altitude of the position [deg].
    sun_below_deg : float
        Highest altitude of the Sun [deg].
    """
    import numpy as np

    times = [start + number * STEP for number in range(STEPS + 1)]
    target = np.array(altitudes_deg(place.ra_deg, place.dec_deg, times, site))
    dark = sun_below_deg - np.array(sun_altitudes_deg(times, site))
    steps, margin = _least(target - above_deg, dark)
    edges = np.flatnonzero(np.diff(np.concatenate(([False], margin > 0, [False])).astype(int)))
    return [
        _window(place, site, times, (_zero(steps, margin, first), _zero(steps, margin, after)))
        for first, after in zip(edges[::2], edges[1::2], strict=True)
    ]


def _least(one: Floats, other: Floats) -> tuple[Floats, Floats]:
    """Return the smaller of two curves: steps, with fractions, and values.

    Besides the whole steps there is where they cross. There the smaller one may be largest: a
    window can lie between two steps.
    """
    import numpy as np

    whole, apart = np.arange(len(one), dtype=float), one - other
    (before,) = np.nonzero(apart[:-1] * apart[1:] < 0)
    crossings = before + apart[before] / (apart[before] - apart[before + 1])
    steps = np.sort(np.concatenate((whole, crossings)))
    return steps, np.minimum(np.interp(steps, whole, one), np.interp(steps, whole, other))


def _zero(steps: Floats, margin: Floats, after: int) -> float:
    """Return where, in steps, the margin changes its sign before index `after`."""
    if after in (0, len(margin)):
        return float(steps[min(after, len(margin) - 1)])
    low, high = margin[after - 1], margin[after]
    return float(steps[after - 1] + low / (low - high) * (steps[after] - steps[after - 1]))


def _window(
    place: Direction | Localization,
    site: Site,
    times: Sequence[datetime],
    span: tuple[float, float],
) -> Window:
    start, stop = (times[0] + step * STEP for step in span)
    inside = [start, *(one for one in times if start < one < stop), stop]
    best, altitude = highest(place.ra_deg, place.dec_deg, inside, site)
    moon_ra, moon_dec, _ = _moon_deg([best])
    return Window(
        start=start,
        stop=stop,
        best_time=best,
        altitude_deg=altitude,
        moon_altitude_deg=moon_altitudes_deg([best], site)[0],
        moon_distance_deg=float(polar_deg(moon_ra, moon_dec, place.ra_deg, place.dec_deg)[0][0]),
        moon_illumination=_lit(best),
    )


def _lit(moment: datetime) -> float:
    """Return the share of the Moon's disc that is lit."""
    moon_ra, moon_dec, _ = _moon_deg([moment])
    (sun_ra,), (sun_dec,) = _sun_deg([moment])
    elongation = math.radians(polar_deg(moon_ra, moon_dec, sun_ra, sun_dec)[0][0])
    return (1 - math.cos(elongation)) / 2
