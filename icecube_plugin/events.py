"""Notices of one physical event, found and put in order.

An event comes as several notices: revisions, each by several transports and formats, then
circulars that call it by a name. `group` brings them together::

    from icecube_plugin.events import changes, group

    for event in group(alerts):
        print(event.key, event.names, "retracted" if event.is_retracted else "")
        for older, newer in itertools.pairwise(event.notices):
            print(*(change.text for change in changes(older, newer)), sep=", ")

Conventions
-----------
- Numbers decide: run and event (in either order, see `run_event`), the superevent of an LVK
  search, AMON's number. Two alerts that both state one and differ are two events, even under
  one name: a circular of 2022 calls the second event of a day by the name of the first.
- What has no number joins by name; where several events bear that name, the one nearest in time.
- What has no number, and whose name nobody else bears, joins an event of the same kind whose
  trigger time is within `TIME_TOLERANCE_S` of its own, if the name holds that day's date and the
  event bears no other name (one without its letter is no other). Circulars round times, some to
  the second. Where there is no trigger time, the start of the observation stands for it.
- Alerts that are not real (tests, injections, mock events) only join those of their own tense.
- An LVK search and the neutrinos in it are different events; `links` says which belong together.
- Order: by revision, or by the sequence number of the gravitational-wave notice. Circulars, and
  notices without a number, stand after the last notice that was made before them.
- `None` is "not stated", here too: a newer alert that lacks a value does not unsay it.

Pure: no clock, no file, no network.
"""

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
    CoincidentEvent,
    Localization,
    Status,
    Tense,
    WireFormat,
)

from .astro import circularised_radius_deg

__all__ = [
    "TIME_TOLERANCE_S",
    "Change",
    "Event",
    "Link",
    "changes",
    "find",
    "great_circle_deg",
    "group",
    "links",
    "normal_name",
    "run_event",
    "same_event",
]

TIME_TOLERANCE_S: Final = 2.0
"""Largest difference of the trigger times of one event [s]; circulars are off by up to 0.7."""

RUNS: Final = range(100_000, 200_000)
"""Run numbers of the complete detector; run 118,000 was in 2011, a year has some 1,500."""

_PAIR = re.compile(r"(\d{5,9})_(\d{1,9})(?:_\d{1,3})?(?:\.amon)?", re.ASCII)
_TRACK = re.compile(r"(?:ICECUBE|IC)[-_ ]*(\d{6}[A-Z]?)", re.ASCII)
_CASCADE = re.compile(r"(?:ICECUBE|IC)[-_ ]*CASC(?:ADE)?[-_ ]*(\d{6}[A-Z])", re.ASCII)
_NU_EM = re.compile(r"NUEM[-_ ]*(\d{6}[A-Z])", re.ASCII)
_SUPEREVENT = re.compile(r"(MS|TS|S|GW)(\d{6}[A-Z]{0,4})(?:-\d{1,4}(?:-[A-Z]{1,30})?)?", re.ASCII)
_DAY = re.compile(r"(?<!\d)\d{6}(?!\d)", re.ASCII)

_TRACKS: Final = frozenset(
    (AlertKind.GOLD, AlertKind.BRONZE, AlertKind.TRACK, AlertKind.HESE, AlertKind.EHE)
)


def run_event(first: int, second: int) -> str:
    """Return ``run_event`` of a pair that older sources write with the event first.

    The number that can be a run (`RUNS`) is the run; where both can, the first.

    Examples
    --------
    >>> run_event(71165249, 130949)
    '130949_71165249'
    >>> run_event(137840, 57034692)
    '137840_57034692'
    """
    if second in RUNS and first not in RUNS:
        first, second = second, first
    return f"{first}_{second}"


def normal_name(text: str) -> str | None:
    """Return the one spelling of an event's name or number, or ``None`` for anything else.

    Examples
    --------
    >>> normal_name("IC230416A"), normal_name("ICECUBE 230416a")
    ('IceCube-230416A', 'IceCube-230416A')
    >>> normal_name("IceCube-Cascade 220801A"), normal_name("137840_57034692_1")
    ('IceCubeCascade-220801a', '137840_57034692')
    >>> normal_name("IceCube-161210"), normal_name("ICECUBE-160427A")
    ('IceCube-161210', 'IceCube-160427A')
    >>> normal_name("s230914AK"), normal_name("S230914ak-2-Preliminary")
    ('S230914ak', 'S230914ak')
    >>> normal_name("IceCube")
    """
    pair = _PAIR.fullmatch(text.strip())
    if pair is not None:
        return run_event(int(pair[1]), int(pair[2]))
    upper = text.strip().upper()
    for pattern, prefix, case in (
        (_CASCADE, "IceCubeCascade-", str.lower),
        (_TRACK, "IceCube-", str.upper),
        (_NU_EM, "NuEm-", str.upper),
    ):
        match = pattern.fullmatch(upper)
        if match is not None:
            return prefix + case(match[1])
    match = _SUPEREVENT.fullmatch(upper)
    return None if match is None else match[1] + _suffix(match[1], match[2])


