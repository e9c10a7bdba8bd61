"""How things are called, and how values are written: the words of every view.

Conventions
-----------
- What is not stated is `NOT_STATED`, a dash; it is never 0.
- Text that comes from a message passes through `clean`, so that it cannot move the cursor, colour
  the screen, reverse the reading direction or start a new line.
- Times in UTC; positions in degrees or sexagesimal (h m s, deg ' "), J2000.
- ``degree`` is what stands behind an angle: `` deg`` where all must read it, ``°`` in a page.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from icecube_hooks import Alert, AlertKind, Ellipse, Localization, Significance, Verdict

__all__ = [
    "FALSE_ALARMS",
    "NOT_STATED",
    "NOT_STATED_CONTAINMENT",
    "OURS",
    "RETRACTED",
    "SIGNALNESS",
    "UNCORRECTED",
    "clean",
    "containment_text",
    "error_text",
    "heading",
    "limited",
    "long_name",
    "notice_label",
    "number_text",
    "plural",
    "region_text",
    "said_by",
    "sexagesimal",
    "short_name",
    "sigma_text",
    "span_text",
    "systematics_text",
    "tense_word",
    "time_text",
    "verdict_text",
]

CLEAN_CHARACTERS: Final = 300
"""Longest text from a message that is shown; a circular's comment can be pages."""

NOT_STATED: Final = "-"
NOT_STATED_CONTAINMENT: Final = "containment not stated"
RETRACTED: Final = "RETRACTED: this event is withdrawn"

SIGNALNESS: Final = "astrophysical share of events of this energy or above, as IceCube expects it"
"""What a signalness is; not the chance that this event is one (docs/significance.md)."""

FALSE_ALARMS: Final = "events per year due to atmospheric backgrounds, IceCube's estimate"

UNCORRECTED: Final = "not corrected for trials"
"""Stands where a verdict would, if nobody said how many looks there were."""

_NAMES: Final = {
    AlertKind.GOLD: ("gold", "GOLD track", "Gold track alert"),
    AlertKind.BRONZE: ("bronze", "BRONZE track", "Bronze track alert"),
    AlertKind.TRACK: ("track", "Track", "Track alert"),
    AlertKind.CASCADE: ("cascade", "CASCADE", "Cascade alert"),
    AlertKind.HESE: ("HESE", "HESE event", "High-energy starting event"),
    AlertKind.EHE: ("EHE", "EHE track", "Extremely-high-energy track alert"),
    AlertKind.COINC: (
        "coincidence",
        "AMON coincidence of IceCube events",
        "AMON coincidence of IceCube events",
    ),
    AlertKind.NU_EM: (
        "neutrino-gamma",
        "AMON neutrino-gamma coincidence",
        "AMON neutrino-gamma coincidence",
    ),
    AlertKind.LVK_SEARCH: (
        "GW search",
        "Neutrinos around a gravitational wave",
        "Search for neutrinos around a gravitational wave",
    ),
    AlertKind.LVK_GW: ("GW", "Gravitational-wave candidate", "Gravitational-wave candidate"),
    AlertKind.AMON: ("AMON", "AMON notice", "AMON notice"),
}
"""Of each kind: what stands in a table, at the head of a summary, and in a sentence."""


OURS: Final = "IceCube"
"""The observatory whose numbers, pages and searches are known here."""


def said_by(words: str, alert: Alert) -> str:
    """Return words about a number of IceCube's as those of the alert's own observatory."""
    return words.replace(OURS, clean(alert.observatory, 40))


def clean(text: str, limit: int = CLEAN_CHARACTERS) -> str:
    r"""Return `text` as one line without characters that a terminal would act on.

    White space becomes a blank; control, format (bidirectional, zero-width), private and
    unassigned characters become their escape. What is then longer than `limit` characters is cut.

    Examples
    --------
    >>> print(clean("up\x1b[2J\u202egpj.exe\r\nand on"))
    up\x1b[2J\u202egpj.exe and on
    """
    shown = text[: 2 * limit + 2].replace("\r\n", "\n")  # no more than that can stay
    line = "".join(c if c.isprintable() else _visible(c) for c in shown)
    return line if len(line) <= limit else f"{line[: limit - 3]}..."


def _visible(character: str) -> str:
    if character.isspace():
        return " "
    return character.encode("unicode_escape").decode("ascii")


def short_name(kind: AlertKind) -> str:
    """Return a kind as it stands in a table: ``gold``, ``GW search``."""
    return _names(kind)[0]


def heading(kind: AlertKind) -> str:
    """Return a kind as it stands at the head of a summary: ``GOLD track``."""
    return _names(kind)[1]


def long_name(kind: AlertKind) -> str:
    """Return a kind as it stands in a sentence: ``Gold track alert``."""
    return _names(kind)[2]


def _names(kind: AlertKind) -> tuple[str, str, str]:
    """Return the names of a kind; one of a third party is called what it is."""
    other = clean(str(kind), 40)
    return _NAMES.get(kind, (other, other, f"{other} alert"))


def tense_word(alert: Alert) -> str:
    """Return ``real``, or what the alert is instead: ``test``, ``mock``, ``injection``, ..."""
    if alert.is_real:
        return "real"
    is_mock = alert.gw is not None and alert.gw.is_mock
    return "mock" if is_mock or alert.tense is None else alert.tense.value


