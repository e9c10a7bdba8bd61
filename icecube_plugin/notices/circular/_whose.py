"""Who sends a circular: the IceCube Collaboration, AMON, or somebody else.

The first sentence says. Without any such words, subject, sender and phrases of IceCube have to
tell.
"""

from __future__ import annotations

import re
from typing import Final

from ._envelope import Circular

__all__ = ["is_amons", "is_icecubes", "is_sent_by_icecube", "is_vouched_for", "opening_of"]

_OPENING_LENGTH: Final = 1500
_REPORTS = re.compile(r"\breports?\b|\bon behalf of\b", re.IGNORECASE)
_ICECUBE = re.compile(
    r"^\W{0,10}(?:(?:t?he )?IceCube (?:Neutrino Observatory )?Collaboration"
    r"(?: ?[\[(<][^()\[\]]{0,100}[\])>])?,? reports?\b(?P<colon> ?[:.,-]|$)?"
    r"|.{0,600}?\bon behalf of (?:the )?IceCube Collaboration\b(?P<behalf>))",
    re.IGNORECASE,
)
_AMON = re.compile(r"\bAMON\b")
_OWN_SUBJECT = re.compile(
    r"^(?:Updated?|Correct\w{0,4}|Erratum|Retraction)\b[^-]{0,40}\bIceCube"
    r"|^IceCube[-_. ]\w{6,9}\W{1,4}(?:IceCube (?:observation|update)|neutrino candidate|EHE|HESE"
    r"|retraction|event likely|updated?\b|correct)",
    re.IGNORECASE,
)
_OWN_SENDER = re.compile(r"\bIceCube\b", re.IGNORECASE)
_OWN_WORDS = re.compile(r"roc@icecube|PSF containment", re.IGNORECASE)


def opening_of(circular: Circular) -> str:
    """Return the beginning of the text, on one line."""
    return " ".join(circular.body[:_OPENING_LENGTH].split())


def is_amons(circular: Circular) -> bool:
    """Whether AMON is among those who report."""
    verbs = ((text, _REPORTS.search(text)) for text in _first_paragraphs(circular))
    text, verb = next(((text, verb) for text, verb in verbs if verb is not None), ("", None))
    return verb is not None and _AMON.search(text, 0, verb.start()) is not None


def _first_paragraphs(circular: Circular) -> list[str]:
    paragraphs = re.split(r"\n[ \t]*\n", circular.body[:_OPENING_LENGTH])
    return [" ".join(text.split()) for text in paragraphs]


def is_icecubes(circular: Circular) -> bool:
    """Whether the first who report are IceCube; without any such words, the rest has to tell."""
    said = _says_icecube(circular)
    if said is not None:
        return said
    own = _OWN_SUBJECT.search(circular.subject) is not None or is_sent_by_icecube(circular)
    return own and _OWN_WORDS.search(circular.body) is not None


def is_sent_by_icecube(circular: Circular) -> bool:
    """Whether the sender's line names IceCube; many members write from their universities."""
    return _OWN_SENDER.search(circular.sender) is not None


def is_vouched_for(circular: Circular) -> bool:
    """Whether the text or the sender says whose it is, not only its subject and phrases."""
    return bool(_says_icecube(circular)) or is_amons(circular) or is_sent_by_icecube(circular)


def _says_icecube(circular: Circular) -> bool | None:
    """Whether the first who report are IceCube; ``None`` if nobody is said to."""
    for text in _first_paragraphs(circular):
        match = _ICECUBE.match(text)
        if match is not None:
            sure = match["colon"] is not None or match["behalf"] is not None
            return sure or _OWN_WORDS.search(circular.body) is not None
        if _REPORTS.search(text):
            return False
    return None
