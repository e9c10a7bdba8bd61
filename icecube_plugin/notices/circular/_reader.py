"""What a circular is about; see the package."""

from __future__ import annotations

import re
from collections.abc import Callable

from icecube_hooks import Alert, AlertKind, Message, NoticeError, WireFormat
from icecube_plugin.notices._draft import Draft

from ._coincidence import read_coincidence
from ._envelope import CIRCULAR_LIMIT, Circular, open_circular
from ._event import read_neutrino, read_search_around
from ._lvk import SUPEREVENT, read_search
from ._names import icecube_names
from ._whose import is_amons, is_icecubes, opening_of

__all__ = ["read"]

_COINCIDENCE = re.compile(r"\bcoincidence\b", re.IGNORECASE)
_EVENT_SUBJECT = re.compile(r"\d{4,12}_\d{4,12}|\bretract", re.IGNORECASE)
_OF_AMON = re.compile(r"\bNuEm|\bANTARES\b|\bAMON\b", re.IGNORECASE)
_EVENT_WORDS = re.compile(
    r"IceCube (?:has )?(?:detected|observed|issued|reported)|IceCube[-_. ]\d{6}", re.IGNORECASE
)
_SEARCH_AROUND = re.compile(r"\bsearch(?:es)?\b|\bupper limits?\b", re.IGNORECASE)


def read(message: Message) -> Alert | None:
    """Read a circular; see `icecube_plugin.notices.circular.parse`."""
    circular = open_circular(message)
    choice = None if circular is None else _choose(circular)
    if circular is None or choice is None:
        return None
    if circular.length > CIRCULAR_LIMIT:
        raise NoticeError(f"the circular has more than {CIRCULAR_LIMIT} characters", field="body")
    kind, read_into = choice
    draft = Draft(kind=kind, format=WireFormat.CIRCULAR)
    circular.describe(draft)
    read_into(circular, draft)
    return draft.alert(message)


def _choose(circular: Circular) -> tuple[AlertKind, Callable[[Circular, Draft], None]] | None:
    """Tell what the circular is about; ``None`` if it is none of ours."""
    subject = circular.subject
    if is_amons(circular) and _COINCIDENCE.search(subject):
        return AlertKind.NU_EM, read_coincidence
    if not is_icecubes(circular):
        return None
    if SUPEREVENT.search(subject):
        return AlertKind.LVK_SEARCH, read_search
    if icecube_names(subject) or _EVENT_SUBJECT.search(subject):
        around = _SEARCH_AROUND.search(subject) is not None
        return AlertKind.TRACK, read_search_around if around else read_neutrino
    if _OF_AMON.search(subject):
        return AlertKind.NU_EM, read_search_around
    if _EVENT_WORDS.search(opening_of(circular)):
        return AlertKind.TRACK, read_neutrino
    return None
