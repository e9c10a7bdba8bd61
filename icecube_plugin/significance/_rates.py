"""Rates: how often chance alone gets a turn.

All rates are per year of 365 days (`icecube_hooks.YEAR_S`), the year with which IceCube converts
its false-alarm rates. Every default is a `Rate` with its source and can be replaced.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from icecube_hooks import YEAR_S, Alert, AlertKind

from ._values import PROBABILITY, RATE, T, apply

__all__ = [
    "ALERT_RATES",
    "GW_RATE_HIGH",
    "GW_RATE_LOW",
    "GW_RUNS",
    "STREAMS",
    "GWRun",
    "Rate",
    "chance_of_at_least_one",
    "expected_count",
    "false_alarm_rate",
    "gw_rate_of",
    "gw_run_of",
    "gw_stream_of",
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


@dataclass(frozen=True, kw_only=True, slots=True)
class GWRun:
    """An observing run of the gravitational-wave detectors and how many alerts it sent.

    Attributes
    ----------
    name : str
    start, stop : datetime
    high, low : Rate
        Of significant alerts that stand (not of those retracted), which get both searches, and of
        low-significance ones, which get the Bayesian search only.
    """

    name: str
    start: datetime
    stop: datetime
    high: Rate
    low: Rate


def _run(
    name: str, start: str, stop: str, high: tuple[float, str], low: tuple[float, str]
) -> GWRun:
    return GWRun(
        name=name,
        start=datetime.fromisoformat(start),
        stop=datetime.fromisoformat(stop),
        high=Rate(per_year=high[0], what="significant GW alerts", source=high[1]),
        low=Rate(per_year=low[0], what="low-significance GW alerts", source=low[1]),
    )


STREAMS: Final = ("significant", "low-significance")
"""The two streams of GW alerts."""

_LOW_O4A: Final = "O4a: 1,610 in 237 d, GraceDB"

GW_RUNS: Final = (
    _run(
        *("O3", "2019-04-01T15Z", "2020-03-27T17Z"),
        high=(62.0, "O3: 56 in 330 d, GWTC-2 and GWTC-3"),
        low=(0.0, "O3 had no such alerts"),
    ),
    _run(
        *("O4a", "2023-05-24T15Z", "2024-01-16T16Z"),
        high=(125.0, "O4a: 81 in 237 d, GraceDB"),
        low=(2480.0, _LOW_O4A),
    ),
    _run(
        *("O4b", "2024-04-10T15Z", "2025-01-28T17Z"),
        high=(131.0, "O4b: 186 less the 81 of O4a in 293 d, EGO, 3 February 2025"),
        low=(2480.0, f"{_LOW_O4A}; none published for O4b"),
    ),
    _run(
        *("O4c", "2025-01-28T17Z", "2025-11-18T16Z"),
        high=(131.0, "that of O4b; none published for O4c"),
        low=(2480.0, f"{_LOW_O4A}; none published for O4c"),
    ),
)
"""Counts, not thresholds: the threshold of low-significance alerts is 2 a day of *each* of about 8
pipelines. With the alerts that were later retracted O4a sent 142 significant ones a year; the
forecast for O5a is 536 (LVK Public Alerts User Guide)."""

GW_RATE_HIGH: Final = GW_RUNS[-1].high
"""Significant GW alerts of the newest run."""

GW_RATE_LOW: Final = GW_RUNS[-1].low
"""Low-significance GW alerts of the newest run."""

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


def gw_run_of(time: datetime | None) -> GWRun:
    """Return the observing run at a time, or the next one; the newest after all and for ``None``.

    Examples
    --------
    >>> gw_run_of(datetime.fromisoformat("2023-09-14T11:14Z")).name
    'O4a'
    """
    return next((run for run in GW_RUNS if time is not None and time < run.stop), GW_RUNS[-1])


def gw_rate_of(
    alert: Alert, high: Rate | None = None, low: Rate | None = None, stream: str | None = None
) -> Rate | None:
    """Return the trigger rate of the GW alerts that `alert` followed up, in its observing run.

    Parameters
    ----------
    alert : Alert
    high, low : Rate, optional
        Instead of those of `GW_RUNS`.
    stream : str, optional
        Which of the `STREAMS` it is, by LVK's flag; else as `gw_stream_of` guesses.
    """
    stream = stream or gw_stream_of(alert)
    if stream is None:
        return None
    run = gw_run_of(gw_time(alert))
    return (high or run.high) if stream == STREAMS[0] else (low or run.low)


def gw_stream_of(alert: Alert) -> str | None:
    """Return which of the `STREAMS` an alert of LVK's is of, or the one that a search followed up.

    LVK's alert has a flag. A notice of a search does not name the stream: IceCube runs both
    searches on significant GW alerts and only the Bayesian one on low-significance alerts, so one
    without a generic p-value counts as low-significance, and one without any p-value is of none.
    Before O4 all are significant.
    """
    candidate = alert.gw_candidate
    if candidate is not None and candidate.significant is not None:
        return STREAMS[not candidate.significant]
    if candidate is not None:
        return None if gw_run_of(gw_time(alert)).low.per_year else STREAMS[0]
    if alert.p_value("generic") is not None:
        return STREAMS[0]
    if alert.p_value("bayesian") is None:
        return None
    run = gw_run_of(gw_time(alert))
    return STREAMS[1 if run.low.per_year else 0]


def gw_time(alert: Alert) -> datetime | None:
    """Return the time of the GW event that was searched, or the day that it is named after."""
    return alert.trigger_time or _day_of(alert.gw and alert.gw.superevent_id)


@lru_cache(1024)
def _day_of(superevent: str | None) -> datetime | None:
    """Return the day that a superevent is named after."""
    found = re.search(r"S(\d{6})", superevent or "")
    try:
        return found and datetime.strptime(f"{found[1]}+0000", "%y%m%d%z")
    except ValueError:
        return None


def count_text(n: float, noun: str) -> str:
    """Return ``1 look``, ``2 looks``, ``2.5 looks``."""
    return f"{n:.10g} {noun}{'' if n == 1 else 's'}"
