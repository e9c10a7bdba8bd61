"""A position and its errors, as circulars write them.

A block of two lines is what is looked for first::

    RA: 103.50 (+0.71, -0.58 deg 90% PSF containment) J2000
    Dec: +5.25 (+0.42, -0.40 deg 90% PSF containment) J2000

It has to stand on its own: after a blank line, a labelled line or a colon. A pair in the middle of
a sentence is mostly a gamma-ray source nearby; it is taken only behind words that say that it is
the position of the event. Errors without a unit are in deg, like the coordinate.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from icecube_hooks import AsymmetricError
from icecube_plugin.notices._draft import Draft
from icecube_plugin.notices._values import within
from icecube_plugin.notices.units import ANGLE, NUMBER, Quantity, factor_of, quantity

from ._envelope import Circular

__all__ = ["read_position"]

_J2000 = r"(?: ?[\[(](?:J ?2000(?:\.0)?|deg(?:rees)?|[, ]){1,6}[\])]| J2000(?:\.0)?\b)?"
_RA = rf"(?:R\.? ?A\.?|Right Ascension)\b{_J2000}\.? ?[:=]? ?"
_DEC = rf"(?:Decl?\b\.?|Declination\b){_J2000}\.? ?[:=]? ?"
_VALUE = (
    r"(?P<sign>[-+] ?)?(?P<degrees>\d{1,3}(?:\.\d{1,9})?)(?![\d:h]|[.,]\d| ?h|d\d|d ?\d| \d\d[ :])"
)
_HMS = r"(?P<a>\d{1,2}) ?[:h] ?(?P<b>\d{1,2}) ?[:m'] ?(?P<c>\d{1,2}(?:\.\d{1,9})?)(?![\d:])"
_DMS = (
    r"(?P<sign>[-+] ?)?(?P<a>\d{1,2}) ?(?::|d(?:eg)?) ?(?P<b>\d{1,2}) ?[:m'] ?"
    r"(?P<c>\d{1,2}(?:\.\d{1,9})?)(?![\d:])"
)
_LABEL = re.compile(r"\W{0,8}[A-Za-z][\w .()/]{0,40}[:=]")
_LEADS = re.compile(r"[:=-]$|\b(?:(?:reported|given) as|refined to|estimated to be)$")
_RA_LINE = re.compile(rf"\W{{0,8}}{_RA}(?P<rest>[^A-Za-z].{{0,300}})", re.IGNORECASE)
_DEC_LINE = re.compile(rf"\W{{0,8}}{_DEC}(?P<rest>[^A-Za-z].{{0,300}})", re.IGNORECASE)
_DEGREES = re.compile(_VALUE)
_RA_SEXAGESIMAL = re.compile(_HMS)
_DEC_SEXAGESIMAL = re.compile(_DMS)
_GIVES_DEC = re.compile(rf"{_DEC}[-+]? ?\d", re.IGNORECASE)
_NEAR_POLE = re.compile(r"\b(?:near|close) (?:to )?(?:the )?(?:celestial )?pole\b", re.IGNORECASE)

_OWN = (
    r"\b(?:(?:direction|position|locali[sz]ation|coordinates|location) (?:\w{1,20} ){0,3}"
    r"(?:refined|revised|updated|corrected) to:? "
    r"|(?:refined|best[- ]fit|revised|updated|corrected|initial|reconstructed|preliminary|final)"
    r"(?: \w{1,20}){0,2} (?:direction|position|locali[sz]ation|coordinates|location)\b"
    r"[^.;]{0,60}? )"
)
_ONE_NUMBER = r"[-+]? ?\d{1,3}(?:\.\d{1,9}|(?![\d.,]\d))(?: ?d(?:eg(?:rees)?)?\b)?"
_TOGETHER = re.compile(
    rf"{_OWN}\(?RA,? ?(?:and |/ ?)?Dec\.?\)?{_J2000} ?[:=]? ?\(?(?P<ra>{_ONE_NUMBER}),? "
    rf"(?P<dec>{_ONE_NUMBER})",
    re.IGNORECASE,
)
_APART = re.compile(
    rf"{_OWN}\(?{_RA}(?P<ra>{_ONE_NUMBER}[^;A-Za-z]{{0,40}}[^;.]{{0,60}}?),?;? (?:and )?"
    rf"{_DEC}(?P<dec>{_ONE_NUMBER}(?: ?\([^()]{{0,80}}\))?)",
    re.IGNORECASE,
)

_SYMMETRIC = re.compile(rf"[^-+\d]{{0,16}}(?:\+ ?/ ?-|\+-) ?()({NUMBER})", re.IGNORECASE)
_UNIT_FIRST = re.compile(r" ?d(?:eg(?:rees?)?)?\b\.?", re.IGNORECASE)
_NO_UNIT = re.compile(
    r"[ ,]{0,3}(?:$|[-+(\[{<~;,.)]|(?:J ?2000|ICRS|FK5|with|and|Dec|degrees?|deg)\b)", re.IGNORECASE
)
"""What may follow a coordinate in deg that does not say so."""
_PLAIN_SIDE = re.compile(
    r"[ ,;/>)\]}]{0,4}(?:$|[-+({<]|\d{1,3}(?:\.\d{1,3})? ?%|(?:PSF|C\.?L|containment|stat|sys"
    r"|at|J ?2000|RA|Dec|uncertainty|error|deg|degrees|arcmin|rad)\b)",
    re.IGNORECASE,
)
"""What may follow an error that has the unit of its coordinate."""
_ANY_ANGLE = re.compile(
    r"(?<![A-Za-z])(?:deg|arc ?min|arc ?sec|m?rad|mas)[a-z]{0,8}", re.IGNORECASE
)
_SIDE = re.compile(rf"([-+]) ?({NUMBER})(?! ?(?:[hs']|m(?!rad|as)))", re.IGNORECASE)
_BRACES = re.compile(r"\{[^{}]{0,60}\}")
_PERCENT = re.compile(r"(\d{1,3}(?:\.\d{1,3})?) ?(?:%|per ?cent)", re.IGNORECASE)
_STAT_ONLY = re.compile(r"stat\w{0,8}\.?[- ](?:errors? |uncertaint\w{1,4} )?only", re.IGNORECASE)
_SYSTEMATIC = re.compile(
    r"stat\w{0,8}\.? ?(?:\+|and) ?sys|(?:includ\w{1,4}|with) systematic|systematics? included",
    re.IGNORECASE,
)
_RADIUS_LINE = re.compile(
    r"\W{0,8}(?:(?:angular |location |position |locali[sz]ation )?(?:error|uncertainty|resolution)"
    r"(?: radius)?|r[_ ]?(?P<r>50|90))\b"
    rf"(?P<before>[^:=\n]{{0,60}})[:=] ?(?P<sign>\+/- ?)?(?P<value>{NUMBER})(?P<after>.{{0,120}})",
    re.IGNORECASE,
)
_RADIUS = re.compile(
    r"(?P<percent>\d{1,3}) ?(?:%|per ?cent) "
    r"(?:(?:PSF|containment|C\.?L\.?|statistical|error|angular) ){0,3}"
    rf"(?:uncertainty|radius|error)(?: radius)? of (?P<value>{NUMBER}) ?(?:deg|arc|m?rad)",
    re.IGNORECASE,
)
_RADIUS_BEHIND = re.compile(
    rf"(?P<value>{NUMBER}) ?(?:deg|arcmin)[a-z]{{0,8}} (?:or (?P<minutes>{NUMBER}) ?arcmin"
    r"[a-z]{0,8} )?radius ?\((?P<words>[^()]{0,60}?(?P<percent>\d{1,3}) ?%[^()]{0,30})\)",
    re.IGNORECASE,
)
_REFINED = re.compile(r"refined|corrected|updated|revised|new\b", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Axis:
    """One coordinate with what follows it on its line."""

    degrees: float
    tail: str = ""

    def containment(self) -> float | None:
        match = _PERCENT.search(self.tail)
        return None if match is None else round(float(match[1]) / 100, 9)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Position:
    """A pair of coordinates, and the words before it."""

    ra: _Axis
    dec: _Axis
    before: str = ""

    @property
    def pair(self) -> tuple[float, float]:
        return self.ra.degrees, self.dec.degrees

    @property
    def text(self) -> str:
        return f"{self.ra.degrees:g} {self.dec.degrees:+g}"


def read_position(circular: Circular, draft: Draft, *, required: bool) -> None:
    """Set position and error region; say what is lacking if they are `required`."""
    position = _choose(list(_blocks(circular)) or list(_in_prose(circular)), draft)
    if position is not None:
        draft.ra_deg = draft.attempt(within, position.ra.degrees, 0.0, 360.0, "RA")
        draft.dec_deg = draft.attempt(within, position.dec.degrees, -90.0, 90.0, "Dec")
        _read_box(position, draft)
        _read_radii(circular, draft)
    if required and (draft.ra_deg is None or draft.dec_deg is None):
        draft.doubt("position", "", None, "no right ascension and declination could be read")
    elif required and draft.asymmetric is None and draft.error_radius_deg is None:
        draft.doubt("error", "", None, "no error of the position could be read")


def _blocks(circular: Circular) -> Iterator[_Position]:
    """Find two lines that hold a right ascension and a declination, and nothing else."""
    lines = circular.lines
    filled = [index for index, line in enumerate(lines) if line]
    for at, index in enumerate(filled[:-1]):
        ra = _axis(lines[index], _RA_LINE, _RA_SEXAGESIMAL, 15.0)
        if ra is None or _GIVES_DEC.search(ra.tail):
            continue
        dec = _axis(lines[filled[at + 1]], _DEC_LINE, _DEC_SEXAGESIMAL, 1.0)
        previous = lines[index - 1] if index else ""
        if dec is not None and _begins(previous):
            before = " ".join(lines[i] for i in filled[max(0, at - 6) : at])
            yield _Position(ra=ra, dec=dec, before=before[-400:])


def _begins(previous: str) -> bool:
    """Whether a line after `previous` is the start of something."""
    return not previous or _LABEL.match(previous) is not None or _LEADS.search(previous) is not None


def _axis(
    line: str, label: re.Pattern[str], sexagesimal: re.Pattern[str], scale: float
) -> _Axis | None:
    match = label.match(line)
    return None if match is None else _coordinate(match["rest"].strip(), sexagesimal, scale)


def _coordinate(text: str, sexagesimal: re.Pattern[str], scale: float) -> _Axis | None:
    match = _DEGREES.match(text)
    if match is not None:
        factor = _unit_factor(text, match)
        if factor is None:
            return None
        degrees = float(match["degrees"]) * factor
    else:
        match = sexagesimal.match(text)
        if match is None or int(match["b"]) > 59 or float(match["c"]) >= 60:
            return None
        parts = int(match["a"]) + int(match["b"]) / 60 + float(match["c"]) / 3600
        degrees = round(scale * parts, 9)
    negative = (match.groupdict().get("sign") or "").startswith("-")
    unit = _UNIT_FIRST.match(text, match.end())
    tail = text[match.end() if unit is None else unit.end() :]
    return _Axis(degrees=-degrees if negative else degrees, tail=tail)


def _unit_factor(text: str, number: re.Match[str]) -> float | None:
    """Return the degrees in the unit of a coordinate; ``None`` if it is no unit of angle."""
    if _UNIT_FIRST.match(text, number.end()) or _NO_UNIT.match(text, number.end()):
        return 1.0
    found = quantity(text, number.start())
    return found.factor if found is not None and found.kind == ANGLE else None


def _in_prose(circular: Circular) -> Iterator[_Position]:
    flat = circular.flat
    for match in (*_TOGETHER.finditer(flat), *_APART.finditer(flat)):
        ra = _coordinate(match["ra"], _RA_SEXAGESIMAL, 15.0)
        dec = _coordinate(match["dec"], _DEC_SEXAGESIMAL, 1.0)
        if ra is not None and dec is not None:
            yield _Position(ra=ra, dec=dec, before=match[0])


def _choose(positions: list[_Position], draft: Draft) -> _Position | None:
    """Take the only position; of several the one that is called refined or corrected."""
    if len({position.pair for position in positions}) < 2:
        return positions[0] if positions else None
    refined = [position for position in positions if _REFINED.search(position.before)]
    taken = refined[0] if len({position.pair for position in refined}) == 1 else None
    found = "; ".join(dict.fromkeys(position.text for position in positions))
    text = None if taken is None else taken.text
    draft.doubt("position", found[:200], text, "the circular states more than one position")
    return taken


def _read_box(position: _Position, draft: Draft) -> None:
    """Read the errors behind both coordinates: ``(+0.71, -0.58 deg 90% PSF containment)``."""
    ra, dec = _sides(position.ra, "RA", draft), _sides(position.dec, "Dec", draft)
    if ra is None and dec is None:
        return
    if ra is None and dec is not None and _NEAR_POLE.search(position.ra.tail):
        ra = (180.0, 180.0)
        why = "no error so near the pole: any RA"
        draft.doubt("RA", position.ra.tail.strip(), "+/-180 deg", why)
    if ra is None or dec is None:
        missing = "RA" if ra is None else "Dec"
        draft.doubt("error", missing, None, "an error is stated for one coordinate only")
        return
    draft.asymmetric = AsymmetricError(
        ra_minus_deg=ra[0], ra_plus_deg=ra[1], dec_minus_deg=dec[0], dec_plus_deg=dec[1]
    )
    draft.containment = _agreed_containment(position, draft)
    draft.systematic_included = _systematic(position.ra.tail + " " + position.dec.tail)


def _agreed_containment(position: _Position, draft: Draft) -> float | None:
    ra, dec = position.ra.containment(), position.dec.containment()
    stated = {value for value in (ra, dec) if value is not None}
    if len(stated) == 1 and 0.0 < min(stated) <= 1.0:
        return stated.pop()
    draft.doubt("containment", f"{ra}, {dec}", None, "no one containment is stated for the error")
    return None


def _systematic(text: str) -> bool | None:
    if _SYSTEMATIC.search(text):
        return True
    return False if _STAT_ONLY.search(text) else None


def _sides(axis: _Axis, field: str, draft: Draft) -> tuple[float, float] | None:
    """Return minus and plus error [deg]; ``None``, with a concern unless there are no numbers."""
    both = _SYMMETRIC.match(axis.tail)
    found = [both] if both else list(_SIDE.finditer(_BRACES.sub("", axis.tail)))[:2]
    if not found:
        return None
    usual = _usual_factor(found[-1])
    if usual is None:
        draft.doubt(field, axis.tail.strip(), None, "the unit of the error is not known")
        return None
    signs = {sign: _error_deg(match, usual) for match in found for sign in (match[1] or "+-")}
    if len(signs) == 2 and all(0.0 < value <= 180.0 for value in signs.values()):
        return signs["-"], signs["+"]
    draft.doubt(field, axis.tail.strip(), None, "expected one error up and one down")
    return None


def _error_deg(match: re.Match[str], usual: float) -> float:
    """Return an error in deg, by its own unit or else the usual one."""
    found = quantity(match.string, match.start(2))
    own = found.factor if found is not None and found.kind == ANGLE else None
    return round(float(match[2]) * (own or usual), 9)


def _usual_factor(last: re.Match[str]) -> float | None:
    """Return the degrees in the unit that follows the last of the errors, at once or later."""
    found = quantity(last.string, last.start(2))
    if found is not None and found.kind == ANGLE:
        return found.factor
    if _PLAIN_SIDE.match(last.string, last.end()) is None:
        return None
    later = _ANY_ANGLE.search(last.string, last.end())
    return 1.0 if later is None else factor_of(later[0], ANGLE)


def _read_radii(circular: Circular, draft: Draft) -> None:
    """Read the radii that labelled lines state, or else one in a sentence."""
    if draft.asymmetric is not None:
        return
    for line in circular.lines:
        match = _RADIUS_LINE.match(line)
        if match is not None:
            words = f"{match['before']} {match['after']}"
            percent = _PERCENT.search(words)
            stated = match["r"] or (percent[1] if percent else None)
            _put_radius(draft, quantity(line, match.start("value")), stated, words)
    if draft.error_radius_deg is None and draft.error_radius_50_deg is None:
        _read_radius_in_prose(circular.flat, draft)
    if draft.error_radius_deg is None and draft.error_radius_50_deg is not None:
        draft.error_radius_deg, draft.containment = draft.error_radius_50_deg, 0.5


def _read_radius_in_prose(flat: str, draft: Draft) -> None:
    match = _RADIUS.search(flat) or _RADIUS_BEHIND.search(flat)
    if match is not None:
        words = match.groupdict().get("words") or match[0]
        # "0.6 degrees or 36 arcminuntes" was published: the number whose unit is known counts.
        names = ("minutes", "value") if match.groupdict().get("minutes") else ("value",)
        stated = [quantity(flat, match.start(name)) for name in names]
        known = (found for found in stated if found is not None and found.kind == ANGLE)
        _put_radius(draft, next(known, stated[0]), match["percent"], words)


def _put_radius(draft: Draft, stated: Quantity | None, percent: str | None, words: str) -> None:
    radius = None if stated is None else stated.value(ANGLE)
    if stated is None or radius is None:
        why = "no number" if stated is None else stated.why_not(ANGLE)
        draft.doubt("error radius", "" if stated is None else stated.text, None, why)
        return
    radius = round(radius, 9)
    half = percent is not None and float(percent) == 50.0
    name = "error_radius_50_deg" if half else "error_radius_deg"
    if getattr(draft, name) not in (None, radius):
        draft.doubt("error radius", radius, getattr(draft, name), "another radius is stated too")
        return
    setattr(draft, name, radius)
    if not half:
        draft.containment = None if percent is None else _within_percent(percent, draft)
    draft.systematic_included = _systematic(words)


def _within_percent(text: str, draft: Draft) -> float | None:
    """Return a containment in percent as a probability in (0, 1]."""
    value = round(float(text) / 100, 9)
    if 0.0 < value <= 1.0:
        return value
    draft.doubt("containment", text, None, "expected more than 0 and at most 100 %")
    return None
