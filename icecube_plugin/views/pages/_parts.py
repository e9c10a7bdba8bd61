"""What a page is made of."""

from __future__ import annotations

from dataclasses import dataclass

from icecube_plugin.alerts.links import Link

__all__ = ["Cell", "Fact", "Section", "Table"]

Cell = str | Link


@dataclass(frozen=True, kw_only=True, slots=True)
class Fact:
    """A labelled value; `note` is small print."""

    label: str
    text: str
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """Rows under a header. The first cell of a row names it."""

    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]

    @property
    def text(self) -> list[list[str]]:
        """The rows without links."""
        return [[cell if isinstance(cell, str) else cell.text for cell in row] for row in self.rows]


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """A part of a page: facts, a table, links, notes; whatever of these there is."""

    anchor: str
    title: str
    facts: tuple[Fact, ...] = ()
    table: Table | None = None
    links: tuple[Link, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to show."""
        return not (self.facts or self.table or self.links or self.notes)
