"""What is known of one physical event: its notices in order, its state, and its values now."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any, Final, NamedTuple

from icecube_hooks import Alert, AlertKind, Concern, Status

from . import merge
from .changes import is_circular
from .order import doubt, editions, ordered, outranks, usual_day
from .words import clean, notice_label

__all__ = ["Event", "Notice", "State", "event_of"]

_NUMBER: Final = re.compile(r"\d+_\d+|[a-z-]+:.*")
"""What no person calls an event: run and event, or AMON's number."""


class State(StrEnum):
    """Whether a notice, or an event, stands."""

    CURRENT = "current"
    SUPERSEDED = "superseded"
    """A newer notice of the event is there."""
    CORRECTED = "corrected"
    """The same notice was sent again, with other values."""
    RETRACTED = "retracted"
    DOUBTED = "doubted"
    """It cannot be what it says, see `icecube_plugin.alerts.order`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """One notice of an event, in whatever formats it came.

    Attributes
    ----------
    alert : Alert
        What it says (`icecube_plugin.alerts.merge`).
    sightings : tuple of Alert
        The alerts that it was made of.
    state : State
    by : Alert or None
        The notice that made it so.
    """

    alert: Alert
    sightings: tuple[Alert, ...] = field(repr=False)
    state: State
    by: Alert | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
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
        What is doubted comes before all others.
    n_doubted : int
        How many of them are.
    doubts : tuple of Concern
        What is doubtful in how they belong together.
    """

    key: str
    names: tuple[str, ...]
    alerts: tuple[Alert, ...] = field(repr=False)
    n_doubted: int = 0
    doubts: tuple[Concern, ...] = ()

    @cached_property
    def history(self) -> tuple[Notice, ...]:
        """Every notice, each edition of it once, oldest first, with its state."""
        if len(self.alerts) == 1:  # most events of a stream, when they come
            return (self._only(),)
        parts = _editions(self.alerts, self.n_doubted)
        alerts = [merge.merged(part.sightings) for part in parts]
        last = {part.once: index for index, part in enumerate(parts)}
        good = [i for i, p in enumerate(parts) if not p.is_doubted and last[p.once] == i]
        retraction = _standing_retraction([alerts[index] for index in good])
        newest = alerts[good[-1] if good else -1]
        found = []
        for index, part in enumerate(parts):
            state, by = _state(alerts[index], newest, retraction)
            if part.is_doubted:
                state, by = State.DOUBTED, None
            elif last[part.once] != index:
                state, by = State.CORRECTED, alerts[last[part.once]]
            sightings = tuple(part.sightings)
            found.append(Notice(alert=alerts[index], sightings=sightings, state=state, by=by))
        return tuple(found)

    def _only(self) -> Notice:
        (alert,) = self.alerts
        state = State.RETRACTED if alert.status is Status.RETRACTION else State.CURRENT
        if self.n_doubted:
            return Notice(alert=alert, sightings=self.alerts, state=State.DOUBTED)
        return Notice(alert=alert, sightings=self.alerts, state=state, by=alert)

    @property
    def notices(self) -> tuple[Alert, ...]:
        """Notices and circulars, each once."""
        return tuple(notice.alert for notice in self.history)

    @property
    def standing(self) -> tuple[Alert, ...]:
        """The notices that are believed, the last edition of each; all if none is."""
        out = (State.DOUBTED, State.CORRECTED)
        return tuple(n.alert for n in self.history if n.state not in out) or self.notices

    @property
    def newest(self) -> Alert:
        """The newest notice or circular that is believed."""
        return self.standing[-1]

    @property
    def retracted_by(self) -> Alert | None:
        """The notice that takes the event back, or ``None``."""
        return next((n.by for n in self.history if n.state is State.RETRACTED), None)

    @property
    def is_retracted(self) -> bool:
        """Whether it is taken back."""
        return self.retracted_by is not None

    @property
    def concerns(self) -> tuple[Concern, ...]:
        """What is doubtful about the event, not about one of its notices."""
        return (*self.doubts, *self._undone())

    def _undone(self) -> Iterator[Concern]:
        if not self.is_retracted:
            for alert in self.standing:
                if alert.status is Status.RETRACTION:
                    why = f"{notice_label(self.newest)} came after it: the event stands again"
                    found = f"retracted by {notice_label(alert)}"
                    yield Concern(field="status", found=found, taken="current", why=why)

    @property
    def state(self) -> State:
        """``current`` or ``retracted``."""
        return State.RETRACTED if self.is_retracted else State.CURRENT

    @cached_property
    def known(self) -> Alert:
        """What is now known, as one alert (`icecube_plugin.alerts.merge`)."""
        believed = [n.alert for n in self.history if n.state is not State.DOUBTED]
        return merge.known(believed or self.notices, is_retracted=self.is_retracted)

    @property
    def shown(self) -> Alert:
        """The alert that stands for the event in a list, with the position that is now known.

        Of several the newest notice of a program, which states more than a circular. A retraction
        does not stand for it; that the event is retracted, `state` says.
        """
        if len(self.alerts) == 1:
            return self.alerts[0]
        believed = [n for n in self.history if n.state not in (State.DOUBTED, State.CORRECTED)]
        stated = [n for n in believed if n.alert.status is not Status.RETRACTION] or believed
        newest_first = list(reversed(stated or self.history))
        here = [n for n in newest_first if merge.is_at(n.alert, self.known)] or newest_first
        chosen = next((n for n in here if not is_circular(n.alert)), here[0])
        return max(chosen.sightings, key=lambda one: one.format is chosen.alert.format)

    def latest(self, name: str) -> Any:
        """Return the newest stated value of an attribute of `Alert`, or ``None``."""
        value = getattr(self.known, name)
        return None if value == () else value

    @property
    def circulars(self) -> tuple[Alert, ...]:
        """The circulars that speak of it."""
        return tuple(alert for alert in self.notices if is_circular(alert))

    @property
    def kind(self) -> AlertKind:
        """What the newest alert says; a circular's "track" only where nobody says more."""
        return self.known.kind

    @property
    def title(self) -> str:
        """The name by which people call the event; its key if it has none. Cleaned."""
        return clean(next(self._spoken(), self.key), 120)

    @property
    def is_named(self) -> bool:
        """Whether people have a name for the event."""
        return any(self._spoken())

    def _spoken(self) -> Iterator[str]:
        """Yield names; those of others, which are compared in lower case, as they are stated."""
        stated = (" ".join(name.split()) for alert in self.alerts for name in alert.event_names)
        spelled = {name.casefold(): name for name in stated}
        return (spelled.get(n, n) for n in self.names if _NUMBER.fullmatch(n) is None)


