r"""How many neutrinos a flux gives in a detector, and which fluence one neutrino or none allows.

With the effective area :math:`A(E, \delta)` of a selection of events, of one kind of neutrino and
antineutrino together, and a fluence :math:`F(E)` at the Earth, of the same kind,

.. math:: N = \int F(E) \, A(E, \delta) \, \mathrm{d}E, \qquad
          F(E) = F_0 \, (E / E_0)^{-\gamma} \quad [\mathrm{TeV^{-1} cm^{-2}}].

A fluence is a flux times the time it lasts. The fluence at which `n` are expected is that of one
times `n`; an upper limit takes for `n` the upper limit of Poisson's law for what was seen (2.30 at
90 % for none). **One alert does not measure a flux**: of many sources that each give 0.01 one is
seen with one neutrino (Eddington bias; Strotjohann et al., A&A 622 (2019) L9), so what one neutrino
allows is an upper limit.

No effective area is shipped: IceCube publishes them with its data releases.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from icecube_hooks import ConfigError

from ._values import COUNT, PROBABILITY, RATE, PValueError

__all__ = ["EffectiveArea", "PowerLaw", "poisson_limit", "read_effective_area"]

TEV_ERG: Final = 1.602176634
"""One TeV in erg."""

RELEASE: Final = (
    "log10(E_nu/GeV)_min",
    "log10(E_nu/GeV)_max",
    "Dec_nu_min[deg]",
    "Dec_nu_max[deg]",
    "A_Eff[cm^2]",
)
"""Columns of ``irfs/*_effectiveArea.csv`` of IceCube's releases for point sources, in order."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PowerLaw:
    """A fluence F0 (E / E0)^-index between two energies, 0 outside.

    Attributes
    ----------
    index : float
        Such as 2.
    low_tev, high_tev : float
        From where to where it holds [TeV].
    pivot_tev : float
        E0 [TeV].
    """

    index: float
    low_tev: float
    high_tev: float
    pivot_tev: float = 100.0

    def __post_init__(self) -> None:
        if not 0.0 < self.low_tev < self.high_tev < math.inf:
            raise PValueError("expected energies above 0, the lower first", self.low_tev)
        RATE.number(self.pivot_tev)

    def particles(self, low_tev: float, high_tev: float) -> float:
        """Return its integral between two energies, for F0 = 1 [TeV]."""
        return self._integral(low_tev, high_tev, self.index)

    def energy_erg(self, fluence: float) -> float:
        """Return the energy in it [erg/cm^2] for F0 [1/TeV/cm^2]."""
        whole = self._integral(self.low_tev, self.high_tev, self.index - 1.0)
        return RATE.number(fluence) * whole * self.pivot_tev * TEV_ERG

    def e2_erg(self, fluence: float) -> float:
        """Return E^2 F at the pivot [erg/cm^2] for F0 [1/TeV/cm^2]."""
        return RATE.number(fluence) * self.pivot_tev**2 * TEV_ERG

    def _integral(self, low_tev: float, high_tev: float, index: float) -> float:
        low, high = max(low_tev, self.low_tev), min(high_tev, self.high_tev)
        if low >= high:
            return 0.0
        start, length = math.log(low / self.pivot_tev), math.log(high / low)
        slope = 1.0 - index
        if abs(slope * length) < 1e-9:
            return self.pivot_tev * length * math.exp(slope * start)
        return self.pivot_tev * math.exp(slope * start) * math.expm1(slope * length) / slope


@dataclass(frozen=True, kw_only=True, slots=True)
class EffectiveArea:
    """The effective area at one declination, constant within bins of energy.

    Attributes
    ----------
    edges_tev : sequence of (float, float)
        Of each bin [TeV].
    area_cm2 : sequence of float
        [cm^2]
    """

    edges_tev: Sequence[tuple[float, float]]
    area_cm2: Sequence[float]

    def expected(self, spectrum: PowerLaw, fluence: float) -> float:
        """Return how many neutrinos are expected.

        Parameters
        ----------
        spectrum : PowerLaw
        fluence : float
            F0, at the pivot [1/TeV/cm^2].
        """
        return RATE.number(fluence) * self._of_one(spectrum)

    def fluence(self, spectrum: PowerLaw, n: float = 1.0) -> float:
        """Return the fluence at the pivot [1/TeV/cm^2] at which `n` neutrinos are expected.

        Raises
        ------
        PValueError
            If the area is 0 where the spectrum holds.
        """
        of_one = self._of_one(spectrum)
        if of_one == 0.0:
            raise PValueError("expected an effective area above 0 for such energies", of_one)
        return COUNT.number(n) / of_one

    def upper_limit(self, spectrum: PowerLaw, *, n_seen: int = 0, confidence: float = 0.9) -> float:
        """Return the upper limit of the fluence at the pivot [1/TeV/cm^2].

        Without background: `n_seen` counts neutrinos of the source, or all that came.
        """
        return self.fluence(spectrum, poisson_limit(n_seen, confidence))

    def _of_one(self, spectrum: PowerLaw) -> float:
        bins = zip(self.edges_tev, self.area_cm2, strict=True)
        return math.fsum(area * spectrum.particles(low, high) for (low, high), area in bins)


def poisson_limit(n_seen: int, confidence: float = 0.9) -> float:
    """Return the classical upper limit of the expected number where `n_seen` were seen.

    Examples
    --------
    >>> [round(poisson_limit(n), 2) for n in (0, 1, 2)]  # PDG, table 40.3
    [2.3, 3.89, 5.32]
    """
    from scipy.special import gammaincinv

    if isinstance(n_seen, bool) or n_seen < 0:
        raise PValueError("expected a whole number from 0", n_seen)
    return float(gammaincinv(n_seen + 1, PROBABILITY.number(confidence)))


def read_effective_area(path: str | os.PathLike[str], dec_deg: float) -> EffectiveArea:
    """Read the effective area at a declination [deg].

    Parameters
    ----------
    path : str or path
        Either a file ``irfs/*_effectiveArea.csv`` of IceCube's releases for point sources, or a
        table with units (ECSV, VOTable, FITS) whose columns are ``energy_low``, ``energy_high``,
        ``area`` and, if it depends on it, ``dec_low`` and ``dec_high``.
    dec_deg : float

    Raises
    ------
    ConfigError
        If it is neither, a unit is missing, or nothing is known at that declination.
    """
    file = Path(path).expanduser()
    try:
        with file.open(encoding="utf-8", errors="replace") as lines:
            first = lines.readline().lstrip("# ").split()
        rows = _release(file) if tuple(first) == RELEASE else _with_units(file)
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, TypeError, KeyError) as error:
        raise ConfigError(f"{path}: no effective area: {error}") from error
    low, high, south, north, area = rows
    chosen = [n for n in range(len(area)) if south[n] <= dec_deg < north[n]]
    if not chosen:
        raise ConfigError(f"{path}: no effective area at declination {dec_deg:g} deg")
    edges = [(float(low[n]), float(high[n])) for n in chosen]
    return EffectiveArea(edges_tev=edges, area_cm2=[float(area[n]) for n in chosen])


def _release(file: Path) -> Sequence[Any]:
    """Return energies [TeV], declinations [deg] and areas [cm^2]."""
    import numpy as np

    low, high, south, north, area = np.loadtxt(file, unpack=True, ndmin=2)
    north = np.where(north >= 90.0, np.inf, north)
    return 10 ** (low - 3), 10 ** (high - 3), south, north, area


def _with_units(file: Path) -> Sequence[Any]:
    import numpy as np
    from astropy import units as u
    from astropy.table import QTable

    rows: Any = QTable.read(file)

    def column(name: str, unit: Any) -> Any:
        values = rows[name]
        if getattr(values, "unit", None) is None:
            raise ValueError(f"column {name!r} states no unit")
        return values.to_value(unit)

    energies = column("energy_low", u.TeV), column("energy_high", u.TeV)
    if "dec_low" in rows.colnames:
        south, north = column("dec_low", u.deg), column("dec_high", u.deg)
        north = np.where(north >= 90.0, np.inf, north)
    else:
        south, north = np.full(len(rows), -np.inf), np.full(len(rows), np.inf)
    return *energies, south, north, column("area", u.cm**2)
