r"""From one look to many: post-trial p-values, and back.

With n independent looks, the chance that the best of them is at least this good is

.. math:: p_\mathrm{post} = 1 - (1 - p)^n = -\mathrm{expm1}(n\,\mathrm{log1p}(-p)),

(Šidák), which never cancels. Where the number of looks is itself random, with expectation
:math:`\mu` = rate x live time, it is :math:`p_\mathrm{post} = 1 - e^{-\mu p}`. Bonferroni's
:math:`\min(1, np)` is the bound that needs no independence. All three are never below p.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Self

from icecube_hooks import Sided

from ._conversion import (
    LN2,
    SQRT2,
    _sigma_from_log,
    _sigma_from_log_array,
    _sigma_one,
    _sigma_one_array,
    _sigma_two,
    _sigma_two_array,
)
from ._rates import count_text, expected_count
from ._values import (
    COUNT,
    LOG_P,
    PROBABILITY,
    TRIALS,
    T,
    apply,
    apply_with_trials,
    checked_sided,
)

if TYPE_CHECKING:
    from ._values import Array

__all__ = [
    "Trials",
    "bonferroni_p",
    "post_trial_log_p",
    "post_trial_p",
    "post_trial_sigma",
    "pre_trial_p",
]


def post_trial_p(p: T, n: float | Array) -> T:
    """Return the chance that the best of `n` independent looks is at least as good as `p`.

    Parameters
    ----------
    p : float, array or None
        p-value of one look, in [0, 1].
    n : float or array
        Number of independent looks, >= 1.

    Raises
    ------
    PValueError

    Examples
    --------
    >>> round(post_trial_p(0.001, 100), 4)
    0.0952
    >>> f"{post_trial_p(1e-20, 1000):.12g}"  # 1-(1-p)**n is 0 here
    '1e-17'
    """
    return apply_with_trials(p, n, PROBABILITY, _post, _post_array)


def post_trial_log_p(log_p: T, n: float | Array) -> T:
    """Return the natural logarithm of the post-trial p-value from that of `p`.

    Examples
    --------
    >>> round(post_trial_log_p(-1000.0, 100), 6)  # -1000 + ln 100
    -995.39483
    """
    return apply_with_trials(log_p, n, LOG_P, _post_log, _post_log_array)


def post_trial_sigma(p: T, n: float | Array, sided: Sided | str = Sided.ONE) -> T:
    """Return the number of sigma after `n` independent looks.

    More exact than ``sigma_from_p(post_trial_p(p, n))`` where the post-trial p-value is near 1,
    and finite where it is so near that a double holds 1.

    Examples
    --------
    >>> from icecube_plugin.significance import p_from_sigma
    >>> round(post_trial_sigma(p_from_sigma(5.2), 110), 1)  # NGC 1068, Science 378 (2022) 538
    4.2
    """
    convention = checked_sided(sided)
    return apply_with_trials(
        p,
        n,
        PROBABILITY,
        partial(_post_sigma, sided=convention),
        partial(_post_sigma_array, sided=convention),
    )


def pre_trial_p(p_post: T, n: float | Array) -> T:
    """Return the p-value that one of `n` independent looks needs for a post-trial `p_post`.

    Examples
    --------
    >>> from icecube_plugin.significance import p_from_sigma, sigma_from_p
    >>> needed = pre_trial_p(p_from_sigma(3), 100)
    >>> f"{needed:.3g}, {sigma_from_p(needed):.2f} sigma"
    '1.35e-05, 4.20 sigma'
    """
    return apply_with_trials(p_post, n, PROBABILITY, _pre, _pre_array)


def bonferroni_p(p: T, n: float | Array) -> T:
    """Return Bonferroni's bound ``min(1, n * p)``, for looks of unknown dependence.

    Examples
    --------
    >>> bonferroni_p(0.001, 100)
    0.1
    """
    return apply_with_trials(p, n, PROBABILITY, _bonferroni, _bonferroni_array)


@dataclass(frozen=True, kw_only=True, slots=True)
class Trials:
    """A number of looks, and where it comes from.

    Make one with `given` or `from_rate`; `spent_trials` is for a series without an end.

    Attributes
    ----------
    n : float
        Number of independent looks; their expected number if `is_expected`.
    source : str
        Where `n` comes from, in words.
    is_expected : bool
        `n` is the mean of a Poisson number of looks rather than a count; it may be below 1.
    is_whole : bool
        All looks are counted in; otherwise no verdict may follow.
    """

    n: float
    source: str
    is_expected: bool = False
    is_whole: bool = True

    def __post_init__(self) -> None:
        (COUNT if self.is_expected else TRIALS).number(self.n)

    @classmethod
    def given(cls, n: float, source: str | None = None) -> Self:
        """Return `n` looks that somebody counted, n >= 1."""
        number = TRIALS.number(n)
        return cls(n=number, source=source or f"given: {count_text(number, 'independent look')}")

    @classmethod
    def from_rate(cls, rate_per_year: float, livetime_s: float, of: str = "looks") -> Self:
        """Return the looks expected at `rate_per_year` [1/yr of 365 d] in `livetime_s` [s].

        Examples
        --------
        >>> Trials.from_rate(100, 365 * 86400).n
        100.0
        """
        number = expected_count(rate_per_year, livetime_s)
        source = f"expected: {rate_per_year:g} {of} per year x {livetime_s / 86_400:g} d live time"
        return cls(n=number, source=source, is_expected=True)

    def times(self, k: int, why: str) -> Trials:
        """Return the looks of `k` independent searches of each."""
        return Trials(
            n=self.n * TRIALS.number(k),
            source=f"{self.source}; {why}",
            is_expected=self.is_expected,
            is_whole=self.is_whole,
        )

    def post_p(self, p: T) -> T:
        """Return the post-trial p-value."""
        if self.is_expected:
            return apply(p, PROBABILITY, self._expected, self._expected_array)
        if type(p) is float:  # one alert: `n` need not be checked again
            # T is float here, which pyright does not see.
            return _post(PROBABILITY.number(p), self.n)  # pyright: ignore[reportReturnType]
        return post_trial_p(p, self.n)

    def post_sigma(self, p: float, sided: Sided = Sided.ONE) -> float:
        """Return the post-trial number of sigma of one p-value."""
        number = PROBABILITY.number(p)
        if not self.is_expected:
            return _post_sigma(number, self.n, sided)
        if number in (0.0, 1.0):
            return _post_sigma(number, 1.0, sided)
        survival = min(-self.n * number, math.log1p(-number))
        return _sigma_of_log_survival(survival, sided)

    def _expected(self, p: float) -> float:
        return max(p, -math.expm1(-self.n * p))

    def _expected_array(self, p: Array) -> Array:
        import numpy as np

        post: Array = np.maximum(p, -np.expm1(-self.n * p))
        return post


def _post(p: float, n: float) -> float:
    if n == 1.0 or p == 1.0:
        return p
    return max(p, -math.expm1(n * math.log1p(-p)))


def _post_array(p: Array, n: Array) -> Array:
    import numpy as np

    with np.errstate(divide="ignore"):
        survival = n * np.log1p(-p)
    post: Array = np.where(n == 1.0, p, np.maximum(p, -np.expm1(survival)))
    return post


def _pre(p_post: float, n: float) -> float:
    if n == 1.0 or p_post == 1.0:
        return p_post
    return -math.expm1(math.log1p(-p_post) / n)


def _pre_array(p_post: Array, n: Array) -> Array:
    import numpy as np

    with np.errstate(divide="ignore"):
        survival = np.log1p(-p_post) / n
    pre: Array = np.where(n == 1.0, p_post, -np.expm1(survival))
    return pre


def _bonferroni(p: float, n: float) -> float:
    return min(1.0, n * p)


def _bonferroni_array(p: Array, n: Array) -> Array:
    import numpy as np

    bound: Array = np.minimum(1.0, n * p)
    return bound


def _post_log(log_p: float, n: float) -> float:
    if n == 1.0 or log_p == 0.0:
        return log_p
    if log_p + math.log(n) < -40.0:  # the next term, n p / 2, is below the last digit
        return log_p + math.log(n)
    return _log_of_complement(n * _log_of_complement(log_p))


def _log_of_complement(log_x: float) -> float:
    """Return ``log(1 - exp(log_x))`` for log_x < 0 without cancellation."""
    if log_x > -LN2:
        return math.log(-math.expm1(log_x))
    return math.log1p(-math.exp(log_x))


def _post_log_array(log_p: Array, n: Array) -> Array:
    import numpy as np

    log_p, n = np.broadcast_arrays(log_p, n)
    bound = log_p + np.log(n)
    with np.errstate(divide="ignore", invalid="ignore"):
        exact = _log_of_complement_array(n * _log_of_complement_array(log_p))
    many: Array = np.where(bound < -40.0, bound, exact)
    post: Array = np.where((n == 1.0) | (log_p == 0.0), log_p, many)
    return post


def _log_of_complement_array(log_x: Array) -> Array:
    import numpy as np

    result: Array = np.where(
        log_x > -LN2, np.log(-np.expm1(log_x)), np.log1p(-np.exp(np.minimum(log_x, -LN2)))
    )
    return result


def _post_sigma(p: float, n: float, sided: Sided) -> float:
    if n == 1.0 or p in (0.0, 1.0):
        return _sigma_one(p) if sided is Sided.ONE else _sigma_two(p)
    return _sigma_of_log_survival(n * math.log1p(-p), sided)


def _sigma_of_log_survival(log_q: float, sided: Sided) -> float:
    """Return the number of sigma of ``p = 1 - exp(log_q)``, exact on both ends."""
    if log_q > -LN2:
        p = -math.expm1(log_q)
        return _sigma_one(p) if sided is Sided.ONE else _sigma_two(p)
    if sided is Sided.ONE:
        return 0.0 - _sigma_from_log(log_q, Sided.ONE)
    from scipy.special import erfinv

    return SQRT2 * float(erfinv(math.exp(log_q)))


def _post_sigma_array(p: Array, n: Array, sided: Sided) -> Array:
    import numpy as np
    from scipy.special import erfinv

    with np.errstate(divide="ignore"):
        log_q = n * np.log1p(-p)
    p_post = _post_array(*np.broadcast_arrays(p, n))
    if sided is Sided.ONE:
        low, high = _sigma_one_array(p_post), 0.0 - _sigma_from_log_array(log_q, Sided.ONE)
    else:
        low, high = _sigma_two_array(p_post), SQRT2 * erfinv(np.exp(log_q))
    sigma: Array = np.where((log_q > -LN2) | (n == 1.0), low, high)
    return sigma


def trials_of(value: float | Trials) -> Trials:
    """Return `value` as `Trials`.

    Raises
    ------
    PValueError
        If it is neither `Trials` nor a number >= 1.
    """
    return value if isinstance(value, Trials) else Trials.given(value)
