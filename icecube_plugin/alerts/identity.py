"""Which alerts belong to one event: the rules, in one place.

What ties alerts together, the strongest first
----------------------------------------------
1. **Numbers**: run and event (in either order, see `run_event`), the superevent of an LVK search,
   AMON's number. Two alerts that both state one and differ are two events, even under one name: a
   circular of 2022 calls the second event of a day by the name of the first.
2. **Names**, in any spelling. What has no number joins the event that bears its name; of several
   the one of its time, and none where it states no time: that is said.
3. **Time**: what has no number, and whose name no numbered alert bears, joins an event of the same
   kind whose trigger is within `TIME_TOLERANCE_S` of its own and on the day in its name, unless the
   event bears another name (one without its letter is no other). Circulars round times. Where there
   is no trigger time, the start of the observation stands for it.
4. **Day and position**: what states neither number nor time, such as some retractions, joins the
   only event of that day within `NEAR_DEG` of it; said.
5. **Derived name**: without a position, the only event of its kind on the day in its name is taken
   for that day's event ``A``; said.

A number is a promise, a derived name is a guess: as soon as an alert ties the name to another
event, or a second event of that day is known, the guess is dropped.

Not believed, and said: a name with letters of another alphabet, a name of another day than the
alert's own trigger, a second number, a name that is a whole text.

Alerts that are not real (tests, injections, mock events) only join those of their own tense.

The result does not depend on the order in which alerts come.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from icecube_hooks import Alert, AlertKind, Concern, Localization, Tense
from icecube_plugin.sky.directions import separation_deg

from .changes import is_circular
from .events import Event, event_of
from .names import PAIR, SUPEREVENT, normal_name, run_event
from .waves import OF_WAVES
from .words import OURS

__all__ = [
    "NEAR_DEG",
    "TIME_TOLERANCE_S",
    "Claim",
    "aliases",
    "claim",
    "group",
    "ivorn_stem",
    "realm",
    "same_event",
    "sought",
]

TIME_TOLERANCE_S: Final = 2.0
"""Largest difference of the trigger times of one event [s]; circulars are off by up to 0.7."""

NEAR_DEG: Final = 5.0
"""Largest distance of a position that ties [deg]; revisions moved by up to 8, one in a hundred."""

LONGEST_NAME: Final = 200
"""What has more characters is no name; a notice may hold megabytes of them."""

CIRCULAR_DAYS: Final = 3
"""A circular that names no event is of the day that it was written on, or the two before."""

_DAY = re.compile(r"(?<!\d)(\d{6})([A-Za-z]?)(?![0-9A-Za-z])", re.ASCII)

_ONE_DAY: Final = timedelta(days=1)

_TRACKS: Final = frozenset(
    (AlertKind.GOLD, AlertKind.BRONZE, AlertKind.TRACK, AlertKind.HESE, AlertKind.EHE)
)

_LOOKALIKES: Final = str.maketrans(
    "\u0410\u0412\u0421\u0415\u041d\u0406\u0408\u041a\u041c\u041e\u0420\u0405\u0422\u0425"
    "\u0430\u0441\u0435\u0456\u0458\u043e\u0440\u0455\u0445\u0443\u042c"
    "\u0391\u0392\u0395\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03f9\u03f2\u03bf\u03c5",
    "ABCEHIJKMOPSTXaceijopsxybABEIKMNOPTCcou",
)
"""Cyrillic and Greek letters that look like those of event names."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What an alert says about which event it is of.

    Attributes
    ----------
    realm : str
        See `realm`.
    family : str
        What kinds that can be of one event have in common.
    numbers : frozenset of str
    names : tuple of str
        In their one spelling, without those that are numbers.
    time : datetime or None
    place : Localization or None
    days : dict of str to str
        The days of which the event can be (``yymmdd``), with the letters in its names; of a
        circular without name and time the days before it.
    near_days : frozenset of str
        These, and the days of the trigger within `TIME_TOLERANCE_S`.
    doubts : tuple of Concern
    """

    realm: str
    family: str
    numbers: frozenset[str]
    names: tuple[str, ...]
    time: datetime | None
    place: Localization | None
    days: Mapping[str, str]
    near_days: frozenset[str]
    doubts: tuple[Concern, ...] = ()

    @property
    def day(self) -> str | None:
        """The day of the trigger, as names write it."""
        return None if self.time is None else _day_of(self.time)

    def may_be(self, other: Claim) -> bool:
        """Whether this one, which has no number, can be taken for `other` by its time."""
        return self.day in self.days and _apart_s(self, other) <= TIME_TOLERANCE_S


def realm(alert: Alert) -> str:
    """Return what must be equal: empty for IceCube's sky, else whose it is, and the tense."""
    whose = "" if alert.observatory == OURS else alert.observatory
    if alert.is_real:
        return whose
    tense = Tense.TEST if alert.tense in (None, Tense.OBSERVATION) else alert.tense
    return f"{whose} {tense}" if whose else tense


