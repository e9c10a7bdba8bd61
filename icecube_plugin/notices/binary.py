"""Reader of GCN's binary packets: 160 bytes, 40 big-endian 32-bit words.

====  =============================================  ====  ===================================
word  content                                        word  content
====  =============================================  ====  ===================================
0     packet type                                    12    log10(FAR per year) x 1e4
1     serial number                                  16    AMON stream
3     time of the packet [0.01 s of day]             17    revision
4     event number                                   18    trigger flags
5     truncated Julian date of the event             19    miscellaneous flags
6     time of the event [0.01 s of day]              22    log10(signalness) x 1e4
7, 8  RA, Dec [1e-4 deg, J2000]                      23    run number
9     log10(energy / TeV) x 1e4                      25    microseconds of the second
10    50 % radius [1e-4 deg]                         26-8  name of a cascade, ``260502a``
11    90 % radius [1e-4 deg]                         29-8  name of its sky map
====  =============================================  ====  ===================================

Text is stored with the four bytes of each word reversed. The position, radii and rates carry
the precision of those integers: 1e-4 deg, and 0.02 % in energy, rate and signalness.

The packet does not say whether errors cover systematic effects, nor when it was made to the day.
"""

from __future__ import annotations

import math
import re
import struct
from typing import Final

from icecube_hooks import (
    Alert,
    AlertKind,
    Message,
    NoticeError,
    ParserType,
    Tense,
    WireFormat,
    hookimpl,
)

from ._draft import NO_ID, PACKET_KINDS, Draft
from ._values import tjd_time

__all__ = ["LENGTH", "TOPICS", "parse", "register_parsers"]

TOPICS: Final = ("gcn.classic.binary.ICECUBE_*", "gcn.classic.binary.AMON_*")
LENGTH: Final = 160

_LAYOUT = struct.Struct(">40i")
_READ: Final = frozenset((*range(13), 15, 16, 17, 18, 19, 22, 23, 25, 39))
_UNSET: Final = {20: -(2**31), 13: -100, 14: -100, 24: 0}
_CASCADE_NAME = re.compile(r"\d{6}[a-z]", re.ASCII)
_SKYMAP_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)
SKYMAP_FOLDER: Final = "https://roc.icecube.wisc.edu/public/hese_cascades/"


@hookimpl
def register_parsers() -> list[ParserType]:
    """Register the parser ``binary-packet``."""
    summary = "160-byte GCN packets: gold, bronze, cascade, HESE, EHE, COINC, NU_EM"
    return [ParserType(name="binary-packet", topics=TOPICS, parse=parse, summary=summary)]


def parse(message: Message) -> Alert | None:
    """Read a binary packet.

    Returns
    -------
    Alert or None
        ``None`` if the content is no packet of an IceCube or AMON type.

    Raises
    ------
    NoticeError
        If it is one, and broken.
    """
    kind = PACKET_KINDS.get(int.from_bytes(message.value[:4], "big"))
    if kind is None:
        return None
    if len(message.value) != LENGTH:
        raise NoticeError(f"a packet has {LENGTH} bytes, this one {len(message.value)}")
    words = _LAYOUT.unpack(message.value)
    draft = Draft(kind=kind, format=WireFormat.BINARY, tense=Tense.OBSERVATION)
    _read_identity(words, draft)
    draft.put("trigger_time", _trigger_time(words, draft))
    _read_position(words, draft)
    _read_physics(words, draft)
    draft.unread = _unread(words, kind)
    return draft.alert(message)


def _read_identity(words: tuple[int, ...], draft: Draft) -> None:
    run, event = words[23], words[4]
    if event < 0 or run < 0:
        raise NoticeError("expected a number above 0", field="event, run", value=(event, run))
    if run or draft.kind is AlertKind.NU_EM:  # whose run is 0 in every format
        draft.run_id, draft.event_id = run, event
    elif event == NO_ID:
        draft.doubt("event", event, None, "the largest 32-bit integer stands for no number")
    else:
        draft.put("amon_id", str(event))
    draft.revision = words[17]
    draft.put("stream", words[16])
    if words[18]:
        draft.doubt("flags", hex(words[18]), None, "set flags, whose meaning is not published")
    if draft.kind is AlertKind.CASCADE:
        name = _text(words[26:29])
        draft.put(
            "event_names", (f"IceCubeCascade-{name}",) if _CASCADE_NAME.fullmatch(name) else None
        )


def _trigger_time(words: tuple[int, ...], draft: Draft) -> object:
    """Put whole seconds and microseconds together, where the packet has the latter."""
    centiseconds, fraction = words[6], words[25]
    microseconds = centiseconds * 10_000
    if 0 < fraction < 1_000_000:
        precise = centiseconds // 100 * 1_000_000 + fraction
        if abs(precise - microseconds) <= 10_000:
            microseconds = precise
        else:
            why = "microseconds and hundredths of a second disagree"
            draft.doubt("microseconds", fraction, microseconds % 1_000_000, why)
    return tjd_time(words[5], microseconds, "TJD, SOD")


def _read_position(words: tuple[int, ...], draft: Draft) -> None:
    draft.ra_deg, draft.dec_deg = words[7] / 1e4, words[8] / 1e4
    if words[11]:
        draft.error_radius_deg, draft.containment = words[11] / 1e4, 0.9
    if words[10]:
        draft.error_radius_50_deg = words[10] / 1e4
    if not words[11] and words[10]:
        draft.error_radius_deg, draft.containment = words[10] / 1e4, 0.5
    stem = _text(words[29:39]) if draft.kind is AlertKind.CASCADE else ""
    if _SKYMAP_NAME.fullmatch(stem):
        draft.skymap_fits_url = f"{SKYMAP_FOLDER}{stem}.fits"
        draft.skymap_png_url = f"{SKYMAP_FOLDER}{stem}.png"
        draft.doubt("sky map", stem, draft.skymap_fits_url, "address made from the file's name")


def _read_physics(words: tuple[int, ...], draft: Draft) -> None:
    draft.put("energy_tev", _power(words[9], "energy", draft))
    rate = _power(words[12], "FAR", draft)
    if rate is not None:
        draft.put_rate_per_year(rate, "FAR")
    signalness = _power(words[22], "signalness", draft)
    if signalness is not None:
        draft.put("signalness", draft.unit_interval(signalness, "signalness"))


def _power(word: int, field: str, draft: Draft) -> float | None:
    """Undo log10 x 1e4; a word of 0 stands for nothing stated, not for 1."""
    if word == 0:
        return None
    if not -300_000 < word < 300_000:
        draft.doubt(field, word, None, "no logarithm that a packet can hold")
        return None
    return math.pow(10.0, word / 1e4)


def _text(words: tuple[int, ...]) -> str:
    """Read text whose four bytes are reversed in each word."""
    data = b"".join(struct.pack("<i", word) for word in words)
    return data.split(b"\0", 1)[0].decode("ascii", "replace")


def _unread(words: tuple[int, ...], kind: AlertKind) -> dict[str, int]:
    """Return the words that are set and that nobody reads."""
    used = set(_READ) | (set(range(26, 39)) if kind is AlertKind.CASCADE else set())
    return {
        f"word {number}": word
        for number, word in enumerate(words)
        if number not in used and word not in (0, _UNSET.get(number))
    }
