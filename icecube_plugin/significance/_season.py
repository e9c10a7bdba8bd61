"""A season of searches: the list of them, and what may be said of all together.

Conventions
-----------
- One event is one look, however many notices it has: `newest` keeps the last notice of each and
  drops retracted and unreal ones.
- The two streams of gravitational-wave alerts are two seasons (`STREAMS`): significant ones, which
  get both searches, and low-significance ones.
- An event known by circular only is listed, but is no look: circulars are sent *because* p is below
  1 %, so events known by them are a selection by p.
- The streams are told apart by LVK's flag where its own alerts are among those given, else by which
  searches ran (`gw_stream_of`). A superevent that LVK has retracted is left out.
- Whether every search was heard nobody can tell from the searches that were heard. Who says how
  many events were searched (`n_searched`), or has LVK's alerts of all of them, and has every
  search, gets a post-trial p-value of the best and the chance of an excess. q-values need the
  number only: an event that was not heard counts as p = 1.
- The rate that was heard (`Heard`) is a lower bound of that of the stream: what was not heard is
  missing in it. Days without any search are the sign of that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from icecube_hooks import YEAR_S, Alert, AlertKind, Sided, Significance, WireFormat
from icecube_plugin.alerts import group
from icecube_plugin.alerts.waves import newest_candidate
from icecube_plugin.alerts.words import OURS, UNCORRECTED

from ._assessment import assess_p, event_p
from ._rates import count_text, gw_stream_of, gw_time
from ._trials import Trials
from ._values import PROBABILITY, PValueError

__all__ = [
    "CIRCULAR_THRESHOLD",
    "Heard",
    "Season",
    "SeasonEvent",
    "newest",
    "season",
    "superseded",
]

CIRCULAR_THRESHOLD: Final = 0.01
"""Below this p-value IceCube also sends a Circular (GCN IceCube mission page)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """How often searched events were heard, and on how many days.

    Attributes
    ----------
    n_events : int
        Distinct events of which a notice was heard, 2 or more.
    start, stop : datetime
        Times of the first and the last of them [UTC].
    n_days, n_days_with : int
        Days from the first to the last, both included, and those on which there was one.
    """

    n_events: int
    start: datetime
    stop: datetime
    n_days: int
    n_days_with: int

    @property
    def per_year(self) -> float:
        """Events a year of 365 days: those after the first, by the time since the first."""
        return (self.n_events - 1) / (self.stop - self.start).total_seconds() * YEAR_S

    def __str__(self) -> str:
        first, last = (f"{time:%Y-%m-%d}" for time in (self.start, self.stop))
        days = f"from {first} to {last}, on {self.n_days_with} of {self.n_days} days"
        return f"{self.n_events} heard {days}: {self.per_year:.3g} a year"