def claim(alert: Alert) -> Claim:
    """Return what an alert says about which event it is of."""
    is_search = alert.kind is AlertKind.LVK_SEARCH
    time = alert.trigger_time or alert.observation_start
    numbers = set(_numbers(alert))
    names: dict[str, None] = {}
    doubts: list[Concern] = []
    for text in alert.event_names:
        if len(text) > LONGEST_NAME:
            doubts.append(_no_name(text))
            continue
        name = normal_name(text) or " ".join(text.split()).casefold()
        is_ours = not is_search and normal_name(text) is not None
        why = _why_not(name, numbers, time if is_ours else None)
        if why:
            doubts.append(Concern(field="event_names", found=text, taken=None, why=why))
        elif (SUPEREVENT.fullmatch(name.upper()) is None) ^ is_search:
            is_number = is_search or PAIR.fullmatch(name) is not None
            (numbers.add(name) if is_number else names.update({name: None}))
    if not numbers and not names and alert.ivorn is not None:
        names[ivorn_stem(alert.ivorn)] = None
    days = dict(_days(names, alert))
    return Claim(
        realm=realm(alert),
        family="track" if alert.kind in _TRACKS else alert.kind.value,
        numbers=frozenset(numbers),
        names=tuple(names),
        time=time,
        place=alert.localization,
        days=days,
        near_days=frozenset(days).union(_around(time)),
        doubts=tuple(doubts),
    )


def _no_name(text: str) -> Concern:
    begin = f"{text[:LONGEST_NAME]}..."
    return Concern(field="event_names", found=begin, taken=None, why="too long for a name")


def _days(names: Iterable[str], alert: Alert) -> Iterator[tuple[str, str]]:
    for name in names:
        yield from _DAY.findall(name)
    if not alert.event_names and is_circular(alert) and alert.notice_time is not None:
        made = alert.notice_time.astimezone(UTC)
        yield from ((f"{made - n * _ONE_DAY:%y%m%d}", "") for n in range(CIRCULAR_DAYS))


def _around(time: datetime | None) -> Iterator[str]:
    """Yield the days of a trigger, and of what is a little before and after it."""
    if time is not None:
        for tolerance_s in (-TIME_TOLERANCE_S, 0.0, TIME_TOLERANCE_S):
            yield _day_of(time + timedelta(seconds=tolerance_s))


def aliases(alert: Alert, one: Claim) -> set[str]:
    """Return under what an alert is kept; `one` is its `claim`.

    An index of these finds by `sought`, from one alert to the next, every alert that `group` could
    join with the first one, and so needs few of many: `group` of them says the same as of all.

    Returns
    -------
    set of str
        Names, numbers and ivorns in their one spelling; ``gcn:33633``; ``day:...`` of what has a
        number, ``open:...`` of what has none and may be tied by its day.
    """
    found = _under(one, "day" if one.numbers else "open")
    if alert.circular_number is not None:
        found.add(f"gcn:{alert.circular_number}")
    if alert.ivorn is not None:
        found.add(ivorn_stem(alert.ivorn))
    if alert.amon_id is not None:
        found.add(alert.amon_id.casefold())
    return found


