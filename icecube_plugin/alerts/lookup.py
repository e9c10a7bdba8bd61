"""The event that a person means, by anything that people type."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from icecube_hooks import Alert

from .events import Event
from .identity import ivorn_stem
from .names import normal_name

__all__ = ["LATEST", "alias_of", "find", "is_guess", "matches"]

LATEST: Final = "latest"

_CIRCULAR: Final = re.compile(r"(?:GCN)?\s*(?:circular)?\s*#?(\d{4,6})", re.IGNORECASE | re.ASCII)
_NAMED: Final = re.compile(r"(IceCube|IceCubeCascade)-(\d{6})([A-Za-z]?)", re.ASCII)


def find(events: Iterable[Event], text: str) -> Event | None:
    """Return the event that `text` means: the first of `matches`, or ``None``.

    Examples
    --------
    >>> from icecube_hooks.testing import make_alert
    >>> from icecube_plugin.alerts import group
    >>> events = group([make_alert(event_names=())])  # no notice has its name
    >>> find(events, "IC230416A").key, find(events, "latest").key
    ('137840_57034692', '137840_57034692')
    """
    return next(iter(matches(events, text)), None)


def matches(events: Iterable[Event], text: str) -> list[Event]:
    """Return the events that `text` can mean, the likeliest first.

    Parameters
    ----------
    events : iterable of Event
    text : str
        A key as it is; a name or number in any spelling; AMON's number; an ivorn, of any revision;
        the number of a circular, with or without "GCN Circular"; a name that no notice gives, if
        only one event of its kind was on that day; ``latest``.
    """
    known = list(events)
    if text.strip().casefold() == LATEST:
        dated = [event for event in known if event.known.is_real and event.latest("trigger_time")]
        return sorted(dated, key=lambda event: -event.latest("trigger_time").timestamp())[:1]
    for found in (_by_name(known, text), _by_circular(known, text), _by_day(known, text)):
        if found:
            return found
    return []


def alias_of(text: str) -> str:
    """Return what `icecube_plugin.alerts.identity.aliases` calls what a person typed."""
    number = _CIRCULAR.fullmatch(text.strip())
    name = normal_name(text)
    if name is None and number is not None:
        return f"gcn:{int(number[1])}"
    return name or ivorn_stem(text)


def is_guess(event: Event, text: str) -> bool:
    """Whether the event was found by its day only: no notice gives it that name."""
    named = _NAMED.fullmatch(normal_name(text) or "")
    return named is not None and named[0] not in event.names


def _by_name(events: Iterable[Event], text: str) -> list[Event]:
    typed = text.strip()  # as a superevent is kept whose name is not like that of any
    wanted = {normal_name(text) or typed.casefold(), typed, ivorn_stem(text)}
    found = [e for e in events if text == e.key or wanted & {*e.names, *_other_names(e.alerts)}]
    return sorted(found, key=lambda event: text != event.key and ":" in event.key)


def _other_names(alerts: Iterable[Alert]) -> Iterator[str]:
    for alert in alerts:
        if alert.amon_id is not None:
            yield alert.amon_id.casefold()
        if alert.ivorn is not None:
            yield ivorn_stem(alert.ivorn)


def _by_circular(events: Iterable[Event], text: str) -> list[Event]:
    number = _CIRCULAR.fullmatch(text.strip())
    if number is None:
        return []
    wanted = int(number[1])
    return [e for e in events if any(alert.circular_number == wanted for alert in e.alerts)]


def _by_day(events: Iterable[Event], text: str) -> list[Event]:
    """Return the one event of the day in a name that has no name of its own."""
    named = _NAMED.fullmatch(normal_name(text) or "")
    if named is None:
        return []
    is_cascade = named[1] == "IceCubeCascade"
    found = [
        event
        for event in events
        if event.known.is_real
        and _is_of(event, is_cascade)
        and (time := event.latest("trigger_time")) is not None
        and f"{time:%y%m%d}" == named[2]
    ]
    nameless = [event for event in found if not any(_NAMED.fullmatch(n) for n in event.names)]
    return nameless if len(nameless) == 1 else []


def _is_of(event: Event, is_cascade: bool) -> bool:
    kind = event.kind.value
    return kind == "cascade" if is_cascade else kind in ("gold", "bronze", "track", "hese", "ehe")
