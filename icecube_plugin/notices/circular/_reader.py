"""What a circular is about, and whose it is; see the package."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from icecube_hooks import Alert, AlertKind, Message, NoticeError, WireFormat
from icecube_plugin.notices._draft import Draft

from ._coincidence import read_coincidence
from ._envelope import CIRCULAR_LIMIT, Circular, open_circular
from ._event import EVENT_WORDS, read_neutrino
from ._lvk import SUPEREVENT, read_search

__all__ = ["parse"]

_OPENING_LENGTH: Final = 1500
_REPORTS = re.compile(r"\breports?\b|\bon behalf of\b", re.IGNORECASE)
_ICECUBE = re.compile(
    r"^\W{0,10}(?:(?:t?he )?IceCube (?:Neutrino Observatory )?Collaboration"
    r"(?: ?[\[(<][^()\[\]]{0,100}[\])>])?,? reports?\b(?P<colon> ?[:.,-]|$)?"
    r"|.{0,600}?\bon behalf of (?:the )?IceCube Collaboration\b(?P<behalf>))",
    re.IGNORECASE,
)
_AMON = re.compile(r"\bAMON\b")
_COINCIDENCE = re.compile(r"\bcoincidence\b", re.IGNORECASE)
_OWN_SUBJECT = re.compile(
    r"^(?:Updated?|Correct\w{0,4}|Erratum|Retraction)\b[^-]{0,40}\bIceCube"
    r"|^IceCube[- ]\w{6,9}\W{1,4}(?:IceCube (?:observation|update)|neutrino candidate|EHE|HESE"
    r"|retraction|event likely|updated?\b|correct)",
    re.IGNORECASE,
)
_OWN_SENDER = re.compile(r"\bIceCube\b", re.IGNORECASE)
_OWN_WORDS = re.compile(r"roc@icecube|PSF containment", re.IGNORECASE)
_NEUTRINO_SUBJECT = re.compile(
    r"\bI(?:ce)?C(?:ube)?[- ]{0,3}(?:Cascade)?[- ]{0,3}\d{6}|\d{4,12}_\d{4,12}|retract",
    re.IGNORECASE,
)


def parse(message: Message) -> Alert | None:
    """Read a circular, see `icecube_plugin.notices.circular.parse`."""
    circular = open_circular(message)
    choice = None if circular is None else _choose(circular)
    if circular is None or choice is None:
        return None
    if len(circular.body) > CIRCULAR_LIMIT:
        raise NoticeError(f"the circular has more than {CIRCULAR_LIMIT} characters", field="body")
    kind, read = choice
    draft = Draft(kind=kind, format=WireFormat.CIRCULAR)
    circular.describe(draft)
    read(circular, draft)
    return draft.alert(message)


def _choose(circular: Circular) -> tuple[AlertKind, Callable[[Circular, Draft], None]] | None:
    """Tell what the circular is about; ``None`` if it is none of ours."""
    opening = " ".join(circular.body[:_OPENING_LENGTH].split())
    subject = circular.subject
    if _is_amons(opening) and _COINCIDENCE.search(subject):
        return AlertKind.NU_EM, read_coincidence
    if not _is_icecubes(circular):
        return None
    if SUPEREVENT.search(subject):
        return AlertKind.LVK_SEARCH, read_search
    if _NEUTRINO_SUBJECT.search(subject) or EVENT_WORDS.search(opening):
        return AlertKind.TRACK, read_neutrino
    return None


def _is_amons(opening: str) -> bool:
    """Whether AMON is among those who report."""
    verb = _REPORTS.search(opening)
    return verb is not None and _AMON.search(opening, 0, verb.start()) is not None


def _is_icecubes(circular: Circular) -> bool:
    """Whether the first who report are IceCube; without any such words, the rest has to tell."""
    opening = circular.body[:_OPENING_LENGTH]
    paragraphs = (" ".join(text.split()) for text in re.split(r"\n[ \t]*\n", opening))
    for paragraph in paragraphs:
        match = _ICECUBE.match(paragraph)
        if match is not None:
            sure = match["colon"] is not None or match["behalf"] is not None
            return sure or _OWN_WORDS.search(circular.body) is not None
        if _REPORTS.search(paragraph):
            return False
    own = _OWN_SUBJECT.search(circular.subject) or _OWN_SENDER.search(circular.sender)
    return own is not None and _OWN_WORDS.search(circular.body) is not None
