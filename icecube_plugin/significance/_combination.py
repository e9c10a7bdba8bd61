r"""One p-value from several independent ones.

- Fisher: :math:`-2\sum\ln p_i` is chi-squared with 2k degrees of freedom. Good when one p-value
  may be small and the others ordinary.
- Stouffer: :math:`\sum w_i z_i / \sqrt{\sum w_i^2}` is normal. Good when all share an effect;
  weights, for example the square root of each sample's size, are fixed beforehand.

Both need **independent** p-values. The generic and the Bayesian p-value of one gravitational-wave
event come from the same neutrinos: combining them counts the evidence twice. Give p-values as
`icecube_hooks.PValue` and the result says so; the right tool for two searches is
`best_of_searches`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from icecube_hooks import PValue

from ._conversion import p_from_sigma, sigma_from_p
from ._values import PROBABILITY, Domain, PValueError

__all__ = ["DEPENDENT_NOTE", "Combined", "fisher", "stouffer"]

DEPENDENT_NOTE: Final = (
    "NOT independent: generic and bayesian searches use the same neutrinos, so this combination "
    "overstates the evidence; use the best of the two with its penalty"
)
"""The note of every combination of the two searches of one event."""
_SEARCHES: Final = frozenset({"generic", "bayesian"})
_WEIGHT: Final = Domain("a weight, finite and >= 0", 0.0, 1.7976931348623157e308)


@dataclass(frozen=True, kw_only=True, slots=True)
class Combined:
    """A combined p-value.

    Attributes
    ----------
    method : str
        ``fisher`` or ``stouffer``.
    statistic : float
        Chi-squared with ``2 n`` degrees of freedom, or the normal deviate.
    n : int
        How many p-values went in.
    p_value : float
        Combined p-value. 0 means below the range of a double.
    is_independent : bool
        False where the inputs are known not to be independent.
    notes : tuple of str
        Warnings for the reader.
    """

    method: str
    statistic: float
    n: int
    p_value: float
    is_independent: bool
    notes: tuple[str, ...]


def fisher(p_values: Iterable[float | PValue]) -> Combined:
    """Combine independent p-values by Fisher's method.

    Parameters
    ----------
    p_values : iterable of float or PValue
        In (0, 1]; a `PValue` that is not stated is left out.

    Raises
    ------
    PValueError
        For no p-value at all, and for 0, which is a limit.

    Examples
    --------
    >>> round(fisher([0.05, 0.05]).p_value, 4)
    0.0175
    """
    values, notes = _inputs(p_values)
    from scipy.special import gammaincc

    half = -math.fsum(map(math.log, values))
    p = float(gammaincc(len(values), half))
    return Combined(
        method="fisher",
        statistic=2 * half,
        n=len(values),
        p_value=p,
        is_independent=not notes,
        notes=notes,
    )


def stouffer(
    p_values: Iterable[float | PValue], weights: Sequence[float] | None = None
) -> Combined:
    """Combine independent one-sided p-values by Stouffer's method.

    Parameters
    ----------
    p_values : iterable of float or PValue
        In (0, 1]; with `weights` all must be stated.
    weights : sequence of float, optional
        One per p-value, >= 0, not all 0; equal by default.

    Raises
    ------
    PValueError

    Examples
    --------
    >>> round(stouffer([0.05, 0.05]).p_value, 4)
    0.01
    """
    values, notes = _inputs(p_values)
    shares = _weights(weights, len(values))
    terms = [share * sigma_from_p(p) for share, p in zip(shares, values, strict=True) if share]
    z = math.fsum(terms)
    return Combined(
        method="stouffer",
        statistic=z,
        n=len(values),
        p_value=p_from_sigma(z),
        is_independent=not notes,
        notes=notes,
    )


def _inputs(p_values: Iterable[float | PValue]) -> tuple[list[float], tuple[str, ...]]:
    """Return the stated p-values, checked, and the warnings about them."""
    given = list(p_values)
    searches = {p.search for p in given if isinstance(p, PValue) and p.value is not None}
    stated = [p.value if isinstance(p, PValue) else p for p in given]
    values = [PROBABILITY.number(p) for p in stated if p is not None]
    if not values:
        raise PValueError("expected at least one p-value", given)
    if 0.0 in values:
        raise PValueError("expected p-values above 0: a limit cannot be combined", 0.0)
    return values, (DEPENDENT_NOTE,) if searches >= _SEARCHES else ()


def _weights(weights: Sequence[float] | None, n: int) -> list[float]:
    """Return `n` weights whose squares sum to 1."""
    raw = [1.0] * n if weights is None else [_WEIGHT.number(w) for w in weights]
    if len(raw) != n or not any(raw):
        raise PValueError(f"expected {n} weights, not all 0", weights)
    largest = max(raw)
    norm = math.hypot(*(w / largest for w in raw))
    return [w / largest / norm for w in raw]
