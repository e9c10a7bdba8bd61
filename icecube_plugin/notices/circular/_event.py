"""What circulars say of one neutrino: names, ids, kind, status, time, rate, signalness, energy."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import Final

from icecube_hooks import AlertKind, Status, Tense
from icecube_plugin.notices._draft import Draft, same

from ._envelope import Circular
from ._position import read_position
from ._prose import CLOCK, DAY, NUMBER, at_clock, name_day, nearest, possible_days

__all__ = [
    "EVENT_WORDS",
    "event_names",
    "is_retraction",
    "read_neutrino",
    "read_rate",
    "read_times",
]

_NAME = re.compile(
    r"\bI(?:ce)?C(?:ube)?[- ]{0,3}(?P<cascade>Cascade)?[- ]{0,3}(?P<day>\d{6}) ?(?P<letter>[A-Z])?"
    r"(?![\w\d])",
    re.IGNORECASE,
)
_AMON_PAGE = re.compile(
    r"notices_amon(?P<kind>[a-z_]{0,20})/(?P<a>\d{4,12})_(?P<b>\d{4,12})(?=\.amon|\b)"
)
_NUMBERS = re.compile(r"(?<![\w.])(?P<a>\d{4,12})_(?P<b>\d{4,12})(?!\d)")
_RUN = re.compile(r"\bRun ?(?:ID|number|num)?\b\.?[ :=]{1,3}(\d{6})\b", re.IGNORECASE)
_EVENT = re.compile(r"\bEvent ?(?:ID|number|num)?\b\.?[ :=]{1,3}(\d{3,12})\b", re.IGNORECASE)
RUNS: Final = range(115_000, 200_000)
"""Runs since the first alerts of 2016, with room for ten years more."""

EVENT_WORDS: Final = re.compile(
    r"IceCube (?:has )?(?:detected|observed|issued|reported)|IceCube[- ]\d{6}",
    re.IGNORECASE,
)

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
    r"cascade-like|IceCube[- ]?Cascade|cascade (?:alert|event|neutrino)|neutrino candidate cascade",
    re.IGNORECASE,
)

_RETRACTED = re.compile(
    r"\bretract(?:ion|ed)?\b|likely (?:due to )?(?:a )?background|background event"
    r"|not astrophysical",
    re.IGNORECASE,
)
_WITHDRAWN = re.compile(
    r"\b(?:should|please|can) (?:now )?(?:be )?(?:disregard|ignore)(?:ed|d)?\b"
    r"|\b(?:hereby|therefore|thus|we) retract"
    r"|\b(?:is|has been|are) (?:hereby |therefore |now )?retracted"
    r"|(?:event|alert|candidate) (?:was|is) (?:\w{1,12} ){0,3}(?:clearly |likely )?not "
    r"(?:be )?(?:of )?(?:an )?astrophysical"
    r"|was found to (?:clearly |likely )?not (?:likely )?be of astrophysical"
    r"|now believe this (?:event|alert) (?:to |is )?(?:most )?likely (?:to )?(?:be )?due to",
    re.IGNORECASE,
)
_IN_PASSING = re.compile(
    r"(?:likely (?:due to|caused by|from|a)|consistent with) [^.]{0,40}\bbackground\b",
    re.IGNORECASE,
)
_SEARCH = re.compile(r"\bsearch(?:es)?\b|\bupper limits?\b", re.IGNORECASE)
_FITS = re.compile(r"https?://[!-;=?-~]{1,300}?\.fits(?:\.gz)?(?![\w])", re.IGNORECASE)
_PNG = re.compile(r"https?://[!-;=?-~]{1,300}?\.png(?![\w])", re.IGNORECASE)
_UPDATE = re.compile(r"\b(?:updated?|corrected|correction|erratum|revised)\b", re.IGNORECASE)
_REFINED = re.compile(
    r"\b(?:direction|position|localization|coordinates)\b.{0,160}?"
    r"\b(?:refined|updated|revised) to\b",
    re.IGNORECASE,
)
_TEST = re.compile(r"\bTEST\b|\btest (?:alert|circular|event|notice)\b")

_DATE_LINE = re.compile(
    rf"\W{{0,8}}(?:Event )?Date\b[^:=]{{0,20}}[:=] ?(?P<day>{DAY})", re.IGNORECASE
)
_TIME_LINE = re.compile(
    rf"\W{{0,8}}(?:Event )?(?:Date ?[/&] ?)?Time\b[^:=]{{0,20}}[:=] ?(?:(?P<day>{DAY})[T ,]"
    rf"{{1,3}})?(?P<clock>{CLOCK})",
    re.IGNORECASE,
)
_DETECTED = re.compile(
    rf"\b(?:On|at) (?:[A-Z][a-z]{{2,8}},? )?(?P<day>{DAY}),? ?(?:at )?(?P<clock>{CLOCK})"
    r" ?(?:\(?UTC?\)?|GMT)?,? (?:the )?IceCube (?:Neutrino Observatory )?(?:has )?"
    r"(?:detected|observed|recorded)",
    re.IGNORECASE,
)
_AT_ON = re.compile(
    rf"IceCube (?:has )?(?:detected|observed|recorded)\b[^.]{{0,160}}? at (?P<clock>{CLOCK}) ?"
    rf"(?:UTC?|GMT)? on (?P<day>{DAY})",
    re.IGNORECASE,
)
_ISSUED = re.compile(
    rf"\b(?:On|at) (?:[A-Z][a-z]{{2,8}},? )?{DAY},? ?(?:at )?{CLOCK} ?(?:UTC?|GMT)?,? (?:the )?"
    r"IceCube issued",
    re.IGNORECASE,
)

_PER_YEAR = r"(?: ?(?:(?:background )?(?:events?|alerts?) )?(?:per|/|a) ?(?:year|yr)| ?yr ?\^?-1)"
_RATE = re.compile(
    r"(?:false[- ]{0,2}(?:alarm|alert)[- ]{0,2}rate|\bFAR\b)"
    rf"(?P<between>[^.\d]{{0,60}})(?P<value>{NUMBER})(?P<unit>{_PER_YEAR})?",
    re.IGNORECASE,
)
_LIMIT = re.compile(r"less than|more than|above|below|at (?:most|least)|up to|[<>]", re.IGNORECASE)
_ONE_PER = re.compile(
    r"(?:false[- ]{0,2}(?:alarm|alert)[- ]{0,2}rate|\bFAR\b)[^.\d]{0,120}"
    rf"(?:\b1|\bone) (?:event )?(?:per|every|in) (?P<years>{NUMBER}) years?",
    re.IGNORECASE,
)
_RATE_LINE = re.compile(
    rf"\W{{0,8}}(?:FAR|False[- ]alarm[- ]rate)\b[^:=]{{0,20}}[:=] ?(?P<value>{NUMBER})"
    rf"(?P<unit>{_PER_YEAR}| ?\[yr ?\^?-1\])?",
    re.IGNORECASE,
)
_ABOUT = r"(?P<about>(?:about|around|approximately|roughly|just|~|=) ?)?"
_BOUND = (
    r"(?P<bound>(?:in excess of|above|over|greater than|at least|more than|less than|below|"
    r"up to|>|<) ?=? ?)?"
)
_SIGNALNESS = re.compile(
    r"(?:signalness|signal probability|probability of being (?:of )?(?:an )?astrophysical(?: in)?"
    r"(?: origin)?|this event has a (?:lower|higher) probability)"
    rf"(?P<between>[^.\d%<>~]{{0,60}}?){_BOUND}{_ABOUT}(?P<value>{NUMBER}) ?(?P<percent>%)?",
    re.IGNORECASE,
)
_ENERGY = re.compile(
    r"(?<!deposited )(?<!muon )(?<!photon )\benergy\b(?: of the (?:event|neutrino))?"
    r"(?: \([^()]{0,40}\))? ?(?:of|is|was|:|=|being)"
    rf" ?{_BOUND}{_ABOUT}(?P<value>{NUMBER}) ?(?P<unit>TeV|PeV)",
    re.IGNORECASE,
)


def read_neutrino(circular: Circular, draft: Draft) -> None:
    """Read a circular about one track or cascade."""
    flat = circular.flat
    draft.tense = Tense.TEST if _TEST.search(circular.subject) else Tense.OBSERVATION
    draft.status = _status(circular, draft)
    draft.kind = _kind(circular, draft)
    names = event_names(circular, draft)
    _read_ids(circular, draft)
    if _SEARCH.search(circular.subject):
        why = "a search around the event: it does not describe the event itself"
        draft.doubt("subject", circular.subject, None, why)
        draft.put("event_names", names)
        return
    retracted = draft.status is Status.RETRACTION
    read_times(circular, draft, _day_of(names), required=not retracted)
    read_position(circular, draft, required=not retracted)
    corrected = draft.status is Status.UPDATE and "other information" in flat
    read_rate(circular, draft, required=not (retracted or corrected))
    draft.skymap_fits_url = _only_address(_FITS, flat)
    draft.skymap_png_url = _only_address(_PNG, flat)
    _read_signalness(flat, draft)
    _read_energy(flat, draft)
    names = names or _name_in_text(circular, draft)
    draft.put("event_names", names)
    if names is None and draft.run_id is None:
        draft.doubt("event", "", None, "the circular names no event, and no run and event number")


def _only_address(pattern: re.Pattern[str], flat: str) -> str | None:
    found = set(pattern.findall(flat))
    return found.pop() if len(found) == 1 else None


def _day_of(names: tuple[str, ...] | None) -> date | None:
    match = re.search(r"\d{6}", names[0]) if names else None
    return None if match is None else name_day(match[0])


def event_names(circular: Circular, draft: Draft) -> tuple[str, ...] | None:
    """Return the public name that the subject or else GCN gives; of several, the first."""
    for text in (circular.subject, circular.event):
        names = tuple(dict.fromkeys(_names(text)))
        if len(names) > 1:
            found = ", ".join(names)[:200]
            draft.doubt("event name", found, names[0], "several events are named")
        if names:
            return names[:1]
    return None


def _name_in_text(circular: Circular, draft: Draft) -> tuple[str, ...] | None:
    """Return the only name in the text, unless it is that of another day's event."""
    names = tuple(dict.fromkeys(_names(circular.flat)))
    time: datetime | None = draft.values.get("trigger_time")
    if len(names) == 1 and (time is None or time.date() == _day_of(names)):
        return names
    if names:
        why = "not sure to be the name of this event"
        draft.doubt("event name", ", ".join(names)[:200], None, why)
    return None


