"""The two searches around gravitational-wave events, as circulars name them."""

from __future__ import annotations

import re
from typing import Final

from icecube_plugin.notices._draft import Draft

__all__ = ["implied_in", "named_in"]

_SEARCHES: Final = (
    ("generic", re.compile(r"generic|maximum[- ]likelihood|point-like", re.IGNORECASE)),
    ("bayesian", re.compile(r"bayesian|LLAMA|binary merger", re.IGNORECASE)),
)
_BACKGROUND_ONLY = re.compile(r"background[- ]only hypothesis", re.IGNORECASE)
"""The only test of the circulars of spring 2019, which do not name their search."""


def named_in(text: str) -> list[str]:
    """Return ``generic``, ``bayesian`` or both, as far as a text names them."""
    return [search for search, pattern in _SEARCHES if pattern.search(text)]


def implied_in(text: str, draft: Draft) -> str | None:
    """Recognise the search of a circular that names none."""
    if named_in(text) or _BACKGROUND_ONLY.search(text) is None:
        return None
    draft.doubt("search", "background only hypothesis", "generic", "the search is not named")
    return "generic"
