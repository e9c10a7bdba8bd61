r"""Numbers and the units that follow them, in prose, in tables and in attributes.

A number counts only together with what follows it: ``0.4 %`` is 0.004, ``39.1 arcmin`` is 0.65 deg,
and ``0.4 floops`` is not stated. So every reader of a number asks for it in a kind of unit:

=============  ======  ==========================================================
kind           result  known
=============  ======  ==========================================================
`FRACTION`     1       no unit at all, %, percent, per cent, per mille, ppm
`ANGLE`        deg     deg, arcmin, arcsec, mas, rad and their long names
`SOLID_ANGLE`  sr      sr, deg^2, square degrees
`ENERGY`       TeV     eV to EeV, erg
`TIME`         s       ns to centuries; a year has 365 days, a month is 1/12 of it
`RATE`         Hz      Hz, and one per any of these times, however written
=============  ======  ==========================================================

`plain` writes numbers in one form first: ``$5.05\times10^{-5}$`` and ``5.05 x 10**-5`` are
``5.05e-5``. A range, a bound and a comma between digits (decimal, or thousands?) give no value.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import Final

from icecube_hooks import YEAR_S

__all__ = [
    "ANGLE",
    "ENERGY",
    "FRACTION",
    "NUMBER",
    "RATE",
    "SOLID_ANGLE",
    "TIME",
    "Quantity",
    "factor_of",
    "plain",
    "quantity",
    "quantity_behind",
]

FRACTION: Final = "fraction"
ANGLE: Final = "angle"
SOLID_ANGLE: Final = "solid_angle"
ENERGY: Final = "energy"
TIME: Final = "time"
RATE: Final = "rate"

_DAY_S: Final = 86_400.0
_DEG2_SR: Final = 3.0461741978670857e-4  # (pi / 180)^2
_RAD_DEG: Final = 57.29577951308232

_SYMBOLS: Final = {
    FRACTION: {"%": 0.01, "\u2030": 0.001},
    ANGLE: {"\u00b0": 1.0, "'": 1 / 60, '"': 1 / 3600, "mrad": _RAD_DEG / 1e3, "mas": 1 / 3.6e6},
    SOLID_ANGLE: {},
    ENERGY: {},
    TIME: {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "h": 3600.0, "d": _DAY_S, "y": YEAR_S},
    RATE: {"mHz": 1e-3, "MHz": 1e6, "uHz": 1e-6, "\u00b5Hz": 1e-6, "nHz": 1e-9},
}
"""Units whose meaning hangs on the case of their letters."""

_NAMES: Final = {
    FRACTION: {
        "percent|per cent|pct": 0.01,
        "permil(?:le)?|per mil(?:le)?|promille": 0.001,
        "ppm|parts per million": 1e-6,
    },
    ANGLE: {
        "degs?|degrees?": 1.0,
        "arc ?mins?|arc ?minutes?|amin": 1 / 60,
        "arc ?secs?|arc ?seconds?|asec": 1 / 3600,
        "rads?|radians?": _RAD_DEG,
    },
    SOLID_ANGLE: {
        "sr|steradians?": 1.0,
        r"(?:sq|square)\.? ?deg(?:ree)?s?|deg(?:ree)?s?\^?2": _DEG2_SR,
    },
    ENERGY: {
        "EeV": 1e6,
        "PeV": 1e3,
        "TeV": 1.0,
        "GeV": 1e-3,
        "MeV": 1e-6,
        "keV": 1e-9,
        "eV": 1e-12,
        "ergs?": 0.6241509074460763,
    },
    TIME: {
        "secs?|seconds?": 1.0,
        "mins?|minutes?": 60.0,
        "hrs?|hours?": 3600.0,
        "days?": _DAY_S,
        "weeks?": 7 * _DAY_S,
        "months?": YEAR_S / 12,
        "yrs?|years?|annum": YEAR_S,
        "decades?": 10 * YEAR_S,
        "century|centuries": 100 * YEAR_S,
    },
    RATE: {"Hz|hertz": 1.0, "kHz": 1e3},
}
"""Units in any case, each with its spellings; a blank may be a hyphen."""

NUMBER: Final = (
    r"(?:\d{1,9}(?:\.\d{1,9})?|(?<![\w.])\.\d{1,9})(?:[eE][+-]?\d{1,3})?(?![\d:]|[.,]\d)"
)
"""A number without a sign, as a piece of an expression. Not ``1,5``: that may be two."""


def _spelt(kind: str) -> str:
    """Return the expression of a kind's units."""
    names = "|".join(_NAMES[kind]).replace(" ", r"[ \-]")
    symbols = "|".join(map(re.escape, sorted(_SYMBOLS[kind], key=len, reverse=True)))
    return rf"(?i:{names})" + (f"|{symbols}" if symbols else "")


