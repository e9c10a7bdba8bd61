"""The significance provider ``icecube``: what an alert's p-values and false-alarm rate mean.

Conventions
-----------
- One-sided unless configured otherwise, as in IceCube's circulars.
- An LVK search gives one `Significance` per search with a stated p-value, and with two also the
  better one with its penalty. Any other alert gives one per stated p-value, and one that quotes
  its false-alarm rate: a rate is no test, so that has neither p-value nor sigma nor verdict.
- Without `trials` nothing is corrected for trials, and there is no verdict.
- A p-value that is not stated gives nothing; one stated as 0 is a limit without sigma, verdict and
  rate (older HESE notices hold such placeholders).
- Alerts of other observatories give nothing, unless `observatories` names them: conventions,
  searches and rates are IceCube's.
- A retraction gives nothing: there is no event to assess.
- Tests and mock events are assessed like others, with a note, and never counted as looks.

The options, of the table ``[significance.icecube]``, are those of `make_assess`.
"""

from __future__ import annotations

import math
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
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
    expected_count,
    gw_rate_of,
    spent_trials,
)

__all__ = ["make_assess", "register_significance"]

Assess = Callable[[Alert], tuple[Significance, ...]]
Looks = Callable[[Alert, Rate], Trials | None]

PROVIDER: Final = "icecube"
_NOT_REAL: Final = "a test or mock event: not of the sky"


def make_assess(
    *,
    sided: str = "one-sided",
    trials: float | str | None = None,
    gw_rate_high_per_year: float | None = None,
    gw_rate_low_per_year: float | None = None,
    gw_rates: str = "published",
    window_s: float = YEAR_S,
    observed: str | os.PathLike[str] | None = None,
    observatories: tuple[str, ...] = ("IceCube",),
) -> Assess:
    """Return ``assess(alert)`` with these options.

    Pure, except with `observed`, where it counts the alert before it answers.

    Parameters
    ----------
    sided : str
        ``one-sided`` or ``two-sided``.
    trials : float or str, optional
        Independent GW events among which this one was picked: a number, fixed beforehand;
        ``rate``, the GW trigger rate of its kind x `window_s`; or ``observed``, the share of the
        error that is left for this one, by its number among the superevents that this host has
        seen (`spent_trials`, with the season that ``rate`` expects).
    gw_rate_high_per_year, gw_rate_low_per_year : float, optional
        GW trigger rates [1/yr of 365 d] of significant and low-significance alerts; by default
        those of the observing run (`GW_RUNS`).
    gw_rates : str
        ``published``, or ``heard``: the rates of LVK's own alerts that this host has heard, split
        by their flag, once there are ten of the stream.
    window_s : float
        How long the observer watches all alerts [s]; one year.
    observed : str or path, optional
        With ``trials = "observed"`` or ``gw_rates = "heard"``: the SQLite file that numbers them,
        and says which stream each is of, by LVK's flag where the host hears LVK's own alerts.
    observatories : tuple of str
        Whose alerts are assessed.

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
    ...     print(result.quantity, round(result.sigma, 2), result.sided, result.trials_source)
    generic 2.07 one-sided not corrected for trials
    bayesian 1.6 one-sided not corrected for trials
    best of 2 searches 2.07 one-sided 2 searches of one event; else not corrected for trials
    """
    convention = _sided(sided)
    window = _positive(window_s, "window_s")
    high = _rate(GW_RATE_HIGH, gw_rate_high_per_year, "gw_rate_high_per_year")
    low = _rate(GW_RATE_LOW, gw_rate_low_per_year, "gw_rate_low_per_year")
    is_heard = _choice(gw_rates, "gw_rates", ("published", "heard")) == "heard"
    store = _store(observed, trials, is_heard=is_heard)
    looks = _looks(trials, store, window)

    def rate_of(alert: Alert) -> Rate | None:
        stream = None if store is None else store.stream(alert)
        heard = None if store is None or stream is None or not is_heard else store.rate(stream)
        return heard or gw_rate_of(alert, high, low, stream)

    def assess_search(alert: Alert) -> Iterator[Significance | None]:
        rate = rate_of(alert)
        if rate is None:
            return
        n = looks(alert, rate)
        for p in alert.p_values:
            yield assess_p(p.value, quantity=p.search, trials=n, rate=rate, sided=convention)
        yield best_of_searches(alert, trials=n, rate=rate, sided=convention)

    def assess_other(alert: Alert) -> Iterator[Significance | None]:
        for p in alert.p_values:
            yield assess_p(p.value, quantity=p.search, sided=convention)
        yield assess_far(alert, sided=convention)

    def assess(alert: Alert) -> tuple[Significance, ...]:
        if store is not None and alert.kind is AlertKind.LVK_GW:
            store.hear(alert)
        if alert.observatory not in observatories:
            return ()
        if store is not None:
            store.add(alert)
        if alert.status is Status.RETRACTION or alert.kind is AlertKind.LVK_GW:
            return ()  # what is said of IceCube's rates is not said of LVK's
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


