"""Of many alerts, the few that a new one can be of one event with: found by their aliases.

Whoever keeps alerts (a database, a TOM, the memory of who was told what) keeps each under its
aliases (`icecube_plugin.alerts.identity.aliases`). `neighbours` asks it for those that matter, and
`group` of them says the same as `group` of everything.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Final, NamedTuple, TypeVar

from icecube_hooks import Alert

from .identity import Claim, claim, group, sought

__all__ = ["MOST", "Known", "Member", "event_members", "known_of", "neighbours"]

MOST: Final = 500
"""So many older alerts are looked at for new ones, the newest.

Real events have some twenty. Who sends thousands under one name must not hold the others up.
"""

K = TypeVar("K")

Known = dict[K, tuple[Alert, Claim]]
"""Alerts with what they say of their event, by whatever their keeper knows them by."""


class Member(NamedTuple):
    """How an alert stands in its event.

    Attributes
    ----------
    event_key, state : str
        As `icecube_plugin.alerts.Event.key`, `icecube_plugin.alerts.State`.
    is_newest : bool
        Whether it is the one that stands for the event (`icecube_plugin.alerts.Event.shown`).
    retracted : bool
        Whether the event is.
    n_notices : int
    """

    event_key: str
    state: str
    is_newest: bool
    retracted: bool
    n_notices: int


def known_of(alerts: Mapping[K, Alert]) -> Known[K]:
    """Return alerts with their claims."""
    return {key: (alert, claim(alert)) for key, alert in alerts.items()}


def neighbours(
    new: Known[K], find: Callable[[list[str], Collection[K], int], Mapping[K, Alert]]
) -> Known[K]:
    """Return the alerts, old and new, that can be of the events of the new ones.

    Parameters
    ----------
    new : dict
    find : callable
        Takes aliases, what is known already, and a number; returns further alerts that are kept
        under one of the aliases, not more than the number, the newest.
    """
    found, asked = dict(new), set[str]()
    fresh = new
    while (names := _sought(fresh) - asked) and (room := MOST + len(new) - len(found)) > 0:
        asked |= names
        fresh = known_of(find(sorted(names), found.keys(), room))
        found |= fresh
    return found


def _sought(known: Known[K]) -> set[str]:
    return set().union(*(sought(one) for _, one in known.values()))


def event_members(known: Known[K]) -> Iterator[tuple[K, Member]]:
    """Yield how each alert stands."""
    keys: dict[int, list[K]] = {}  # two records may hold one and the same alert
    for key, (alert, _) in known.items():
        keys.setdefault(id(alert), []).append(key)
    alerts, claims = zip(*known.values(), strict=True)
    for event in group(alerts, claims=claims):
        shown, is_free = event.shown, True
        about = event.is_retracted, len(event.notices)
        for notice in event.history:
            for one in dict.fromkeys(map(id, notice.sightings)):
                for key in keys[one]:
                    is_newest = is_free and one == id(shown)
                    is_free &= not is_newest
                    yield key, Member(event.key, notice.state.value, is_newest, *about)
