r"""A source inside the region of an alert: how often by chance.

Whoever follows up alerts and finds a source of some class inside a region asks how many would be
there anyway. With the areas :math:`A_i` that were really searched, a density :math:`\rho` of the
class over the sky and the share :math:`f` of it that is active at a given time,

.. math:: \mu = \rho f \sum_i A_i, \qquad P(\ge k) = 1 - \sum_{j<k} e^{-\mu} \mu^j / j!

The areas are those of *all* alerts that were followed up, not of those where something was found;
the class is fixed before looking: "TDEs as bright as the one that I found" is chosen afterwards.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from icecube_hooks import Sided, Significance

from ._assessment import assess_p
from ._rates import count_text
from ._trials import Trials
from ._values import COUNT, PROBABILITY, PValueError

__all__ = ["Chance", "chance_of_sources", "poisson_chance"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Chance:
    """How many sources lie in searched areas by chance.

    Attributes
    ----------
    n_alerts : int
        Alerts that were followed up.
    area_deg2 : float
        Their areas together [deg^2].
    n_expected : float
        Sources of the class in them by chance.
    n_found : int
    significance : Significance
        The chance of `n_found` or more.
    """

    n_alerts: int
    area_deg2: float
    n_expected: float
    n_found: int
    significance: Significance


def chance_of_sources(
    areas_deg2: Iterable[float],
    density_deg2: float,
    *,
    time_overlap: float = 1.0,
    n_found: int = 1,
    what: str = "source",
    trials: float | Trials | None = None,
    sided: Sided | str = Sided.ONE,
    provider: str = "icecube",
) -> Chance:
    """Return how many sources of a class the regions of alerts hold by chance.

    Parameters
    ----------
    areas_deg2 : iterable of float
        Area searched for each alert that was followed up [deg^2].
    density_deg2 : float
        Sources of the class, a square degree of sky [1/deg^2].
    time_overlap : float
        Share of them that is active, or near enough in time, at any given moment, in [0, 1].
    n_found : int
        How many were found, from 1.
    what : str
        The class, for the reader.
    trials : float or Trials, optional
        Number of classes (or thresholds, or catalogues) tried.

    Raises
    ------
    PValueError

    Examples
    --------
    Two nuclear flares in the regions of alerts, 154.33 deg^2 together: ZTF had seen 12 as bright
    ones in 2.5 years on 28,000 deg^2, each for about a year (PRL 128 (2022) 221101).

    >>> found = chance_of_sources([154.33], 12 / 28_000, time_overlap=1 / 2.5, n_found=2)
    >>> f"{found.n_expected:.3f}, {found.significance.p_value:.3%}, {found.significance.sigma:.1f}"
    '0.026, 0.034%, 3.4'
    """
    areas = [COUNT.number(area) for area in areas_deg2]
    if not areas:
        raise PValueError("expected at least one area", areas)
    total = math.fsum(areas)
    n_expected = total * COUNT.number(density_deg2) * PROBABILITY.number(time_overlap)
    significance = assess_p(
        poisson_chance(n_found, n_expected),
        quantity=f"{n_found} or more of '{what}' in {count_text(len(areas), 'region')}",
        trials=trials,
        sided=sided,
        provider=provider,
        notes=("the class and the alerts must have been chosen before looking",),
    )
    return Chance(
        n_alerts=len(areas),
        area_deg2=total,
        n_expected=n_expected,
        n_found=n_found,
        significance=significance,
    )


def poisson_chance(k: int, expected: float) -> float:
    """Return the chance of `k` or more where `expected` are expected.

    Raises
    ------
    PValueError
        If `k` is no whole number from 1.

    Examples
    --------
    >>> f"{poisson_chance(2, 0.02645):.2g}"  # AT2019dsg and AT2019fdr
    '0.00034'
    """
    if not isinstance(k, int) or isinstance(k, bool) or k < 1:
        raise PValueError("expected a whole number from 1", k)
    mean = COUNT.number(expected)
    if k == 1:
        return -math.expm1(-mean)
    from scipy.special import gammainc

    return float(gammainc(k, mean))