def _suffix(prefix: str, rest: str) -> str:
    """Spell what follows the prefix: ``S230914ak``, but ``GW170817A``."""
    return rest if prefix == "GW" else rest.lower()


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
    names = [name for name in found if (_SUPEREVENT.fullmatch(name.upper()) is None) ^ is_search]
    numbers = {name for name in names if is_search or _PAIR.fullmatch(name) is not None}
    numbers.update(_numbers(alert))
    if not numbers and not names and alert.ivorn is not None:
        names = [alert.ivorn.casefold()]
    return _Identity(
        realm=_realm(alert),
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


def _realm(alert: Alert) -> str:
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
    def newest(self) -> Alert:
        """The newest notice or circular."""
        return self.alerts[-1]

    @property
    def circulars(self) -> tuple[Alert, ...]:
        """The circulars that speak of it."""
        return tuple(alert for alert in self.alerts if _is_circular(alert))

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


def _is_circular(alert: Alert) -> bool:
    return alert.format is WireFormat.CIRCULAR


def _once(alert: Alert) -> object:
    """Return what is equal for two sightings of one notice, in whatever format."""
    if _is_circular(alert):
        return ("circular", alert.circular_number or alert.raw)
    return (alert.kind, alert.revision_label)


def _rank(alert: Alert) -> int | None:
    """Return the number that orders notices; a circular has none."""
    if _is_circular(alert):
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """A neutrino of a gravitational-wave search that is an alert of its own.

    Attributes
    ----------
    search, track : Event
    coincidence : CoincidentEvent
        The neutrino, as the newest notice of the search that lists it has it.
    """

    search: Event
    track: Event
    coincidence: CoincidentEvent


def links(events: Iterable[Event]) -> tuple[Link, ...]:
    """Find searches and alerts that have a neutrino in common, by its run and event number.

    A test is linked with tests only.
    """
    known = tuple(events)
    tracks = {
        (_realm(event.newest), name): event
        for event in known
        for name in event.names
        if _PAIR.fullmatch(name) is not None
    }
    found = []
    for search in known:
        for key, coincidence in _coincidences(search).items():
            track = tracks.get((_realm(search.newest), key))
            if track is not None:
                found.append(Link(search=search, track=track, coincidence=coincidence))
    return tuple(found)


def _coincidences(event: Event) -> dict[str, CoincidentEvent]:
    """Return the neutrinos of a search by ``run_event``, as its newest notice has them."""
    return {
        run_event(one.run_id, one.event_id): one
        for alert in event.alerts
        for one in alert.coincident_events
        if one.run_id is not None and one.event_id is not None
    }


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """What differs between two alerts of one event.

    Attributes
    ----------
    field : str
        ``position``, ``error``, or the name of a field of `Alert`.
    old, new : object
        Both values; `old` is ``None`` where the older alert does not state it.
    text : str
        For people: ``moved by 0.42 deg``.
    """

    field: str
    old: object
    new: object
    text: str


@dataclass(frozen=True, slots=True)
class _Precision:
    """Differences up to these come from writing numbers down, and are no change."""

    position_deg: float
    radius_deg: float
    relative: float
    decimals: float


_NOTICE: Final = _Precision(position_deg=2e-4, radius_deg=0.0051, relative=1e-3, decimals=1e-4)
"""Notices: 4 decimals of a degree, 2 for the radius of a cascade in text, 4 for rates and
probabilities, else 4 digits; the binary packet's 0.02 %."""
_CIRCULAR: Final = _Precision(position_deg=0.01, radius_deg=0.01, relative=0.02, decimals=0.006)
"""Circulars: 2 decimals, or 2 digits."""


def changes(old: Alert, new: Alert) -> tuple[Change, ...]:
    """Say what changed from one alert of an event to a newer one.

    What the newer one does not state has not changed. Differences that rounding explains are none.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from icecube_hooks.testing import make_alert
    >>> old = make_alert(energy_tev=127.3)
    >>> [change.text for change in changes(old, replace(old, energy_tev=131.0))]
    ['energy from 127.3 to 131 TeV']
    """
    coarse = _is_circular(old) or _is_circular(new)
    precision = _CIRCULAR if coarse else _NOTICE
    return (
        *_words(old, new),
        *_place_changes(old.localization, new.localization, precision),
        *_number_changes(old, new, precision),
    )


def _words(old: Alert, new: Alert) -> Iterator[Change]:
    if new.status is Status.RETRACTION and old.status is not Status.RETRACTION:
        yield Change(field="status", old=old.status, new=new.status, text="retracted")
    elif new.status is not None and old.status is Status.RETRACTION is not new.status:
        yield Change(field="status", old=old.status, new=new.status, text="no longer retracted")
    elif new.status is not None and new.status is not old.status:
        text = f"status from {old.status or 'not stated'} to {new.status}"
        yield Change(field="status", old=old.status, new=new.status, text=text)
    if new.kind is not old.kind and new.kind is not AlertKind.TRACK:
        text = f"kind from {old.kind} to {new.kind}"
        yield Change(field="kind", old=old.kind, new=new.kind, text=text)


def _place_changes(
    old: Localization | None, new: Localization | None, precision: _Precision
) -> Iterator[Change]:
    if new is None:
        return
    if old is None:
        text = f"position stated: RA {new.ra_deg:g}, Dec {new.dec_deg:g} deg"
        yield Change(field="position", old=None, new=(new.ra_deg, new.dec_deg), text=text)
    else:
        before, after = (old.ra_deg, old.dec_deg), (new.ra_deg, new.dec_deg)
        moved = great_circle_deg(*before, *after)
        if moved > precision.position_deg:
            text = f"moved by {moved:.3g} deg"
            yield Change(field="position", old=before, new=after, text=text)
    yield from _error_changes(old, new, precision)


def _error_changes(
    old: Localization | None, new: Localization, precision: _Precision
) -> Iterator[Change]:
    before, after = None if old is None else _radius(old), _radius(new)
    if after is None or old is None:
        return
    if before is None:
        text = f"error stated: {_error_text(new, after)}"
    elif abs(after - before) > precision.radius_deg:
        comparable = old.containment == new.containment
        verb = ("grew" if after > before else "shrank") if comparable else "changed"
        text = f"error {verb} from {_error_text(old, before)} to {_error_text(new, after)}"
    else:
        return
    yield Change(field="error", old=before, new=after, text=text)


def _radius(place: Localization) -> float | None:
    """Return the radius [deg] of the circle, or of one as large as ellipse or box."""
    if place.error_radius_deg is not None:
        return place.error_radius_deg
    region = place.ellipse or place.asymmetric
    return None if region is None else circularised_radius_deg(region, place.dec_deg)


def _error_text(place: Localization, radius_deg: float) -> str:
    shape = "" if place.error_radius_deg is not None else ", circularised"
    containment = "" if place.containment is None else f" ({place.containment:.3g} containment)"
    return f"{radius_deg:.3g} deg{shape}{containment}"


_NUMBERS: Final = (
    ("energy_tev", "energy", "TeV", False),
    ("signalness", "signalness", "", True),
    ("far_per_year", "false-alarm rate", "per year", True),
    ("n_coincident", "number of coincident events", "", False),
)
"""Field, name for people, unit, and whether formats write it with a fixed number of decimals."""


def _number_changes(old: Alert, new: Alert, precision: _Precision) -> Iterator[Change]:
    for name, label, unit, has_decimals in _NUMBERS:
        before, after = getattr(old, name), getattr(new, name)
        decimals = precision.decimals if has_decimals else 0.0
        if _differ(before, after, precision.relative, decimals):
            yield _number_change(name, label, unit, before, after)
    searches = {p.search: p.value for p in old.p_values}
    for p in new.p_values:
        before = searches.get(p.search)
        if p.value is not None and _differ(before, p.value, precision.relative, 0.0):
            label = f"p-value ({p.search})"
            yield _number_change(f"p_value {p.search}", label, "", before, p.value)


def _differ(old: float | None, new: float | None, relative: float, absolute: float) -> bool:
    if new is None or old is None:
        return new is not None
    return not math.isclose(old, new, rel_tol=relative, abs_tol=absolute)


def _number_change(name: str, label: str, unit: str, old: float | None, new: float) -> Change:
    change = f"stated: {new:.4g}" if old is None else f"from {old:.4g} to {new:.4g}"
    return Change(field=name, old=old, new=new, text=f"{label} {change} {unit}".rstrip())


def great_circle_deg(ra_deg: float, dec_deg: float, ra2_deg: float, dec2_deg: float) -> float:
    """Return the angle between two directions [deg], exact for small and large ones.

    Examples
    --------
    >>> round(great_circle_deg(359.5, 0.0, 0.5, 0.0), 12)
    1.0
    """
    dec, dec2 = math.radians(dec_deg), math.radians(dec2_deg)
    turn = math.radians(ra2_deg - ra_deg)
    east = math.cos(dec2) * math.sin(turn)
    north = math.cos(dec) * math.sin(dec2) - math.sin(dec) * math.cos(dec2) * math.cos(turn)
    along = math.sin(dec) * math.sin(dec2) + math.cos(dec) * math.cos(dec2) * math.cos(turn)
    return math.degrees(math.atan2(math.hypot(east, north), along))
