r"""p-values and numbers of sigma.

One-sided (the default, IceCube's convention): :math:`p = 1 - \Phi(\sigma)`. Two-sided:
:math:`p = \mathrm{erfc}(\sigma/\sqrt 2)`. Both are the double nearest to the exact value to
within a few units of the last place for every double p in (0, 1); the error is relative to
sigma also where sigma is near 0 (p near 0.5 one-sided, near 1 two-sided), given that double p.

Scalars go through `math.erfc` and `statistics.NormalDist` of the standard library (Wichura's
algorithm AS 241), arrays and logarithms below the range of a double through `scipy.special`,
which is imported when it is first needed. The tests hold both to the same values by mpmath.
"""

from __future__ import annotations

import math
from functools import partial
from statistics import NormalDist
from typing import TYPE_CHECKING, Final

from icecube_hooks import Sided

from ._values import LOG_P, PROBABILITY, SIGMA, SIGMA_TWO_SIDED, T, apply, checked_sided

if TYPE_CHECKING:
    from ._values import Array

__all__ = ["log_p_from_sigma", "p_from_sigma", "sigma_from_log_p", "sigma_from_p"]

LN2: Final = math.log(2.0)
SQRT2: Final = math.sqrt(2.0)
SMALLEST_SAFE: Final = 1e-300
"""Below this the half of p, or p itself, loses digits as a double: logarithms from here."""
_inv_cdf = NormalDist().inv_cdf


def sigma_from_p(p: T, sided: Sided | str = Sided.ONE) -> T:
    """Return the number of sigma of a p-value.

    Parameters
    ----------
    p : float, array or None
        p-value in [0, 1]. 0 gives ``inf``, the limit of the formula and no measurement: a
        report must not quote it (`assess_p` does not). 1 gives ``-inf`` one-sided, 0 two-sided.
    sided : Sided
        ``one-sided`` or ``two-sided``.

    Returns
    -------
    float, array or None
        As `p`. One-sided it is negative for p > 0.5.

    Raises
    ------
    PValueError
        For anything that is no p-value.

    Examples
    --------
    >>> round(sigma_from_p(0.0059), 2)  # S191216ap, GCN Circular 26460
    2.52
    >>> round(sigma_from_p(0.0027, "two-sided"), 2)
    3.0
    >>> sigma_from_p(None) is None
    True
    """
    if checked_sided(sided) is Sided.ONE:
        return apply(p, PROBABILITY, _sigma_one, _sigma_one_array)
    return apply(p, PROBABILITY, _sigma_two, _sigma_two_array)


def p_from_sigma(sigma: T, sided: Sided | str = Sided.ONE) -> T:
    """Return the p-value of a number of sigma.

    Parameters
    ----------
    sigma : float, array or None
        Any number one-sided, >= 0 two-sided.
    sided : Sided
        ``one-sided`` or ``two-sided``.

    Raises
    ------
    PValueError
        For NaN, no number, or a negative two-sided sigma.

    Examples
    --------
    >>> f"{p_from_sigma(5):.3g}"
    '2.87e-07'
    >>> f"{p_from_sigma(3, 'two-sided'):.2g}"
    '0.0027'
    """
    if checked_sided(sided) is Sided.ONE:
        return apply(sigma, SIGMA, _p_one, _p_one_array)
    return apply(sigma, SIGMA_TWO_SIDED, _p_two, _p_two_array)


def sigma_from_log_p(log_p: T, sided: Sided | str = Sided.ONE) -> T:
    """Return the number of sigma of the natural logarithm of a p-value.

    Reaches p-values that no double can hold.

    Examples
    --------
    >>> round(sigma_from_log_p(-1000.0), 4)
    44.6157
    """
    return apply(
        log_p,
        LOG_P,
        partial(_sigma_from_log, sided=checked_sided(sided)),
        partial(_sigma_from_log_array, sided=checked_sided(sided)),
    )