def _looks(trials: float | str | None, store: ObservedEvents | None, window_s: float) -> Looks:
    """Return the function that says how many looks a search of a stream has had."""
    if trials is None:
        return lambda alert, rate: None
    if trials == "observed" and store is not None:
        return partial(_spent, store, window_s)
    if trials == "rate":
        return lambda alert, rate: Trials.from_rate(rate.per_year, window_s, rate.what)
    if _number(trials, "trials", "a number >= 1, 'rate' or 'observed'") < 1:
        raise ConfigError(f"expected a number >= 1, got {trials!r}", key="trials")
    given = Trials.given(float(trials))
    return lambda alert, rate: given


def _spent(store: ObservedEvents, window_s: float, alert: Alert, rate: Rate) -> Trials | None:
    number = store.number(alert)
    expected = max(1.0, expected_count(rate.per_year, window_s))
    return None if number is None else spent_trials(number, expected, f"{rate.what}, event")


def _store(
    observed: str | os.PathLike[str] | None, trials: float | str | None, *, is_heard: bool
) -> ObservedEvents | None:
    """Open the file of observed events, if trials or rates are counted."""
    is_used = is_heard or trials == "observed"
    if is_used and observed is None:
        what = "trials = 'observed'" if trials == "observed" else "gw_rates = 'heard'"
        raise ConfigError(f"is required with {what}", key="observed")
    if observed is None:
        return None
    if not is_used:
        raise ConfigError(
            "is of use only with trials = 'observed' or gw_rates = 'heard'", key="observed"
        )
    if not isinstance(observed, str | os.PathLike) or not str(observed):
        raise ConfigError(f"expected the name of a file, got {observed!r}", key="observed")
    try:
        return ObservedEvents(Path(observed))
    except sqlite3.Error as error:
        raise ConfigError(f"{observed}: {error}", key="observed") from error


def _choice(value: object, key: str, choices: tuple[str, ...]) -> str:
    if value in choices:
        return str(value)
    raise ConfigError(f"expected {' or '.join(map(repr, choices))}, got {value!r}", key=key)


def _sided(value: object) -> Sided:
    try:
        return Sided(value)  # type: ignore[arg-type]  # refused by the enum itself
    except ValueError:
        raise ConfigError(
            f"expected 'one-sided' or 'two-sided', got {value!r}", key="sided"
        ) from None


def _rate(like: Rate, per_year: object, key: str) -> Rate | None:
    """Return a configured rate of the same alerts, if one is."""
    if per_year is None:
        return None
    return replace(like, per_year=_positive(per_year, key), source="configured")


def _positive(value: object, key: str) -> float:
    number = _number(value, key, "a number > 0")
    if number > 0:
        return number
    raise ConfigError(f"expected a number > 0, got {value!r}", key=key)


def _number(value: object, key: str, expected: str) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    raise ConfigError(f"expected {expected}, got {value!r}", key=key)
