"""The named texts of a notice, with typed getters that remember what was read."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, Protocol

from ._draft import Draft
from ._values import integer
from .units import ENERGY, factor_of

__all__ = ["Attributes", "Fields", "ratio"]

_NO_UNIT: Final = frozenset({"", "dn", "tbd", "nounits"})
"""What stands beside a number that has no unit; ``tbd`` is GCN's, of 2016 to 2019."""


LEAST_ENERGY_TEV: Final = 10.0
"""Below the least energy of any alert (11 TeV, a cascade)."""


class Attributes(Protocol):
    """What is said about a text beside it, such as the attributes of an XML element."""

    def get(self, name: str, /) -> str | None:
        """Return ``unit``, or the ``name`` as the notice spells it."""


class Fields:
    """Fields of a text notice, or parameters of a VOEvent.

    Parameters
    ----------
    texts : dict
        By name, in one case for all: upper for text, lower for VOEvent. What is read leaves it.
    draft : Draft
        Where doubts go.
    attributes : mapping, optional
        What is said about the texts, by the same names.
    """

    __slots__ = ("attributes", "draft", "left")

    def __init__(
        self,
        texts: dict[str, str],
        draft: Draft,
        attributes: Mapping[str, Attributes] | None = None,
    ) -> None:
        self.left = texts
        self.draft = draft
        self.attributes = attributes or {}

    def text(self, *names: str) -> str | None:
        """Return the first of these fields that is stated, for the first time it is asked for."""
        for name in names:
            if name in self.left:
                return self.left.pop(name).strip()
        return None

    def integer(self, *names: str) -> int | None:
        """Return a whole number, such as ``0`` or ``0.0``; raises for anything else."""
        for name in names:
            if name in self.left:
                words = self.left.pop(name).split(None, 1) or [""]
                return integer(words[0].removesuffix(".0"), self.spelt(name))
        return None

    def number(self, *names: str, unit: str = "", kind: str = "", wrong: str = "") -> float | None:
        """Return a number in `unit`; what is none, or is in something else, is a concern.

        Parameters
        ----------
        *names : str
            The first that is stated counts.
        unit : str
            What the number is in if the notice does not say.
        kind : str, optional
            Of `units`: in this kind any known unit is converted.
        wrong : str, optional
            A unit that real notices state in error: the number is taken, with a concern.
        """
        for name in names:
            if name in self.left:
                return self._number(name, unit, kind, wrong)
        return None

    def energy_tev(self, name: str) -> float | None:
        """Return an energy [TeV].

        In June 2019 GCN wrote GeV beside energies in TeV: where that gives less than any alert
        has, TeV is taken, with a concern.
        """
        text = self.left.get(name, "")
        unit = _split(text)[1] or self.unit(name)
        energy = self.number(name, unit="TeV", kind=ENERGY)
        if energy is None or unit != "GeV" or not 0.0 < energy < LEAST_ENERGY_TEV:
            return energy
        why = f"no alert has less than {LEAST_ENERGY_TEV:g} TeV; GCN has written GeV beside TeV"
        self.draft.doubt(self.spelt(name), "GeV", "TeV", why)
        return float(f"{energy * 1e3:.15g}")

    def _number(self, name: str, unit: str, kind: str, wrong: str) -> float | None:
        word, found = _split(self.left.pop(name))
        found = found or self.unit(name)
        value = self.draft.number(word, self.spelt(name))
        if value is None or not found or found == unit or (not unit and found in _NO_UNIT):
            return value
        if found == wrong:
            why = f"GCN has stated this unit in error: taken as {unit or 'a number without one'}"
            self.draft.doubt(self.spelt(name), found, value, why)
            return value
        factor = ratio(found, unit, kind)
        if factor is None:
            why = (
                f"the unit is not one of {kind}" if kind else f"expected it in {unit or 'no unit'}"
            )
            self.draft.doubt(self.spelt(name), f"{word} {found}", None, why)
            return None
        return float(f"{value * factor:.15g}")

    def flag(self, name: str) -> bool:
        """Return whether a flag of 0 or 1, false or true is set; anything else is a concern."""
        text = (self.text(name) or "0").lower()
        if text not in ("0", "false", "1", "true"):
            self.draft.doubt(self.spelt(name), text, None, "expected 0 or 1")
        return text in ("1", "true")

    def unit(self, name: str) -> str:
        """Return the unit that is stated beside a text; empty if none is."""
        attributes = self.attributes.get(name)
        return "" if attributes is None else (attributes.get("unit") or "").strip()

    def spelt(self, name: str) -> str:
        """Return a name as the notice spells it."""
        attributes = self.attributes.get(name)
        return name if attributes is None else attributes.get("name") or name

    def unread(self) -> dict[str, Any]:
        """Return the fields that nobody asked for."""
        return {self.spelt(name): text for name, text in self.left.items()}


def _split(text: str) -> tuple[str, str]:
    """Return the number of ``1.21 [yr^-1]`` or ``1.21 per year``, and its unit."""
    number, bracket, rest = text.partition("[")
    if bracket:
        return number.strip(), rest.partition("]")[0].strip()
    words = text.split(None, 1)
    return (words[0], words[1]) if len(words) == 2 else (text.strip(), "")


@lru_cache(256)
def ratio(found: str, unit: str, kind: str) -> float | None:
    """Return what turns a value from one unit into another of the same kind."""
    factor, own = factor_of(found[:100], kind), factor_of(unit, kind)
    return None if not kind or factor is None or own is None else factor / own
