"""How often chance alone gives a gravitational-wave candidate and neutrinos around it.

Conventions
-----------
- The neutrino search answers p for a given candidate: how often background neutrinos alone look at
  least as much like its counterpart, within +-500 s. The candidate's own false-alarm rate is LVK's:
  how often noise gives one at least as significant. The two are independent.
- Windows of two weeks, of neutrino searches after mergers with a neutron star, are another search,
  with a p-value of its own.
"""

from __future__ import annotations

import math

from ._values import PROBABILITY, RATE, PValueError

__all__ = ["joint_far_hz"]


def joint_far_hz(p: float, gw_far_hz: float, deepest_hz: float | None = None) -> float:
    """Return the joint false-alarm rate of a candidate and the neutrinos around it [Hz].

    Without `deepest_hz` it is Z = p x FAR: the rate of noise candidates at least as significant as
    this one that have such neutrinos by chance, as RAVEN's untargeted search counts, whose R dt / I
    (rate, window and overlap of the maps) p stands for.

    With it, the rate of pairs whose product is as small, however the two share in it:
    Z (1 + ln(Zmax / Z)) with Zmax = `deepest_hz`, as RAVEN's targeted search counts. It is the
    calibrated one for whoever looks at all candidates and takes the smallest product.

    Parameters
    ----------
    p : float
        p-value of the search, before trials.
    gw_far_hz : float
        The candidate's false-alarm rate [Hz].
    deepest_hz : float, optional
        The largest false-alarm rate at which a candidate is followed up [Hz].

    Raises
    ------
    PValueError
        If `p` is no probability, a rate no finite number >= 0, or `deepest_hz` below `gw_far_hz`.

    References
    ----------
    https://ligo-raven.readthedocs.io/en/latest/joint_far.html

    Examples
    --------
    >>> joint_far_hz(0.004, 9.5e-10)
    3.8e-12
    >>> round(joint_far_hz(0.004, 9.5e-10, 2.3e-5) / 3.8e-12, 2)
    16.62
    """
    product = PROBABILITY.number(p) * RATE.number(gw_far_hz)
    if deepest_hz is None:
        return product
    if RATE.number(deepest_hz) < gw_far_hz:
        raise PValueError("expected a rate of at least that of the candidate", deepest_hz)
    return product * (1.0 + math.log(deepest_hz / product)) if product else 0.0
