"""Angles between directions, and Galactic coordinates, of plain floats.

Conventions
-----------
- Degrees, ICRS. Position angles go from north through east.
- Exact for small angles, for opposite directions and at the poles.
- `separation_deg` and `galactic_deg` need the standard library only; `polar_deg` and `moved_deg`
  take arrays, and import numpy when they are called.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from icecube_hooks import Direction, Localization

if TYPE_CHECKING:
    import numpy as np

    Floats = np.ndarray[Any, np.dtype[np.float64]]

__all__ = ["SKY_DEG2", "galactic_deg", "moved_deg", "polar_deg", "separation_deg"]

SKY_DEG2: Final = 4 * math.pi * math.degrees(1) ** 2
"""Area of the whole sky [deg^2]."""

GALACTIC: Final = (
    (-0.0548755604, -0.8734370902, -0.4838350155),
    (0.4941094279, -0.4448296300, 0.7469822445),
    (-0.8676661490, -0.1980763734, 0.4559837762),
)
"""Rotation from ICRS to Galactic coordinates: Hipparcos catalogue, ESA SP-1200, vol. 1, eq. 1.5.11.

Astropy's, through FK5, differs by less than 0.03 arcsec.
"""


def separation_deg(a: Direction | Localization, b: Direction | Localization) -> float:
    """Return the angle between two directions [deg].

    Examples
    --------
    >>> a, b = Direction(ra_deg=359.5, dec_deg=0), Direction(ra_deg=0.5, dec_deg=0)
    >>> round(separation_deg(a, b), 12)
    1.0
    """
    east, north, ahead = _seen_from(a.ra_deg, a.dec_deg, b.ra_deg, b.dec_deg, math)
    return math.degrees(math.atan2(math.hypot(east, north), ahead))


def polar_deg(ra_deg: Any, dec_deg: Any, ra_0_deg: float, dec_0_deg: float) -> tuple[Any, Any]:
    """Return how far directions are from a centre, and at which position angle [deg]."""
    import numpy as np

    east, north, ahead = _seen_from(
        ra_0_deg, dec_0_deg, np.asarray(ra_deg), np.asarray(dec_deg), np
    )
    return np.degrees(np.arctan2(np.hypot(east, north), ahead)), np.degrees(np.arctan2(east, north))


def moved_deg(
    ra_deg: float, dec_deg: float, angle_deg: Floats, distance_deg: Floats
) -> tuple[Floats, Floats]:
    """Return the directions at position angles and distances from one: `polar_deg` undone."""
    import numpy as np

    angle, distance, dec = np.radians(angle_deg), np.radians(distance_deg), math.radians(dec_deg)
    east = np.sin(angle) * np.sin(distance)
    north, ahead = np.cos(angle) * np.sin(distance), np.cos(distance)
    up = math.sin(dec) * ahead + math.cos(dec) * north
    level = math.cos(dec) * ahead - math.sin(dec) * north
    ra = np.mod(ra_deg + np.degrees(np.arctan2(east, level)), 360.0)
    return ra, np.degrees(np.arctan2(up, np.hypot(east, level)))


def galactic_deg(ra_deg: float, dec_deg: float) -> tuple[float, float]:
    """Return Galactic longitude and latitude [deg] of a direction.

    Examples
    --------
    >>> [round(angle, 2) for angle in galactic_deg(345.8204, 9.1432)]
    [83.33, -45.25]
    """
    ra, dec = math.radians(ra_deg), math.radians(dec_deg)
    point = (math.cos(dec) * math.cos(ra), math.cos(dec) * math.sin(ra), math.sin(dec))
    x, y, z = (sum(map(float.__mul__, row, point)) for row in GALACTIC)
    return math.degrees(math.atan2(y, x)) % 360.0, math.degrees(math.atan2(z, math.hypot(x, y)))


def _seen_from(ra_0_deg: float, dec_0_deg: float, ra_deg: Any, dec_deg: Any, m: Any) -> Any:
    """Return unit vectors to directions, seen from another: to its east, its north, and ahead.

    `m` is `math` for floats or `numpy` for arrays: the formula is the same.
    """
    turn, dec, dec_0 = m.radians(ra_deg - ra_0_deg), m.radians(dec_deg), math.radians(dec_0_deg)
    sin, cos, sin_0, cos_0 = m.sin(dec), m.cos(dec), math.sin(dec_0), math.cos(dec_0)
    east = cos * m.sin(turn)
    north = cos_0 * sin - sin_0 * cos * m.cos(turn)
    ahead = sin_0 * sin + cos_0 * cos * m.cos(turn)
    return east, north, ahead
