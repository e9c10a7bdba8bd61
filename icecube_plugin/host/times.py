"""Times as people say them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from icecube_hooks import ConfigError

__all__ = ["moment"]

_AGO: Final = re.compile(r"(\d{1,6})([smhdw])", re.ASCII)
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


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
    match = _AGO.fullmatch(text.strip())
    try:
        if match is not None:
            span = timedelta(seconds=int(match[1]) * _SECONDS[match[2]])
            return (now or datetime.now(UTC)) - span
        time = datetime.fromisoformat(text.strip())
    except (ValueError, OverflowError):
        raise ConfigError(
            f"{text!r:.60} is no time", hint="such as 2026-05-02T04:00:00Z, 2026-05-02, 36h or 30d"
        ) from None
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