def log_p_from_sigma(sigma: T, sided: Sided | str = Sided.ONE) -> T:
    """Return the natural logarithm of the p-value of a number of sigma.

    Examples
    --------
    >>> round(log_p_from_sigma(50.0), 4)
    -1254.8314
    """
    if checked_sided(sided) is Sided.ONE:
        return apply(sigma, SIGMA, _log_p_one, _log_p_one_array)
    return apply(sigma, SIGMA_TWO_SIDED, _log_p_two, _log_p_two_array)


def _sigma_one(p: float) -> float:
    if 0.0 < p < 1.0:
        return 0.0 - _inv_cdf(p)  # not -x: that makes -0.0 of 0.0
    return math.inf if p == 0.0 else -math.inf


def _sigma_two(p: float) -> float:
    if p >= SMALLEST_SAFE:
        return 0.0 - _inv_cdf(0.5 * p)
    return math.inf if p == 0.0 else _sigma_from_log(math.log(p), Sided.TWO)


def _sigma_one_array(p: Array) -> Array:
    from scipy.special import ndtri

    sigma: Array = 0.0 - ndtri(p)
    return sigma


def _sigma_two_array(p: Array) -> Array:
    import numpy as np
    from scipy.special import ndtri, ndtri_exp

    sigma: Array = 0.0 - ndtri(0.5 * p)
    tiny = (p > 0.0) & (p < SMALLEST_SAFE)
    if tiny.any():
        sigma[tiny] = -ndtri_exp(np.log(p[tiny]) - LN2)
    return sigma


def _p_one(sigma: float) -> float:
    return 0.5 * math.erfc(sigma / SQRT2)


def _p_two(sigma: float) -> float:
    return math.erfc(sigma / SQRT2)


def _p_one_array(sigma: Array) -> Array:
    from scipy.special import ndtr

    p: Array = ndtr(-sigma)
    return p


def _p_two_array(sigma: Array) -> Array:
    from scipy.special import erfc

    p: Array = erfc(sigma / SQRT2)
    return p


def _sigma_from_log(log_p: float, sided: Sided) -> float:
    if math.isinf(log_p):
        return math.inf
    if sided is Sided.TWO:
        return _sigma_from_log_two(log_p)
    if log_p > -LN2:
        return 0.0 - _sigma_one(-math.expm1(log_p))
    if log_p > -690.0:  # exp(-690) is 1e-300
        return _sigma_one(math.exp(log_p))
    from scipy.special import ndtri_exp

    return -float(ndtri_exp(log_p))


def _sigma_from_log_two(log_p: float) -> float:
    if log_p > -LN2:
        from scipy.special import erfinv

        return SQRT2 * float(erfinv(-math.expm1(log_p)))
    return _sigma_from_log(log_p - LN2, Sided.ONE)


def _sigma_from_log_array(log_p: Array, sided: Sided) -> Array:
    import numpy as np
    from scipy.special import erfinv, ndtri_exp

    if sided is Sided.ONE:
        one: Array = 0.0 - ndtri_exp(log_p)
        return one
    near_one = log_p > -LN2
    two: Array = np.where(
        near_one, SQRT2 * erfinv(-np.expm1(log_p)), -ndtri_exp(np.minimum(log_p, -LN2) - LN2)
    )
    return two


def _log_p_one(sigma: float) -> float:
    if sigma < -1.0:
        return math.log1p(-_p_one(-sigma))
    if sigma < 30.0:
        return math.log(_p_one(sigma))
    from scipy.special import log_ndtr

    return float(log_ndtr(-sigma))


def _log_p_two(sigma: float) -> float:
    if sigma < 0.5:
        return math.log1p(-math.erf(sigma / SQRT2))
    return LN2 + _log_p_one(sigma)


def _log_p_one_array(sigma: Array) -> Array:
    from scipy.special import log_ndtr

    log_p: Array = log_ndtr(-sigma)
    return log_p


def _log_p_two_array(sigma: Array) -> Array:
    import numpy as np
    from scipy.special import erf, log_ndtr

    small = np.log1p(-erf(np.minimum(sigma, 0.5) / SQRT2))
    log_p: Array = np.where(sigma < 0.5, small, LN2 + log_ndtr(-sigma))
    return log_p