def _names(text: str) -> list[str]:
    found = []
    for match in _NAME.finditer(text):
        if name_day(match["day"]) is not None:
            letter = match["letter"] or ""
            cascade = match["cascade"] is not None
            found.append(
                f"IceCubeCascade-{match['day']}{letter.lower()}"
                if cascade
                else f"IceCube-{match['day']}{letter.upper()}"
            )
    return found


def is_retraction(circular: Circular) -> bool:
    """Whether the circular takes an alert back, rather than mentions background in passing."""
    in_subject = _RETRACTED.search(circular.subject)
    return in_subject is not None or _WITHDRAWN.search(circular.flat) is not None


def _status(circular: Circular, draft: Draft) -> Status | None:
    if is_retraction(circular):
        return Status.RETRACTION
    flat = circular.flat
    passing = _IN_PASSING.search(flat)
    if passing is not None:
        draft.doubt("status", passing[0], None, "speaks of background, and retracts nothing")
    updated = _UPDATE.search(circular.subject) or _REFINED.search(flat)
    return Status.UPDATE if updated else None


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
    named = [kind for kind, pattern in _STREAMS[2:4] if pattern.search(_acronyms(circular))]
    return named[0] if len(named) == 1 else AlertKind.TRACK


def _acronyms(circular: Circular) -> str:
    return " ".join(re.findall(r"\b(?:HESE|EHE)\b", circular.flat))


