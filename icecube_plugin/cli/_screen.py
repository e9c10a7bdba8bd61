"""Text for people: with rich on a terminal, plain where it is piped or rich is missing.

All text has been cleaned of control characters before it comes here; rich gets it as text, never as
markup.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, Final, Protocol

from ._common import folded, table

__all__ = ["Screen", "screen"]

STYLES: Final = {
    "title": "bold",
    "head": "bold dim",
    "alarm": "bold red",
    "aside": "dim",
    "gold": "dark_goldenrod",
    "bronze": "dark_orange3",
    "cascade": "cyan",
    "lvk-search": "magenta",
    "lvk-gw": "dark_magenta",
}
"""What rich does for a tone; a tone without a style is plain."""


class Screen(Protocol):
    """Where lines and tables go."""

    def line(self, text: str, tone: str = "") -> None:
        """Show a line, which may be long."""

    def table(self, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Show rows under a header."""


class Plain:
    """Lines on standard output."""

    def line(self, text: str, tone: str = "") -> None:
        """Print; the tone is in the words already."""
        del tone
        print(_encodable(folded(text)), flush=True)

    def table(self, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print aligned columns."""
        print(_encodable(table(rows, [text.upper() for text in header])))


class Rich:
    """A terminal with rich."""

    def __init__(self) -> None:
        from rich.console import Console

        self.console: Any = Console(highlight=False)

    def line(self, text: str, tone: str = "") -> None:
        """Print in the style of the tone."""
        self.console.print(folded(text), style=STYLES.get(tone), markup=False, soft_wrap=True)

    def table(self, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print aligned columns, or blocks where they do not fit."""
        text = table(rows, [text.upper() for text in header])
        self.console.print(text, markup=False, soft_wrap=True)


def screen() -> Screen:
    """Return rich's screen if a person watches and it is installed, else a plain one."""
    if not sys.stdout.isatty():
        return Plain()
    try:
        return Rich()
    except ImportError:
        return Plain()


def _encodable(text: str) -> str:
    """Return `text` with escapes for what the output's encoding cannot say."""
    encoding = sys.stdout.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)
