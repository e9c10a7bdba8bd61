"""A season of searches: the best of N, and how many there should be.

One event is one look, however many notices it has: `newest` keeps the last notice of each and
drops retracted and unreal ones.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from icecube_hooks import Alert, AlertKind, Sided, Significance

from ._assessment import assess_p, event_p, is_retracted
from ._rates import count_text
from ._trials import Trials
from ._values import PROBABILITY, PValueError

__all__ = ["CIRCULAR_THRESHOLD", "Season", "newest", "season"]

CIRCULAR_THRESHOLD: Final = 0.01
"""Below this p-value IceCube also sends a Circular (GCN IceCube mission page)."""

_NEVER: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Season:
    """What a season of searches amounts to.

    Attributes
    ----------
    n_events : int
        Distinct events with a p-value: the looks.
    n_without : int
        Distinct events without one (none stated, or a limit of 0).
    best : Significance or None
        The best of them, post-trial for `n_events`.
    best_event : str or None
        Which one that is.
    threshold : float
        p-value for the counts below.
    n_expected : float
        Events expected below `threshold` by chance: `n_events` x `threshold`.
    n_observed : int
        Events found below it.
    p_excess : float or None
        Chance of `n_observed` or more (binomial); ``None`` without events.
    """

    n_events: int
    n_without: int
    best: Significance | None
    best_event: str | None
    threshold: float
    n_expected: float
    n_observed: int
    p_excess: float | None


def newest(alerts: Iterable[Alert]) -> tuple[Alert, ...]:
    """Return the newest notice of each real event, in order of first appearance.

    Later notices of one event are a re-analysis of the same data with a newer map or
    reconstruction, so they replace the earlier ones and are no further looks. An event that was
    retracted at any time is left out. Notices that name no event cannot be told apart from
    revisions and are left out too.
    """
    last: dict[tuple[AlertKind, str], Alert] = {}
    retracted = set()
    for alert in alerts:
        if not alert.is_real or alert.event_key is None:
            continue
        key = (_family(alert.kind), alert.event_key)
        if is_retracted(alert):
            retracted.add(key)
        elif key not in last or _order(alert) >= _order(last[key]):
            last[key] = alert
    return tuple(alert for key, alert in last.items() if key not in retracted)


def season(
    alerts: Iterable[Alert],
    *,
    search: str | None = None,
    threshold: float = CIRCULAR_THRESHOLD,
    sided: Sided | str = Sided.ONE,
    provider: str = "icecube",
) -> Season:
    """Sum up the LVK searches among `alerts`.

    Parameters
    ----------
    alerts : iterable of Alert
        All notices; revisions, retractions, tests and other kinds are sorted out.
    search : str, optional
        ``generic`` or ``bayesian``: only that search. By default each event counts with
        `event_p`, the better of its searches with the penalty for two.
    threshold : float
        p-value for the expected and observed number, in (0, 1].

    Raises
    ------
    PValueError
        If `threshold` is no p-value.

    Notes
    -----
    The post-trial value assumes independent events. A search without coincident neutrino has
    p = 1 by construction, so the chance of an excess is conservative at thresholds near 1.
    """
    limit = PROBABILITY.number(threshold)
    if limit == 0.0:
        raise PValueError("expected a threshold above 0", threshold)
    searches = [a for a in newest(alerts) if a.kind is AlertKind.LVK_SEARCH]
    values = list(_values(searches, search))
    best = min(values, default=None)
    n_observed = sum(p < limit for p, _ in values)
    return Season(
        n_events=len(values),
        n_without=len(searches) - len(values),
        best=None if best is None else _best(best[0], len(values), search, sided, provider),
        best_event=None if best is None else best[1],
        threshold=limit,
        n_expected=len(values) * limit,
        n_observed=n_observed,
        p_excess=chance_of_count(n_observed, len(values), limit) if values else None,
    )


def chance_of_count(k: int, n: int, p: float) -> float:
    """Return the binomial chance of `k` or more out of `n` at `p` each.

    Examples
    --------
    >>> round(chance_of_count(3, 100, 0.01), 4)
    0.0794
    """
    if k == 0:
        return 1.0
    from scipy.special import bdtrc

    return float(bdtrc(k - 1, n, p))


def _values(searches: Iterable[Alert], search: str | None) -> Iterator[tuple[float, str]]:
    """Yield the p-value and name of each event that has one above 0."""
    for alert in searches:
        p = event_p(alert) if search is None else alert.p_value(search)
        if p:
            yield p, str(alert.event_key)


def _best(p: float, n: int, search: str | None, sided: Sided | str, provider: str) -> Significance:
    what = "each the better of its searches with the penalty for 2" if search is None else search
    return assess_p(
        p,
        quantity=f"best of {count_text(n, 'event')}",
        trials=Trials.given(n, f"counted: {count_text(n, 'distinct event')} of the season"),
        sided=sided,
        provider=provider,
        notes=(what,),
    )


def _family(kind: AlertKind) -> AlertKind:
    """Return `kind`, with a track the same event whether it is gold, bronze or neither."""
    tracks = (AlertKind.GOLD, AlertKind.BRONZE, AlertKind.TRACK)
    return AlertKind.TRACK if kind in tracks else kind


def _order(alert: Alert) -> tuple[float, float, datetime]:
    """Return what sorts the notices of one event by age."""
    revision = -1 if alert.revision is None else alert.revision
    number = alert.gw.notice_number if alert.gw is not None else None
    return revision, -math.inf if number is None else number, alert.notice_time or _NEVER
