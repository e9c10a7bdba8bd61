"""Error regions as MOC: the cells of the sky that they cover, for services that cross-match.

Conventions
-----------
- Coverage maps of IVOA (MOC 2.0), in HEALPix cells of ICRS. A cell is in if its centre is inside of
  the region; cells are so small that the area is right to two per cent.
- 50 and 90 %: of the sky map where one is at hand; else as stated; else scaled as a 2-D Gaussian,
  where the notice states a containment.

Needs mocpy (extra ``moc``).
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterable
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Final

from icecube_hooks import ConfigError, Localization
from icecube_plugin.extras import pip_line

from .directions import SKY_DEG2
from .regions import Area, region_or_none, resized
from .skymaps import MapRegion, Maps

if TYPE_CHECKING:
    from mocpy import MOC

__all__ = ["LEVELS", "moc", "moc_area", "moc_bytes"]

LEVELS: Final = (0.5, 0.9)
"""For which containments there is a region to write."""

CELLS: Final = 5_000
"""At least so many cells lie in a region: its edge is good to a hundredth of its size."""
FINEST: Final = 17
"""Cells of 1.6 arcsec: no notice says it better."""


def moc_area(place: Localization, containment: float, maps: Maps | None = None) -> Area | None:
    """Return the region that holds so much; ``None`` where no region can be said.

    Parameters
    ----------
    place : Localization
    containment : float
        Such as 0.9.
    maps : Maps, optional
        Sky maps that are at hand.
    """
    if maps is not None and maps.usable(place) is not None:
        return maps.area(place, containment)
    if containment == 0.5 and place.error_radius_50_deg is not None:  # that name
        half = {"error_radius_deg": place.error_radius_50_deg, "ellipse": None, "asymmetric": None}
        return region_or_none(place.replace(containment=0.5, **half))
    if place.containment == containment:
        return region_or_none(place)
    scaled = resized(place, containment)
    return None if scaled is None else region_or_none(scaled)


def moc(area: Area) -> MOC:
    """Return the cells of a region.

    Raises
    ------
    ConfigError
        If mocpy is not installed.
    """
    try:
        from astropy_healpix import HEALPix
        from mocpy import MOC
    except ImportError as error:
        hint = pip_line("moc")
        raise ConfigError("coverage maps need mocpy", hint=hint) from error
    import numpy as np
    from astropy import units as u
    from astropy.coordinates import Latitude, Longitude

    if isinstance(area, MapRegion):  # whose pixels are such cells
        inside = area.pixels.inside(area.containment)
        order, ipix = area.pixels.order[inside], area.pixels.ipix[inside]
        finest = int(order.max())
        return MOC.from_healpix_cells(ipix.astype(np.uint64), order.astype(np.uint8), finest)
    reach_deg = area.reach_deg()
    depth = _order(area.area_deg2)
    centre = Longitude(area.ra_deg, u.deg), Latitude(area.dec_deg, u.deg)
    around = MOC.from_cone(*centre, radius=reach_deg * u.deg, max_depth=depth)
    cells = around.flatten()
    lon, lat = HEALPix(2**depth, order="nested").healpix_to_lonlat(cells.astype(np.int64))
    ra, dec = lon.to_value(u.deg), lat.to_value(u.deg)
    found = cells[np.asarray(area.contains(ra, dec))]
    return MOC.from_healpix_cells(found, np.full(len(found), depth, np.uint8), depth)


def _order(area_deg2: float) -> int:
    """Return the order of the grid that has `CELLS` cells in a region."""
    wanted = CELLS * SKY_DEG2 / area_deg2
    return min(max(math.ceil(math.log2(wanted / 12) / 2), 0), FINEST)


def moc_bytes(areas: Iterable[Area]) -> bytes:
    """Return the union of regions as a MOC in FITS, the same bytes for the same regions.

    Raises
    ------
    ConfigError
        If mocpy is not installed.
    """
    file = io.BytesIO()
    reduce(or_, map(moc, areas)).serialize("fits").writeto(file)
    return file.getvalue()
