"""Which notices belong to one event, and in what order."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from icecube_hooks import (
    Alert,
    AlertKind,
    Status,
    Tense,
    WireFormat,
)

from .names import PAIR, SUPEREVENT, normal_name, run_event
from .words import clean

TIME_TOLERANCE_S: Final = 2.0
"""Largest difference of the trigger times of one event [s]; circulars are off by up to 0.7."""

_NUMBER: Final = re.compile(r"\d+_\d+|[a-z-]+:.*")
"""What no person calls an event: run and event, or AMON's number."""

_DAY = re.compile(r"(?<!\d)\d{6}(?!\d)", re.ASCII)

_TRACKS: Final = frozenset(
    (AlertKind.GOLD, AlertKind.BRONZE, AlertKind.TRACK, AlertKind.HESE, AlertKind.EHE)
)


@dataclass(frozen=True, slots=True)
class _Identity:
    """What an alert says about which event it is of."""

    realm: str
    family: str
    numbers: frozenset[str]
    names: tuple[str, ...]
    time: datetime | None

    @property
    def is_named_after_its_day(self) -> bool:
        """Whether a name holds the date of the trigger."""
        day = None if self.time is None else f"{self.time:%y%m%d}"
        return any(day in _DAY.findall(name) for name in self.names)

    def may_be(self, other: _Identity) -> bool:
        """Whether this one, which has no number, can be taken for `other` by its time."""
        return (
            not self.numbers
            and (self.realm, self.family) == (other.realm, other.family)
            and self.is_named_after_its_day
            and _apart_s(self, other) <= TIME_TOLERANCE_S
        )


def _identity(alert: Alert) -> _Identity:
    found = [normal_name(name) or " ".join(name.split()).casefold() for name in alert.event_names]
    is_search = alert.kind is AlertKind.LVK_SEARCH
    names = [name for name in found if (SUPEREVENT.fullmatch(name.upper()) is None) ^ is_search]
    numbers = {name for name in names if is_search or PAIR.fullmatch(name) is not None}
    numbers.update(_numbers(alert))
    if not numbers and not names and alert.ivorn is not None:
        names = [alert.ivorn.casefold()]
    return _Identity(
        realm=realm(alert),
        family="track" if alert.kind in _TRACKS else alert.kind.value,
        numbers=frozenset(numbers),
        names=tuple(dict.fromkeys(name for name in names if name not in numbers)),
        time=alert.trigger_time or alert.observation_start,
    )


def _numbers(alert: Alert) -> Iterator[str]:
    if alert.kind is AlertKind.LVK_SEARCH:
        superevent = None if alert.gw is None else alert.gw.superevent_id
        if superevent is not None:
            yield normal_name(superevent) or superevent
    elif alert.run_id is not None and alert.event_id is not None:
        is_icecube = alert.kind in _TRACKS or alert.kind is AlertKind.CASCADE
        pair = alert.run_id, alert.event_id
        yield run_event(*pair) if is_icecube else f"{pair[0]}_{pair[1]}"
    elif alert.amon_id is not None:
        yield f"{alert.kind}:{alert.amon_id}"


def realm(alert: Alert) -> str:
    """Return what must be equal: empty for the sky, else the tense."""
    if alert.is_real:
        return ""
    return Tense.TEST if alert.tense in (None, Tense.OBSERVATION) else alert.tense


def _apart_s(one: _Identity, other: _Identity) -> float:
    """Return how far two triggers are apart [s], infinity where one is not stated."""
    if one.time is None or other.time is None:
        return math.inf
    return abs((one.time - other.time).total_seconds())


def same_event(alert: Alert, other: Alert) -> bool:
    """Tell whether two alerts speak of one event, from these two alone.

    `group` knows more: a circular that states both number and name connects a notice that has the
    number with a circular that has the name.

    Examples
    --------
    >>> from icecube_hooks.testing import make_alert
    >>> circular = make_alert(run_id=None, event_id=None, event_names=("IC230416A",))
    >>> same_event(make_alert(), circular)
    True
    """
    one, two = _identity(alert), _identity(other)
    if one.realm != two.realm:
        return False
    if one.numbers and two.numbers:
        return bool(one.numbers & two.numbers)
    if set(one.names) & set(two.names):
        return True
    return _agree(one.names, two.names) and (one.may_be(two) or two.may_be(one))


