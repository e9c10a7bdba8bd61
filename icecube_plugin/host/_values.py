"""Values of a configuration file, each checked, each error with its key.

A check is a function of a value and its key that returns the value to use.

Raises
------
ConfigError
    By every function here, for what is not of the wanted form.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from icecube_hooks import ConfigError
from icecube_hooks.host import nearest

__all__ = [
    "Table",
    "amount",
    "any_value",
    "count",
    "count_or_none",
    "flag",
    "megabytes",
    "seconds",
    "span",
    "table",
    "tables",
    "text",
    "texts",
]

_SPAN: Final = re.compile(r"([1-9]\d{0,8})([smhdw])", re.ASCII)
_UNIT_S: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}

Check = Callable[[Any, str], Any]


class Table:
    """A table of the file; `done` refuses what nobody asked for."""

    def __init__(self, data: Mapping[str, Any], path: str) -> None:
        self.data = data
        self.path = path
        self.known: list[str] = []

    def get(self, name: str, check: Check, default: Any = None) -> Any:
        """Return a checked value, or `default` if the file does not have it."""
        self.known.append(name)
        return check(self.data[name], self.key(name)) if name in self.data else default

    def given(self, **checks: Check) -> dict[str, Any]:
        """Return the checked values of those keys that the file has."""
        found = {name: self.get(name, check) for name, check in checks.items()}
        return {name: value for name, value in found.items() if name in self.data}

    def key(self, name: str) -> str:
        """Return the path of a key."""
        return f"{self.path}.{name}" if self.path else name or '""'

    def done(self) -> None:
        """Raise for the first unknown key."""
        for name in self.data:
            if name not in self.known:
                hint = nearest(name, self.known)
                raise ConfigError("unknown key", key=self.key(name), hint=hint)


def _wrong(key: str, expected: str, value: object) -> ConfigError:
    return ConfigError(f"expected {expected}, not {type(value).__name__}", key=key)


def text(value: Any, key: str) -> str:
    """Take a text that is not empty."""
    if isinstance(value, str) and value:
        return value
    raise _wrong(key, "text", value) if value != "" else ConfigError("is empty", key=key)


def texts(value: Any, key: str) -> tuple[str, ...]:
    """Take a list of texts."""
    if not isinstance(value, list):
        raise _wrong(key, "a list of texts", value)
    return tuple(text(item, f"{key}[{number}]") for number, item in enumerate(value))


def flag(value: Any, key: str) -> bool:
    """Take true or false."""
    if isinstance(value, bool):
        return value
    raise _wrong(key, "true or false", value)


def count(value: Any, key: str) -> int:
    """Take a whole number from 1."""
    return _whole(value, key, 1)


def count_or_none(value: Any, key: str) -> int:
    """Take a whole number from 0."""
    return _whole(value, key, 0)


def _whole(value: Any, key: str, low: int) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and low <= value <= 100_000_000:
        return value
    reason = f"expected a whole number from {low} to 100000000, not {value!r:.40}"
    raise ConfigError(reason, key=key)


def seconds(value: Any, key: str) -> float:
    """Take seconds, up to a day."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 86_400:
        return float(value)
    raise ConfigError(f"expected seconds, more than 0, at most 86400, not {value!r:.40}", key=key)


def amount(value: Any, key: str) -> float:
    """Take a number above 0, up to 100,000."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 100_000:
        return float(value)
    raise ConfigError(f"expected more than 0, at most 100000, not {value!r:.40}", key=key)


def span(value: Any, key: str) -> float:
    """Take seconds, or a text such as ``36h`` or ``3d``; return seconds."""
    match = _SPAN.fullmatch(value) if isinstance(value, str) else None
    if match is not None:
        return float(match[1]) * _UNIT_S[match[2]]
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e10:
        return float(value)
    raise ConfigError(f"expected a span such as '36h' or '3d', not {value!r:.40}", key=key)


def any_value(value: Any, key: str) -> Any:
    """Take whatever it is."""
    return value


def megabytes(value: Any, key: str) -> float:
    """Take megabytes, up to 1024."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 1024:
        return float(value)
    raise ConfigError(f"expected MB, more than 0, at most 1024, not {value!r:.40}", key=key)


def table(value: Any, key: str) -> Mapping[str, Any]:
    """Take a table."""
    if isinstance(value, dict):
        return value
    raise _wrong(key, "a table", value)


def tables(value: Any, key: str) -> Mapping[str, Mapping[str, Any]]:
    """Take a table of tables."""
    return {name: table(item, f"{key}.{name}") for name, item in table(value, key).items()}
