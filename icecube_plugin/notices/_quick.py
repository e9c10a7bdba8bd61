"""What the readers of usual notices share: late import, and one expression for a whole notice.

In these expressions runs of one character are possessive (``[0-9]*+``), which saves a quarter of
the time. Groups must not be: Python before 3.11.5, such as Debian 12 has, matches
``(?:ab?c)*+`` with ``a`` (CPython's issue 106052).
"""

from __future__ import annotations

import re
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Final

from icecube_hooks import Message

__all__ = ["groups_of", "late"]

SIZE_LIMIT: Final = 1 << 14


@cache
def late(name: str) -> ModuleType:
    """Return a module of this package, imported with the first notice that needs it.

    Expressions take 2 to 50 ms to compile, msgspec 20 to import: no command that reads none of
    these notices should wait for them.
    """
    return import_module(f".{name}", __package__)


def groups_of(message: Message, form: re.Pattern[str]) -> tuple[str, ...] | None:
    """Return the groups of an ASCII notice that is of one form as a whole, or ``None``."""
    if len(message.value) > SIZE_LIMIT or not message.value.isascii():
        return None
    match = form.fullmatch(message.value.decode("ascii"))
    return None if match is None else match.groups()