@dataclass(frozen=True, kw_only=True, slots=True)
class SeasonEvent:
    """One event of a season.

    Attributes
    ----------
    event_key : str
    p_value : float
        See `season`; before the trials of the season.
    q_value : float or None
        Benjamini and Hochberg: among the events at least as good, at most this share is expected to
        be chance. ``None`` where it is not stated how many were searched, and by circular only.
    is_circular_only : bool
        Known by circular only.
    """

    event_key: str
    p_value: float
    q_value: float | None
    is_circular_only: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Season:
    """What a season of searches amounts to.

    Attributes
    ----------
    events : tuple of SeasonEvent
        Every event with a p-value, the best first.
    n_events : int
        Distinct events with a p-value of which a notice was heard: the looks.
    n_without : int
        Distinct events without one (none stated, or a limit of 0).
    n_searched : int or None
        How many were searched, as stated by the caller; else how many superevents of the stream LVK
        has announced, if its alert of each search's was heard.
    n_superevents, n_searches : int
        Superevents that LVK's own alerts announced, and those of them whose search was heard.
    heard : Heard or None
        How often superevents were announced, or, where LVK's own alerts were not heard, searched;
        ``None`` of fewer than two with different times.
    best : Significance or None
        The best of the looks; post-trial for all of them only if all were heard.
    best_event : str or None
        Which one that is.
    threshold : float
        p-value for the counts below.
    n_observed : int
        Looks below it.
    n_expected, p_excess : float or None
        Looks below it by chance, and the chance of `n_observed` or more (binomial); ``None`` unless
        all searches were heard.
    """

    events: tuple[SeasonEvent, ...]
    n_events: int
    n_without: int
    n_searched: int | None
    n_superevents: int
    n_searches: int
    heard: Heard | None
    best: Significance | None
    best_event: str | None
    threshold: float
    n_observed: int
    n_expected: float | None
    p_excess: float | None

    @property
    def n_heard(self) -> int:
        """Events of which a notice was heard."""
        return self.n_events + self.n_without

    @property
    def is_whole(self) -> bool:
        """Whether all searches were heard."""
        return self.n_searched is not None and self.n_heard == self.n_searched

    @property
    def coverage(self) -> str:
        """How many of the searches were heard, in words."""
        if self.n_superevents:
            others = self.n_heard - self.n_searches
            more = f", and {others} of others" if others else ""
            plural = "s" * (self.n_superevents != 1)
            return (
                f"heard {self.n_superevents} superevent{plural}, {self.n_searches} searches{more}"
            )
        if self.n_searched is None:
            return f"{self.n_heard} heard, of how many searched events is not stated"
        return f"{self.n_heard} of {self.n_searched} searched events heard"


def newest(alerts: Iterable[Alert]) -> tuple[Alert, ...]:
    """Return the newest notice of each real event, in order of first appearance.

    Later notices of one event are a re-analysis of the same data with a newer map or
    reconstruction, so they replace the earlier ones and are no further looks. An event that is
    retracted (`icecube_plugin.alerts.order`) is left out. Notices that name no event cannot be told
    apart from revisions and are left out too.
    """
    events = (event for event in group(alerts) if event.names and event.known.is_real)
    return tuple(event.known for event in events if not event.is_retracted)


def superseded(alerts: Iterable[Alert]) -> frozenset[str]:
    """Return the `notice_id` of each real notice that a newer one of its event has replaced."""
    return frozenset(
        notice.alert.notice_id
        for event in group(alerts)
        if event.names and event.known.is_real and not event.is_retracted
        for notice in event.history
        if notice.alert.notice_id != event.newest.notice_id
    )


