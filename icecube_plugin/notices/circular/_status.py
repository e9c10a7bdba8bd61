"""Whether a circular takes an event back, changes it, or does neither.

A retraction is read only where it cannot be another event's: the subject retracts, or a sentence
does that names this event and no other. Everything less is a concern, for a person to read.
"""

from __future__ import annotations

import re
from typing import Final

from icecube_hooks import Status
from icecube_plugin.notices._draft import Draft

from ._envelope import Circular
from ._names import mentions
from ._whose import is_sent_by_icecube, is_vouched_for

__all__ = ["note_background", "read_status", "retracting_sentences"]

_RETRACTED = re.compile(
    r"\bretract(?:ion|ed|ing|s)?\b(?! of (?:the )?(?:GCN )?circular)"
    r"|\blikely (?:due to |caused by )?(?:a )?background|\bbackground event"
    r"|\bnot (?:of )?astrophysical",
    re.IGNORECASE,
)
_NOT_THE_EVENT: Final = (
    r"(?![^.;]{0,60}\b(?:circulars?|GCN \d|versions?|messages?|values?|coordinates|position)\b)"
)
_WITHDRAWN = re.compile(
    r"\b(?:should|please|can) (?:now )?(?:be )?(?:disregard|ignore)(?:ed|d)?\b"
    rf"{_NOT_THE_EVENT}"
    r"|\b(?:hereby|therefore|thus|we) (?:hereby |therefore |now |thus )?retract\b"
    r"|\b(?:is|has been|are) (?:hereby |therefore |now |thus )?retracted"
    r"|(?:event|alert|candidate|\d[A-Z]) (?:was|is) (?:\w{1,12} ){0,3}(?:clearly |likely )?not "
    r"(?:be )?(?:of )?(?:an )?astrophysical"
    r"|was found to (?:clearly |likely )?not (?:likely )?be of astrophysical"
    r"|now believe (?:[\w-]{1,30} ){0,5}likely (?:to )?(?:be )?due to",
    re.IGNORECASE,
)
_NEGATED = re.compile(r"\b(?:not|no|never|without|nor|un)\b[^.;:]{0,25}$", re.IGNORECASE)
_IN_PASSING = re.compile(
    r"(?:likely (?:due to|caused by|from|a)|consistent with) [^.]{0,40}\bbackground\b",
    re.IGNORECASE,
)
_UPDATE = re.compile(r"\b(?:updated?|correct(?:ed|ion)|erratum|revised)\b", re.IGNORECASE)
_REFINED = re.compile(
    r"\b(?:direction|position|localization|coordinates)\b.{0,160}?"
    r"\b(?:refined|updated|revised) to\b",
    re.IGNORECASE,
)


def read_status(circular: Circular, own: set[str], draft: Draft) -> Status | None:
    """Return what the circular does to the events `own`, by name and by number."""
    if _is_retraction(circular, own, draft):
        if not is_vouched_for(circular):
            _doubt(circular.sender, "a retraction, but nothing says that IceCube sent it", draft)
            return None
        if circular.sender and not is_sent_by_icecube(circular):
            why = "the text says that the collaboration retracts, the sender does not"
            draft.doubt("sender", circular.sender[:200], "retraction", why)
        return Status.RETRACTION
    changed = _UPDATE.search(circular.subject) or _REFINED.search(circular.flat)
    return Status.UPDATE if changed or circular.is_corrected else None


def note_background(circular: Circular, draft: Draft) -> None:
    """Note where a circular that retracts nothing speaks of background."""
    passing = _IN_PASSING.search(circular.flat)
    if passing is not None and draft.status is not Status.RETRACTION:
        draft.doubt("status", passing[0], None, "speaks of background, and retracts nothing")


def retracting_sentences(circular: Circular) -> list[str]:
    """Return the sentences of the text that take an event back."""
    return [text for text in circular.sentences if _claims(_WITHDRAWN, text)]


def _claims(pattern: re.Pattern[str], text: str) -> bool:
    """Whether a text says so, rather than that it is not so."""
    match = pattern.search(text)
    return match is not None and _NEGATED.search(text, 0, match.start()) is None


def _is_retraction(circular: Circular, own: set[str], draft: Draft) -> bool:
    if _claims(_RETRACTED, circular.subject):
        named = mentions(circular.subject)
        if len(named) < 2 or named <= own:
            return True
        _doubt(circular.subject, "several events are named where one is retracted", draft)
    elif "retract" in circular.subject.lower():
        _doubt(circular.subject, "speaks of a retraction, and does not retract the event", draft)
    for sentence in retracting_sentences(circular):
        named = mentions(sentence)
        if named and named <= own:
            return True
        if named.isdisjoint(own) and named:
            _doubt(sentence, "another event is retracted, not the one of this circular", draft)
        else:
            _doubt(sentence, "an event is retracted, and it is not said for sure which", draft)
    return False


def _doubt(text: str, why: str, draft: Draft) -> None:
    draft.doubt("status", text[:200], None, why)