def event_of(
    key: str,
    names: Sequence[str],
    alerts: Sequence[Alert],
    doubts: Iterable[Concern],
    now: datetime,
) -> Event:
    """Put the alerts of an event in order, those that are not believed first."""
    trigger = usual_day(alerts)
    odds = [doubt(alert, trigger, now) for alert in alerts]
    odd = [alert for alert, why in zip(alerts, odds, strict=True) if why is not None]
    good = [alert for alert, why in zip(alerts, odds, strict=True) if why is None]
    return Event(
        key=key,
        names=tuple(names),
        alerts=(*ordered(odd), *ordered(good)),
        n_doubted=len(odd),
        doubts=tuple(dict.fromkeys((*doubts, *(why for why in odds if why is not None)))),
    )


def _state(alert: Alert, newest: Alert, retraction: Alert | None) -> tuple[State, Alert | None]:
    if retraction is not None:
        return State.RETRACTED, retraction
    return (State.CURRENT if alert is newest else State.SUPERSEDED), newest


def _standing_retraction(alerts: Sequence[Alert]) -> Alert | None:
    """Return the last retraction that no later notice undoes."""
    for retraction in reversed(alerts):
        if retraction.status is Status.RETRACTION:
            later = (alert for alert in alerts if outranks(alert, retraction))
            if not any(alert.status is not Status.RETRACTION for alert in later):
                return retraction
    return None


class _Part(NamedTuple):
    """One edition of a notice: what the notice is known by, and the sightings of this edition."""

    once: object
    edition: int
    sightings: list[Alert]
    is_doubted: bool


def _editions(alerts: Sequence[Alert], n_doubted: int) -> list[_Part]:
    by_notice: dict[object, list[Alert]] = {}
    for index, alert in enumerate(alerts):
        by_notice.setdefault((index < n_doubted, _once(alert)), []).append(alert)
    edition: dict[int, int] = {}
    for sightings in by_notice.values():
        for index, number in _numbered(sightings):
            edition[id(sightings[index])] = number
    parts: dict[object, _Part] = {}
    for index, alert in enumerate(alerts):
        is_doubted = index < n_doubted
        once, number = (is_doubted, _once(alert)), edition[id(alert)]
        part = parts.setdefault((once, number), _Part(once, number, [], is_doubted))
        part.sightings.append(alert)
    in_order: dict[object, list[_Part]] = {}
    for part in sorted(parts.values(), key=lambda part: -part.edition):
        in_order.setdefault(part.once, []).append(part)
    return [in_order[part.once].pop() for part in parts.values()]


def _numbered(sightings: Sequence[Alert]) -> Iterable[tuple[int, int]]:
    if len({alert.format for alert in sightings}) == len(sightings):
        return ((index, 0) for index in range(len(sightings)))
    return editions(sightings)


def _once(alert: Alert) -> object:
    """Return what is equal for two sightings of one notice, in whatever format."""
    if is_circular(alert):
        return ("circular", alert.circular_number or merge.content_digest(alert))
    return (alert.kind, alert.revision_label)
