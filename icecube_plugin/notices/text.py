"""Reader of GCN Classic text: gold, bronze, cascade, HESE, EHE, COINC and NU_EM.

A few lines of such a notice::

    TITLE:            GCN/AMON NOTICE
    NOTICE_DATE:      Sat 02 May 26 04:05:06 UT
    NOTICE_TYPE:      ICECUBE Astrotrack Gold
    RUN_NUM:          142000
    EVENT_NUM:        1234567
    SRC_RA:           103.5000d {+06h 54m 00s} (J2000),
                      103.8300d {+06h 55m 19s} (current),
                      102.8300d {+06h 51m 19s} (1950)
    SRC_ERROR:        41.20 [arcmin radius, stat-only, 90% containment]
    DISCOVERY_DATE:   21162 TJD;   122 DOY;   26/05/02 (yy/mm/dd)
    DISCOVERY_TIME:   14400 SOD {04:00:00.25} UT
    FAR:              1.2000 [yr^-1]

Conventions
-----------
- Position: the J2000 line, decimal degrees; the sexagesimal beside it is a check. Where both
  differ in nothing but a sign, the sign that most of the three epochs show is taken.
- Time: date from ``yy/mm/dd``, unless TJD and day of year agree on another; time from the braces
  (the seconds of day are truncated). Where the braces contradict the seconds of day, the latter
  are taken: they are not typed by hand.
- Radii come in arcmin (tracks) or deg (cascades): the bracket says which.
- Rates are per year of 365 days.
- ``COMMENTS`` repeats. Any other field that repeats with another value keeps its first.

The same fields handed over as a dictionary with lower-case keys (hop-client, hermes), as JSON or
as a Python literal, are read too.
"""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from icecube_hooks import (
    Alert,
    AlertKind,
    Message,
    NoticeError,
    ParserType,
    WireFormat,
    hookimpl,
)

from ._draft import (
    NOTICE_LIMIT,
    Draft,
    check_size,
    kind_from_words,
    nuem_name,
    same,
    tense_from_words,
)
from ._fields import Fields, ratio
from ._values import TJD_0, plausible
from .units import ANGLE, FRACTION, RATE, TIME

__all__ = ["TOPICS", "fields_of", "parse", "parse_fields", "register_parsers"]

TOPICS: Final = ("gcn.classic.text.ICECUBE_*", "gcn.classic.text.AMON_*")

