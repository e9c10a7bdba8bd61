"""The significance that counts for a record: one rule, for every list, filter, page and plot.

The rule
--------
1. Only values after trials (`Significance.p_value_post`) stand for an alert.
2. The chance of a background alert from a false-alarm rate (quantity ``far``) does not: a rate is
   no test, and says nothing of this alert.
3. Where a provider has paid for all searches of the event (quantity ``best of ...``), that counts:
   two searches are two looks. Else the smallest.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from icecube_hooks import Significance

__all__ = ["headline", "p_post", "sigma_post"]

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
    found = [s for s in significances if s.p_value_post is not None and s.quantity != RATE]
    looks = [s for s in found if s.quantity.startswith(ALL_LOOKS)]
    return min(looks or found, key=lambda s: s.p_value_post or 0.0, default=None)


def p_post(significances: Iterable[Significance]) -> float | None:
    """Return the p-value after trials of the `headline`."""
    one = headline(significances)
    return None if one is None else one.p_value_post


def sigma_post(significances: Iterable[Significance]) -> float | None:
    """Return the sigma after trials of the `headline`."""
    one = headline(significances)
    return None if one is None else one.sigma_post
