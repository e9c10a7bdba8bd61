"""Times and spans as people say them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from icecube_hooks import ConfigError

__all__ = ["moment", "span_s"]

_SPAN: Final = re.compile(r"(\d{1,9})([smhdw])", re.ASCII)
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def span_s(text: str) -> int | None:
    """Read a span such as ``36h`` or ``30d`` [s]; ``None`` if it is none.

    Examples
    --------
    >>> span_s("36h"), span_s("3 days")
    (129600, None)
    """
    match = _SPAN.fullmatch(text.strip())
    return None if match is None else int(match[1]) * _SECONDS[match[2]]


def moment(text: str, now: datetime | None = None) -> datetime:
    """Read an ISO time, or a span such as ``30d`` or ``90m`` before now [UTC].

    Raises
    ------
    ConfigError
        If it is neither.

    Examples
    --------
    >>> moment("36h", datetime(2026, 5, 2, 12, tzinfo=UTC)).isoformat()
    '2026-05-01T00:00:00+00:00'
    """
    span = span_s(text)
    try:
        if span is not None:
            return (now or datetime.now(UTC)) - timedelta(seconds=span)
        time = datetime.fromisoformat(text.strip())
    except (ValueError, OverflowError):
        raise ConfigError(
            f"{text!r:.60} is not a time",
            hint="such as 2026-05-02T04:00:00Z, 2026-05-02, 36h or 30d",
        ) from None
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
