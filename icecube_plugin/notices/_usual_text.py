"""Text notices of gold and bronze alerts of the usual form, in one pass of one regular expression.

As in `_usual`: whatever is unusual is left to the reader of `text`, which knows it all. What is
read here it would read just so; ``tests/notices/test_usual.py`` compares the two.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from functools import lru_cache
from typing import Final

from icecube_hooks import (
    YEAR_S,
    Alert,
    AlertKind,
    Localization,
    Message,
    Status,
    Tense,
    WireFormat,
)
from icecube_hooks._frozen import maker

from ._draft import has_default_radii, kind_from_words, tense_from_words, tense_on
from ._quick import groups_of
from ._values import TJD_0
from .text import DEC_TOLERANCE_DEG, RA_TOLERANCE_DEG

__all__ = ["text_alert"]

# Nothing here can match by giving back. See `_quick` on what is possessive.
_NOTICE = re.compile(
    r"TITLE: {12}GCN/AMON NOTICE *+\n"
    r"NOTICE_DATE: {6}[A-Z][a-z]{2} (\d\d) ([A-Z][a-z]{2}) (\d\d) (\d\d:\d\d:\d\d) UT *+\n"
    r"NOTICE_TYPE: {6}([A-Z][A-Za-z ]{0,50}+)\n"
    r"STREAM: {11}(\d{1,9}+)\n"
    r"RUN_NUM: {10}(\d{1,18}+)\n"
    r"EVENT_NUM: {8}(\d{1,18}+)\n"
    r"SRC_RA: {6,14}+(\d{1,3}+\.\d{1,6}+)d \{\+(\d\d)h (\d\d)m (\d\d)s\} \(J2000\),\n"
    r"[ 0-9.+-]{1,40}+d \{[0-9hms+ -]{1,20}+\} \(current\),\n"
    r"[ 0-9.+-]{1,40}+d \{[0-9hms+ -]{1,20}+\} \(1950\)\n"
    r"SRC_DEC: {5,14}+([+-]\d{1,2}+\.\d{1,6}+)d \{([+-])(\d\d)d (\d\d)' (\d\d)\"\} \(J2000\),\n"
    r"[ 0-9.+-]{1,40}+d \{[0-9d'\"+ -]{1,20}+\} \(current\),\n"
    r"[ 0-9.+-]{1,40}+d \{[0-9d'\"+ -]{1,20}+\} \(1950\)\n"
    r"SRC_ERROR: {6,14}+(\d{1,4}+\.\d{1,4}+) \[arcmin radius, stat(-only|\+sys), "
    r"90% containment\]\n"
    r"SRC_ERROR50: {4,14}+(\d{1,4}+\.\d{1,4}+) \[arcmin radius, stat(?:-only|\+sys), "
    r"50% containment\]\n"
    r"DISCOVERY_DATE: {1,6}+(\d{5}) TJD; {1,3}+(\d{1,3}+) DOY; {1,3}+"
    r"(\d\d)/(\d\d)/(\d\d) \(yy/mm/dd\)\n"
    r"DISCOVERY_TIME: {1,6}+(\d{1,5}+) SOD \{(\d\d):(\d\d):(\d\d)(\.\d{1,6}+)\} UT\n"
    r"REVISION: {6,14}+(\d{1,9}+)\n"
    r"ENERGY: {6,14}+(\d{1,6}+\.\d{1,6}+(?:e[+-]\d\d)?) \[TeV\]\n"
    r"SIGNALNESS: {4,14}+(\d\.\d{1,6}+(?:e[+-]\d\d)?) \[dn\]\n"
    r"FAR: {6,14}+(\d{1,6}+\.\d{1,6}+) \[yr\^-1\]\n"
    r"(?:(?:SUN|MOON|GAL|ECL)_(?:POSTN|DIST|COORDS):[ -~]{0,90}+\n){0,9}"
    r"((?:COMMENTS:[ -~]{0,200}+(?:\n|\Z)){0,20})\n{0,3}+",
    re.ASCII,
)
_MONTHS: Final = {
    name: f"{number:02}"
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), 1
    )
}

_DAY_0: Final = {f"{yy:02}": date(1999 + yy, 12, 31).toordinal() for yy in range(100)}
"""The day before the first of each year."""
_TJD_0: Final = TJD_0.toordinal()

_alert: Final = maker(
    Alert,
    *("kind", "format", "run_id", "event_id", "revision", "status", "tense", "trigger_time"),
    *("notice_time", "localization", "energy_tev", "signalness", "far_hz", "stream", "comments"),
    "raw",
)
_localization: Final = maker(
    Localization,
    *("ra_deg", "dec_deg", "error_radius_deg", "containment", "error_radius_50_deg"),
    "systematic_included",
)


def text_alert(message: Message) -> Alert | None:
    """Read a gold or bronze alert, or leave it to `text`."""
    found = groups_of(message, _NOTICE)
    try:
        return None if found is None else _read(found, message)
    except (ValueError, KeyError):  # no such day, hour or month
        return None


def _read(found: tuple[str, ...], message: Message) -> Alert | None:
    day, month, year, clock, title, stream, run_id, event_id, *rest = found
    ra, ra_h, ra_m, ra_s, dec, sign, dec_d, dec_m, dec_s, radius, kept, half, *rest = rest
    tjd, doy, yy, mm, dd, sod, hours, minutes, seconds, fraction, *rest = rest
    revision, energy, signalness, far, comments = rest
    kind, tense = _from_title(title, message.topic)
    when = datetime.fromisoformat(f"20{yy}-{mm}-{dd}T{hours}:{minutes}:{seconds}{fraction}+00:00")
    of_day = when.hour * 3600 + when.minute * 60 + when.second + when.microsecond / 1e6
    ordinal = when.toordinal()
    place = _place(float(ra), float(dec), float(radius), float(half), kept == "+sys")
    energy_tev, probability, far_per_year = float(energy), float(signalness), float(far)
    number = int(revision)
    if (
        kind is None
        or place is None
        or ordinal - _TJD_0 != int(tjd)
        or ordinal - _DAY_0[yy] != int(doy)
        or abs(of_day - int(sod)) > 1.4
        or abs(place.ra_deg - 15 * _angle(ra_h, ra_m, ra_s)) > RA_TOLERANCE_DEG
        or abs(abs(place.dec_deg) - _angle(dec_d, dec_m, dec_s)) > DEC_TOLERANCE_DEG
        or dec[0] != sign
        or not (energy_tev > 0.0 and 0.0 <= probability <= 1.0 and far_per_year > 0.0)
        or (number == 0 and has_default_radii(place.error_radius_deg, place.error_radius_50_deg))
    ):
        return None
    return _alert(
        kind,
        WireFormat.TEXT,
        int(run_id),
        int(event_id),
        number,
        Status.UPDATE if number else Status.INITIAL,
        tense,
        when,
        datetime.fromisoformat(f"20{year}-{_MONTHS[month]}-{day}T{clock}+00:00"),
        place,
        energy_tev,
        probability,
        far_per_year / YEAR_S,
        int(stream),
        tuple([line[9:].strip() for line in comments.splitlines()]),
        message.value,
    )


def _place(
    ra: float, dec: float, radius: float, half: float, systematic: bool
) -> Localization | None:
    if not (0.0 <= ra <= 360.0 and -90.0 <= dec <= 90.0 and radius > 0.0 and half > 0.0):
        return None
    inner = round(half / 60.0, 9)
    return _localization(ra % 360.0, dec, round(radius / 60.0, 9), 0.9, inner, systematic)


def _angle(first: str, minutes: str, seconds: str) -> float:
    return int(first) + int(minutes) / 60 + int(seconds) / 3600


@lru_cache(64)
def _from_title(title: str, topic: str | None) -> tuple[AlertKind | None, Tense | None]:
    return kind_from_words(title), tense_on(topic, tense_from_words(title))