def _agree(names: Collection[str], others: Collection[str]) -> bool:
    """Whether names may be of one event: none on one side, or equal but for a missing letter."""
    pairs = ((one, other) for one in names for other in others)
    return not (names and others) or any(
        one.startswith(other) or other.startswith(one) for one, other in pairs
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """What is known of one physical event.

    Attributes
    ----------
    key : str
        ``run_event`` where it is known, else the superevent, AMON's number or a name; one that is
        not real starts with its tense: ``test:137840_57034692``.
    names : tuple of str
        All names and numbers, in their one spelling (`normal_name`), the key's without its tense.
    alerts : tuple of Alert
        In order, oldest first. The same notice by several transports is there several times.
    """

    key: str
    names: tuple[str, ...]
    alerts: tuple[Alert, ...] = field(repr=False)

    @property
    def kind(self) -> AlertKind:
        """What the newest alert says; a circular's "track" only where nobody says more."""
        kinds = [alert.kind for alert in reversed(self.alerts)]
        return next((kind for kind in kinds if kind is not AlertKind.TRACK), AlertKind.TRACK)

    @property
    def title(self) -> str:
        """The name by which people call the event; its key if it has none. Cleaned."""
        return clean(next(self._spoken(), self.key), 120)

    @property
    def is_named(self) -> bool:
        """Whether people have a name for the event."""
        return any(self._spoken())

    def _spoken(self) -> Iterator[str]:
        return (name for name in self.names if _NUMBER.fullmatch(name) is None)

    @property
    def newest(self) -> Alert:
        """The newest notice or circular."""
        return self.alerts[-1]

    @property
    def circulars(self) -> tuple[Alert, ...]:
        """The circulars that speak of it."""
        return tuple(alert for alert in self.alerts if is_circular(alert))

    @property
    def notices(self) -> tuple[Alert, ...]:
        """Notices and circulars, each once: of several sightings the first."""
        first: dict[object, Alert] = {}
        for alert in self.alerts:
            first.setdefault(_once(alert), alert)
        return tuple(first.values())

    @property
    def is_retracted(self) -> bool:
        """Whether it is taken back.

        A retraction stands until a notice with a higher revision is none; one in a circular, which
        has no revision, stands.
        """
        retractions = [alert for alert in self.alerts if alert.status is Status.RETRACTION]
        return any(not any(_outranks(a, r) for a in self.alerts) for r in retractions)

    def latest(self, name: str) -> Any:
        """Return the newest stated value of a field of `Alert`, or ``None``.

        A circular that takes an event back says nothing of its energy; the notice before it does.
        """
        stated = (getattr(alert, name) for alert in reversed(self.alerts))
        return next((value for value in stated if value not in (None, ())), None)


def is_circular(alert: Alert) -> bool:
    """Whether the notice is a circular, which people write."""
    return alert.format is WireFormat.CIRCULAR


def _once(alert: Alert) -> object:
    """Return what is equal for two sightings of one notice, in whatever format."""
    if is_circular(alert):
        return ("circular", alert.circular_number or alert.notice_id)
    return (alert.kind, alert.revision_label)


def _rank(alert: Alert) -> int | None:
    """Return the number that orders notices; a circular has none."""
    if is_circular(alert):
        return None
    number = None if alert.gw is None else alert.gw.notice_number
    return number if alert.revision is None else alert.revision


def _outranks(alert: Alert, other: Alert) -> bool:
    one, two = _rank(alert), _rank(other)
    return one is not None and two is not None and one > two


def group(alerts: Iterable[Alert]) -> tuple[Event, ...]:
    """Bring the alerts of each event together.

    Parameters
    ----------
    alerts : iterable of Alert
        In any order; every one ends up in exactly one event.

    Returns
    -------
    tuple of Event
        In the order in which their first alerts came. Which alerts belong together does not
        depend on the order.

    Examples
    --------
    >>> from icecube_hooks.testing import make_alert
    >>> circular = make_alert(run_id=None, event_id=None, event_names=("IC230416A",))
    >>> [(event.key, len(event.alerts)) for event in group([make_alert(), circular])]
    [('137840_57034692', 2)]
    """
    found = tuple(alerts)
    sets = _Sets([_identity(alert) for alert in found])
    sets.join_numbers()
    sets.join_names()
    sets.join_times()
    return tuple(_event(found, sets.identities, members) for members in sets.members())


class _Sets:
    """Disjoint sets of alerts, by index; the smallest index stands for its set."""

    def __init__(self, identities: Sequence[_Identity]) -> None:
        self.identities = identities
        self.parents = list(range(len(identities)))
        self.numbered = [bool(identity.numbers) for identity in identities]
        self.names = [set(identity.names) for identity in identities]

    def root(self, index: int) -> int:
        """Return the index that stands for the set of `index`."""
        while self.parents[index] != index:
            self.parents[index] = self.parents[self.parents[index]]
            index = self.parents[index]
        return index

    def join(self, one: int, other: int) -> None:
        """Make one set of two."""
        low, high = sorted((self.root(one), self.root(other)))
        if low != high:
            self.parents[high] = low
            self.numbered[low] |= self.numbered[high]
            self.names[low] |= self.names[high]

    def join_unless_numbered(self, one: int, other: int) -> None:
        """Make one set of two, but for sets that both have a number: those are two events."""
        if not (self.numbered[self.root(one)] and self.numbered[self.root(other)]):
            self.join(one, other)

    def members(self) -> list[list[int]]:
        """Return the sets, by their smallest index."""
        sets: dict[int, list[int]] = {}
        for index in range(len(self.parents)):
            sets.setdefault(self.root(index), []).append(index)
        return list(sets.values())

    def join_numbers(self) -> None:
        """Join what has a number in common."""
        first: dict[tuple[str, str], int] = {}
        for index, identity in enumerate(self.identities):
            for number in identity.numbers:
                self.join(index, first.setdefault((identity.realm, number), index))

    def join_names(self) -> None:
        """Let alerts without a number join those that bear their name."""
        bearers: dict[tuple[str, str], list[int]] = {}
        for index, identity in enumerate(self.identities):
            for name in identity.names:
                bearers.setdefault((identity.realm, name), []).append(index)
        for index in self._without_number():
            mine = self.identities[index]
            others = [other for name in mine.names for other in bearers[mine.realm, name]]
            numbered = [other for other in others if self.identities[other].numbers]
            for other in self._nearest(index, numbered) or others:
                self.join_unless_numbered(index, other)

    def join_times(self) -> None:
        """Let alerts that only have a name join an event of that time which has none."""
        for index in self._without_number():
            if self.numbered[self.root(index)]:
                continue
            mine = self.identities[index]
            fitting = [
                other
                for other, identity in enumerate(self.identities)
                if identity.numbers and mine.may_be(identity) and self._names_agree(index, other)
            ]
            for other in self._nearest(index, fitting):
                self.join(index, other)

    def _without_number(self) -> list[int]:
        """Return the alerts without a number, in an order of their own: by time, then name."""
        indices = [index for index, one in enumerate(self.identities) if not one.numbers]
        return sorted(indices, key=lambda index: _time_and_names(self.identities[index]))

    def _nearest(self, index: int, others: Sequence[int]) -> list[int]:
        """Return the one of `others` that is nearest in time, or none; the number breaks a tie."""
        mine = self.identities[index]

        def rank(other: int) -> tuple[float, list[str]]:
            identity = self.identities[other]
            return _apart_s(mine, identity), sorted(identity.numbers)

        return [min(others, key=rank)] if others else []

    def _names_agree(self, one: int, other: int) -> bool:
        return _agree(self.names[self.root(one)], self.names[self.root(other)])


def _time_and_names(identity: _Identity) -> tuple[str, tuple[str, ...]]:
    return "" if identity.time is None else identity.time.isoformat(), identity.names


def _event(
    found: Sequence[Alert], identities: Sequence[_Identity], members: Sequence[int]
) -> Event:
    numbers = {number for index in members for number in sorted(identities[index].numbers)}
    names = [name for index in members for name in identities[index].names]
    known = tuple(dict.fromkeys((*sorted(numbers), *names)))
    alerts = [found[index] for index in members]
    key = known[0] if known else alerts[0].notice_id
    realm = identities[members[0]].realm
    return Event(key=f"{realm}:{key}" if realm else key, names=known, alerts=_ordered(alerts))


def _ordered(alerts: Sequence[Alert]) -> tuple[Alert, ...]:
    """Order notices by rank, and put what has none after the last that was made before it."""
    made = _times_by_rank(alerts)
    line = sorted((alert for alert in alerts if _rank(alert) is not None), key=_by_rank)
    rest = [alert for alert in alerts if _rank(alert) is None]
    timed = sorted((alert for alert in rest if alert.notice_time is not None), key=_by_time)
    for alert in timed:
        line.insert(_place(alert, line, made), alert)
    return (*line, *(alert for alert in rest if alert.notice_time is None))


def _times_by_rank(alerts: Iterable[Alert]) -> dict[int, datetime]:
    """Return when each revision was first made: the formats of one notice carry several times."""
    made: dict[int, datetime] = {}
    for alert in alerts:
        rank = _rank(alert)
        if rank is not None and alert.notice_time is not None:
            made[rank] = min(alert.notice_time, made.get(rank, alert.notice_time))
    return made


def _by_rank(alert: Alert) -> tuple[int, float]:
    return _rank(alert) or 0, _timestamp(alert)


def _by_time(alert: Alert) -> tuple[float, int]:
    return _timestamp(alert), alert.circular_number or 0


def _timestamp(alert: Alert) -> float:
    return math.inf if alert.notice_time is None else alert.notice_time.timestamp()


def _place(alert: Alert, line: Sequence[Alert], made: Mapping[int, datetime]) -> int:
    """Return the place of an alert without rank: walk back past all that was made later."""
    place = len(line)
    while place:
        rank = _rank(line[place - 1])
        time = line[place - 1].notice_time if rank is None else made.get(rank)
        if time is None or alert.notice_time is None or time <= alert.notice_time:
            break
        place -= 1
    return place


def find(events: Iterable[Event], text: str) -> Event | None:
    """Return the event of that name or number, in any spelling.

    A key as it is, of a test for example, is found too. Of several events under one name the
    first is returned.
    """
    name = normal_name(text) or text.casefold()
    found = [event for event in events if text == event.key or name in event.names]
    return min(found, key=lambda event: text != event.key and ":" in event.key, default=None)