_COUNTED: Final = (
    r"(?:(?i:background|false|random|expected|similar|such|coincident) ){0,2}"
    r"(?i:events?|alerts?|alarms?|coincidences?|neutrinos?|candidates?|detections?)"
)
_ONE_OVER: Final = (
    rf"(?:{_COUNTED} ?)?(?:(?i:(?:per|a|an|each|every|in|in every) )|1? ?/ ?)"
    rf"(?:(?P<times>{NUMBER}) )?(?P<per>{_spelt(TIME)})"
    rf"|(?:{_COUNTED} ?)?(?P<power>{_spelt(TIME)}) ?(?:\^|\*\*)?[({{]?-1[)}}]?"
)
_END: Final = (
    r"(?!(?<=\w)\w|[%^]|\*\*| ?/ ?[A-Za-z]| ?(?i:per|sr|cm|km|m|square)\b"
    r"|[ .*][a-z]{1,3}-\d)"
)
"""What may not follow a unit, since it would make it another one: ``GeV cm^-2``, ``deg^2``."""

_UNIT = re.compile(
    rf"(?:(?P<fraction>{_spelt(FRACTION)})|(?P<one_over>{_ONE_OVER})|(?P<rate>{_spelt(RATE)})"
    rf"|(?P<solid_angle>{_spelt(SOLID_ANGLE)})|(?P<angle>{_spelt(ANGLE)})"
    rf"|(?P<energy>{_spelt(ENERGY)})|(?P<time>{_spelt(TIME)})){_END}"
)
_SPELLINGS: Final = {
    kind: [(re.compile(name.replace(" ", r"[ \-]"), re.IGNORECASE), value) for name, value in names]
    for kind, names in ((kind, table.items()) for kind, table in _NAMES.items())
}
_UNITLESS: Final = frozenset({"", "dn", "nounits", "unitless", "dimensionless", "1"})


def factor_of(unit: str, kind: str) -> float | None:
    """Return what a value in `unit` is multiplied by.

    Parameters
    ----------
    unit : str
        As an attribute or a heading states it: ``deg``, ``[yr^-1]``, ``dn``.
    kind : str
        One of this module's kinds, which says what the result is in.

    Returns
    -------
    float or None
        ``None`` if the unit is unknown, none at all, or one of another kind. A fraction may be
        without one.

    Examples
    --------
    >>> factor_of("arcmin", ANGLE) == 1 / 60, factor_of("GeV", ENERGY), factor_of("dn", FRACTION)
    (True, 0.001, 1.0)
    >>> print(factor_of("Hz", ENERGY), factor_of("floops", ANGLE), factor_of("", ANGLE))
    None None None
    """
    text = unit.strip()
    if text[:1] + text[-1:] in {"[]", "()"}:
        text = text[1:-1].strip()
    if kind == FRACTION and text.lower() in _UNITLESS:
        return 1.0
    match = _UNIT.match(text)
    if match is None or match.end() != len(text.rstrip(".")):
        return None
    found, factor = _meaning(match)
    return factor if found == kind else None


def _meaning(match: re.Match[str]) -> tuple[str, float]:
    """Return kind and factor of a unit."""
    if match["one_over"] is None:
        kind = str(match.lastgroup)
        return kind, _factor(match[kind], kind)
    times = float(match["times"] or 1)
    return RATE, 1 / (times * _factor(match["per"] or match["power"], TIME)) if times else 0.0


def _factor(spelling: str, kind: str) -> float:
    symbol = _SYMBOLS[kind].get(spelling)
    if symbol is not None:
        return symbol
    return next(value for name, value in _SPELLINGS[kind] if name.fullmatch(spelling))


