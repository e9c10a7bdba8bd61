r"""A source inside the region of an alert: how often by chance.

Whoever follows up alerts and finds a source of some class inside a region asks how many would be
there anyway. With the areas :math:`A_i` that were really searched, a density :math:`\rho` of the
class over the sky and the share :math:`f` of it that is active at a given time,

.. math:: \mu = \rho f \sum_i A_i, \qquad P(\ge k) = 1 - \sum_{j<k} e^{-\mu} \mu^j / j!

Where :math:`\rho` is counted around a region (n sources in an area a), the count has a chance of
its own: that of k or more inside is then the negative binomial one, with n + 1 successes and odds
:math:`f A / a`; for several regions one with the mean and the variance of their sum.

The areas are those of *all* alerts that were followed up, not of those where something was found;
the class is fixed before looking: "TDEs as bright as the one that I found" is chosen afterwards.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from icecube_hooks import Sided, Significance
from icecube_plugin.sky.catalogues import Around

from ._assessment import assess_p
from ._rates import count_text
from ._trials import Trials
from ._values import COUNT, PROBABILITY, PValueError

__all__ = ["Chance", "chance_of_sources", "counted_chance", "poisson_chance"]


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
    density_deg2: float | Sequence[Around],
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
    density_deg2 : float or sequence of Around
        Sources of the class, a square degree of sky [1/deg^2]; or for each area what a catalogue
        has around it (`icecube_plugin.sky.catalogues.Catalogue.around`).
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
    share = PROBABILITY.number(time_overlap)
    if isinstance(density_deg2, Sequence):
        pairs = list(zip(density_deg2, areas, strict=True))
        n_expected = share * math.fsum(one.n_sources / one.area_deg2 * a for one, a in pairs)
        counts = [(one.n_sources, share * area / one.area_deg2) for one, area in pairs]
        p_value = counted_chance(n_found, counts)
    else:
        n_expected = total * COUNT.number(density_deg2) * share
        p_value = poisson_chance(n_found, n_expected)
    significance = assess_p(
        p_value,
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
    _check_count(k)
    mean = COUNT.number(expected)
    if k == 1:
        return -math.expm1(-mean)
    from scipy.special import gammainc

    return float(gammainc(k, mean))


def counted_chance(k: int, around: Iterable[tuple[float, float]]) -> float:
    """Return the chance of `k` or more inside, by what is around.

    Parameters
    ----------
    k : int
        From 1.
    around : iterable of (float, float)
        For each region how many there are around it, and its area in units of the area around it.

    Examples
    --------
    >>> round(counted_chance(3, [(100, 0.01)]), 4), round(poisson_chance(3, 1.0), 4)
    (0.0831, 0.0803)
    """
    _check_count(k)
    pairs = [(COUNT.number(n) + 1, COUNT.number(odds)) for n, odds in around]
    mean = math.fsum(n * odds for n, odds in pairs)
    if mean == 0.0:
        return 0.0
    odds = math.fsum(n * odds * odds for n, odds in pairs) / mean
    from scipy.special import betainc

    return float(betainc(k, mean / odds, odds / (1 + odds)))


def _check_count(k: object) -> None:
    if not isinstance(k, int) or isinstance(k, bool) or k < 1:
        raise PValueError("expected a whole number from 1", k)
