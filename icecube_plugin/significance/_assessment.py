"""From a p-value or a false-alarm rate to a `Significance` that says how it was made.

Several looks at one event
--------------------------
- **Two searches** (generic, Bayesian) on one gravitational-wave event see the same neutrinos.
  Each is reported as it is; the better of the two with a penalty for two looks, which is exact
  for independent searches and conservative for positively correlated ones, as these are.
- **Revisions**: a later map of the same superevent is a new analysis of the same data, not a new
  chance. The newest notice counts, the older ones are superseded, and no trial is added (see
  `newest`). Picking the best of all revisions would need one.
- **Several coincident events**: the overall p-value of a search covers them already. Per-event
  p-values say which event drives it; `best_event` gives the best with its penalty.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, overload

from icecube_hooks import YEAR_S, Alert, Sided, Significance, Status, Verdict

from ._conversion import sigma_from_p
from ._rates import GW_RATE_HIGH, Rate, chance_of_at_least_one, count_text
from ._trials import Trials, post_trial_p, trials_of
from ._values import PROBABILITY, checked_sided

__all__ = [
    "BANDS",
    "BEST_OF_TWO",
    "assess_far",
    "assess_p",
    "best_event",
    "best_of_searches",
    "event_p",
    "verdict_of",
]


BEST_OF_TWO: Final = "best of 2 searches"
SEARCHES: Final = ("generic", "bayesian")

BANDS: Final = (
    (2.87e-7, Verdict.DISCOVERY),
    (0.00135, Verdict.STRONG),
    (0.0228, Verdict.MODERATE),
    (0.1587, Verdict.WEAK),
)
"""Upper ends (not included) of the bands: one-sided 5, 3, 2 and 1 sigma as the tutorial rounds."""

_LIMIT_NOTE: Final = (
    "stated as 0: a placeholder, or fewer background trials than needed to resolve it; "
    "an upper limit, no sigma"
)
_ONE_NOTE: Final = "p = 1 has no finite one-sided sigma"
_BEST_NOTE: Final = (
    "both searches use the same neutrinos: the penalty for 2 looks is exact if they are "
    "independent and conservative if positively correlated"
)
_FAR_NOTE: Final = (
    "chance of at least one background alert at least this signal-like; "
    "not the probability that this one is background: see signalness"
)


def verdict_of(p: float | None) -> Verdict | None:
    """Return the band of a post-trial p-value; ``None`` for ``None`` and for 0 (a limit).

    Examples
    --------
    >>> verdict_of(0.001).value
    'strong'
    >>> verdict_of(0.0) is None
    True
    """
    if p is None or PROBABILITY.number(p) == 0.0:
        return None
    for limit, verdict in BANDS:
        if p < limit:
            return verdict
    return Verdict.NONE


@overload
def assess_p(
    p: float,
    *,
    quantity: str = ...,
    trials: float | Trials = ...,
    rate: Rate | None = ...,
    sided: Sided | str = ...,
    provider: str = ...,
    notes: tuple[str, ...] = ...,
) -> Significance: ...
@overload
def assess_p(
    p: float | None,
    *,
    quantity: str = ...,
    trials: float | Trials = ...,
    rate: Rate | None = ...,
    sided: Sided | str = ...,
    provider: str = ...,
    notes: tuple[str, ...] = ...,
) -> Significance | None: ...
def assess_p(
    p: float | None,
    *,
    quantity: str = "p-value",
    trials: float | Trials = 1,
    rate: Rate | None = None,
    sided: Sided | str = Sided.ONE,
    provider: str = "icecube",
    notes: tuple[str, ...] = (),
) -> Significance | None:
    """Return what a p-value means before and after trials.

    Parameters
    ----------
    p : float or None
        p-value of one look. ``None`` (not stated) gives ``None``; 0 a limit without sigma.
    quantity : str
        What was tested.
    trials : float or Trials
        Number of independent looks.
    rate : Rate, optional
        How often such a look happens; gives the false-alarm rate p x rate.
    sided : Sided
        Convention of the sigmas. The verdict does not depend on it: it is one of p.
    provider : str
    notes : tuple of str
        Further notes for the reader.

    Raises
    ------
    PValueError

    Examples
    --------
    >>> result = assess_p(0.0191, trials=100, rate=GW_RATE_HIGH)
    >>> round(result.sigma, 2), round(result.p_value_post, 2), result.far_per_year
    (2.07, 0.85, 1.91)
    """
    if p is None:
        return None
    number, convention, looks = PROBABILITY.number(p), checked_sided(sided), trials_of(trials)
    if rate is None or number == 0.0:
        return _assessed(number, quantity, looks, convention, provider, notes)
    far, source = number * rate.per_year, _source_of(rate)
    return _assessed(number, quantity, looks, convention, provider, notes, far, source)


def _assessed(
    p: float,
    quantity: str,
    looks: Trials,
    sided: Sided,
    provider: str,
    notes: tuple[str, ...],
    far_per_year: float | None = None,
    far_source: str | None = None,
) -> Significance:
    if p == 0.0:
        return Significance(
            provider=provider,
            quantity=quantity,
            sided=sided,
            p_value=p,
            is_limit=True,
            n_trials=looks.n,
            trials_source=looks.source,
            far_per_year=far_per_year,
            far_source=far_source,
            notes=(*notes, _LIMIT_NOTE),
        )
    endless = p == 1.0 and sided is Sided.ONE
    post = looks.post_p(p)
    return Significance(
        provider=provider,
        quantity=quantity,
        sided=sided,
        p_value=p,
        sigma=None if endless else sigma_from_p(p, sided),
        n_trials=looks.n,
        trials_source=looks.source,
        p_value_post=post,
        sigma_post=None if endless else looks.post_sigma(p, sided),
        far_per_year=far_per_year,
        far_source=far_source,
        verdict=verdict_of(post),
        notes=(*notes, _ONE_NOTE) if endless else notes,
    )


def best_of_searches(
    alert: Alert,
    *,
    trials: float | Trials = 1,
    rate: Rate | None = GW_RATE_HIGH,
    sided: Sided | str = Sided.ONE,
    provider: str = "icecube",
) -> Significance | None:
    """Return the better of the two searches with its penalty; ``None`` unless both are stated.

    `Significance.p_value` and ``sigma`` are those of the better search as it stands;
    ``p_value_post`` pays for both searches and for `trials`; the false-alarm rate for both.
    """
    values = _both(alert)
    if values is None:
        return None
    better = SEARCHES[0] if values[0] <= values[1] else SEARCHES[1]
    return assess_p(
        min(values),
        quantity=BEST_OF_TWO,
        trials=_both_looks(trials_of(trials)),
        rate=rate and _both_rates(rate),
        sided=sided,
        provider=provider,
        notes=(f"the better one is {better}", _BEST_NOTE),
    )


@lru_cache(8)
def _both_looks(looks: Trials) -> Trials:
    return looks.times(2, "x 2 searches")


@lru_cache(8)
def _both_rates(rate: Rate) -> Rate:
    return Rate(per_year=2 * rate.per_year, what=f"2 searches of {rate.what}", source=rate.source)


@lru_cache(8)
def _source_of(rate: Rate) -> str:
    return f"p x {rate}"


def event_p(alert: Alert) -> float | None:
    """Return one p-value for the event of an alert.

    The better of two searches with its penalty for two, the only one where there is one, and
    ``None`` where none is stated. A stated 0 (a limit) also gives ``None``: nothing can be
    ranked or summed with it.
    """
    both = _both(alert)
    stated = [p.value for p in alert.p_values if p.value is not None]
    if not stated or 0.0 in stated:
        return None
    return min(stated) if both is None else post_trial_p(min(both), 2)


def best_event(
    alert: Alert,
    search: str,
    *,
    sided: Sided | str = Sided.ONE,
    provider: str = "icecube",
) -> Significance | None:
    """Return the best coincident event of `search`, with the penalty for all that are stated.

    Which neutrino drives the result, that is; the event's significance is the overall p-value's.
    """
    values = [event.p_value(search) for event in alert.coincident_events]
    stated = [value for value in values if value is not None]
    if not stated:
        return None
    looks = Trials.given(
        len(stated), f"given: {count_text(len(stated), 'coincident event')} of this notice"
    )
    note = "events below 10 % only are listed, so their number is not free of selection"
    return assess_p(
        min(stated),
        quantity=f"best coincident event, {search}",
        trials=looks,
        sided=sided,
        provider=provider,
        notes=(note, "the overall p-value covers all events; do not multiply the two"),
    )


def assess_far(
    alert: Alert,
    *,
    window_s: float = YEAR_S,
    sided: Sided | str = Sided.ONE,
    provider: str = "icecube",
) -> Significance | None:
    """Return the chance of a background alert like this within a window, from its FAR.

    Parameters
    ----------
    alert : Alert
        A track, cascade or coincidence with `Alert.far_hz`; without gives ``None``.
    window_s : float
        How long the observer watches all alerts [s].

    Examples
    --------
    >>> from icecube_hooks import AlertKind, WireFormat
    >>> gold = Alert(kind=AlertKind.GOLD, format=WireFormat.TEXT, far_hz=0.2894 / YEAR_S)
    >>> round(assess_far(gold).p_value, 3)
    0.251
    """
    rate = alert.far_per_year
    if rate is None:
        return None
    return _assessed(
        chance_of_at_least_one(rate, window_s),
        "far",
        _whole_window(window_s),
        checked_sided(sided),
        provider,
        (_FAR_NOTE,),
        rate,
        "as stated in the notice",
    )


@lru_cache(8)
def _whole_window(window_s: float) -> Trials:
    days = window_s / 86_400
    return Trials.given(1, f"none: the chance is that of the whole window of {days:g} d")


def _both(alert: Alert) -> tuple[float, float] | None:
    generic, bayesian = (alert.p_value(search) for search in SEARCHES)
    return None if generic is None or bayesian is None else (generic, bayesian)


def is_retracted(alert: Alert) -> bool:
    """Whether the notice takes its event back."""
    return alert.status is Status.RETRACTION
