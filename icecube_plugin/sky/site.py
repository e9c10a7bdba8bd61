"""Whether a site can see a position: altitudes, airmass, the best time of the coming night.

Conventions
-----------
- Altitudes without refraction [deg]. UT1 is taken for UTC, which is off by less than 0.9 s or
  0.004 deg of altitude: no table of the Earth's rotation is needed, and nothing is downloaded.
- Dark is when the Sun is lower than `DARK_SUN_DEG`.
- The positions come from ERFA, which astropy brings.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from icecube_hooks import ConfigError
from icecube_hooks.host import nearest

__all__ = [
    "DARK_SUN_DEG",
    "Site",
    "airmass",
    "altitudes_deg",
    "dark_times",
    "galactic_latitude_deg",
    "highest",
    "site_of",
]

DARK_SUN_DEG: Final = -12.0
"""Below this altitude of the Sun it is dark (nautical twilight ends)."""
STEP: Final = timedelta(minutes=10)
STEPS: Final = 24 * 6
UNIX_EPOCH_JD: Final = 2_440_587.5
TT_MINUS_UTC_S: Final = 69.2
"""Since 2017; the Sun moves 0.04 arcsec in a second."""

NORTH_GALACTIC_POLE_DEG: Final = (192.85948, 27.12825)
"""ICRS, from ESA SP-1200 (Hipparcos), volume 1, section 1.5.3."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """An observatory: latitude and longitude [deg, north and east positive], height [m]."""

    name: str
    lat_deg: float
    lon_deg: float
    height_m: float = 0.0


_LIMITS: Final = {"lat_deg": 90.0, "lon_deg": 360.0, "height_m": 10_000.0}


def site_of(table: object, key: str = "site") -> Site:
    """Read a site from the configuration.

    Raises
    ------
    ConfigError
        If something is unknown, missing or out of range.
    """
    if not isinstance(table, Mapping):
        raise ConfigError("expected a table with name, lat_deg, lon_deg and height_m", key=key)
    known = ("name", *_LIMITS)
    for name in table:
        if name not in known:
            raise ConfigError("unknown option", key=f"{key}.{name}", hint=nearest(name, known))
    for name in ("lat_deg", "lon_deg"):
        if name not in table:
            raise ConfigError("is required", key=f"{key}.{name}")
    label = table.get("name", "the site")
    if not isinstance(label, str):
        raise ConfigError("expected text", key=f"{key}.name")
    numbers = {name: _number(table.get(name, 0.0), name, key) for name in _LIMITS}
    return Site(name=label, **numbers)


def _number(value: Any, name: str, key: str) -> float:
    limit = _LIMITS[name]
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not -limit <= value <= limit:
        reason = f"expected a number from {-limit:g} to {limit:g}, got {value!r:.40}"
        raise ConfigError(reason, key=f"{key}.{name}")
    return float(value)


def altitudes_deg(ra_deg: Any, dec_deg: Any, times: Sequence[datetime], site: Site) -> list[float]:
    """Return the altitude of a position [deg, ICRS] at some times.

    Examples
    --------
    >>> from datetime import UTC
    >>> paranal = Site(name="Paranal", lat_deg=-24.627, lon_deg=-70.404, height_m=2635)
    >>> time = datetime(2023, 4, 16, 7, 42, 31, tzinfo=UTC)
    >>> [round(altitude, 2) for altitude in altitudes_deg(345.82, 9.14, [time], paranal)]
    [-9.87]
    """
    import erfa
    import numpy as np

    days = np.array([time.timestamp() / 86_400 for time in times])
    place = math.radians(site.lon_deg), math.radians(site.lat_deg), site.height_m
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", erfa.ErfaWarning)  # years without known leap seconds
        zenith_distance = erfa.atco13(
            np.radians(ra_deg),
            np.radians(dec_deg),
            *(0.0, 0.0, 0.0, 0.0),  # proper motion, parallax, radial velocity
            UNIX_EPOCH_JD,
            days,
            0.0,  # UT1 - UTC
            *place,
            *(0.0, 0.0),  # polar motion
            *(0.0, 0.0, 0.0, 1.0),  # no air: no refraction
        )[1]
    return [float(altitude) for altitude in 90.0 - np.degrees(zenith_distance)]


def sun_altitudes_deg(times: Sequence[datetime], site: Site) -> list[float]:
    """Return the altitude of the Sun [deg]."""
    import erfa
    import numpy as np

    days = np.array([(time.timestamp() + TT_MINUS_UTC_S) / 86_400 for time in times])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", erfa.ErfaWarning)  # years far from 2000
        earth = erfa.epv00(UNIX_EPOCH_JD, days)[0]["p"]
    ra, dec = erfa.c2s(-earth)
    return altitudes_deg(np.degrees(ra), np.degrees(dec), times, site)


def dark_times(now: datetime, site: Site) -> list[datetime]:
    """Return when it is dark in the next 24 hours, in steps of 10 minutes."""
    times = [now + number * STEP for number in range(STEPS)]
    suns = sun_altitudes_deg(times, site)
    return [time for time, sun in zip(times, suns, strict=True) if sun < DARK_SUN_DEG]


def highest(
    ra_deg: float, dec_deg: float, times: Sequence[datetime], site: Site
) -> tuple[datetime, float]:
    """Return at which of some times a position is highest, and how high [deg]."""
    altitude, time = max(zip(altitudes_deg(ra_deg, dec_deg, times, site), times, strict=True))
    return time, altitude


def airmass(altitude_deg: float) -> float:
    """Return the airmass at an altitude [deg, > 0], after Kasten & Young (1989, Appl. Opt. 28).

    Examples
    --------
    >>> round(airmass(90.0), 2), round(airmass(30.0), 2), round(airmass(0.5), 1)
    (1.0, 1.99, 31.3)
    """
    bend = 0.50572 * math.pow(altitude_deg + 6.07995, -1.6364)
    return 1.0 / (math.sin(math.radians(altitude_deg)) + bend)


def galactic_latitude_deg(ra_deg: float, dec_deg: float) -> float:
    """Return the Galactic latitude of a position [deg, ICRS].

    Examples
    --------
    >>> round(galactic_latitude_deg(266.405, -28.936), 2)
    0.0
    """
    pole_ra, pole_dec = (math.radians(angle) for angle in NORTH_GALACTIC_POLE_DEG)
    dec, turn = math.radians(dec_deg), math.radians(ra_deg) - pole_ra
    along = math.sin(pole_dec) * math.sin(dec)
    across = math.cos(pole_dec) * math.cos(dec) * math.cos(turn)
    return math.degrees(math.asin(max(-1.0, min(1.0, along + across))))