def sought(one: Claim) -> set[str]:
    """Return under which `aliases` those are kept that can be of the event of a claim."""
    return _under(one, "open" if one.numbers else "day")


def _under(one: Claim, tie: str) -> set[str]:
    return {*one.numbers, *one.names, *(f"{tie}:{one.family}:{day}" for day in one.near_days)}


def _numbers(alert: Alert) -> Iterator[str]:
    if alert.kind in OF_WAVES:
        superevent = None if alert.gw is None else alert.gw.superevent_id
        if superevent is not None:
            yield normal_name(superevent) or superevent
    elif alert.run_id is not None and alert.event_id is not None:
        is_icecube = alert.kind in _TRACKS or alert.kind is AlertKind.CASCADE
        pair = alert.run_id, alert.event_id
        yield run_event(*pair) if is_icecube else f"{pair[0]}_{pair[1]}"
    elif alert.amon_id is not None:
        yield f"{alert.kind}:{alert.amon_id}"


def _day_of(time: datetime) -> str:
    """Return the day as names write it; strftime takes five times as long."""
    t = time if time.tzinfo is UTC else time.astimezone(UTC)
    return f"{t.year % 100:02d}{t.month:02d}{t.day:02d}"


def ivorn_stem(ivorn: str) -> str:
    """Return what the ivorns of all revisions have in common.

    Examples
    --------
    >>> ivorn_stem("ivo://nasa.gsfc.gcn/AMON#ICECUBE_GOLD_Event2020-01-20T18:48:18.56_133644_0437-1")
    'ivo://nasa.gsfc.gcn/amon#icecube_gold_event2020-01-20t18:48:18.56_133644_0437'
    """
    return re.sub(r"[-_.]\d{1,3}$", "", ivorn.strip().casefold())


def _why_not(name: str, numbers: Collection[str], time: datetime | None) -> str:
    """Return why a name is not believed; empty if it is."""
    seeming = normal_name(_latin(name)) if not name.isascii() else None
    if seeming is not None:
        return f"letters of another alphabet: it looks like {seeming}, and is not"
    if PAIR.fullmatch(name) is not None and numbers and name not in numbers:
        return "another number than that of the notice"
    days = [day for day, _ in _DAY.findall(name)]
    if numbers and time is not None and days and not any(_is_near(day, time) for day in days):
        return f"the name of another day; the event is of {time:%Y-%m-%d}"
    return ""


def _latin(name: str) -> str:
    plain = unicodedata.normalize("NFKC", name).translate(_LOOKALIKES)
    return plain.encode("ascii", "ignore").decode()


def _is_near(day: str, time: datetime) -> bool:
    """Whether a time is within a day of the one in a name; what is no day is no hindrance."""
    try:
        start = datetime.strptime(day, "%y%m%d").replace(tzinfo=UTC)
    except ValueError:
        return True
    return start - _ONE_DAY <= time <= start + 2 * _ONE_DAY


def _apart_s(one: Claim, other: Claim) -> float:
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
    return len(group((alert, other))) == 1


