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
    Direction,
    FluxSensitivity,
    GWReference,
    PValue,
    Status,
    Tense,
)
from icecube_plugin.notices._draft import Draft
from icecube_plugin.notices._values import iso_time, within

from ._envelope import Circular
from ._prose import NUMBER, sentences
from ._searches import implied_in, named_in
from ._table import read_table

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

_P_NUMBER = rf"(?P<value>{NUMBER})(?: ?[x*] ?10 ?\^ ?\{{?(?P<power>-?\d{{1,3}})\}}?)?"
_P_VALUE = re.compile(
    rf"p-? ?values?\b(?: ?\([^()]{{0,40}}\))? ?(?:of|=|:|is|was) {_P_NUMBER}", re.IGNORECASE
)
_FURTHER_P = re.compile(
    rf"(?:and|,) (?:an? )?(?:of )?{_P_NUMBER}"
    r"(?= ?(?:\([^()]{0,40}\) ?)?(?:for|from|in|using) the )",
    re.IGNORECASE,
)
_ELSEWHERE = re.compile(
    r"from the (?:direction|position|location) of (?!(?:the )?(?:GW|gravitational|L[IV]|S\d))",
    re.IGNORECASE,
)

_COUNT = re.compile(
    r"\b(?P<count>no|one|two|three|four|five|six|seven|eight|nine|ten|\d{1,3})(?: significant)? "
    r"(?:track-like|coincident|counterpart|neutrino|candidate)[a-z -]{0,40}? "
    r"(?:is|are|was|were|has been|have been) (?:found|detected|observed|identified)",
    re.IGNORECASE,
)
_LIMIT: Final = 20
"""Largest number of p-values, and of windows, that are read from the prose."""
_WORDS: Final[tuple[str, ...]] = (
    *("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
)
_MOST_PROBABLE = re.compile(
    r"most[- ]probable[^.]{0,80}?direction[^.]{0,120}?\bRA\b[^.\d]{0,20}"
    r"(?P<ra>\d{1,3}(?:\.\d{1,6})?)"
    r"[^.\d]{0,20}?\bDec\w{0,10}\b[^.\d]{0,20}?(?P<dec>[-+]? ?\d{1,2}(?:\.\d{1,6})?)(?!\d)",
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
    table = read_table(circular, draft)
    draft.put("p_values", _overall(circular, table, draft))
    _read_count(circular.flat, draft)
    _read_direction(circular.flat, draft)
    _read_sensitivity(circular.flat, draft)


def _status(circular: Circular) -> Status | None:
    if _RETRACTION.search(circular.subject):
        return Status.RETRACTION
    return Status.UPDATE if _UPDATE.search(circular.subject) else None


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


def _overall(
    circular: Circular, table: tuple[int, int] | None, draft: Draft
) -> tuple[PValue, ...] | None:
    """Read the p-values of the prose, each with the search that the words around it name."""
    lines = circular.lines
    prose = lines if table is None else [*lines[: table[0]], "", *lines[table[1] :]]
    whole = " ".join(prose)
    found: dict[str, float] = {}
    for match, sentence, before in islice(_stated(prose, whole), _LIMIT):
        _put_p_value(match, _search_of(match, sentence, before, draft), found, draft)
    p_values = tuple(PValue(search=search, value=value) for search, value in found.items())
    return p_values or None


def _stated(
    prose: Sequence[str], whole: str
) -> Iterator[tuple[re.Match[str], str, tuple[str, ...]]]:
    """Return each p-value with its sentence and the texts before it, the nearest first."""
    earlier = [whole]
    for paragraph in _paragraphs(prose):
        before = ""
        for sentence in sentences(paragraph):
            for match in _p_values(sentence):
                yield match, sentence, (before, *earlier[:0:-1], whole)
            before += f" {sentence}"
        earlier.append(paragraph)


def _paragraphs(lines: Sequence[str]) -> list[str]:
    texts = "\n".join(lines).split("\n\n")
    return [" ".join(text.split()) for text in texts]


def _p_values(sentence: str) -> list[re.Match[str]]:
    """Return the p-values of a sentence, with those that follow an ``and``."""
    first = list(_P_VALUE.finditer(sentence))
    if not first:
        return []
    return first + list(_FURTHER_P.finditer(sentence, first[0].end()))


def _search_of(
    match: re.Match[str], sentence: str, before: Sequence[str], draft: Draft
) -> str | None:
    """Return the one search that is named behind the number, or in the nearest text before it.

    The last of `before` is the whole prose: what is named there at all, or implied.
    """
    behind = re.split(r"\bp-? ?values?\b|, and |\band (?=\d|of|an? )", sentence[match.end() :])[0]
    for text in (behind, sentence[: match.start()], *before):
        named = named_in(text)
        if named:
            return named[0] if len(named) == 1 else None
    return implied_in(before[-1], draft)


def _put_p_value(
    match: re.Match[str], search: str | None, found: dict[str, float], draft: Draft
) -> None:
    value = float(match["value"]) * 10.0 ** int(match["power"] or 0)
    p_value = draft.attempt(within, value, 0.0, 1.0, "p-value")
    if p_value is None:
        return
    if search is None:
        draft.doubt("p-value", match[0], None, "the circular does not say of which search")
    elif found.setdefault(search, p_value) != p_value:
        draft.doubt("p-value", match[0], found[search], f"another {search} p-value is stated too")


def _read_count(flat: str, draft: Draft) -> None:
    """Set the number of coincident events that is stated."""
    events = draft.values.get("coincident_events")
    stated = {_count(match["count"].lower()) for match in _COUNT.finditer(flat)}
    if len(stated) == 1:
        draft.put("n_coincident", stated.pop())
    elif stated:
        draft.doubt("number of events", sorted(stated), None, "several numbers are stated")
    count = draft.values.get("n_coincident")
    if events is not None and count is not None and count != len(events):
        draft.doubt("number of events", count, count, f"the table lists {len(events)}")


def _count(word: str) -> int:
    return int(word) if word.isdigit() else _WORDS.index(word)


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
