"""Circulars on searches around a gravitational-wave event.

The time of the gravitational wave is not written as such: it is the centre of the searched window,
where the circular says that the window is centred on it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final

from icecube_hooks import (
    CoincidentEvent,
    Direction,
    FluxSensitivity,
    GWReference,
    PValue,
    Status,
    Tense,
)
from icecube_plugin.notices._draft import Draft
from icecube_plugin.notices._values import iso_time, within
from icecube_plugin.notices.units import FRACTION, NUMBER, Quantity, quantity

from ._envelope import Circular, sentences
from ._searches import implied_in, named_in
from ._table import read_tables

__all__ = ["SUPEREVENT", "read_search"]

SUPEREVENT: Final = re.compile(r"\b(?P<id>(?:MS|GW|S|G|T)\d{6}(?:_\d{6}|[a-z]{1,6})?)(?![\w])")
"""Name of a superevent: ``S190425z``, ``MS181101ab``, ``GW170817``."""

_RETRACTION = re.compile(r"\bretract", re.IGNORECASE)
"""In the subject only: the text may speak of a retracted gravitational wave."""
_UPDATE = re.compile(r"\bupdate|\bcorrect", re.IGNORECASE)
_SEQUENCE = re.compile(
    r"(?<![\w.])(?P<id>(?:MS|S)\d{6}[a-z]{1,6}-)?(?P<number>\d{1,3})-"
    r"(?P<type>Early[- ]?Warning|Preliminary|Initial|Update|Retraction)\b",
    re.IGNORECASE,
)
_MOMENT = r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d{1,9})?"
_WINDOW = re.compile(
    rf"(?P<start>{_MOMENT})Z? ?(?:UTC?|GMT)? ?(?:to|-|until|and|through) (?P<stop>{_MOMENT})"
)
_CENTRED = re.compile(r"cent(?:er|re)e?d (?:on|around|at)\b", re.IGNORECASE)

_DAYS_AROUND = re.compile(
    r"(?:-|\b)(?P<before>\d{1,3}(?:\.\d{1,6})?) days?(?: before)?(?:,| to)? ?\+?"
    r"(?P<after>\d{1,3}(?:\.\d{1,6})?) days? (?:from|after|around) ",
    re.IGNORECASE,
)

_P_VALUE = re.compile(
    r"\b(?:p-? ?values?\b|p(?= ?[=<]))(?: ?\([^()]{0,40}\))?"
    r"(?: (?:for|from|of|in) the (?:[\w-]{1,20} ){1,4}(?:search|test|analysis|method|approach))?"
    r" ?(?:of|=|:|is|was|are|were)?(?: (?:found|estimated|calculated) to be)? ?(?:an? )?",
    re.IGNORECASE,
)
_FURTHER_P = re.compile(r"(?:and|,) (?:an? )?(?:overall )?(?:of )?", re.IGNORECASE)
_FOR_THE = re.compile(r" ?(?:\([^()]{0,40}\) ?)?(?:for|from|in|using) the ", re.IGNORECASE)
_AFTER_TRIALS = re.compile(r"(?:post-? ?trials?|trials?[- ]corrected|global) ?$", re.IGNORECASE)
_CONJUNCTION = re.compile(r"\bp-? ?values?\b|\b(?:and|while|whereas|but)\b|[,;]")
_DISAGREE: Final = 5.0
"""Ratio of the overall p-value to the smallest of the table that is no rounding: in published
circulars it is 0.4 to 1.3."""
_ELSEWHERE = re.compile(
    r"from the (?:direction|position|location) of (?!(?:the )?(?:GW|gravitational|L[IV]|S\d))",
    re.IGNORECASE,
)

_NUMERAL: Final = r"no|one|two|three|four|five|six|seven|eight|nine|ten|\d{1,3}"
_COUNT = re.compile(
    rf"\b(?P<count>{_NUMERAL})(?: significant)? "
    r"(?:track-like|coincident(?! (?:HESE|supernova))|counterpart|neutrino|candidate)"
    r"[a-z ()-]{0,40}? (?:is|are|was|were|has been|have been) "
    r"(?:found|detected|observed|identified)"
    rf"|\bfound (?P<found>{_NUMERAL}|an?) coincident (?:online )?track-like neutrino candidates?",
    re.IGNORECASE,
)
_LIMIT: Final = 20
"""Largest number of p-values, and of windows, that are read from the prose."""
_WORDS: Final = re.findall(r"\w+", "no one two three four five six seven eight nine ten")
_MOST_PROBABLE = re.compile(
    r"most[- ]probable[^.]{0,80}?direction[^.]{0,120}?\bRA\b[^.\d]{0,20}"
    r"(?P<ra>\d{1,3}(?:\.\d{1,6})?)(?! ?(?:h|:|rad))"
    r"[^.\d]{0,20}?\bDec\w{0,10}\b[^.\d]{0,20}?(?P<dec>[-+]? ?\d{1,2}(?:\.\d{1,6})?)"
    r"(?!\d| ?(?::|rad))",
    re.IGNORECASE,
)
_SENSITIVITY = re.compile(
    rf"(?:IceCube's )?\bsensitivity\b(?P<between>[^.]{{0,400}}?)ranges? from (?P<low>{NUMBER}) "
    rf"to (?P<high>{NUMBER}) GeV ?cm ?\^?-2",
    re.IGNORECASE,
)


def read_search(circular: Circular, draft: Draft) -> None:
    """Read the result of a search around a gravitational-wave event."""
    draft.status = _status(circular)
    _read_reference(circular, draft)
    _read_window(circular.flat, draft)
    if _ELSEWHERE.search(f"{circular.subject} {circular.flat}"):
        why = (
            "the search is not in the sky map of the gravitational wave; its results are not taken"
        )
        draft.doubt("search", circular.subject, None, why)
        return
    prose = read_tables(circular, draft)
    draft.put("p_values", _overall(prose, draft))
    _read_count(circular.flat, draft)
    _read_direction(circular.flat, draft)
    _read_sensitivity(circular.flat, draft)


def _status(circular: Circular) -> Status | None:
    if _RETRACTION.search(circular.subject):
        return Status.RETRACTION
    changed = _UPDATE.search(circular.subject) or circular.is_corrected
    return Status.UPDATE if changed else None


def _read_reference(circular: Circular, draft: Draft) -> None:
    """Name the superevent, and the notice of it that was searched."""
    names = {match["id"] for match in SUPEREVENT.finditer(circular.subject)}
    names = names or {match["id"] for match in SUPEREVENT.finditer(circular.flat)}
    if len(names) != 1:
        found = ", ".join(sorted(names))
        draft.doubt("superevent", found[:200], None, "expected one gravitational-wave event")
        draft.tense = Tense.OBSERVATION
        return
    name = names.pop()
    number, kind = _sequence(circular.flat, name, draft)
    reference = None if number is None else f"{name}-{number}-{kind}"
    gw = GWReference(
        superevent_id=name, notice_number=number, notice_type=kind, reference=reference
    )
    draft.put("gw", gw)
    draft.tense = Tense.TEST if gw.is_mock else Tense.OBSERVATION


def _sequence(flat: str, name: str, draft: Draft) -> tuple[int | None, str | None]:
    found = dict.fromkeys(
        (int(match["number"]), match["type"].replace(" ", "").replace("-", "").capitalize())
        for match in _SEQUENCE.finditer(flat)
        if match["id"] in (None, f"{name}-")
    )
    if len(found) > 1:
        text = ", ".join(f"{number}-{kind}" for number, kind in found)
        draft.doubt("notice", text[:200], None, "several notices of the event are named")
    return next(iter(found)) if len(found) == 1 else (None, None)


def _read_window(flat: str, draft: Draft) -> None:
    """Set the searched window, and the time of the wave where it is the centre of one."""
    windows = _windows(flat, draft)
    if not windows:
        if draft.status is None:
            draft.doubt("time window", "", None, "no searched time window could be read")
        return
    start, stop, _ = windows[0]
    draft.put("observation_start", start)
    draft.put("observation_stop", stop)
    if len(windows) > 1:
        first, second = (f"{a:%Y-%m-%dT%H:%M:%S}/{b:%Y-%m-%dT%H:%M:%S}" for a, b, _ in windows[:2])
        draft.doubt("time window", second, first, "another window was searched too")
    centres = {a + (b - a) / 2 for a, b, centred in windows if centred}
    centres = centres or _offset_centres(flat, start, stop)
    if len(centres) == 1:
        draft.put("trigger_time", centres.pop())
    else:
        draft.doubt("time", "", None, "no one window is centred on the time of the event")


def _windows(flat: str, draft: Draft) -> list[tuple[datetime, datetime, bool]]:
    """Return start, stop and whether the window is centred on the time of the event."""
    found = []
    for match in islice(_WINDOW.finditer(flat), _LIMIT):
        start = draft.attempt(_moment, match["start"])
        stop = draft.attempt(_moment, match["stop"])
        if start is not None and stop is not None and _in_order(start, stop, draft):
            found.append((start, stop, _is_centred(flat, match.start())))
    return list(dict.fromkeys(found))


def _offset_centres(flat: str, start: datetime, stop: datetime) -> set[datetime]:
    """Return the time from which a window extends by stated days, if both ends agree."""
    match = _DAYS_AROUND.search(flat)
    if match is None:
        return set()
    early = start + timedelta(days=float(match["before"]))
    late = stop - timedelta(days=float(match["after"]))
    return {early} if abs((early - late).total_seconds()) < 2.0 else set()


def _moment(text: str) -> datetime:
    return iso_time(text.replace(" ", "T"), "time window").astimezone(UTC)


def _is_centred(flat: str, at: int) -> bool:
    """Whether the words before a window, as far as the window before it, centre it."""
    before = flat[max(0, at - 90) : at].rsplit("UTC", 1)[-1]
    return _CENTRED.search(before) is not None


def _in_order(start: datetime, stop: datetime, draft: Draft) -> bool:
    if start < stop:
        return True
    draft.doubt("time window", f"{start} to {stop}", None, "ends before it begins")
    return False


def _overall(prose: Sequence[str], draft: Draft) -> tuple[PValue, ...] | None:
    """Read the p-values of the prose, each with the search that the words around it name."""
    found: dict[str, float] = {}
    for p_value, search in islice(_stated(prose, draft), _LIMIT):
        _put_p_value(p_value, search, found, draft)
    p_values = tuple(
        PValue(search=search, value=value)
        for search, value in found.items()
        if _agrees_with_table(search, value, draft)
    )
    return p_values or None


def _stated(prose: Sequence[str], draft: Draft) -> Iterator[tuple[Quantity, str | None]]:
    """Return each p-value with the search that is named behind it, or nearest before it."""
    whole = " ".join(prose)
    earlier = [whole]
    for paragraph in _paragraphs(prose):
        before = ""
        for sentence in sentences(paragraph):
            for label, start, p_value in _p_values(sentence, draft):
                texts = (label, _up_to_conjunction(sentence[p_value.end :]))
                earlier_texts = (sentence[:start], before, *earlier[:0:-1], whole)
                search = _search_of((*texts, *earlier_texts), draft)
                yield p_value, None if "respectively" in sentence else search
            before += f" {sentence}"
        earlier.append(paragraph)


def _paragraphs(lines: Sequence[str]) -> list[str]:
    texts = "\n".join(lines).split("\n\n")
    return [" ".join(text.split()) for text in texts]


def _p_values(sentence: str, draft: Draft) -> Iterator[tuple[str, int, Quantity]]:
    """Return label, place and value of the p-values of a sentence, also of those after an "and"."""
    end = len(sentence)
    for match in _P_VALUE.finditer(sentence):
        p_value = quantity(sentence, match.end())
        if p_value is None:
            continue
        end = min(end, p_value.end)
        if _AFTER_TRIALS.search(sentence, 0, match.start()):
            draft.doubt("p-value", p_value.text, None, "corrected for trials: another quantity")
        else:
            yield match[0], match.start(), p_value
    for match in _FURTHER_P.finditer(sentence, end):
        p_value = quantity(sentence, match.end())
        if p_value is not None and _FOR_THE.match(sentence, p_value.end):
            yield "", match.start(), p_value


def _up_to_conjunction(text: str) -> str:
    """Return what still belongs to a number: behind the next "and" another one is spoken of."""
    return _CONJUNCTION.split(text.lstrip(" ,"), maxsplit=1)[0]


def _search_of(texts: Sequence[str], draft: Draft) -> str | None:
    """Return the one search that is named in the first of these texts that names any.

    They are the label, what follows the number, and the texts before it, the nearest first; the
    last is the whole prose: what is named there at all, or implied.
    """
    for text in texts:
        named = named_in(text)
        if named:
            return named[0] if len(named) == 1 else None
    return implied_in(texts[-1], draft)


def _put_p_value(
    stated: Quantity, search: str | None, found: dict[str, float], draft: Draft
) -> None:
    value = stated.value(FRACTION)
    if value is None:
        draft.doubt("p-value", stated.text, None, stated.why_not(FRACTION))
        return
    p_value = draft.attempt(within, value, 0.0, 1.0, "p-value")
    if p_value is None:
        return
    if search is None:
        draft.doubt("p-value", stated.text, None, "the circular does not say of which search")
    elif found.setdefault(search, p_value) != p_value:
        why = f"another {search} p-value is stated too"
        draft.doubt("p-value", stated.text, found[search], why)


def _agrees_with_table(search: str, value: float, draft: Draft) -> bool:
    """Whether a p-value of the prose is of the size of those in the circular's own table."""
    events: tuple[CoincidentEvent, ...] = draft.values.get("coincident_events", ())
    listed = [p for event in events if (p := event.p_value(search)) is not None]
    if not listed or min(listed) / _DISAGREE <= value <= min(listed) * _DISAGREE:
        return True
    why = f"the circular's own table has {min(listed):g}: one of them lacks its unit?"
    draft.doubt("p-value", value, None, why)
    return False


