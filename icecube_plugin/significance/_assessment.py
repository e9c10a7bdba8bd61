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

What is not said
----------------
- A false-alarm rate is a rate, not a test of this alert: it gets no p-value, sigma or verdict.
- No verdict without stated trials: in a year of chance alone with 830 searches about 19 are below
  p = 0.0228 and one is below 0.00135. `UNCORRECTED` stands in its place.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final, overload

from icecube_hooks import Alert, Sided, Significance, Status, Verdict
from icecube_plugin.alerts.words import UNCORRECTED

from ._conversion import sigma_from_p
from ._icecat1 import compared
from ._rates import Rate, count_text
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
"""What the better p-value of an alert's two searches is called, with its penalty."""
SEARCHES: Final = ("generic", "bayesian")

BANDS: Final = (
    (2.87e-7, Verdict.DISCOVERY),
    (0.00135, Verdict.STRONG),
    (0.0228, Verdict.MODERATE),
)
"""Upper ends (not included) of the bands: one-sided 5, 3 and 2 sigma as the tutorial rounds. Its
fourth band, "weak" from 1 to 2 sigma, is "none" here: one look in six gets there by chance."""

_LIMIT_NOTE: Final = (
    "stated as 0: a placeholder, or fewer background trials than needed to resolve it; "
    "an upper limit, no sigma"
)
_ONE_NOTE: Final = "p = 1 has no finite one-sided sigma"
_BEST_NOTE: Final = (
    "both searches use the same neutrinos: the penalty for 2 looks is exact if they are "
    "independent and conservative if positively correlated"
)
_FAR_NOTE: Final = "a rate, not a test of this alert: no sigma and no verdict follow from it"


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
    trials: float | Trials | None = ...,
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
    trials: float | Trials | None = ...,
    rate: Rate | None = ...,
    sided: Sided | str = ...,
    provider: str = ...,
    notes: tuple[str, ...] = ...,
) -> Significance | None: ...
def assess_p(
    p: float | None,
    *,
    quantity: str = "p-value",
    trials: float | Trials | None = None,
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
    trials : float or Trials, optional
        Number of independent looks, as fixed or counted by somebody. Without, nothing is said
        after trials, and there is no verdict.
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
    >>> from icecube_plugin.significance import GW_RATE_HIGH
    >>> result = assess_p(0.0191, trials=100, rate=GW_RATE_HIGH)
    >>> round(result.sigma, 2), round(result.p_value_post, 2), round(result.far_per_year, 1)
    (2.07, 0.85, 2.5)
    """
    if p is None:
        return None
    number, convention = PROBABILITY.number(p), checked_sided(sided)
    looks = None if trials is None else trials_of(trials)
    far = None if rate is None or number == 0.0 else number * rate.per_year
    found = Significance(
        provider=provider,
        quantity=quantity,
        sided=convention,
        p_value=number,
        is_limit=number == 0.0,
        n_trials=None if looks is None else looks.n,
        trials_source=UNCORRECTED if looks is None else looks.source,
        far_per_year=far,
        far_source=None if rate is None or far is None else _source_of(rate),
        notes=notes,
    )
    return _with_sigma(found, looks)


def _with_sigma(found: Significance, looks: Trials | None) -> Significance:
    """Add what a p-value above 0 means: sigma, and p, sigma and verdict after the looks."""
    p, sided = found.p_value, found.sided
    if not p:
        return found.replace(notes=(*found.notes, _LIMIT_NOTE))
    if p == 1.0 and sided is Sided.ONE:
        return found.replace(notes=(*found.notes, _ONE_NOTE), **_after(p, looks))
    post = {} if looks is None else {"sigma_post": looks.post_sigma(p, sided)}
    return found.replace(sigma=sigma_from_p(p, sided), **post, **_after(p, looks))


def _after(p: float, looks: Trials | None) -> dict[str, Any]:
    if looks is None:
        return {}
    post = looks.post_p(p)
    return {"p_value_post": post, "verdict": verdict_of(post) if looks.is_whole else None}


def best_of_searches(
    alert: Alert,
    *,
    trials: float | Trials | None = None,
    rate: Rate | None = None,
    sided: Sided | str = Sided.ONE,
    provider: str = "icecube",
) -> Significance | None:
    """Return the better of the two searches with its penalty; ``None`` unless both are stated.

    `Significance.p_value` and ``sigma`` are those of the better search as it stands;
    ``p_value_post`` pays for both searches and for `trials`; the false-alarm rate for both.
    Without `trials` it pays for the two searches only, which its source says, and there is no
    verdict.
    """
    values = _both(alert)
    if values is None:
        return None
    better = SEARCHES[0] if values[0] <= values[1] else SEARCHES[1]
    return assess_p(
        min(values),
        quantity=BEST_OF_TWO,
        trials=_both_looks(None if trials is None else trials_of(trials)),
        rate=rate and _both_rates(rate),
        sided=sided,
        provider=provider,
        notes=(f"the better one is {better}", _BEST_NOTE),
    )


@lru_cache(8)
def _both_looks(looks: Trials | None) -> Trials:
    if looks is None:
        return Trials(n=2.0, source=f"2 searches of one event; else {UNCORRECTED}", is_whole=False)
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
    alert: Alert, *, sided: Sided | str = Sided.ONE, provider: str = "icecube"
) -> Significance | None:
    """Return the false-alarm rate of a track, cascade or coincidence as IceCube states it.

    Without p-value, sigma and verdict: a rate is no test of this alert. The notes compare it with
    the alerts of IceCat-1. ``None`` if the alert states no rate.

    Examples
    --------
    >>> from icecube_hooks import YEAR_S, AlertKind, WireFormat
    >>> gold = Alert(kind=AlertKind.GOLD, format=WireFormat.TEXT, far_hz=0.2894 / YEAR_S)
    >>> found = assess_far(gold)
    >>> round(found.far_per_year, 4), found.sigma, found.notes[1]
    (0.2894, None, 'like this or better: 2.9 a year in IceCat-1, by false-alarm rate')
    """
    rate = alert.far_per_year
    if rate is None:
        return None
    return Significance(
        provider=provider,
        quantity="far",
        sided=checked_sided(sided),
        far_per_year=rate,
        far_source="IceCube's estimate, due to atmospheric backgrounds",
        notes=(_FAR_NOTE, *compared(alert)),
    )


def _both(alert: Alert) -> tuple[float, float] | None:
    generic, bayesian = (alert.p_value(search) for search in SEARCHES)
    return None if generic is None or bayesian is None else (generic, bayesian)


def is_retracted(alert: Alert) -> bool:
    """Whether the notice takes its event back."""
    return alert.status is Status.RETRACTION
