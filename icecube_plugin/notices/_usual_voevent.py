"""VOEvents of gold, bronze and cascade alerts as GCN writes them, in one regular expression.

As in `_usual`: whatever is unusual is left to the reader of `voevent`, which knows it all, and
parses XML. What is read here it would read just so; ``tests/notices/test_usual.py`` compares the
two. The expression is of the whole document, each byte of it: elements and attributes in the order
in which GCN's program writes them, ASCII, no references, comments, sections or document types.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from icecube_hooks import (
    YEAR_S,
    Alert,
    Localization,
    Message,
    Status,
    Tense,
    WireFormat,
)
from icecube_hooks._frozen import maker

from ._draft import PACKET_KINDS, has_default_radii, tense_on
from ._quick import groups_of
from ._values import EARLIEST, LATEST, TJD_0
from .voevent import NOT_VALID

__all__ = ["voevent_alert"]

_SPACE: Final = r"[ \t\r\n]++"
_MAY: Final = r"[ \t\r\n]*+"
_TEXT: Final = r"[ -%'-;=?-\\^-~\t\r\n]{0,400}+"  # no markup, and no end of a section
_VALUE: Final = r"[ !#-%'-;=-~]{0,400}+"  # of an attribute
_WORD: Final = r"([!#-%'-;=-~]{1,100}+)"
_URL: Final = r"(https?://[!#-%'-;=-~]{1,400}+)"
_WHOLE: Final = r"(\d{1,18}+)"
_NUMBER: Final = r"(\d{1,9}+(?:\.\d{1,9}+)?(?:e[+-]\d\d)?)"
_SIGNED: Final = r"(-?\d{1,3}+\.\d{1,9}+)"
_TIME: Final = r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6}+)?)"
_FLAG: Final = "(true|false)"
_TYPE: Final = rf'(?:{_SPACE}dataType="{_VALUE}")?'
_TYPE_ONCE: Final = rf"(?![^<>]*dataType[^<>]*dataType){_TYPE}"


def _start(name: str, /, **attributes: str) -> str:
    stated = "".join([f'{_SPACE}{key}="{value}"' for key, value in attributes.items()])
    return rf"<{name}{stated}{_MAY}>{_MAY}"


def _end(name: str) -> str:
    return rf"</{name}{_MAY}>{_MAY}"


def _within(name: str, /, *inner: str, **attributes: str) -> str:
    return _start(name, **attributes) + "".join(inner) + _end(name)


def _text(name: str, text: str = _TEXT) -> str:
    return rf"<{name}{_MAY}>{text}</{name}{_MAY}>{_MAY}"


def _empty(name: str, /, **attributes: str) -> str:
    return _start(name, **attributes).replace(f"{_MAY}>", f"{_MAY}/>")


def _param(
    name: str, value: str = _VALUE, unit: str = _VALUE, words: str = _TEXT, first: str = ""
) -> str:
    stated = (
        rf'<Param{_SPACE}name="{name}"{first}{_SPACE}value="{value}"(?:{_SPACE}unit="{unit}")?'
        rf'{_TYPE}(?:{_SPACE}ucd="{_VALUE}")?{_MAY}'
    )
    description = rf"(?:<Description{_MAY}>{words}</Description{_MAY}>{_MAY})"
    return rf"{stated}(?:/>|>{_MAY}{description}</Param{_MAY}>){_MAY}"


_NOTICE = re.compile(
    rf"<\?xml version ?= ?'1\.0' encoding ?= ?'UTF-8' ?\?>{_MAY}"
    + _start(
        "voe:VOEvent",
        ivorn=r"(ivo://[!#-%'-;=-~]{1,300}+)",
        role="observation",
        version=r"2\.0",
        **{
            "xmlns:voe": re.escape("http://www.ivoa.net/xml/VOEvent/v2.0"),
            "xmlns:xsi": re.escape("http://www.w3.org/2001/XMLSchema-instance"),
            "xsi:schemaLocation": _VALUE,
        },
    )
    + _within(
        "Who",
        _text("AuthorIVORN"),
        _within(
            "Author",
            *(rf"(?:{_text(name)})?" for name in ("shortName", "contactName", "contactEmail")),
        ),
        _text("Date", _TIME),
        _text("Description"),
    )
    + _within(
        "What",
        _param("Packet_Type", "(173|174|176)"),
        _param("Pkt_Ser_Num"),
        rf"(?:{_param('event_name', _WORD, first=_TYPE_ONCE)})?",
        _param("AMON_ID", _WHOLE),
        _param("run_id", _WHOLE),
        _param("event_id", _WHOLE),
        _param("Event_TJD", r"(\d{5})"),
        _param("Event_SOD", r"(\d{1,5}+(?:\.\d{1,6}+)?)"),
        _param("Stream", _WHOLE),
        _param("Rev", r"(\d{1,9}+)"),
        _param("signalness", _NUMBER, unit="dn"),
        _param("FAR", _NUMBER),
        _param("energy", _NUMBER, unit="TeV"),
        _param("src_error_90", _NUMBER, words=f"({_TEXT})"),
        _param("src_error_50", _NUMBER),
        _param("Trigger_ID"),
        _param("Misc_flags"),
        _within(
            "Group",
            _param("SubType"),
            _param("Test", "false"),
            _param("RADec_valid", _FLAG),
            _param("Retraction", _FLAG),
            _param("InternalTest", "false"),
            name="Trigger_ID",
        ),
        _within("Group", name="Misc_flags"),
        "(?:",
        _param("skymap_fits", _URL, first=_TYPE_ONCE),
        _param("skymap_png", _URL, first=_TYPE_ONCE),
        ")?",
    )
    + _within(
        "WhereWhen",
        _start("ObsDataLocation"),
        _empty("ObservatoryLocation", id=_VALUE),
        _start("ObservationLocation"),
        _empty("AstroCoordSystem", id=_VALUE),
        _start("AstroCoords", coord_system_id=_VALUE),
        _within("Time", _within("TimeInstant", _text("ISOTime", _TIME)), unit="s"),
        _within(
            "Position2D",
            _text("Name1", "RA"),
            _text("Name2", "Dec"),
            _within("Value2", _text("C1", _NUMBER), _text("C2", _SIGNED)),
            _text("Error2Radius", _NUMBER),
            unit="deg",
        ),
        *(_end(name) for name in ("AstroCoords", "ObservationLocation", "ObsDataLocation")),
        _text("Description"),
    )
    + _within("How", _text("Description"), rf"(?:{_empty('Reference', uri=_VALUE, type='url')})*")
    + _within(
        "Why",
        _within("Inference", _text("Concept"), probability=_VALUE),
        importance=_VALUE,
    )
    + _text("Description")
    + _end("voe:VOEvent"),
    re.ASCII,
)

_TJD_0: Final = TJD_0.toordinal()

_FIRST_YEAR: Final = EARLIEST.year
_NO_YEAR: Final = LATEST.year

_alert: Final = maker(
    Alert,
    *("kind", "format", "event_names", "run_id", "event_id", "ivorn", "revision", "status"),
    *("tense", "trigger_time", "notice_time", "localization", "energy_tev", "signalness"),
    *("far_hz", "stream", "concerns", "raw"),
)
_localization: Final = maker(
    Localization,
    *("ra_deg", "dec_deg", "error_radius_deg", "containment", "error_radius_50_deg"),
    *("systematic_included", "skymap_fits_url", "skymap_png_url"),
)


def voevent_alert(message: Message) -> Alert | None:
    """Read a gold, bronze or cascade alert, or leave it to `voevent`."""
    found = groups_of(message, _NOTICE)
    try:
        return None if found is None else _read(found, message)
    except ValueError:  # no such day, hour or month
        return None


def _read(found: tuple[str, ...], message: Message) -> Alert | None:
    ivorn, made, packet, name, amon, run_id, event_id, tjd, sod, stream, rev, *rest = found
    signalness, far, energy, radius, words, half, valid, retracted, fits, png, *rest = rest
    isotime, ra, dec, circle = rest
    when = datetime.fromisoformat(f"{isotime}+00:00")
    notice_time = datetime.fromisoformat(f"{made}+00:00")
    numbers = run, event, revision = int(run_id), int(event_id), int(rev)
    energy_tev, probability, far_per_year = float(energy), float(signalness), float(far)
    place = _place(ra, dec, radius, half, words.lower(), fits, png)
    if (
        place is None
        or not _FIRST_YEAR <= when.year < _NO_YEAR
        or not _FIRST_YEAR <= notice_time.year < _NO_YEAR
        or _numbers_of(ivorn) != numbers
        or amon not in (f"{run}{event}", f"{event}{run}", str(event))
        or when.toordinal() - _TJD_0 != int(tjd)
        or abs(_second_of_day(when) - float(sod)) > 0.0199
        or abs(float(circle) - float(radius)) > 0.000_099
        or not (energy_tev > 0.0 and 0.0 <= probability <= 1.0 and far_per_year > 0.0)
        or (revision == 0 and has_default_radii(place.error_radius_deg, place.error_radius_50_deg))
    ):
        return None
    usual = Status.UPDATE if revision else Status.INITIAL
    return _alert(
        PACKET_KINDS[int(packet)],
        WireFormat.VOEVENT,
        () if name is None else (name,),
        run,
        event,
        ivorn,
        revision,
        Status.RETRACTION if retracted == "true" else usual,
        tense_on(message.topic, Tense.OBSERVATION),
        when,
        notice_time,
        place,
        energy_tev,
        probability,
        far_per_year / YEAR_S,
        int(stream),
        () if valid == "true" else (NOT_VALID,),
        message.value,
    )


def _numbers_of(ivorn: str) -> tuple[int, ...] | None:
    """Return run, event and revision at the end of an identifier."""
    tail = ivorn.rsplit("_", 3)[1:]
    return tuple(map(int, tail)) if all(map(str.isdecimal, tail)) else None


def _second_of_day(when: datetime) -> float:
    return when.hour * 3600 + when.minute * 60 + when.second + when.microsecond / 1e6


def _place(
    ra: str, dec: str, radius: str, half: str, words: str, fits: str | None, png: str | None
) -> Localization | None:
    ra_deg, dec_deg, radius_deg, half_deg = float(ra), float(dec), float(radius), float(half)
    if not (0.0 <= ra_deg <= 360.0 and -90.0 <= dec_deg <= 90.0):
        return None
    if not (0.0 < radius_deg <= 180.0 and 0.0 < half_deg <= 180.0):
        return None
    statistical = "statistical only" in words
    kept = False if statistical else True if "systematic" in words else None
    return _localization(ra_deg % 360.0, dec_deg, radius_deg, 0.9, half_deg, kept, fits, png)