def _read_ids(circular: Circular, draft: Draft) -> None:
    """Read run and event from the address of the notice, from ``run_event``, or from labels.

    Pages under ``notices_amon`` have the event first, those of later streams the run.
    """
    flat = f"{circular.subject} {circular.flat}"
    pairs = [_page_ids(match) for match in _AMON_PAGE.finditer(flat)]
    pairs += [
        ids
        for match in _NUMBERS.finditer(flat)
        if (ids := _ids(match["a"], match["b"])) is not None
    ]
    run, event = _RUN.search(flat), _EVENT.search(flat)
    if run is not None and event is not None:
        pairs.append((int(run[1]), int(event[1])))
    pairs = list(dict.fromkeys(pairs))
    if len(pairs) == 1:
        draft.run_id, draft.event_id = pairs[0]
    elif pairs:
        draft.doubt("event", pairs[:5], None, "several run and event numbers are named")


def _page_ids(match: re.Match[str]) -> tuple[int, int]:
    sure = _ids(match["a"], match["b"])
    first, second = int(match["a"]), int(match["b"])
    return sure or ((first, second) if match["kind"] else (second, first))


def _ids(first: str, second: str) -> tuple[int, int] | None:
    """Tell run from event: the number that a run can have; ``None`` if both can, or none."""
    one, other = int(first), int(second)
    if (one in RUNS) == (other in RUNS):
        return None
    return (one, other) if one in RUNS else (other, one)


