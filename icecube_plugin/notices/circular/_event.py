"""What circulars say of one neutrino: kind, time, rate, signalness, energy."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Final

from icecube_hooks import AlertKind, Status, Tense
from icecube_plugin.alerts.names import run_event
from icecube_plugin.notices._draft import Draft, same
from icecube_plugin.notices.units import (
    ENERGY,
    FRACTION,
    RATE,
    Quantity,
    quantity,
    quantity_behind,
)

from ._days import CLOCK, DAY, at_clock, nearest, possible_days
from ._envelope import Circular
from ._names import (
    amon_names,
    day_of,
    event_name,
    event_numbers,
    icecube_names,
    name_in_text,
)
from ._position import read_position
from ._status import note_background, read_status, retracting_sentences

__all__ = ["read_neutrino", "read_rate", "read_search_around", "read_times"]

_SELECTED = re.compile(
    r"(?:selected|identified|detected) (?:\w{1,12} ){0,3}by (?:the )?(?P<stream>[^.]{0,90}?)"
    r"(?:stream|selection|filter|alert)",
    re.IGNORECASE,
)
_STREAMS: Final = (
    (AlertKind.GOLD, re.compile(r"gold(?![a-z])", re.IGNORECASE)),
    (AlertKind.BRONZE, re.compile(r"bronze(?![a-z])", re.IGNORECASE)),
    (AlertKind.HESE, re.compile(r"\bHESE\b|High[- ]Energy Starting Event", re.IGNORECASE)),
    (AlertKind.EHE, re.compile(r"\bEHE\b|Extremely[- ]High[- ]Energy", re.IGNORECASE)),
    (AlertKind.CASCADE, re.compile(r"cascade", re.IGNORECASE)),
)
_CASCADE = re.compile(
    r"cascade-like|IceCube[-_. ]?Cascade|cascade (?:alert|event|neutrino)"
    r"|neutrino candidate cascade",
    re.IGNORECASE,
)
_ACRONYM: Final = {"HESE": AlertKind.HESE, "EHE": AlertKind.EHE}
_FITS = re.compile(r"https?://[!-;=?-~]{1,300}?\.fits(?:\.gz)?(?![\w])", re.IGNORECASE)
_PNG = re.compile(r"https?://[!-;=?-~]{1,300}?\.png(?![\w])", re.IGNORECASE)
_TEST = re.compile(r"\bTEST\b|\btest (?:alert|circular|event|notice)\b")

_DATE_LINE = re.compile(
    rf"\W{{0,8}}(?:Event )?Date\b[^:=]{{0,20}}[:=] ?(?P<day>{DAY})", re.IGNORECASE
)
_TIME_LINE = re.compile(
    rf"\W{{0,8}}(?:Event )?(?:Date ?[/&] ?)?Time\b[^:=]{{0,20}}[:=] ?(?:(?P<day>{DAY})[T ,]"
    rf"{{1,3}})?(?P<clock>{CLOCK})",
    re.IGNORECASE,
)
_ON_AT = re.compile(
    rf"\b(?:On|at) (?:[A-Z][a-z]{{2,8}},? )?(?P<day>{DAY}),? ?(?:at )?(?P<clock>{CLOCK})"
    r" ?(?:\(?UTC?\)?|GMT)?,? (?:the )?IceCube (?:Neutrino Observatory )?(?:has )?"
    r"(?:detected|observed|recorded|(?P<issued>issued))",
    re.IGNORECASE,
)
_AT_ON = re.compile(
    rf"IceCube (?:has )?(?:detected|observed|recorded)\b[^.]{{0,160}}? at (?P<clock>{CLOCK}) ?"
    rf"(?:UTC?|GMT)? on (?P<day>{DAY})",
    re.IGNORECASE,
)
_FAR: Final = r"(?:\bfalse[- ]{0,2}(?:alarm|alert)[- ]{0,2}rate\b|\bFAR\b)"
_RATE = re.compile(_FAR, re.IGNORECASE)
_RATE_LINE = re.compile(rf"\W{{0,8}}{_FAR}[^:=]{{0,20}}[:=] ?", re.IGNORECASE)
_SIGNALNESS = re.compile(
    r"\bsignalness|signal probability|probability of being (?:of )?(?:an )?astrophysical(?: in)?"
    r"(?: origin)?|this event has a (?:lower|higher) probability",
    re.IGNORECASE,
)
_ENERGY = re.compile(
    r"(?<!deposited )(?<!muon )(?<!photon )\benergy\b(?: of the (?:event|neutrino))?"
    r"(?: \([^()]{0,40}\))? ?(?:of|is|was|:|=|being|(?=between|above|over|[<>~])) ?",
    re.IGNORECASE,
)


def read_neutrino(circular: Circular, draft: Draft) -> None:
    """Read a circular about one track or cascade."""
    name = _read_whose(circular, draft)
    note_background(circular, draft)
    retracted = draft.status is Status.RETRACTION
    read_times(circular, draft, day_of(name), required=not retracted)
    read_position(circular, draft, required=not retracted)
    flat = circular.flat
    corrected = draft.status is Status.UPDATE and "other information" in flat
    read_rate(circular, draft, required=not (retracted or corrected))
    draft.skymap_fits_url = _only_address(_FITS, flat)
    draft.skymap_png_url = _only_address(_PNG, flat)
    shares = _stated(quantity_behind(flat, match.end()) for match in _SIGNALNESS.finditer(flat))
    _put_only("signalness", FRACTION, shares, draft)
    energies = _stated(quantity(flat, match.end()) for match in _ENERGY.finditer(flat))
    _put_only("energy_tev", ENERGY, energies, draft)
    name = name or name_in_text(circular, draft)
    draft.put("event_names", (name,) if name else None)
    if name is None and draft.run_id is None:
        draft.doubt("event", "", None, "the circular names no event, and no run and event number")


def read_search_around(circular: Circular, draft: Draft) -> None:
    """Read only which event a search was made around: its results are not that event's."""
    name = _read_whose(circular, draft)
    if draft.kind is AlertKind.NU_EM:
        found = amon_names(f"{circular.subject} {circular.event}") or amon_names(circular.flat)
        name = found[0] if len(found) == 1 else None
    draft.put("event_names", (name,) if name else None)
    why = "a search around the event: it does not describe the event itself"
    draft.doubt("subject", circular.subject, None, why)