@dataclass(frozen=True, kw_only=True, slots=True)
class Quantity:
    """A number in a text, and what it is in.

    Attributes
    ----------
    text : str
        All of it, as it stands there.
    number : float
        Without its unit.
    unit : str
        As it stands there; empty if none follows, and with a ``?`` if it is not known.
    kind : str
        That of the unit; empty without a known one.
    factor : float
    bound : str
        ``<``, ``above``, ``between`` and so on: then the number is a limit, or one of two.
    about : bool
        Whether it is called approximate.
    end : int
        Where it ends in the text.
    """

    text: str
    number: float
    unit: str
    kind: str
    factor: float
    bound: str
    about: bool
    end: int

    def value(self, kind: str) -> float | None:
        """Return the value in the unit of `kind`; ``None`` if it is none, see `why_not`."""
        if self.why_not(kind):
            return None
        # Divided where a unit is one over a whole number: the same bits as one per year elsewhere.
        whole = round(1 / self.factor) if 0 < self.factor < 1 else 1
        divides = abs(whole * self.factor - 1) < 1e-12
        value = self.number / whole if divides else self.number * self.factor
        return float(f"{value:.15g}") if kind == FRACTION else value  # 0.57 / 100 is not 0.0057

    def why_not(self, kind: str) -> str:
        """Say why this states no value of `kind`; empty if it does."""
        if self.bound:
            return "a limit, not a value"
        if not math.isfinite(self.number * self.factor):
            return "not a number that can be read for sure"
        if self.kind == kind or (kind == FRACTION and not self.unit):
            return ""
        if not self.unit:
            return f"stated without a unit of {kind}"
        return f"the unit is not one of {kind}"


_LIMITS: Final = (
    r"(?i:in excess of|above|greater than|at least|(?:no )?more than|less than|lower than|below|"
    r"at most|up to)|[<>\u2264\u2265]"
)
_BOUND: Final = rf"{_LIMITS}|(?i:over|under|between|from)"
_ABOUT: Final = r"(?i:about|around|approximately|approx\.?|roughly|nearly|almost|just|only)|~|="
_BEFORE: Final = rf"(?P<bound>(?:{_BOUND}) ?=? ?)?(?P<about>(?:{_ABOUT}) ?)*(?P<sign>[-+] ?)?"
_ONE: Final = r"\b[oO]ne(?= (?:\w{1,20} )?(?:per|every|in)\b)"

_AT_NUMBER = re.compile(rf"{_BEFORE}(?P<number>{NUMBER}|{_ONE})")
_REFERENCE: Final = r"[\[(]\d{1,2}[\])]"
_GAP = re.compile(
    rf"(?P<gap>(?:{_REFERENCE}|(?!{_ONE}|{_REFERENCE})[^.\d\ufffd]){{0,60}})(?=\.?\d|{_ONE})"
)
_NOT_READ = re.compile(rf"{_BEFORE}(?P<number>\.?\d\S{{0,20}})")
"""Such as ``1,5``, which may be one number or two, and ``10:30``."""
_WORDS_AT_END = re.compile(rf"{_BEFORE}$")
_LIMITED = re.compile(_LIMITS)
_RANGE = re.compile(rf" ?(?:-|\.\.|\bto\b) ?{NUMBER}")
_AND = re.compile(rf" and {NUMBER}")
_WITH_ERROR = re.compile(rf" ?\+ ?/ ?- ?{NUMBER}")
_BEFORE_UNIT = re.compile(r"[ -]{0,2}[\[(]?")
_AFTER_NUMBER = re.compile(
    r" ?(?:$|[.;:)\]!?,]|\((?![^()]{0,40}\) ?[%x*])|(?:in|of)\b(?! ?\d)|(?:from|for|on|at|with|"
    r"when|where|and|or|by|using|is|are|was|were|which|that|after|before|as|but|due|based|given|if|"
    r"this|the|to|has|have|being|respectively|while|without|obtained|found|observed|overall|"
    r"according)\b)"
    r"|[\s]{2}|\n",
    re.IGNORECASE,
)
"""What may follow a number that has no unit."""
_WORD = re.compile(r" ?\S{1,20}")


def quantity(text: str, start: int = 0) -> Quantity | None:
    """Read the number that stands at `start`, with the words that limit it and its unit.

    Returns
    -------
    Quantity or None
        ``None`` if no number stands there. One that cannot be read for sure has no value.

    Examples
    --------
    >>> quantity("0.4 % for the Bayesian search").value(FRACTION)
    0.004
    >>> quantity("3.65 events per month").value(ENERGY) is None
    True
    >>> quantity("3 sigma").why_not(FRACTION), quantity("<3%").why_not(FRACTION)
    ('the unit is not one of fraction', 'a limit, not a value')
    """
    match = _AT_NUMBER.match(text, start)
    if match is None:
        return _not_read(text, start)
    number = 1.0 if match["number"].lower() == "one" else float(match["number"])
    error = _WITH_ERROR.match(text, match.end())
    unit, kind, factor, end = _unit_at(text, match.end() if error is None else error.end())
    bound = (match["bound"] or "").strip()
    other = _RANGE.match(text, match.end()) or _RANGE.match(text, end)
    other = other or (_AND.match(text, end) if bound.lower() == "between" else None)
    return Quantity(
        text=text[start : end if other is None else other.end()],
        number=-number if (match["sign"] or "").startswith("-") else number,
        unit=unit,
        kind=kind,
        factor=factor,
        bound=bound or ("to" if other else ""),
        about=(match["about"] or "").strip().lower() not in {"", "just", "only", "="},
        end=end if other is None else other.end(),
    )