def read_times(
    circular: Circular, draft: Draft, named: date | None, *, required: bool = True
) -> None:
    """Set the time of the event, from the labelled lines or else the first sentence."""
    lines = [" ".join(line.split()) for line in circular.lines]
    written = _labelled(lines, draft, named)
    match = _DETECTED.search(circular.flat) or _AT_ON.search(circular.flat)
    told = None if match is None else _moment(match["day"], match["clock"], named)
    time = written or told
    if time is not None:
        _put_time(time, told, named, draft)
    elif _ISSUED.search(circular.flat):
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
    if named not in (None, time.date()):
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
    if named is None or time.date() == named:
        return time
    if notice is None:
        return None
    if _soon_after(notice, named):
        return datetime.combine(named, time.timetz())
    return time if _soon_after(notice, time.date()) else None


def _soon_after(notice: datetime, day: date) -> bool:
    return timedelta(0) <= notice.date() - day <= timedelta(days=31)


def read_rate(circular: Circular, draft: Draft, *, required: bool = True) -> None:
    """Set the false-alarm rate; statements that differ by more than 3 % are none."""
    lines = [" ".join(line.split()) for line in circular.lines]
    labelled = [match for line in lines if (match := _RATE_LINE.match(line))]
    flat = circular.flat
    found = [*labelled, *(m for m in _RATE.finditer(flat) if not _LIMIT.search(m["between"]))]
    rates = [float(match["value"]) for match in found if match["unit"]]
    rates += [1 / float(m["years"]) for m in _ONE_PER.finditer(flat) if float(m["years"]) > 0]
    if rates and all(same(rate, rates[0], 0.03 * rates[0]) for rate in rates):
        draft.put_rate_per_year(rates[0], "FAR")
    elif rates:
        text = ", ".join(f"{rate:g}" for rate in rates)
        taken = rates[0] if labelled and labelled[0]["unit"] else None
        draft.doubt("FAR", text[:200], taken, "the circular states more than one rate [1/yr]")
        if taken is not None:
            draft.put_rate_per_year(taken, "FAR")
    elif found:
        draft.doubt("FAR", found[0]["value"], None, "the rate is stated without 'per year'")
    elif required:
        draft.doubt("FAR", "", None, "no false-alarm rate could be read")


def _read_signalness(flat: str, draft: Draft) -> None:
    found: dict[float, str] = {}
    for match in _SIGNALNESS.finditer(flat):
        scale = 0.01 if match["percent"] else 1.0
        value = draft.unit_interval(round(float(match["value"]) * scale, 9), "signalness")
        if match["bound"]:
            draft.doubt("signalness", match[0], None, "a limit, not a value")
        elif value is not None:
            found[value] = match["about"] or ""
            _note_about(match, value, "signalness", draft)
    _put_only("signalness", found, draft)


def _read_energy(flat: str, draft: Draft) -> None:
    found: dict[float, str] = {}
    for match in _ENERGY.finditer(flat):
        value = float(match["value"]) * (1000.0 if match["unit"].lower() == "pev" else 1.0)
        if match["bound"]:
            draft.doubt("energy", match[0], None, "a limit, not a value")
        elif draft.positive(value, "energy") is not None:
            found[value] = match["about"] or ""
            _note_about(match, value, "energy", draft)
    _put_only("energy_tev", found, draft)


def _note_about(match: re.Match[str], value: float, field: str, draft: Draft) -> None:
    if (match["about"] or "").strip() in {"about", "around", "approximately", "roughly", "~"}:
        draft.doubt(field, match[0], value, "stated as approximate")


def _put_only(name: str, found: dict[float, str], draft: Draft) -> None:
    if len(found) == 1:
        draft.put(name, next(iter(found)))
    elif found:
        text = ", ".join(f"{value:g}" for value in found)
        draft.doubt(name, text[:200], None, "the circular states more than one value")
