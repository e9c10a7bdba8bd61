"""AMON's circulars: a sub-threshold neutrino with gamma rays (IceCube-HAWC, ANTARES-Fermi).

The IceCube-HAWC ones state the interval of HAWC's transit, no time of an event. Those with
ANTARES end in a notice of GCN's text form below a line of slashes, typed by hand; of that only
what the prose does not say is taken: AMON's number, and the time window.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Final

from icecube_hooks import Status, Tense
from icecube_plugin.notices._draft import Draft
from icecube_plugin.notices._values import decimal

from ._days import CLOCK, DAY, at_clock, nearest, possible_days
from ._envelope import Circular
from ._event import read_rate, read_times
from ._names import amon_names, day_of
from ._position import read_position
from ._status import read_status

__all__ = ["read_coincidence"]

_TRANSIT = re.compile(
    rf"transit interval[^\d]{{0,30}}(?P<day>{DAY}),? ?(?:at )?(?P<clock>{CLOCK}) ?(?:UTC?)? ?"
    rf"(?:to|-|until|and)? ?(?P<last_day>{DAY}),? ?(?:at )?(?P<last_clock>{CLOCK})",
    re.IGNORECASE,
)
_AMON_NUMBER = re.compile(r"^AMON_NUM:[ \t]{0,20}(\d{1,12})[ \t]{0,20}$", re.MULTILINE)
_SECONDS: Final = r"^{}:[ \t]{{0,20}}(\d{{1,9}}(?:\.\d{{1,9}})?)[ \t]{{0,20}}\[sec\]"
_DELTA_T = re.compile(_SECONDS.format("DELTA_T"), re.MULTILINE | re.IGNORECASE)
_SIGMA_T = re.compile(_SECONDS.format("SIGMA_T"), re.MULTILINE | re.IGNORECASE)


def read_coincidence(circular: Circular, draft: Draft) -> None:
    """Read a coincidence of a neutrino with gamma rays."""
    draft.tense = Tense.OBSERVATION
    texts = (circular.subject, circular.event, circular.flat)
    name = next((name for text in texts for name in amon_names(text)), None)
    draft.put("event_names", (name,) if name else None)
    draft.status = read_status(circular, {name} if name else set(), draft)
    whole = draft.status is None or circular.is_corrected
    if not _read_transit(circular, day_of(name), draft):
        read_times(circular, draft, day_of(name), required=whole)
    read_position(circular, draft, required=draft.status is not Status.RETRACTION)
    read_rate(circular, draft, required=whole)
    _read_appended(circular, draft)
    if name is None and "amon_id" not in draft.values:
        draft.doubt("event", "", None, "the circular names no event, and no AMON number")


def _read_transit(circular: Circular, named: date | None, draft: Draft) -> bool:
    """Set the observed interval; its days come in any order, the name's day settles it."""
    match = _TRANSIT.search(circular.flat)
    if match is None:
        return False
    first = nearest(possible_days(match["day"]), named)
    last = nearest(possible_days(match["last_day"]), named)
    start = None if first is None else at_clock(first, match["clock"])
    stop = None if last is None else at_clock(last, match["last_clock"])
    if start is None or stop is None or stop <= start:
        draft.doubt("transit interval", match[0], None, "expected two times, in order")
        return True
    draft.put("observation_start", start)
    draft.put("observation_stop", stop)
    return True


def _read_appended(circular: Circular, draft: Draft) -> None:
    """Take from the appended notice what the prose does not say."""
    number = _AMON_NUMBER.search(circular.body)
    draft.put("amon_id", None if number is None else number[1])
    for name, pattern in (("delta_t_s", _DELTA_T), ("sigma_t_s", _SIGMA_T)):
        match = pattern.search(circular.body)
        draft.put(name, None if match is None else decimal(match[1], name))
