"""Alerts in astropy's terms: coordinates, times, quantities, error regions, tables.

::

    from icecube_plugin import sky

    blazar = SkyCoord(77.358 * u.deg, 5.693 * u.deg)
    if sky.contains(alert, blazar):
        print(sky.sky_coord(alert).separation(blazar), "inside of", sky.region(alert).area_deg2)

Conventions
-----------
- ICRS, UTC, TeV. Angles that are plain floats are degrees.
- What a single alert does not state raises `NotStatedError`. In bulk,
  `icecube_plugin.alerts.tables.table` masks it, and `sky_coords` holds NaN, which is inside of no
  region.
- Regions are on the sphere. Circles, ellipses and turned boxes are measured along great circles
  from their centre; an ellipse has the radius of the plane ellipse in each direction. Its position
  angle is 0 where it is not stated, as the GCN schema says.
- The asymmetric errors of circulars make a box in right ascension and declination. They bound the
  contour that IceCube found, so the box holds at least what it states. It ends at a pole.
- Importing this module is cheap: numpy and astropy are imported when a function needs them. Maps
  (`skymaps`), catalogues of sources (`catalogues`), places on the Earth (`site`) and nights
  (`observing`) are modules of their own.
"""

from .directions import galactic_deg, separation_deg
from .points import (
    NotStatedError,
    Placed,
    energy,
    place_of,
    place_or_none,
    sky_coord,
    sky_coords,
    time,
)
from .regions import (
    Area,
    Areas,
    BoxRegion,
    CircleRegion,
    EllipseRegion,
    Region,
    TurnedBoxRegion,
    cap_area_deg2,
    circularised_radius_deg,
    contains,
    region,
    region_or_none,
    resized,
    scale_radius,
)

__all__ = [
    "Area",
    "Areas",
    "BoxRegion",
    "CircleRegion",
    "EllipseRegion",
    "NotStatedError",
    "Placed",
    "Region",
    "TurnedBoxRegion",
    "cap_area_deg2",
    "circularised_radius_deg",
    "contains",
    "energy",
    "galactic_deg",
    "place_of",
    "place_or_none",
    "region",
    "region_or_none",
    "resized",
    "scale_radius",
    "separation_deg",
    "sky_coord",
    "sky_coords",
    "time",
]