def notice_label(alert: Alert) -> str:
    """Return what a notice is within its event: ``revision 1``, ``circular 33633``."""
    if alert.circular_number is not None:
        return f"circular {alert.circular_number}"
    if alert.revision is not None:
        return f"revision {alert.revision}"
    if alert.kind is AlertKind.LVK_GW and alert.gw is not None:
        return clean(f"notice {alert.gw.notice_type or '?'}", 60)
    if alert.gw is not None:
        return clean(f"notice {alert.revision_label}", 60)
    return "circular" if alert.format.value == "circular" else "notice"


def region_text(place: Localization, degree: str = " deg") -> str:
    """Describe the shape of the error region; empty where none is stated.

    Examples
    --------
    >>> region_text(Localization(ra_deg=1, dec_deg=2, error_radius_deg=0.5), "°")
    'radius 0.5°'
    """
    parts = []
    if place.error_radius_deg is not None:
        parts.append(f"radius {place.error_radius_deg:.4g}{degree}")
    if place.ellipse is not None:
        parts.append(_ellipse(place.ellipse, degree))
    if place.asymmetric is not None:
        box = place.asymmetric
        ra = f"RA +{box.ra_plus_deg:.4g} -{box.ra_minus_deg:.4g}{degree}"
        dec = f"Dec +{box.dec_plus_deg:.4g} -{box.dec_minus_deg:.4g}{degree}"
        parts.append(f"{ra}, {dec}{_angle(box.position_angle_deg or None, degree)}")
    return ", ".join(parts)


def _ellipse(ellipse: Ellipse, degree: str) -> str:
    axes = f"{ellipse.semi_major_deg:.4g} x {ellipse.semi_minor_deg:.4g}{degree}"
    return f"ellipse {axes}{_angle(ellipse.position_angle_deg, degree)}"


def _angle(position_angle_deg: float | None, degree: str) -> str:
    if position_angle_deg is None:
        return ""
    return f", turned {position_angle_deg:.4g}{degree} N through E"


def containment_text(containment: float | None) -> str:
    """Return ``90 % containment``; empty where it is not stated."""
    return "" if containment is None else f"{100 * containment:.4g} % containment"


def systematics_text(place: Localization) -> str:
    """Return which errors the region covers; empty where it is not stated."""
    included = {True: "with systematics", False: "statistical only", None: ""}
    return included[place.systematic_included]


def error_text(place: Localization) -> str:
    """Return the error region, what it holds and covers; empty where none is stated.

    Examples
    --------
    >>> error_text(Localization(ra_deg=1, dec_deg=2, error_radius_deg=0.5, containment=0.9))
    'radius 0.5 deg, 90 % containment'
    """
    region = region_text(place)
    about = (region, containment_text(place.containment), systematics_text(place))
    return ", ".join(filter(None, about)) if region else ""


def sexagesimal(ra_deg: float, dec_deg: float) -> str:
    """Return a position as ``hh:mm:ss.s +dd:mm:ss`` (rounded, right ascension below 24 h).

    Examples
    --------
    >>> sexagesimal(345.8204, 9.1432)
    '23:03:16.9 +09:08:36'
    >>> sexagesimal(359.99999, -0.0001)
    '00:00:00.0 -00:00:00'
    """
    tenths = round(ra_deg / 15 * 36_000) % (24 * 36_000)
    minutes, tenths = divmod(tenths, 600)
    seconds = round(abs(dec_deg) * 3600)
    ra = f"{minutes // 60:02d}:{minutes % 60:02d}:{tenths / 10:04.1f}"
    sign = "-" if dec_deg < 0 else "+"
    return f"{ra} {sign}{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def time_text(time: datetime | None, decimals: int = 2) -> str:
    """Return a time in UTC, cut off after so many decimals of a second.

    Examples
    --------
    >>> time_text(datetime(2023, 4, 16, 7, 42, 31, 420000, tzinfo=UTC))
    '2023-04-16 07:42:31.42'
    """
    if time is None:
        return NOT_STATED
    text = time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    return text[: 19 + decimals + (decimals > 0)]


def plural(count: int) -> str:
    """Return the ending of a word that is counted.

    Examples
    --------
    >>> f"1 message{plural(1)}, 2 message{plural(2)}"
    '1 message, 2 messages'
    """
    return "" if count == 1 else "s"


def span_text(seconds: float) -> str:
    """Return a time span in a unit that suits it.

    Examples
    --------
    >>> span_text(3.2), span_text(90), span_text(7200), span_text(200_000)
    ('3 s', '2 min', '2 h', '2 d')
    """
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def number_text(value: float | None, digits: int = 3, unit: str = "") -> str:
    """Return a number with so many digits and its unit."""
    return NOT_STATED if value is None else f"{value:.{digits}g}{unit}"


def sigma_text(sigma: float | None) -> str:
    """Return ``2.07 sigma``; below 0, one-sided, it says no more than ``p > 0.5``."""
    if sigma is None:
        return NOT_STATED
    return "p > 0.5" if sigma < 0 else f"{sigma:.2f} sigma"


def verdict_text(one: Significance) -> str:
    """Return a verdict; without one, that nobody said how many looks there were.

    "weak" is of older records: 1 to 2 sigma is no evidence, one look in six gets there by chance.
    """
    if one.verdict is None:
        return NOT_STATED if one.is_limit else UNCORRECTED
    return str(Verdict.NONE if one.verdict is Verdict.WEAK else one.verdict)


def limited(one: Significance, value: float | None, sign: str = "<= ") -> str:
    """Return a number of a significance, marked if it is an upper limit."""
    return f"{sign if one.is_limit and value is not None else ''}{number_text(value)}"
