"""The significance that counts for a record: one rule, for every list, filter, page and plot.

The rule
--------
1. Values after trials (`Significance.p_value_post`) stand for an alert; where nobody said how many
   looks there were, the value before trials does.
2. A false-alarm rate (quantity ``far``) does not: a rate is no test of this alert. Records of older
   versions hold a chance made of it.
3. Where a provider has paid for all searches of the event (quantity ``best of ...``), that counts:
   two searches are two looks. Else the smallest.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from icecube_hooks import Significance

__all__ = ["RATE", "headline", "p_post", "sigma_post"]

ALL_LOOKS: Final = "best of"
"""How the quantity starts that accounts for all searches."""

RATE: Final = "far"


def headline(significances: Iterable[Significance]) -> Significance | None:
    """Return the significance that stands for a record; ``None`` if none does.

    Examples
    --------
    >>> from icecube_hooks.testing import make_significance
    >>> one = make_significance(quantity="generic", p_value_post=0.003)
    >>> both = make_significance(quantity="best of 2 searches", p_value_post=0.00599)
    >>> headline([one, both]).p_value_post
    0.00599
    """
    found = [s for s in significances if s.p_value is not None and s.quantity != RATE]
    looks = [s for s in found if s.quantity.startswith(ALL_LOOKS)]
    return min(looks or found, key=lambda s: _p(s) or 0.0, default=None)


def _p(one: Significance) -> float | None:
    return one.p_value if one.p_value_post is None else one.p_value_post


def p_post(significances: Iterable[Significance]) -> float | None:
    """Return the p-value of the `headline`, after those trials that are stated."""
    one = headline(significances)
    return None if one is None else _p(one)


def sigma_post(significances: Iterable[Significance]) -> float | None:
    """Return the sigma of the `headline`, after those trials that are stated."""
    one = headline(significances)
    if one is None:
        return None
    return one.sigma if one.p_value_post is None else one.sigma_post