def _not_read(text: str, start: int) -> Quantity | None:
    """Return what looks like a number, without a value; ``None`` if nothing does."""
    match = _NOT_READ.match(text, start)
    if match is None:
        return None
    return Quantity(
        text=match[0],
        number=math.nan,
        unit="?",
        kind="",
        factor=math.nan,
        bound="",
        about=False,
        end=match.end(),
    )


def quantity_behind(text: str, start: int) -> Quantity | None:
    """Read the first number behind a label that ends at `start`, within its sentence.

    Examples
    --------
    >>> quantity_behind("signalness of this event is just 20%", 10).value(FRACTION)
    0.2
    """
    match = _GAP.match(text, start)
    words = None if match is None else _WORDS_AT_END.search(match["gap"])
    if match is None or words is None:
        return None
    found = quantity(text, start + words.start())
    limit = _LIMITED.search(match["gap"])
    return replace(found, bound=limit[0]) if found is not None and limit is not None else found


def _unit_at(text: str, start: int) -> tuple[str, str, float, int]:
    """Return the unit that stands at `start`, its kind, its factor and where it ends."""
    before = _BEFORE_UNIT.match(text, start)
    for at in (start if before is None else before.end(), start):
        match = _UNIT.match(text, at)
        if match is not None:
            return match[0], *_meaning(match), match.end()
    word = _WORD.match(text, start)
    if _AFTER_NUMBER.match(text, start) or word is None:
        return "", "", 1.0, start
    return f"{word[0].strip()}?", "", 1.0, word.end()


_SUPERSCRIPTS: Final = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
_RAISED = re.compile(r"(?<=[\dA-Za-z])[⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]{1,3}")
_LATEX: Final = tuple(
    (re.compile(pattern), text)
    for pattern, text in (
        (r"\\(?:mathrm|text|rm|mathit|textrm) ?\{([^{}]{0,40})\}", r"\1"),
        (r"\^ ?\{? ?\\circ ?\}?", " deg "),
        (r"\^\{ ?(\+[^{}]{1,20})\} ?_\{ ?(-[^{}]{1,20})\}", r" (\1, \2)"),
        (r"_\{ ?(-[^{}]{1,20})\} ?\^\{ ?(\+[^{}]{1,20})\}", r" (\2, \1)"),
        (r"\\(?:times|cdot)(?![a-z])", " x "),
        (r"\\pm(?![a-z])", " +/- "),
        (r"\\(?:sim|approx|simeq)(?![a-z])", "~"),
        (r"\\(?:leq?|lt)(?![a-z])", "<"),
        (r"\\(?:geq?|gt)(?![a-z])", ">"),
        (r"\\[,;:! ]", " "),
        (r"\\%", "%"),
        (r"(?<!\\)\$", ""),
    )
)
_POWER = re.compile(
    r"(?<![\d.])(?<!\+/-)(?<!\+/- )"
    r"(?:(?P<number>\d{1,9}(?:\.\d{1,9})?) {0,2}[xX*\u00d7\u00b7] {0,2})?"
    r"10 ?(?:\^|\*\*) ?[{(]? ?(?P<power>[-+\u2212]? ?\d{1,3}) ?[})]?(?!\d|\.\d)"
)


def plain(text: str) -> str:
    r"""Return a text with its numbers in plain form, without the marks of LaTeX.

    Examples
    --------
    >>> plain(r"$5.05\times10^{-5}$ at 90\% CL, 2 x 10**-3, 10⁻⁴")
    '5.05e-5 at 90% CL, 2e-3, 1e-4'
    """
    text = _RAISED.sub(lambda raised: "^" + raised[0].translate(_SUPERSCRIPTS), text)
    if "\\" in text or "$" in text:
        for pattern, replacement in _LATEX:
            text = pattern.sub(replacement, text)
    return _POWER.sub(_as_exponent, text) if "10" in text else text


def _as_exponent(match: re.Match[str]) -> str:
    power = match["power"].replace("\u2212", "-").replace(" ", "")
    return f"{match['number'] or 1}e{power}"
