"""Which events a text names: IceCube's names and numbers, and those of AMON's coincidences.

Names are separated as GCN's own matcher allows: ``IceCube_260709B``, ``IceCube 260709B``,
``IceCube.260709B`` and ``IceCube-260709B`` are one, and so is ``IceCube_Cascade_221223A``.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Final

from icecube_plugin.alerts.names import RUNS, run_event
from icecube_plugin.notices._draft import Draft

from ._days import name_day
from ._envelope import Circular

__all__ = [
    "amon_names",
    "day_of",
    "event_name",
    "event_numbers",
    "icecube_names",
    "mentions",
    "name_in_text",
]

_BETWEEN: Final = r"[.\s_-]{0,4}"
_ICECUBE = re.compile(
    rf"\bI(?:ce)?C(?:ube)?{_BETWEEN}(?:Alert{_BETWEEN})?(?P<cascade>Cascade)?{_BETWEEN}"
    r"(?P<day>\d{6}) ?(?P<letter>[A-Z])?(?![^\W_]|[^\x00-\x7f])",
    re.IGNORECASE | re.ASCII,
)
_NU_EM = re.compile(
    rf"\bNuEm{_BETWEEN}(?P<day>\d{{6}}) ?(?P<letter>[A-Z])(?![^\W_]|[^\x00-\x7f])",
    re.IGNORECASE | re.ASCII,
)
_ANTARES = re.compile(
    rf"\bANTARES{_BETWEEN}(?P<day>\d{{6}}) ?(?P<letter>[A-Z])?(?![^\W_]|[^\x00-\x7f])",
    re.IGNORECASE | re.ASCII,
)
_AMON_PAGE = re.compile(
    r"notices_amon(?P<kind>[a-z_]{0,20})/(?P<a>\d{4,12})_(?P<b>\d{4,12})(?=\.amon|\b)"
)
_PAIR = re.compile(r"(?<![\w.])(?P<a>\d{4,12})_(?P<b>\d{4,12})(?!\d)")
_RUN = re.compile(r"\bRun ?(?:ID|number|num)?\b\.?[ :=]{1,3}(\d{6})\b", re.IGNORECASE)
_EVENT = re.compile(r"\bEvent ?(?:ID|number|num)?\b\.?[ :=]{1,3}(\d{3,12})\b", re.IGNORECASE)


def icecube_names(text: str) -> list[str]:
    """Return IceCube's names in a text, in one spelling.

    Examples
    --------
    >>> icecube_names("IC 230416A, ICECUBE_Cascade_221223A and IceCube.260709b")
    ['IceCube-230416A', 'IceCubeCascade-221223a', 'IceCube-260709B']
    """
    found = dict.fromkeys(
        f"IceCubeCascade-{match['day']}{(match['letter'] or '').lower()}"
        if match["cascade"]
        else f"IceCube-{match['day']}{(match['letter'] or '').upper()}"
        for match in _ICECUBE.finditer(text)
        if name_day(match["day"]) is not None
    )
    return list(found)


def amon_names(text: str) -> list[str]:
    """Return the names of AMON's coincidences in a text, in one spelling.

    Examples
    --------
    >>> amon_names("NuEm_220728a and Antares 200108A")
    ['NuEm-220728A', 'ANTARES 200108A']
    """
    found = dict.fromkeys(
        f"{prefix}{match['day']}{(match['letter'] or '').upper()}"
        for pattern, prefix in ((_NU_EM, "NuEm-"), (_ANTARES, "ANTARES "))
        for match in pattern.finditer(text)
        if name_day(match["day"]) is not None
    )
    return list(found)


def mentions(text: str) -> set[str]:
    """Return every event that a text names, by name or by number."""
    numbers = {run_event(*pair) for pair in _pairs(text)}
    return {*icecube_names(text), *amon_names(text), *numbers}


def event_name(circular: Circular, draft: Draft) -> str | None:
    """Return IceCube's name in the subject, or else the one GCN gives; of several, the first."""
    for text in (circular.subject, circular.event):
        names = icecube_names(text)
        if len(names) > 1:
            found = ", ".join(names)[:200]
            draft.doubt("event name", found, names[0], "several events are named")
        if names:
            return names[0]
    return None


def name_in_text(circular: Circular, draft: Draft) -> str | None:
    """Return the only name in the text, unless it is that of another day's event."""
    names = icecube_names(circular.flat)
    time: datetime | None = draft.values.get("trigger_time")
    if len(names) == 1 and (time is None or time.date() == day_of(names[0])):
        return names[0]
    if names:
        why = "not sure to be the name of this event"
        draft.doubt("event name", ", ".join(names)[:200], None, why)
    return None


def day_of(name: str | None) -> date | None:
    """Return the day in a name."""
    match = re.search(r"\d{6}", name) if name else None
    return None if match is None else name_day(match[0])


def event_numbers(texts: list[str], draft: Draft) -> tuple[int, int] | None:
    """Return run and event, from the address of the notice, from ``run_event`` or from labels."""
    flat = " ".join(texts)
    pairs = _pairs(flat)
    run, event = _RUN.search(flat), _EVENT.search(flat)
    if run is not None and event is not None:
        pairs.append((int(run[1]), int(event[1])))
    found = list(dict.fromkeys(pairs))
    if len(found) > 1:
        draft.doubt("event", found[:5], None, "several run and event numbers are named")
    return found[0] if len(found) == 1 else None


def _pairs(text: str) -> list[tuple[int, int]]:
    """Return the pairs of run and event in a text.

    Pages under ``notices_amon`` have the event first, those of later streams the run.
    """
    pages = [
        _told_apart(match) or _in_order(match, run_first=bool(match["kind"]))
        for match in _AMON_PAGE.finditer(text)
    ]
    return pages + [pair for match in _PAIR.finditer(text) if (pair := _told_apart(match))]


def _told_apart(match: re.Match[str]) -> tuple[int, int] | None:
    """Tell run from event: the number that a run can have; ``None`` if both can, or none."""
    one, other = int(match["a"]), int(match["b"])
    if (one in RUNS) == (other in RUNS):
        return None
    return _in_order(match, run_first=one in RUNS)


def _in_order(match: re.Match[str], *, run_first: bool) -> tuple[int, int]:
    one, other = int(match["a"]), int(match["b"])
    return (one, other) if run_first else (other, one)