def _read_whose(circular: Circular, draft: Draft) -> str | None:
    """Set kind, tense, numbers and status; return the name."""
    draft.tense = Tense.TEST if _TEST.search(circular.subject) else Tense.OBSERVATION
    if draft.kind is AlertKind.TRACK:
        draft.kind = _kind(circular, draft)
    name = event_name(circular, draft)
    numbers = event_numbers(_texts_about(circular, name), draft)
    if numbers is not None:
        draft.run_id, draft.event_id = numbers
    own = {text for text in (name, numbers and run_event(*numbers)) if text}
    draft.status = read_status(circular, own, draft)
    return name


def _texts_about(circular: Circular, name: str | None) -> list[str]:
    """Return subject and text; where the event has a name, without sentences on other events."""
    if name is None:
        return [circular.subject, circular.flat]
    elsewhere = set(retracting_sentences(circular))
    for text in circular.sentences:
        named = {*icecube_names(text), *amon_names(text)}
        if named and name not in named:
            elsewhere.add(text)
    return [circular.subject, *(text for text in circular.sentences if text not in elsewhere)]


def _only_address(pattern: re.Pattern[str], flat: str) -> str | None:
    found = set(pattern.findall(flat))
    return found.pop() if len(found) == 1 else None


def _kind(circular: Circular, draft: Draft) -> AlertKind:
    """Return the stream that is named; a track of an unnamed selection is a `TRACK`."""
    selected = _SELECTED.search(circular.flat)
    for text in (selected["stream"] + "stream" if selected else "", circular.subject):
        kinds = [kind for kind, pattern in _STREAMS if pattern.search(text)]
        if len(kinds) == 1:
            return kinds[0]
        if kinds:
            draft.doubt("stream", text[:200], None, "several streams are named")
    if _CASCADE.search(circular.subject) or _CASCADE.search(circular.flat[:600]):
        return AlertKind.CASCADE
    named = {_ACRONYM[word] for word in re.findall(r"\b(HESE|EHE)\b", circular.flat)}
    return named.pop() if len(named) == 1 else AlertKind.TRACK


def read_times(
    circular: Circular, draft: Draft, named: date | None, *, required: bool = True
) -> None:
    """Set the time of the event, from the labelled lines or else the first sentence."""
    written = _labelled(circular.lines, draft, named)
    said = list(_ON_AT.finditer(circular.flat))
    detected = (match for match in said if match["issued"] is None)
    match = next(detected, None) or _AT_ON.search(circular.flat)
    told = None if match is None else _moment(match["day"], match["clock"], named)
    time = written or told
    if time is not None:
        _put_time(time, told, named, draft)
    elif said:
        draft.doubt("time", "issued", None, "states when the alert was issued, not the event")
    elif required:
        draft.doubt("time", "", None, "no date and time of the event could be read")


