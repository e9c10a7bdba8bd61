"""Catalogues of sources, and which of them lie in a region.

Any table that astropy reads (FITS, VOTable, ECSV, CSV), read once into a k-d tree on the sphere
(scipy). Columns are found by their usual names, in the unit that they state, degrees if none.

Conventions
-----------
- ICRS, degrees. A row without a position is no source.
- How many sources a region holds by chance follows from the density *around* it: of the circle that
  holds `NEIGHBOURS` others, and is at least `LEAST_DEG` and twice the region wide. So it is right
  for surveys of part of the sky and near the Galactic plane. Sources inside do not count for it.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from icecube_hooks import ConfigError

from .directions import SKY_DEG2, polar_deg
from .regions import Area, cap_area_deg2

__all__ = ["Around", "Catalogue", "Source", "read_catalogue"]

COLUMNS: Final = {
    "ra": ("ra", "raj2000", "ra_deg", "ra_icrs", "_raj2000", "radeg"),
    "dec": ("dec", "dej2000", "decj2000", "dec_deg", "de_icrs", "_dej2000", "dedeg"),
    "name": ("name", "source_name", "main_id", "id", "source", "designation", "object"),
}
"""How columns of catalogues are called, whatever the case."""

NEIGHBOURS: Final = 100
LEAST_DEG: Final = 10.0


@dataclass(frozen=True, slots=True)
class Source:
    """A source, and how far it is from the position that was asked for [deg]."""

    name: str
    ra_deg: float
    dec_deg: float
    separation_deg: float


@dataclass(frozen=True, slots=True)
class Around:
    """How many sources there are in an area [deg^2] around a region, those inside left out."""

    n_sources: int
    area_deg2: float


class Catalogue:
    """Names and positions, in an index.

    Parameters
    ----------
    names : sequence of str
    ra_deg, dec_deg : array of float
        [deg, ICRS]; what is not finite is left out.
    area_deg2 : float, optional
        Sky that it covers evenly [deg^2]: then its density is that of all its sources, and not that
        around a region.
    """

    def __init__(
        self,
        names: Sequence[str],
        ra_deg: Any,
        dec_deg: Any,
        *,
        area_deg2: float | None = None,
    ) -> None:
        import numpy as np
        from scipy.spatial import KDTree

        ra, dec = np.asarray(ra_deg, dtype=float), np.asarray(dec_deg, dtype=float)
        kept = np.flatnonzero(np.isfinite(ra) & np.isfinite(dec))
        self.names = [names[row] for row in kept.tolist()]
        self.ra_deg, self.dec_deg = ra[kept] % 360.0, dec[kept]
        self.area_deg2 = area_deg2
        self._tree: Any = KDTree(_vectors(self.ra_deg, self.dec_deg)) if kept.size else None

    def __len__(self) -> int:
        return len(self.names)

    def inside(self, area: Area) -> tuple[Source, ...]:
        """Return the sources in a region, the one nearest to its best position first."""
        rows = self._rows(area)
        found = [self._source(row, area.ra_deg, area.dec_deg) for row in rows]
        return tuple(sorted(found, key=lambda one: one.separation_deg))

    def nearest(self, ra_deg: float, dec_deg: float) -> Source | None:
        """Return the source nearest to a position [deg, ICRS]; ``None`` if there is no source."""
        if self._tree is None:
            return None
        row = self._tree.query(_vectors(ra_deg, dec_deg))[1]
        return self._source(int(row), ra_deg, dec_deg)

    def expected(self, area: Area) -> float:
        """Return how many sources a region holds by chance."""
        around = self.around(area)
        return around.n_sources / around.area_deg2 * area.area_deg2

    def around(self, area: Area) -> Around:
        """Return the sources around a region, from which the density there follows.

        Where the catalogue is even, or has too few sources near it, these are all of them.
        """
        if self.area_deg2 is not None:
            return Around(len(self), self.area_deg2)
        n_inside = len(self._rows(area))
        radius = max(LEAST_DEG, 2.0 * area.reach_deg(), self._radius_deg(area, n_inside))
        if radius >= 90.0:
            return Around(len(self), SKY_DEG2)
        n_around = len(self._within(area.ra_deg, area.dec_deg, radius)) - n_inside
        return Around(n_around, cap_area_deg2(radius) - area.area_deg2)

    def _radius_deg(self, area: Area, n_inside: int) -> float:
        """Return how far the last of the neighbours is, whom the density does not count."""
        wanted = n_inside + NEIGHBOURS
        if wanted > len(self):
            return 180.0
        chord = self._tree.query(_vectors(area.ra_deg, area.dec_deg), k=[wanted])[0]
        return math.degrees(2 * math.asin(min(float(chord[0]) / 2, 1.0))) * (1 - 1e-12)

    def _rows(self, area: Area) -> Sequence[int]:
        import numpy as np

        near = np.array(self._within(area.ra_deg, area.dec_deg, area.reach_deg()), dtype=int)
        if not near.size:
            return ()
        found: Sequence[int] = near[area.contains(self.ra_deg[near], self.dec_deg[near])].tolist()
        return found

    def _within(self, ra_deg: float, dec_deg: float, radius_deg: float) -> Sequence[int]:
        if self._tree is None:
            return ()
        chord = 2 * math.sin(math.radians(min(radius_deg, 180.0)) / 2)
        found: Sequence[int] = self._tree.query_ball_point(_vectors(ra_deg, dec_deg), chord)
        return found

    def _source(self, row: int, ra_deg: float, dec_deg: float) -> Source:
        ra, dec = float(self.ra_deg[row]), float(self.dec_deg[row])
        return Source(self.names[row], ra, dec, float(polar_deg(ra, dec, ra_deg, dec_deg)[0]))


def read_catalogue(
    path: str | os.PathLike[str],
    *,
    columns: Mapping[str, str] | None = None,
    area_deg2: float | None = None,
) -> Catalogue:
    """Read a catalogue.

    Parameters
    ----------
    path : str or path
        FITS, VOTable, ECSV or CSV.
    columns : mapping, optional
        Names of the columns ``ra``, ``dec`` and ``name`` where they are not the usual ones.
    area_deg2 : float, optional
        See `Catalogue`.

    Raises
    ------
    ConfigError
        If it is no table, or the columns are not found.
    """
    from astropy.table import Table

    try:
        rows: Any = Table.read(Path(path).expanduser())
        rows.convert_bytestring_to_unicode()
    except Exception as error:  # astropy raises whatever its readers do
        raise ConfigError(f"{path}: not a catalogue: {error}") from error
    asked = columns or {}
    for key, column in asked.items():
        if key not in COLUMNS or column not in rows.colnames:
            raise ConfigError(f"{path}: no column {column!r} for {key}")
    chosen = {key: asked.get(key) or _usual(rows.colnames, key) for key in COLUMNS}
    for key in ("ra", "dec"):
        if chosen[key] is None:
            known = ", ".join(COLUMNS[key])
            raise ConfigError(f"{path}: no column for {key}", hint=f"one of {known}, in degrees")
    ra, dec = (_degrees(rows[chosen[key]], path) for key in ("ra", "dec"))
    title = chosen["name"]
    texts = range(1, len(rows) + 1) if title is None else rows[title]
    names = [f"row {text}" if title is None else str(text).strip() for text in texts]
    return Catalogue(names, ra, dec, area_deg2=area_deg2)


def _usual(columns: Sequence[str], key: str) -> str | None:
    lower = {column.casefold(): column for column in columns}
    return next((lower[name] for name in COLUMNS[key] if name in lower), None)


def _degrees(column: Any, path: object) -> Any:
    import numpy as np
    from astropy import units as u

    try:
        values: Any = np.ma.filled(np.ma.asarray(column, dtype=float), np.nan)
        found: Any = u.Quantity(values, column.unit or u.deg).to_value(u.deg)
    except (TypeError, ValueError) as error:
        hint = "numbers, in degrees or in a unit that the file states"
        raise ConfigError(f"{path}: column {column.name!r}: {error}", hint=hint) from error
    return found


def _vectors(ra_deg: Any, dec_deg: Any) -> Any:
    import numpy as np

    ra, dec = np.radians(ra_deg), np.radians(dec_deg)
    return np.stack((np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)), axis=-1)
