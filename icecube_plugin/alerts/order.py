"""Which notice of an event is the newest, and whether the event stands: the rules, in one place.

Newest
------
1. **Sequence.** The revision counts, or the sequence number of the gravitational-wave notice, not
   the time of arrival: a late copy of revision 0 is no news.
2. **Time.** Circulars, and notices without a number, stand after the last notice that was made
   before them. The binary packet has no time; its revision tells its place.
3. **Trust.** What cannot be is not believed, is never the newest, takes nothing back, and is said
   as a concern (`doubt`): a revision above `MOST_REVISION`, a notice made in the future, a trigger
   on another day than the event's. Only where there is nothing else does it count.
4. Of one notice, the edition made last has corrected those before it.

Retraction
----------
- One in a numbered notice stands until a notice with a higher number is none: who sends revision 2
  of an event has taken it up again. That is said.
- One in a circular, which people write, stands: revisions are sent by programs.
- A circular that is corrected and no longer retracts, does not.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from icecube_hooks import Alert, Concern, Status, WireFormat

from .changes import changes, is_circular
from .merge import content_digest

__all__ = ["MOST_REVISION", "doubt", "editions", "ordered", "outranks", "rank", "usual_day"]

MOST_REVISION: Final = 99
"""Largest number that is believed; the most that were seen are 3 revisions, and 30 of LVK."""

AHEAD: Final = timedelta(days=1)
"""So much ahead of our clock a notice may be."""

SAME_TRIGGER: Final = timedelta(days=1)


def rank(alert: Alert) -> int | None:
    """Return the number that orders notices; a circular has none."""
    if is_circular(alert):
        return None
    number = None if alert.gw is None else alert.gw.notice_number
    return number if alert.revision is None else alert.revision


def outranks(alert: Alert, other: Alert) -> bool:
    """Whether a notice has a higher number than another one."""
    one, two = rank(alert), rank(other)
    return one is not None and two is not None and one > two


def doubt(alert: Alert, trigger: datetime | None, now: datetime) -> Concern | None:
    """Return why a notice is not believed to be the newest, or ``None``.

    Parameters
    ----------
    alert : Alert
    trigger : datetime or None
        When the event was, as most of its notices say.
    now : datetime
        [UTC]
    """
    number, made, mine = rank(alert), alert.notice_time, alert.trigger_time
    if number is not None and number > MOST_REVISION:
        return _not_newest("revision", str(number), f"no event has more than {MOST_REVISION}")
    if made is not None and made > now + AHEAD:
        return _not_newest("notice_time", f"{made:%Y-%m-%d}", "it is in the future")
    if mine is not None and trigger is not None and abs(mine - trigger) > SAME_TRIGGER:
        why = f"the other notices of the event say {trigger:%Y-%m-%d}"
        return _not_newest("trigger_time", f"{mine:%Y-%m-%d}", why)
    return None


def _not_newest(field: str, found: str, why: str) -> Concern:
    return Concern(field=field, found=found, taken=None, why=f"not the newest notice: {why}")


def usual_day(alerts: Iterable[Alert]) -> datetime | None:
    """Return a trigger time of the day that most alerts state; of equally many the earliest."""
    times = sorted(alert.trigger_time for alert in alerts if alert.trigger_time is not None)
    if not times:
        return None
    if len(times) == 1:
        return times[0]
    days = Counter(time.astimezone(UTC).date() for time in times)
    (day, _), *_ = days.most_common(1)
    return next(time for time in times if time.astimezone(UTC).date() == day)


def ordered(alerts: Sequence[Alert]) -> tuple[Alert, ...]:
    """Order notices by rank, and put what has none after the last that was made before it."""
    made = _times_by_rank(alerts)
    line = sorted((alert for alert in alerts if rank(alert) is not None), key=_by_rank)
    rest = [alert for alert in alerts if rank(alert) is None]
    timed = sorted((alert for alert in rest if alert.notice_time is not None), key=_by_time)
    for alert in timed:
        line.insert(_index(alert, line, made), alert)
    undated = sorted((alert for alert in rest if alert.notice_time is None), key=_by_time)
    return (*line, *undated)


def _times_by_rank(alerts: Iterable[Alert]) -> dict[int, datetime]:
    """Return when each revision was first made: the formats of one notice carry several times."""
    made: dict[int, datetime] = {}
    for alert in alerts:
        number = rank(alert)
        if number is not None and alert.notice_time is not None:
            made[number] = min(alert.notice_time, made.get(number, alert.notice_time))
    return made


def _by_rank(alert: Alert) -> tuple[int, float]:
    return rank(alert) or 0, _timestamp(alert)


def _by_time(alert: Alert) -> tuple[float, int]:
    return _timestamp(alert), alert.circular_number or 0


def _timestamp(alert: Alert) -> float:
    return math.inf if alert.notice_time is None else alert.notice_time.timestamp()


def _index(alert: Alert, line: Sequence[Alert], made: Mapping[int, datetime]) -> int:
    """Return where an alert without rank stands: walk back past all that was made later."""
    index = len(line)
    while index:
        number = rank(line[index - 1])
        time = line[index - 1].notice_time if number is None else made.get(number)
        if time is None or alert.notice_time is None or time <= alert.notice_time:
            break
        index -= 1
    return index


def editions(sightings: Sequence[Alert]) -> Iterator[tuple[int, int]]:
    """Yield the index and the edition of each sighting of one notice, from 0.

    A format that came again with values that contradict has been corrected; formats that came once
    belong to the first edition. Of two made at one time a retraction is the later one.
    """
    last: dict[WireFormat, tuple[Alert, int]] = {}

    def made(index: int) -> tuple[float, bool, str]:
        alert = sightings[index]
        return _timestamp(alert), alert.status is Status.RETRACTION, content_digest(alert)

    for index in sorted(range(len(sightings)), key=made):
        alert = sightings[index]
        before, number = last.get(alert.format, (alert, 0))
        number += any(change.old is not None for change in changes(before, alert))
        last[alert.format] = alert, number
        yield index, number