def _put_time(time: datetime, told: datetime | None, named: date | None, draft: Draft) -> None:
    """Set the time, on the day that holds; compare what the prose says."""
    notice: datetime | None = draft.values.get("notice_time")
    taken = _on_its_day(time, named, notice)
    if taken is not None and notice is not None and taken > notice:
        draft.doubt("time", f"{taken:%Y-%m-%dT%H:%M:%S}", None, "later than the circular itself")
        return
    draft.put("trigger_time", taken)
    if not _is_on(time, named):
        day = None if taken is None else taken.date()
        draft.doubt("Date", time.date(), day, "the day is not the one in the name of the event")
    other = None if told is None else _on_its_day(told, named, notice)
    if other is not None:
        draft.compare_time("text", other, 1.5)


def _labelled(lines: list[str], draft: Draft, named: date | None) -> datetime | None:
    """Read ``Date:`` and ``Time:``; several that differ are none."""
    days = [match["day"] for line in lines if (match := _DATE_LINE.match(line))]
    clocks = [match for line in lines if (match := _TIME_LINE.match(line))]
    found = dict.fromkeys(
        _moment(
            clock["day"] or (days[min(i, len(days) - 1)] if days else ""), clock["clock"], named
        )
        for i, clock in enumerate(clocks)
    )
    times = [time for time in found if time is not None]
    if len(times) > 1:
        text = ", ".join(f"{time:%Y-%m-%dT%H:%M:%S.%f}" for time in times)
        draft.doubt("time", text[:200], None, "the circular states more than one time")
    return times[0] if len(times) == 1 else None


def _moment(day: str, clock: str, named: date | None) -> datetime | None:
    chosen = nearest(possible_days(day), named) if day else None
    return None if chosen is None else at_clock(chosen, clock)


def _on_its_day(time: datetime, named: date | None, notice: datetime | None) -> datetime | None:
    """Settle between a typed day and the day in the name by the time of the circular.

    The name holds if the circular was sent soon after that day, else the typed day if it was sent
    soon after that; without a time of the circular it stays open.
    """
    if named is None or _is_on(time, named):
        return time
    if notice is None:
        return None
    if _soon_after(notice, named):
        return datetime.combine(named, time.timetz())
    return time if _soon_after(notice, time.date()) else None


def _is_on(time: datetime, named: date | None) -> bool:
    """Whether a time is on a day, its leap second included, which is written as the next day's."""
    return named in (None, time.date(), (time - timedelta(seconds=1)).date())


def _soon_after(notice: datetime, day: date) -> bool:
    return timedelta(0) <= notice.date() - day <= timedelta(days=31)


def read_rate(circular: Circular, draft: Draft, *, required: bool = True) -> None:
    """Set the false-alarm rate; statements that differ by more than 3 % are none."""
    lines = ((line, _RATE_LINE.match(line)) for line in circular.lines)
    labelled = _stated(quantity(line, match.end()) for line, match in lines if match)
    flat = circular.flat
    stated = labelled + _stated(quantity_behind(flat, m.end()) for m in _RATE.finditer(flat))
    rates = [rate for found in stated if (rate := found.value(RATE)) is not None]
    if rates and all(same(rate, rates[0], 0.03 * rates[0]) for rate in rates):
        draft.put("far_hz", draft.positive(rates[0], "FAR"))
    elif rates:
        taken = labelled[0].value(RATE) if labelled else None
        text = ", ".join(found.text for found in stated)
        draft.doubt("FAR", text[:200], taken, "the circular states more than one rate")
        draft.put("far_hz", None if taken is None else draft.positive(taken, "FAR"))
    elif stated:
        draft.doubt("FAR", stated[0].text, None, stated[0].why_not(RATE))
    elif required:
        draft.doubt("FAR", "", None, "no false-alarm rate could be read")


def _stated(found: Iterable[Quantity | None]) -> list[Quantity]:
    return [quantity for quantity in found if quantity is not None]


def _put_only(name: str, kind: str, stated: list[Quantity], draft: Draft) -> None:
    """Set a field to the only value that is stated of it."""
    field = name.removesuffix("_tev")
    values: dict[float, Quantity] = {}
    check = draft.unit_interval if kind == FRACTION else draft.positive
    for found in stated:
        value = found.value(kind)
        if value is None:
            draft.doubt(field, found.text, None, found.why_not(kind))
        elif check(value, field) is not None:
            values[value] = found
    if len(values) > 1:
        text = ", ".join(found.text for found in values.values())
        draft.doubt(field, text[:200], None, "the circular states more than one value")
    elif values:
        ((value, found),) = values.items()
        draft.put(name, value)
        if found.about:
            draft.doubt(field, found.text, value, "stated as approximate")