def group(
    alerts: Iterable[Alert],
    *,
    now: datetime | None = None,
    claims: Sequence[Claim] | None = None,
) -> tuple[Event, ...]:
    """Bring the alerts of each event together.

    Parameters
    ----------
    alerts : iterable of Alert
        In any order; every one ends up in exactly one event.
    now : datetime, optional
        What is made later is doubted [UTC]; by default the time of the call.
    claims : sequence of Claim, optional
        The `claim` of each alert, where it is known already.

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
    ties = _Ties([claim(alert) for alert in found] if claims is None else claims)
    ties.join_numbers()
    ties.join_names()
    ties.join_times()
    ties.join_days()
    ties.doubt_names()
    time = datetime.now(UTC) if now is None else now
    return tuple(_event(found, ties, members, time) for members in ties.members())


def _agree(names: Collection[str], others: Collection[str]) -> bool:
    """Whether names may be of one event: none on one side, or equal but for a missing letter."""
    pairs = ((one, other) for one in names for other in others)
    return not (names and others) or any(
        one.startswith(other) or other.startswith(one) for one, other in pairs
    )


class _Ties:
    """Disjoint sets of claims, by index; the smallest index stands for its set."""

    def __init__(self, claims: Sequence[Claim]) -> None:
        self.claims = claims
        self.parents = list(range(len(claims)))
        self.numbers = [set(one.numbers) for one in claims]
        self.names = [set(one.names) for one in claims]
        self.doubts: dict[int, list[Concern]] = {
            index: list(one.doubts) for index, one in enumerate(claims) if one.doubts
        }
        without = [index for index, one in enumerate(claims) if not one.numbers]
        self.without_number = sorted(without, key=lambda index: _time_and_names(claims[index]))
        self.bearers: dict[tuple[str, str], list[int]] = {}
        for index, one in enumerate(claims):
            for name in one.names:
                self.bearers.setdefault((one.realm, name), []).append(index)

    def root(self, index: int) -> int:
        """Return the index that stands for the set of `index`."""
        while self.parents[index] != index:
            self.parents[index] = self.parents[self.parents[index]]
            index = self.parents[index]
        return index

    def join(self, one: int, other: int) -> None:
        """Make one set of two, but of two that both have a number: those are two events."""
        low, high = sorted((self.root(one), self.root(other)))
        if low != high and not (self.numbers[low] and self.numbers[high]):
            self._join(low, high)

    def _join(self, low: int, high: int) -> None:
        self.parents[high] = low
        self.numbers[low] |= self.numbers[high]
        self.names[low] |= self.names[high]

    def members(self) -> list[list[int]]:
        """Return the sets, by their smallest index."""
        sets: dict[int, list[int]] = {}
        for index in range(len(self.parents)):
            sets.setdefault(self.root(index), []).append(index)
        return list(sets.values())

    def join_numbers(self) -> None:
        """Join what has a number in common."""
        first: dict[tuple[str, str], int] = {}
        for index, one in enumerate(self.claims):
            for number in one.numbers:
                low, high = sorted(
                    (self.root(index), self.root(first.setdefault((one.realm, number), index)))
                )
                if low != high:
                    self._join(low, high)

    def join_names(self) -> None:
        """Let alerts without a number join the event that bears their name, or each other."""
        apart = [index for index in self.without_number if not self._join_bearer(index)]
        first: dict[tuple[str, str], int] = {}
        for index in apart:
            one = self.claims[index]
            for name in one.names:
                self.join(index, first.setdefault((one.realm, name), index))

    def _join_bearer(self, index: int) -> bool:
        """Join the one numbered event of this name; of several the one of its time."""
        mine = self.claims[index]
        nearest: dict[int, float] = {}
        for name in mine.names:
            for other in self._numbered_bearers(mine.realm, name):
                root, apart = self.root(other), _apart_s(mine, self.claims[other])
                nearest[root] = min(apart, nearest.get(root, math.inf))
        if not nearest:
            return False
        root = min(nearest, key=lambda root: (nearest[root], self._number_of(root)))
        if len(nearest) > 1 and nearest[root] > _ONE_DAY.total_seconds():
            why = f"{len(nearest)} events bear the name: not taken for one of them"
            found = mine.names[0]
            self._doubt(index, Concern(field="event_names", found=found, taken=None, why=why))
            return False
        self.join(index, root)
        return True

    def _numbered_bearers(self, realm: str, name: str) -> list[int]:
        return [other for other in self.bearers[realm, name] if self.claims[other].numbers]

    def _number_of(self, index: int) -> list[str]:
        return sorted(self.numbers[self.root(index)])

    def join_times(self) -> None:
        """Let alerts that only have a name join an event of that time which has none."""
        seconds: dict[tuple[str, str, int], list[int]] = {}
        for index, one in enumerate(self.claims):
            if one.numbers and one.time is not None:
                seconds.setdefault((one.realm, one.family, _slot(one.time)), []).append(index)
        for index in self.without_number:
            mine = self.claims[index]
            if self.numbers[self.root(index)] or mine.time is None:
                continue
            slots = (_slot(mine.time) + step for step in (-1, 0, 1))
            near = [i for slot in slots for i in seconds.get((mine.realm, mine.family, slot), ())]
            fitting = [other for other in near if self._fits(index, other)]
            if fitting:
                ranks = {o: (_apart_s(mine, self.claims[o]), self._number_of(o)) for o in fitting}
                self.join(index, min(fitting, key=ranks.__getitem__))

    def _fits(self, index: int, other: int) -> bool:
        mine = self.claims[index]
        return mine.may_be(self.claims[other]) and self._names_agree(index, other)

    def _names_agree(self, one: int, other: int) -> bool:
        return _agree(self.names[self.root(one)], self.names[self.root(other)])

    def join_days(self) -> None:
        """Let what states no time join the only event of its day, by position or derived name."""
        days: dict[tuple[str, str, str], dict[int, list[Localization]]] = {}
        for index, one in enumerate(self.claims):
            if one.numbers and one.day is not None:
                roots = days.setdefault((one.realm, one.family, one.day), {})
                roots.setdefault(self.root(index), []).extend([one.place] if one.place else [])
        found = {index: self._of_its_day(index, days) for index in self.without_number}
        for index, tie in found.items():
            if tie is None or self.numbers[self.root(index)] or not self._names_agree(index, tie):
                continue
            mine, number = self.claims[index], self._number_of(tie)[0]
            how = "its day" if mine.place is None else "day and position"
            why = f"no notice ties it to {number}: taken for it by {how}"
            name = next(iter(mine.names), "no name")
            self.join(index, tie)
            self._doubt(index, Concern(field="event", found=name, taken=number, why=why))

    def _of_its_day(
        self, index: int, days: Mapping[tuple[str, str, str], Mapping[int, list[Localization]]]
    ) -> int | None:
        """Return the only event that an alert without number and time can be of."""
        mine = self.claims[index]
        if self.numbers[self.root(index)] or mine.time is not None:
            return None
        there = {
            root: places
            for day in mine.days
            for root, places in days.get((mine.realm, mine.family, day), {}).items()
        }
        fitting = [root for root in there if self._names_agree(index, root)]
        if mine.place is not None:
            fitting = [r for r in fitting if any(_is_close(mine.place, p) for p in there[r])]
        elif not mine.names or len(there) > 1 or not set(mine.days.values()) <= {"", "a", "A"}:
            return None
        return fitting[0] if len(fitting) == 1 else None

    def doubt_names(self) -> None:
        """Say where numbered events share a name."""
        for (_, name), bearers in self.bearers.items():
            roots = {self.root(index): index for index in bearers if self.claims[index].numbers}
            numbers = sorted(self._number_of(index)[0] for index in roots.values())
            for index in roots.values() if len(roots) > 1 else ():
                why = f"a name of {' and '.join(numbers[:5])}"
                self._doubt(index, Concern(field="event_names", found=name, taken=name, why=why))

    def _doubt(self, index: int, concern: Concern) -> None:
        self.doubts.setdefault(index, []).append(concern)


def _slot(time: datetime) -> int:
    return int(time.timestamp() // TIME_TOLERANCE_S)


def _is_close(one: Localization, other: Localization) -> bool:
    return separation_deg(one, other) <= NEAR_DEG


def _time_and_names(one: Claim) -> tuple[str, tuple[str, ...]]:
    return "" if one.time is None else one.time.isoformat(), one.names


def _event(found: Sequence[Alert], ties: _Ties, members: Sequence[int], now: datetime) -> Event:
    claims = [ties.claims[index] for index in members]
    numbers = {number for one in claims for number in one.numbers}
    names = sorted({name for one in claims for name in one.names})
    known = (*sorted(numbers), *names)
    alerts = [found[index] for index in members]
    key = known[0] if known else alerts[0].notice_id
    doubts = [doubt for index in members for doubt in ties.doubts.get(index, ())]
    realm = claims[0].realm
    return event_of(f"{realm}:{key}" if realm else key, known, alerts, doubts, now)
