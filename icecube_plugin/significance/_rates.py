"""Rates: how often chance alone gets a turn.

All rates are per year of 365 days (`icecube_hooks.YEAR_S`), the year with which IceCube converts
its false-alarm rates. Every default is a `Rate` with its source and can be replaced.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from icecube_hooks import YEAR_S, Alert, AlertKind

from ._values import PROBABILITY, RATE, T, apply

__all__ = [
    "ALERT_RATES",
    "GW_RATE_HIGH",
    "GW_RATE_LOW",
    "Rate",
    "chance_of_at_least_one",
    "expected_count",
    "false_alarm_rate",
    "gw_rate_of",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Rate:
    """A rate, what it counts, and who says so.

    Attributes
    ----------
    per_year : float
        [1/yr of 365 d].
    what : str
        What it counts.
    source : str
        Publication or configuration.

    Raises
    ------
    PValueError
        If `per_year` is no finite number >= 0.
    """

    per_year: float
    what: str
    source: str

    def __post_init__(self) -> None:
        RATE.number(self.per_year)

    def __str__(self) -> str:
        return f"{self.per_year:g} per year ({self.what}; {self.source})"


GW_RATE_HIGH: Final = Rate(
    per_year=100.0,
    what="high-significance GW alerts",
    source="IceCube's LVK follow-up tutorial",
)
"""GW alerts that get both searches."""

GW_RATE_LOW: Final = Rate(
    per_year=730.0,
    what="low-significance GW alerts",
    source="LVK Public Alerts User Guide: false-alarm threshold of 2 per day",
)
"""GW alerts that get the Bayesian search only. The threshold bounds their false alarms; how many
are really sent depends on detectors and run, so a host that can count should."""

_YEARLY: Final = "GCN IceCube mission page, yearly alert rates"

ALERT_RATES: Final[Mapping[AlertKind, Rate]] = MappingProxyType(
    {
        AlertKind.GOLD: Rate(per_year=10.0, what="gold track alerts", source=_YEARLY),
        AlertKind.BRONZE: Rate(per_year=16.0, what="bronze track alerts", source=_YEARLY),
        AlertKind.CASCADE: Rate(per_year=8.0, what="cascade alerts", source=_YEARLY),
    }
)
"""All alerts of a kind, signal and background, over the whole sky: https://gcn.nasa.gov/missions/icecube.
The selection was announced with about 10 gold and 20 bronze per year (PoS(ICRC2019)1021)."""


def expected_count(rate_per_year: float, window_s: float) -> float:
    """Return how many are expected at `rate_per_year` [1/yr] within `window_s` [s].

    Examples
    --------
    >>> expected_count(10, 36.5 * 86400)
    1.0
    """
    return RATE.number(rate_per_year) * RATE.number(window_s) / YEAR_S


def chance_of_at_least_one(rate_per_year: T, window_s: float = YEAR_S) -> T:
    """Return the Poisson chance of one or more at `rate_per_year` [1/yr] within `window_s` [s].

    Examples
    --------
    >>> round(chance_of_at_least_one(0.2894), 3)  # IceCube-200615A, one year
    0.251
    """
    years = RATE.number(window_s) / YEAR_S

    def array(rate):  # type: ignore[no-untyped-def]  # see apply
        import numpy as np

        return -np.expm1(-rate * years)

    return apply(rate_per_year, RATE, lambda rate: -math.expm1(-rate * years), array)


def false_alarm_rate(p: T, trigger_rate_per_year: float) -> T:
    """Return the rate [1/yr] of background results at least as good as `p`.

    "The false alarm rate of these coincidences can be obtained by multiplying the p-values with
    their corresponding GW trigger rates."

    Examples
    --------
    >>> round(false_alarm_rate(0.0191, 100), 6)
    1.91
    """
    rate = RATE.number(trigger_rate_per_year)
    return apply(p, PROBABILITY, rate.__mul__, lambda values: values * rate)


def gw_rate_of(alert: Alert, high: Rate = GW_RATE_HIGH, low: Rate = GW_RATE_LOW) -> Rate | None:
    """Return the trigger rate of the GW alerts that `alert` followed up.

    The notice does not name the stream. IceCube runs both searches on high-significance GW
    alerts and only the Bayesian one on low-significance alerts, so a notice without a generic
    p-value counts as low-significance, and one without any p-value gets no rate.
    """
    if alert.p_value("generic") is not None:
        return high
    return low if alert.p_value("bayesian") is not None else None


def count_text(n: float, noun: str) -> str:
    """Return ``1 look``, ``2 looks``, ``2.5 looks``."""
    return f"{n:.10g} {noun}{'' if n == 1 else 's'}"
