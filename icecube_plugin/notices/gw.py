"""Reader of LVK's own alerts: JSON of ``igwn.gwalert`` (schema: ``igwn-gwalert-schema``), VOEvent.

Such a notice::

    {"alert_type": "UPDATE", "superevent_id": "S260502ab", "time_created": "2026-05-02T04:30:00Z",
     "urls": {"gracedb": "https://gracedb.ligo.org/superevents/S260502ab/view/"},
     "event": {"time": "2026-05-02T04:00:00.5Z", "far": 9.5e-10, "significant": true,
        "instruments": ["H1", "L1"], "group": "CBC", "pipeline": "gstlal", "search": "AllSky",
        "properties": {"HasNS": 0.0}, "classification": {"BBH": 0.98, "Terrestrial": 0.02},
        "skymap": "U0lNUExFICA9..."},
     "external_coinc": null}

Conventions
-----------
- ``event`` is null in a retraction. There is no sequence number: the time orders the notices.
- ``far`` is in Hz; ``time_difference`` in s.
- Sky maps are taken out of the message: in their place stands ``sha256:... N bytes``. Whoever has
  the message that came gets them by `inside.taken_out`; the bundled host keeps them as files. A
  text that is no FITS file in base64 stays where it is.
- Mock events (``MS...``) are tests.
- The alert is LIGO's, Virgo's and KAGRA's: nothing that is said of IceCube's alerts is of it.
- GCN Classic's VOEvent gives the same alert (`icecube_plugin.notices._gw_voevent`), with the
  address of the sky map instead of the map.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from msgspec.json import Decoder

from icecube_hooks import Alert, AlertKind, Message, ParserType, Record, WireFormat, hookimpl

from ._draft import Draft, check_size
from ._gw import OBSERVATORY, Notice, alert_of
from ._gw_voevent import read_packet
from ._wire import JSON_LIMIT, Get, read_wire
from ._xml import read_xml
from .inside import taken_out

__all__ = ["OBSERVATORY", "TOPICS", "VOEVENT_TOPICS", "parse", "parse_voevent", "register_parsers"]

TOPICS: Final = ("igwn.gwalert",)
VOEVENT_TOPICS: Final = tuple(
    f"gcn.classic.voevent.LVC_{name}"
    for name in ("EARLY_WARNING", "PRELIMINARY", "INITIAL", "UPDATE", "RETRACTION")
)

_REQUIRED: Final = ("superevent_id", "alert_type", "time_created")
"""What every notice has, by LVK's schema."""

_MARKS: Final = tuple(f'"{name}"'.encode() for name in _REQUIRED)


@cache
def _decoder() -> Decoder[Notice]:
    return Decoder(Notice)


@hookimpl
def register_parsers() -> list[ParserType]:
    """Register the parsers ``lvk-gw`` and ``lvk-gw-voevent``."""
    whose = "of LIGO's, Virgo's and KAGRA's own alerts"
    json, voevent = (
        f"JSON {whose}; its topic is read where it is named",
        f"VOEvent {whose}, likewise",
    )
    return [
        ParserType(name="lvk-gw", topics=TOPICS, parse=parse, summary=json, on_request=True),
        ParserType(
            name="lvk-gw-voevent",
            topics=VOEVENT_TOPICS,
            parse=parse_voevent,
            summary=voevent,
            on_request=True,
        ),
    ]


def parse(message: Message) -> Record | None:
    """Read a gravitational-wave alert.

    Returns
    -------
    Record or None
        With the message without its sky maps; ``None`` if the content is no such notice.

    Raises
    ------
    NoticeError
        If it is one, and broken.
    """
    check_size(message, JSON_LIMIT)
    if not _may_be(message):
        return None
    value, _ = taken_out(message.value)
    slim = message.replace(value=value)
    draft = Draft(kind=AlertKind.LVK_GW, format=WireFormat.JSON)
    notice = read_wire(slim, _decoder(), TOPICS, _MARKS, _is_notice, draft)
    if notice is None:
        return None
    return Record.of(slim, alert_of(notice, draft, slim))


def parse_voevent(message: Message) -> Alert | None:
    """Read GCN Classic's VOEvent of such an alert, as far as the JSON says the same.

    Returns
    -------
    Alert or None
        With the address of the sky map, which is not in the message; ``None`` if the content is no
        such notice.

    Raises
    ------
    NoticeError
        If it is one, and broken.
    """
    if message.topic not in VOEVENT_TOPICS and b"GraceID" not in message.value:
        return None
    root = read_xml(message)
    return None if root is None else read_packet(root, message)


def _may_be(message: Message) -> bool:
    """Whether it can be one; records, and notices of others, name a superevent, too."""
    return message.topic in TOPICS or all(mark in message.value for mark in _MARKS)


def _is_notice(fields: Get, on_own_topic: bool) -> bool:
    return on_own_topic or all(isinstance(fields.get(name, None), str) for name in _REQUIRED)