_KEY_LIMIT: Final = 41
"""Longest name of a field that is taken for one [characters]."""
_CIRCULAR = re.compile(rb"\s{0,20}TITLE:\s{0,20}GCN CIRCULAR")
"""Some circulars end with the notice that they are about."""
# Runs are bounded or possessive: long ones in a hostile notice must not be tried in every split.
_EPOCH = re.compile(
    r"(?:^|[,\n])\s{0,20}(?P<deg>[+-]?\d{1,3}(?:\.\d{0,12})?)\s{0,20}+d?\s{0,20}+"
    r"[{]?(?P<sexagesimal>[^{}()\n]{0,60}+)[}]?\s{0,20}+"
    r"\(\s{0,20}(?P<epoch>J2000|current|1950)\s{0,20}\)"
)
_SEXAGESIMAL = re.compile(
    r"\s*(?P<sign>[+-]?)(?P<a>\d{1,3})[^\d.+-]{1,5}(?P<b>\d{1,2})[^\d.+-]{1,5}"
    r"(?P<c>\d{1,2}(?:\.\d{0,6})?)[^\d]{0,5}"
)
_CONTAINMENT = re.compile(r"(\d{1,3}(?:\.\d{1,3})?)\s*+%?\s*+containment")
_DATE = re.compile(r"\s*(\d{1,5})\s*TJD;[\s\ufffd]*(\d{1,3})\s*DOY;[\s\ufffd]*(\S{1,12})")
_YYMMDD = re.compile(r"(\d\d)/(\d{1,2})/(\d{1,2})", re.ASCII)
_TIME = re.compile(
    r"\s*+(\d{1,5}(?:\.\d{0,6})?)\s*+SOD\s*+[{]?\s*+([^{}\s]{0,20}+)\s*+[}]?\s*+(?:UT)?\s*+"
)
_CLOCK = re.compile(r"(\d\d):(\d\d):(\d\d(?:\.\d{1,6})?)")
_NOTICE_DATE = re.compile(
    r"\s*(?:[A-Za-z]{3,9},?\s+)?(\d{1,2})\s+([A-Za-z]{3})[a-z]{0,6}\s+(\d{2}|\d{4})\s+"
    r"(\d\d:\d\d:\d\d(?:\.\d{1,6})?)\s+UTC?\s*"
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")

# One unit of the last place of the sexagesimal, with room for truncation: 1 s of RA, 1 arcsec.
RA_TOLERANCE_DEG: Final = 0.0050
DEC_TOLERANCE_DEG: Final = 0.0005

LITERAL_LIMIT: Final = 12_000
"""Longest Python literal that is read: Python 3.11 takes a minute for an f-string of a megabyte."""


@hookimpl
def register_parsers() -> list[ParserType]:
    """Register the parser ``classic-text``."""
    summary = "GCN Classic text: gold, bronze, cascade, HESE, EHE, COINC, NU_EM"
    return [ParserType(name="classic-text", topics=TOPICS, parse=parse, summary=summary)]


def parse(message: Message) -> Alert | None:
    """Read a GCN Classic text notice.

    Returns
    -------
    Alert or None
        ``None`` if the content is no IceCube or AMON notice in text.

    Raises
    ------
    NoticeError
        If it is one, and broken.
    """
    if b"NOTICE_TYPE" not in message.value and b"notice_type" not in message.value:
        return None
    if message.value.lstrip()[:1] == b"<" or _CIRCULAR.match(message.value) is not None:
        return None
    check_size(message, NOTICE_LIMIT)
    text = message.value.decode("utf-8-sig", "replace")
    fields = _dictionary(text) if text.lstrip()[:1] == "{" else fields_of(text)
    return None if fields is None else parse_fields(fields, message)


def fields_of(text: str) -> dict[str, list[str]]:
    r"""Split a notice into its fields: every value of a key, continuation lines joined by newline.

    Examples
    --------
    >>> fields_of("SRC_RA:  1.0d (J2000),\n   2.0d (1950)\nCOMMENTS: a\nCOMMENTS: b")
    {'SRC_RA': ['1.0d (J2000),\n2.0d (1950)'], 'COMMENTS': ['a', 'b']}
    """
    if "\\" in text:
        text = text.replace("\\'", "'").replace('\\"', '"')
    fields: dict[str, list[str]] = {}
    values: list[str] | None = None
    for line in text.splitlines():
        key, colon, value = line.partition(":")
        if colon and 1 < len(key) <= _KEY_LIMIT and key.isidentifier() and key.isascii():
            values = fields.setdefault(key.upper(), [])
            values.append(value.strip())
        elif values is not None and (value := line.strip()):
            values[-1] += f"\n{value}"
    return fields


def _dictionary(text: str) -> dict[str, list[str]] | None:
    """Read the fields from a dictionary as other software hands it over, or say it is none."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        data = _literal(text)
    if not isinstance(data, Mapping):
        return None
    stated = {key.upper(): value for key, value in data.items() if isinstance(key, str)}
    if "NOTICE_TYPE" not in stated:
        return None
    return {key: [_plain(value, key)] for key, value in stated.items() if value is not None}


def _plain(value: object, field: str) -> str:
    """Return a value of a dictionary as text that every encoding can hold."""
    try:
        return str(value).strip().encode("utf-8", "replace").decode("utf-8")
    except (ValueError, RecursionError) as error:  # an integer of 5,000 digits, say
        raise NoticeError(f"cannot be read ({error})", field=field) from error


def _literal(text: str) -> object:
    if len(text) > LITERAL_LIMIT:
        return None
    try:
        with warnings.catch_warnings():  # an odd backslash in the text is none of ours
            warnings.simplefilter("ignore")
            return ast.literal_eval(text)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None


def parse_fields(fields: Mapping[str, list[str]], message: Message) -> Alert | None:
    """Make an alert from the fields of a text notice, see `fields_of`."""
    title = fields.get("NOTICE_TYPE", [""])[0]
    kind = kind_from_words(title)
    if kind is None:
        return None
    draft = Draft(kind=kind, format=WireFormat.TEXT, tense=tense_from_words(title))
    notice = Fields({key: values[0] for key, values in fields.items()}, draft)
    _read_ids(notice, draft)
    _read_time(notice, draft)
    _read_position(notice, draft)
    _read_physics(notice, draft)
    _doubt_repeated(fields, notice, draft)
    comments = fields.get("COMMENTS", [])
    draft.put("comments", tuple(line.strip() for text in comments for line in text.split("\n")))
    if draft.kind is AlertKind.NU_EM:
        notice.left.pop("EVENT_DATE", None)  # its name
    draft.unread = {key: "\n".join(fields[key]) for key in notice.left if key not in _DERIVED}
    return draft.alert(message)


_DERIVED: Final = frozenset(
    {"TITLE", "NOTICE_TYPE", "COMMENTS", "SUN_POSTN", "SUN_DIST", "MOON_POSTN", "MOON_DIST"}
    | {"GAL_COORDS", "ECL_COORDS"}
)
"""Known fields that say nothing of their own: follow from position and time, or are read."""


def _doubt_repeated(fields: Mapping[str, list[str]], notice: Fields, draft: Draft) -> None:
    """Note the fields that were read and that the notice states twice, in two ways."""
    for key, values in fields.items():
        if len(values) > 1 and key not in _DERIVED and key not in notice.left:
            for other in values[1:]:
                if other != values[0]:
                    draft.doubt(key, other, values[0], "the notice states this field twice")


def _read_ids(notice: Fields, draft: Draft) -> None:
    draft.run_id = notice.integer("RUN_NUM")
    draft.event_id = notice.integer("EVENT_NUM")
    draft.revision = notice.integer("REVISION")
    amon = notice.integer("AMON_NUM")
    draft.put("amon_id", None if amon is None else str(amon))
    draft.put("stream", draft.attempt(notice.integer, "STREAM"))
    name = notice.text("EVENT_NAME") or nuem_name(draft.kind, notice.left.get("EVENT_DATE"))
    draft.put("event_names", (name,) if name else None)
    if draft.run_id is None and draft.event_id is None and amon is None:
        raise NoticeError("the notice names no event", field="RUN_NUM")
    if (draft.run_id is None) != (draft.event_id is None):
        missing = "RUN_NUM" if draft.run_id is None else "EVENT_NUM"
        raise NoticeError("run and event number belong together", field=missing)


def _read_time(notice: Fields, draft: Draft) -> None:
    when = notice.text("NOTICE_DATE")
    if when is not None:
        draft.put("notice_time", draft.attempt(_notice_time, when))
    day = notice.text("DISCOVERY_DATE") or notice.text("EVENT_DATE")
    clock = notice.text("DISCOVERY_TIME", "EVENT_TIME")
    if not day or not clock:
        raise NoticeError(
            "the notice states no time of the event",
            field="DISCOVERY_TIME" if day else "DISCOVERY_DATE",
        )
    moment = _day(day, draft) + _time_of_day(clock, draft)
    draft.put("trigger_time", plausible(moment, "DISCOVERY_DATE", day))


def _notice_time(text: str) -> datetime:
    """Read ``Fri 12 Apr 24 05:34:35 UT`` and the hand-typed forms of it."""
    match = _NOTICE_DATE.fullmatch(text)
    month = "" if match is None else match[2].lower()
    if match is None or month not in _MONTHS:
        raise NoticeError("expected a date and time", field="NOTICE_DATE", value=text)
    year = int(match[3]) + (2000 if len(match[3]) == 2 else 0)
    try:
        day = date(year, _MONTHS.index(month) + 1, int(match[1]))
        return datetime.combine(day, time.fromisoformat(match[4]), UTC)
    except ValueError as error:
        raise NoticeError(str(error), field="NOTICE_DATE", value=text) from error


def _day(text: str, draft: Draft) -> datetime:
    """Read ``21162 TJD;   122 DOY;   26/05/02 (yy/mm/dd)``."""
    match = _DATE.match(text)
    if match is None:
        raise NoticeError("expected TJD, DOY and yy/mm/dd", field="DISCOVERY_DATE", value=text)
    from_tjd = TJD_0 + timedelta(days=int(match[1]))
    written = _yymmdd(match[3])
    two_agree = (from_tjd - from_tjd.replace(month=1, day=1)).days + 1 == int(match[2])
    if written is None and not two_agree:
        raise NoticeError("expected yy/mm/dd", field="DISCOVERY_DATE", value=text)
    taken = from_tjd if two_agree or written is None else written
    if written != taken or not two_agree:
        found = f"TJD {match[1]} (= {from_tjd:%y/%m/%d}), DOY {match[2]}, {match[3]}"
        why = "TJD, day of year and date disagree"
        draft.doubt("DISCOVERY_DATE", found, f"{taken:%y/%m/%d}", why)
    return taken


def _yymmdd(text: str) -> datetime | None:
    match = _YYMMDD.fullmatch(text)
    if match is None:
        return None
    year, month, day = (int(number) for number in match.groups())
    try:
        return datetime(year + (1900 if year > 68 else 2000), month, day, tzinfo=UTC)  # as strptime
    except ValueError:
        return None


def _time_of_day(text: str, draft: Draft) -> timedelta:
    """Read ``14400 SOD {04:00:00.25} UT``."""
    match = _TIME.fullmatch(text)
    seconds = 0.0 if match is None else float(match[1])
    if match is None or seconds >= 86_401.0:  # a day with a leap second
        why = "expected SOD and {hh:mm:ss}" if match is None else "expected seconds of a day"
        raise NoticeError(why, field="DISCOVERY_TIME", value=text)
    clock = _clock(match[2])
    if clock is not None and abs(clock - seconds) < 1.5:
        return timedelta(seconds=clock)
    draft.doubt(
        "DISCOVERY_TIME", match[2], timedelta(seconds=seconds), "disagrees with the seconds of day"
    )
    return timedelta(seconds=seconds)


def _clock(text: str) -> float | None:
    """Return the seconds of a day that ``04:00:00.25`` stands for, a leap second's included."""
    match = _CLOCK.fullmatch(text)
    if match is None:
        return None
    return int(match[1]) * 3600 + int(match[2]) * 60 + float(match[3])


def _read_position(notice: Fields, draft: Draft) -> None:
    ra, dec = notice.text("SRC_RA"), notice.text("SRC_DEC")
    if (ra is None) != (dec is None):
        missing = "SRC_RA" if ra is None else "SRC_DEC"
        raise NoticeError("half of the position is missing", field=missing)
    if ra is not None and dec is not None:
        draft.ra_deg = _coordinate(ra, "SRC_RA", 15.0, RA_TOLERANCE_DEG, draft)
        draft.dec_deg = _coordinate(dec, "SRC_DEC", 1.0, DEC_TOLERANCE_DEG, draft)
    main = "SRC_ERROR" if "SRC_ERROR" in notice.left else "SRC_ERROR90"
    radius = _radius(notice, main, draft)
    if radius is not None:
        draft.error_radius_deg, draft.containment, draft.systematic_included = radius
    half = _radius(notice, "SRC_ERROR50", draft)
    draft.error_radius_50_deg = draft.error_radius_deg if draft.containment == 0.5 else None
    if half is not None:
        draft.error_radius_50_deg = half[0]
    draft.skymap_fits_url = draft.url(notice.text("SKYMAP_FITS_URL"), "SKYMAP_FITS_URL")
    draft.skymap_png_url = draft.url(notice.text("SKYMAP_PNG_URL"), "SKYMAP_PNG_URL")


def _coordinate(text: str, field: str, scale: float, tolerance: float, draft: Draft) -> float:
    """Read the J2000 line of a coordinate and hold the other statements against it."""
    epochs = _EPOCH.finditer(text)
    match = next((match for match in epochs if match["epoch"] == "J2000"), None)
    if match is None:
        raise NoticeError("expected a J2000 position", field=field, value=text)
    degrees, written = _stated_twice(match, scale)
    if written is None:
        draft.doubt(field, text.split("\n")[0], degrees, "the sexagesimal cannot be read")
    elif not same(degrees, written, tolerance):
        pairs = [_stated_twice(match, scale) for match in _EPOCH.finditer(text)]
        taken = _settle(degrees, written, tolerance, pairs)
        draft.doubt(
            field,
            f"{degrees:g} and {written:.4f}",
            f"{taken:g}",
            "decimal and sexagesimal disagree",
        )
        return taken
    return degrees


def _stated_twice(match: re.Match[str], scale: float) -> tuple[float, float | None]:
    """Return the decimal and the sexagesimal of one epoch [deg]."""
    return float(match["deg"]), _sexagesimal(match["sexagesimal"], scale)


def _sexagesimal(text: str, scale: float) -> float | None:
    match = _SEXAGESIMAL.fullmatch(text)
    if match is None:
        return None
    value = scale * (int(match["a"]) + int(match["b"]) / 60 + float(match["c"]) / 3600)
    return -value if match["sign"] == "-" else value


def _settle(
    degrees: float,
    written: float,
    tolerance: float,
    epochs: Sequence[tuple[float, float | None]],
) -> float:
    """Choose between decimal and sexagesimal: by the sign that most statements show.

    A tie is negative: a sign is lost more easily than it comes from nowhere.
    """
    if not same(abs(degrees), abs(written), tolerance):
        return degrees
    signs = [value < 0 for pair in epochs for value in pair if value is not None]
    negative = 2 * sum(signs) >= len(signs)
    return -abs(degrees) if negative else abs(degrees)


def _radius(
    notice: Fields, key: str, draft: Draft
) -> tuple[float, float | None, bool | None] | None:
    """Read ``41.20 [arcmin radius, stat-only, 90% containment]``: deg, containment, systematics."""
    text = notice.text(key)
    if text is None:
        return None
    number, _, words = text.partition("[")
    unit = words.split(None, 1)[0].strip(",]") if words.strip() else ""
    factor = ratio(unit, "deg", ANGLE)
    value = draft.number(number.strip(), key)
    if value is None or factor is None:
        draft.doubt(key, text, None, "an error needs a number and a unit, such as arcmin or deg")
        return None
    systematic = "stat+sys" in words if "stat" in words else None
    return round(value * factor, 9), _containment(words, key, draft), systematic


def _containment(text: str, key: str, draft: Draft) -> float | None:
    match = _CONTAINMENT.search(text)
    percent = 0.0 if match is None else float(match[1])
    if match is None or 0.0 < percent <= 100.0:
        return None if match is None else percent / 100
    draft.doubt(key, match[0], None, "only a containment above 0 and up to 100 % is one")
    return None


def _read_physics(notice: Fields, draft: Draft) -> None:
    energy = notice.energy_tev("ENERGY")
    far = notice.number("FAR", unit="yr^-1", kind=RATE)
    signalness = notice.number("SIGNALNESS", kind=FRACTION)
    trackness = notice.number("SIGNAL_TRACKNESS", kind=FRACTION)
    charge = notice.number("CHARGE", unit="pe")
    p_value = notice.number("PVALUE", kind=FRACTION)
    if energy is not None:
        draft.put("energy_tev", draft.positive(energy, "ENERGY"))
    if far is not None:
        draft.put_rate_per_year(far, "FAR")
    if signalness is not None:
        draft.put("signalness", draft.unit_interval(signalness, "SIGNALNESS"))
    if trackness is not None:
        draft.put("signal_trackness", draft.unit_interval(trackness, "SIGNAL_TRACKNESS"))
    draft.put_charge(charge, "CHARGE")
    if p_value is not None:
        found = draft.p_value("amon", p_value, "PVALUE")
        draft.put("p_values", (found,) if found else None)
    draft.put("n_events", draft.attempt(notice.integer, "N_EVENTS"))
    draft.put("delta_t_s", notice.number("DELTA_T", unit="sec", kind=TIME))
    draft.put("sigma_t_s", notice.number("SIGMA_T", unit="sec", kind=TIME))