def season(
    alerts: Iterable[Alert],
    *,
    stream: str | None = None,
    n_searched: int | None = None,
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
    stream : str, optional
        One of `STREAMS`: only that.
    n_searched : int, optional
        How many events of the season IceCube searched, known from elsewhere: LVK's own list, or all
        notices of the stream.
    search : str, optional
        ``generic`` or ``bayesian``: only that search. By default each event counts with
        `event_p`, the better of its searches with the penalty for two.
    threshold : float
        p-value for the expected and observed number, in (0, 1].

    Raises
    ------
    PValueError
        If `threshold` is no p-value, or fewer were searched than heard.

    Notes
    -----
    The post-trial value assumes independent events. A search without coincident neutrino has
    p = 1 by construction, so the chance of an excess is conservative at thresholds near 1.
    """
    limit = PROBABILITY.number(threshold)
    if limit == 0.0:
        raise PValueError("expected a threshold above 0", threshold)
    heard_of = list(alerts)
    waves = _waves(heard_of)
    given = [a for a in heard_of if a.kind is AlertKind.LVK_SEARCH and a.observatory == OURS]
    by_notice = {one.event_key for one in given if one.format is not WireFormat.CIRCULAR}
    chosen = [one for one in newest(given) if _is_of(stream, one, waves)]
    announced = {name: one for name, one in waves.items() if one and _is_of(stream, one, waves)}
    values = sorted(_values(chosen, search))
    looks = [(p, event) for p, event in values if event in by_notice]
    names = [_superevent(one) for one in chosen if one.event_key in by_notice]
    n_heard, n_searches = len(names), sum(name in announced for name in names)
    if n_searched is None and n_heard == n_searches and announced:
        n_searched = len(announced)
    if n_searched is not None and n_searched < n_heard:
        raise PValueError(f"expected at least the {n_heard} that were heard", n_searched)
    is_whole = n_searched == n_heard
    n_observed, n = sum(p < limit for p, _ in looks), len(looks)
    q_values = dict(zip((event for _, event in looks), _q_values(looks, n_searched), strict=True))
    return Season(
        events=tuple(
            SeasonEvent(
                event_key=event,
                p_value=p,
                q_value=q_values.get(event),
                is_circular_only=event not in by_notice,
            )
            for p, event in values
        ),
        n_events=n,
        n_without=n_heard - n,
        n_searched=n_searched,
        n_superevents=len(announced),
        n_searches=n_searches,
        heard=_heard(announced.values() or (one for one in chosen if one.event_key in by_notice)),
        best=_best(looks[0][0], n, search, is_whole, sided, provider) if looks else None,
        best_event=looks[0][1] if looks else None,
        threshold=limit,
        n_observed=n_observed,
        n_expected=n * limit if is_whole else None,
        p_excess=chance_of_count(n_observed, n, limit) if is_whole and n else None,
    )


def _waves(alerts: Iterable[Alert]) -> dict[str, Alert | None]:
    """Return LVK's newest word of each real superevent; ``None`` of those that were retracted."""
    events = group(one for one in alerts if one.kind is AlertKind.LVK_GW and one.is_real)
    found = (
        (_superevent(e.newest), None if e.is_retracted else newest_candidate(e)) for e in events
    )
    return {name: one for name, one in found if name is not None}


def _superevent(alert: Alert) -> str | None:
    return None if alert.gw is None else alert.gw.superevent_id


def _is_of(stream: str | None, alert: Alert, waves: Mapping[str, Alert | None]) -> bool:
    """Whether a search, or LVK's alert, is of a stream; none is whose superevent was retracted."""
    name = _superevent(alert)
    wave = waves.get(name or "", alert)
    if wave is None:
        return False
    return stream in (None, gw_stream_of(wave) or gw_stream_of(alert))


def _heard(alerts: Iterable[Alert]) -> Heard | None:
    times = sorted(filter(None, map(gw_time, alerts)))
    if not times or times[0] == times[-1]:
        return None
    return Heard(
        n_events=len(times),
        start=times[0],
        stop=times[-1],
        n_days=(times[-1].date() - times[0].date()).days + 1,
        n_days_with=len({time.date() for time in times}),
    )


def _q_values(looks: Sequence[tuple[float, str]], n: int | None) -> list[float | None]:
    """Return Benjamini's and Hochberg's q-values of sorted p-values among `n` tests."""
    if n is None:
        return [None] * len(looks)
    found: list[float | None] = []
    least = 1.0
    for rank in range(len(looks), 0, -1):
        least = min(least, looks[rank - 1][0] * n / rank)
        found.append(least)
    return found[::-1]


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


def _best(
    p: float, n: int, search: str | None, is_whole: bool, sided: Sided | str, provider: str
) -> Significance:
    what = "each the better of its searches with the penalty for 2" if search is None else search
    source = f"counted: {count_text(n, 'distinct event')} of the season"
    trials = Trials.given(n, source) if is_whole else None
    quantity = f"best of {count_text(n, 'event')}{'' if is_whole else ' heard'}"
    notes = (what,) if is_whole else (what, f"not all searches were heard: {UNCORRECTED}")
    return assess_p(
        p, quantity=quantity, trials=trials, sided=sided, provider=provider, notes=notes
    )
