"""The significance provider ``icecube``: what an alert's p-values and false-alarm rate mean.

Conventions
-----------
- One-sided unless configured otherwise, as in IceCube's circulars.
- An LVK search gives one `Significance` per search with a stated p-value, and with two also the
  better one with its penalty. Any other alert gives one for its false-alarm rate, and one per
  stated p-value.
- A p-value that is not stated gives nothing; one stated as 0 is a limit without sigma, verdict and
  rate (older HESE notices hold such placeholders).
- A retraction gives nothing: there is no event to assess.
- Tests and mock events are assessed like others, with a note, and never counted as looks.

Options (table ``[significance.icecube]`` of the configuration)
----------------------------------------------------------------
``sided``
    ``one-sided`` or ``two-sided``.
``trials``
    Independent GW events among which this one was picked: a number; ``rate``, the GW trigger rate
    of its kind x ``window_s``; or ``observed``, the superevents that this host has seen.
``observed``
    With ``trials = "observed"``: the SQLite file that holds them.
``gw_rate_high_per_year``, ``gw_rate_low_per_year``
    GW trigger rates [1/yr of 365 d] of high- and low-significance alerts.
``window_s``
    How long the observer watches all alerts [s]; one year.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from icecube_hooks import (
    YEAR_S,
    Alert,
    AlertKind,
    ConfigError,
    Sided,
    Significance,
    SignificanceType,
    Status,
    hookimpl,
)
from icecube_plugin.significance import (
    GW_RATE_HIGH,
    GW_RATE_LOW,
    ObservedEvents,
    Rate,
    Trials,
    assess_far,
    assess_p,
    best_of_searches,
    gw_rate_of,
)

__all__ = ["make_assess", "register_significance"]

Assess = Callable[[Alert], tuple[Significance, ...]]
Looks = Callable[[str, Rate], Trials]

PROVIDER: Final = "icecube"
_NOT_A_SEARCH: Final = Trials.given(1, "none: not one of many searches")
_NOT_REAL: Final = "a test or mock event: not of the sky"


def make_assess(
    *,
    sided: str = "one-sided",
    trials: float | str = 1,
    gw_rate_high_per_year: float = GW_RATE_HIGH.per_year,
    gw_rate_low_per_year: float = GW_RATE_LOW.per_year,
    window_s: float = YEAR_S,
    observed: str | None = None,
) -> Assess:
    """Return ``assess(alert)`` with these options, see the module's docstring.

    Pure, except with ``trials = "observed"``, where it counts the alert before it answers.

    Raises
    ------
    ConfigError
        For a wrong option, with its name as key.

    Examples
    --------
    >>> from icecube_hooks import PValue, WireFormat
    >>> alert = Alert(
    ...     kind=AlertKind.LVK_SEARCH,
    ...     format=WireFormat.JSON,
    ...     p_values=(
    ...         PValue(search="generic", value=0.0191),
    ...         PValue(search="bayesian", value=0.0549),
    ...     ),
    ... )
    >>> for result in make_assess()(alert):
    ...     print(result.quantity, round(result.sigma_post, 2), result.sided)
    generic 2.07 one-sided
    bayesian 1.6 one-sided
    best of 2 searches 1.78 one-sided
    """
    convention = _sided(sided)
    window = _positive(window_s, "window_s")
    high = _rate(GW_RATE_HIGH, gw_rate_high_per_year, "gw_rate_high_per_year")
    low = _rate(GW_RATE_LOW, gw_rate_low_per_year, "gw_rate_low_per_year")
    store = _store(observed, trials)
    looks = _looks(trials, store, window)

    def assess_search(alert: Alert) -> Iterator[Significance | None]:
        rate = gw_rate_of(alert, high, low)
        if rate is None:
            return
        for p in alert.p_values:
            n = looks(p.search, rate)
            yield assess_p(p.value, quantity=p.search, trials=n, rate=rate, sided=convention)
        n = looks("generic", rate)
        yield best_of_searches(alert, trials=n, rate=rate, sided=convention)

    def assess_other(alert: Alert) -> Iterator[Significance | None]:
        for p in alert.p_values:
            yield assess_p(p.value, quantity=p.search, trials=_NOT_A_SEARCH, sided=convention)
        yield assess_far(alert, window_s=window, sided=convention)

    def assess(alert: Alert) -> tuple[Significance, ...]:
        if store is not None:
            store.add(alert)
        if alert.status is Status.RETRACTION:
            return ()
        results = (assess_search if alert.kind is AlertKind.LVK_SEARCH else assess_other)(alert)
        stated = (result for result in results if result is not None)
        return tuple(stated) if alert.is_real else tuple(map(_marked, stated))

    return assess


@hookimpl
def register_significance() -> Sequence[SignificanceType]:
    """Offer the provider ``icecube``."""
    summary = "p-values, trials and false-alarm rates of IceCube alerts, one-sided by default"
    return [SignificanceType(name=PROVIDER, make=make_assess, summary=summary)]


def _marked(result: Significance) -> Significance:
    return result.replace(notes=(*result.notes, _NOT_REAL))


def _looks(trials: float | str, store: ObservedEvents | None, window_s: float) -> Looks:
    """Return the function that says how many looks a search of a stream has had."""
    if store is not None:
        return lambda search, rate: Trials.observed(max(1, store.count(search)))
    if trials == "rate":
        return lambda search, rate: Trials.from_rate(rate.per_year, window_s, rate.what)
    if _number(trials, "trials", "a number >= 1, 'rate' or 'observed'") < 1:
        raise ConfigError(f"expected a number >= 1, got {trials!r}", key="trials")
    given = Trials.given(float(trials))
    return lambda search, rate: given


def _store(observed: str | None, trials: float | str) -> ObservedEvents | None:
    """Open the file of observed events, if trials are counted."""
    if trials == "observed" and observed is None:
        raise ConfigError("is required with trials = 'observed'", key="observed")
    if observed is None:
        return None
    if trials != "observed":
        raise ConfigError("is of use only with trials = 'observed'", key="observed")
    if not isinstance(observed, str) or not observed:
        raise ConfigError(f"expected the name of a file, got {observed!r}", key="observed")
    try:
        return ObservedEvents(observed)
    except sqlite3.Error as error:
        raise ConfigError(f"{observed}: {error}", key="observed") from error


def _sided(value: object) -> Sided:
    try:
        return Sided(value)  # type: ignore[arg-type]  # refused by the enum itself
    except ValueError:
        raise ConfigError(
            f"expected 'one-sided' or 'two-sided', got {value!r}", key="sided"
        ) from None


def _rate(default: Rate, per_year: object, key: str) -> Rate:
    """Return `default` with another rate, which then comes from the configuration."""
    number = _positive(per_year, key)
    return (
        default
        if number == default.per_year
        else replace(default, per_year=number, source="configured")
    )


def _positive(value: object, key: str) -> float:
    number = _number(value, key, "a number > 0")
    if number > 0:
        return number
    raise ConfigError(f"expected a number > 0, got {value!r}", key=key)


def _number(value: object, key: str, expected: str) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    raise ConfigError(f"expected {expected}, got {value!r}", key=key)
