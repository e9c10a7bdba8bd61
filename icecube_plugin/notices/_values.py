"""Strict conversion of single values; each refuses what it does not understand.

All raise `NoticeError` with the field and the value. Numbers are finite floats: no bool, no NaN,
no infinity, no underscore, no integer of 400 digits.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from icecube_hooks import NoticeError

__all__ = [
    "EARLIEST",
    "LATEST",
    "decimal",
    "integer",
    "iso_time",
    "json_number",
    "plausible",
    "tjd_time",
    "within",
]

EARLIEST: Final = datetime(1999, 1, 1, tzinfo=UTC)
"""Before IceCube and AMON; AMON's test packets use 2000-01-01."""
LATEST: Final = datetime(2100, 1, 1, tzinfo=UTC)
TJD_0: Final = datetime(1968, 5, 24, tzinfo=UTC)
"""Day 0 of the truncated Julian date, MJD 40000."""

_DECIMAL = re.compile(r"[+-]?(?:\d{1,40}\.?\d{0,40}|\.\d{1,40})(?:[eE][+-]?\d{1,3})?", re.ASCII)
_INTEGER = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,12})?(?:Z|[+-]\d\d:?\d\d)?", re.ASCII)


def decimal(text: str, field: str) -> float:
    """Read a decimal number from text."""
    if _DECIMAL.fullmatch(text) is None:
        raise NoticeError("expected a number", field=field, value=text)
    value = float(text)
    return value if value - value == 0.0 else _finite(value, field, text)


def integer(text: str, field: str) -> int:
    """Read an integer from text."""
    if _INTEGER.fullmatch(text) is None:
        raise NoticeError("expected an integer", field=field, value=text)
    return int(text)


def json_number(value: object, field: str) -> float:
    """Take a decoded JSON number."""
    if isinstance(value, float | int) and not isinstance(value, bool):
        try:
            return _finite(float(value), field, value)
        except OverflowError:
            raise NoticeError("the number is too large", field=field) from None
    raise NoticeError("expected a number", field=field, value=value)


def within(value: float, low: float, high: float, field: str) -> float:
    """Return `value` if it lies in [low, high]."""
    if low <= value <= high:
        return value
    raise NoticeError(f"expected a number from {low:g} to {high:g}", field=field, value=value)


def iso_time(text: object, field: str) -> datetime:
    """Read an ISO 8601 time; one without a zone is UTC, and a leap second is the next second."""
    stripped = text.strip() if isinstance(text, str) else ""
    if _ISO.fullmatch(stripped) is None:
        raise NoticeError("expected a time such as 2023-04-16T05:22:26Z", field=field, value=text)
    try:
        is_leap = stripped[16:19] == ":60"
        time = datetime.fromisoformat(f"{stripped[:17]}59{stripped[19:]}" if is_leap else stripped)
        if time.tzinfo is not UTC:
            time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
        if is_leap:
            time = _after_leap(time)
    except (ValueError, OverflowError) as error:  # the latter: in UTC it is before year 1
        raise NoticeError(f"no such time ({error})", field=field, value=text) from error
    return plausible(time, field, text)


def _after_leap(time: datetime) -> datetime:
    """Return the time of a leap second, given the second before it.

    ``23:59:60`` is the last second of a day in UTC. `datetime` does not have it, nor does Unix
    time: both give it the number of the second that follows.
    """
    if (time.hour, time.minute) != (23, 59):
        raise ValueError("a leap second is 23:59:60 UTC")
    return time + timedelta(seconds=1)


def tjd_time(tjd: int, microseconds: int, field: str) -> datetime:
    """Turn a truncated Julian date and microseconds of that day into a time."""
    if not 0 <= microseconds < 86_401_000_000:
        raise NoticeError("expected seconds of a day", field=field, value=microseconds / 1e6)
    if not 0 <= tjd < 99_999:
        raise NoticeError("expected a truncated Julian date", field=field, value=tjd)
    return plausible(TJD_0 + timedelta(days=tjd, microseconds=microseconds), field, tjd)


def _finite(value: float, field: str, found: object) -> float:
    if value - value == 0.0:
        return value
    raise NoticeError("expected a finite number", field=field, value=found)


def plausible(time: datetime, field: str, found: object) -> datetime:
    """Return `time` if a notice can speak of it."""
    if EARLIEST.year <= time.year < LATEST.year:  # whole years, in UTC: the quickest comparison
        return time
    raise NoticeError("expected a time between 1999 and 2100", field=field, value=found)
