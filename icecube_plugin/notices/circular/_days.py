"""Days and times as people write them.

Every pattern is bounded: the time to search a text grows with its length, not faster.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime
from typing import Final

from icecube_hooks import NoticeError
from icecube_plugin.notices._values import iso_time

__all__ = [
    "CLOCK",
    "DAY",
    "at_clock",
    "name_day",
    "nearest",
    "possible_days",
]

_MONTHS: Final = re.findall("...", "janfebmaraprmayjunjulaugsepoctnovdec")
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}\.?"
_TH = r"(?:st|nd|rd|th)?"

DAY: Final = (
    r"(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/]\d{1,2}[-/](?:\d{4}|\d{2})"
    rf"|\d{{1,2}}{_TH},? (?:of )?{_MONTH},? (?:\d{{4}}|\d{{2}})"
    rf"|{_MONTH} \d{{1,2}}{_TH},? \d{{4}}"
    rf"|\d{{4}},? {_MONTH} \d{{1,2}}{_TH}"
    r"|\d\d,? \d\d,? \d{4})(?!\d)"
)
"""A day, with a month in letters or all in digits; blanks are single."""

CLOCK: Final = r"\d{1,2}:\d{2}:\d{2}(?:\.\d{1,12})?(?![\d:])"
"""A time of day."""


def possible_days(text: str) -> tuple[date, ...]:
    """Return the days that `text` can mean: two for 01-11-2021, none for 21/13/01.

    Examples
    --------
    >>> possible_days("September 8, 2018")
    (datetime.date(2018, 9, 8),)
    >>> [f"{day:%d %B}" for day in possible_days("12/08/2021")]
    ['12 August', '08 December']
    """
    month = re.search(r"[A-Za-z]{3}", re.sub(r"(?<=\d)(?:st|nd|rd|th)\b|\bof\b", "", text))
    numbers = re.findall(r"\d+", text)
    if month is not None:
        return _from_word(month[0].lower(), numbers)
    first, second, third = numbers
    if len(first) == 4:
        return _days([(first, second, third)])
    if len(third) == 4:
        return _days([(third, second, first), (third, first, second)])
    return _days([("20" + first, second, third)])


def _from_word(month: str, numbers: list[str]) -> tuple[date, ...]:
    year, day = numbers if len(numbers[0]) == 4 else reversed(numbers)
    year = year if len(year) == 4 else "20" + year
    return _days([(year, str(_MONTHS.index(month) + 1), day)])


def _days(candidates: Iterable[tuple[str, str, str]]) -> tuple[date, ...]:
    found = []
    for year, month, day in candidates:
        try:
            found.append(date(int(year), int(month), int(day)))
        except ValueError:
            continue
    return tuple(dict.fromkeys(day for day in found if 1999 <= day.year < 2100))


def name_day(digits: str) -> date | None:
    """Return the day in a name, ``230416``."""
    days = _days([("20" + digits[:2], digits[2:4], digits[4:])])
    return days[0] if days else None


def nearest(days: Iterable[date], anchor: date | None) -> date | None:
    """Choose among the readings of a day; ``None`` where the choice is open."""
    found = tuple(days)
    if anchor is not None and len(found) > 1:
        found = tuple(day for day in found if abs((day - anchor).days) < 4)
    return found[0] if len(found) == 1 else None


def at_clock(day: date, clock: str) -> datetime | None:
    """Join a day and a time of day [UTC]; ``None`` if there is no such time.

    A leap second, 23:59:60, is the first second of the next day.

    Examples
    --------
    >>> f"{at_clock(date(2016, 12, 31), '23:59:60.5'):%Y-%m-%d %H:%M:%S.%f}"
    '2017-01-01 00:00:00.500000'
    """
    hour, rest = clock.split(":", 1)
    try:
        return iso_time(f"{day.isoformat()}T{hour:0>2}:{rest}", "time")
    except NoticeError:
        return None