def _read_count(flat: str, draft: Draft) -> None:
    """Set the number of coincident events that is stated."""
    events = draft.values.get("coincident_events")
    words = (match["count"] or match["found"] for match in _COUNT.finditer(flat))
    stated = {_count(word.lower()) for word in words}
    if len(stated) == 1:
        draft.put("n_coincident", stated.pop())
    elif stated:
        draft.doubt("number of events", sorted(stated), None, "several numbers are stated")
    count = draft.values.get("n_coincident")
    if events is not None and count is not None and count != len(events):
        draft.doubt("number of events", count, count, f"the table lists {len(events)}")


def _count(word: str) -> int:
    if word.isdigit():
        return int(word)
    return 1 if word in {"a", "an"} else _WORDS.index(word)


def _read_direction(flat: str, draft: Draft) -> None:
    match = _MOST_PROBABLE.search(flat)
    if match is None:
        return
    ra = draft.attempt(within, float(match["ra"]), 0.0, 360.0, "most probable direction")
    dec = float(match["dec"].replace(" ", ""))
    dec_deg = draft.attempt(within, dec, -90.0, 90.0, "most probable direction")
    if ra is not None and dec_deg is not None:
        draft.put("most_probable_direction", Direction(ra_deg=ra % 360.0, dec_deg=dec_deg))


def _read_sensitivity(flat: str, draft: Draft) -> None:
    """Keep the sentence; set the range if there is one, and an E^-2 spectrum is stated."""
    found = list(_SENSITIVITY.finditer(flat))
    comments = draft.values.get("comments", ())
    draft.put("comments", (*comments, *(match[0] for match in found)))
    if len(found) == 1 and "E^-2" in found[0]["between"]:
        low, high = float(found[0]["low"]), float(found[0]["high"])
        if 0.0 < low <= high:
            flux = FluxSensitivity(low_gev_cm2=low, high_gev_cm2=high)
            draft.put("flux_sensitivity", flux)
