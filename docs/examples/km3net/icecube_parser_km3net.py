"""KM3NeT's alerts, in the layout of GCN's public schema ``gcn/notices/km3net/alert.schema.json``.

Conventions
-----------
- The observatory is ``KM3NeT``: nothing that is IceCube's (trials, links) is said of its alerts.
- Kinds are KM3NeT's own: ``km3net-track``, ``km3net-shower``, ``km3net-multiplet``.
- ``record_number`` counts from 1, `Alert.revision` from 0.
- Proxy energies are those of the lepton and no neutrino energy: they stay in `Alert.unread`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from icecube_hooks import (
    Alert,
    AlertKind,
    Localization,
    Message,
    NoticeError,
    ParserType,
    PValue,
    Status,
    Tense,
    WireFormat,
    hookimpl,
)

CONTRACT: Final = "2.0"

_SCHEMA: Final = re.compile(r"/gcn/notices/km3net/[\w.]+\.schema\.json$", re.ASCII)
_READ: Final = frozenset(
    (
        *("$schema", "messenger", "mission", "alert_tense", "alert_type", "record_number"),
        *("alert_datetime", "id", "event_name", "trigger_time", "ra", "dec", "ra_dec_error"),
        *("containment_probability", "systematic_included", "healpix_url", "far", "p_value"),
        *("alert_topology", "number_of_events", "src_error_50", "additional_info"),
    )
)
_STATUS: Final = {
    "initial": Status.INITIAL,
    "subsequent": Status.SUBSEQUENT,
    "update": Status.UPDATE,
    "retraction": Status.RETRACTION,
}


def parse(message: Message) -> Alert | None:
    """Read a notice of KM3NeT; ``None`` if it is none."""
    if b"KM3NeT" not in message.value and b"km3net" not in message.value:
        return None
    try:
        data = msgspec.json.decode(message.value, type=dict[str, Any])
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    if not _is_theirs(data):
        return None
    return Alert(
        kind=_kind(data),
        format=WireFormat.JSON,
        observatory="KM3NeT",
        event_names=(_name(data),),
        revision=_revision(data),
        status=_status(data),
        tense=_tense(data),
        trigger_time=_time(data, "trigger_time"),
        notice_time=_time(data, "alert_datetime"),
        localization=_place(data),
        far_hz=_number(data, "far", 0.0, 1e9),
        p_values=_p_values(data),
        n_events=_whole(data, "number_of_events"),
        comments=_comments(data),
        unread={name: value for name, value in data.items() if name not in _READ},
    )


def _is_theirs(data: Mapping[str, Any]) -> bool:
    schema = data.get("$schema")
    return data.get("mission") == "KM3NeT" or (
        isinstance(schema, str) and _SCHEMA.search(schema) is not None
    )


def _kind(data: Mapping[str, Any]) -> AlertKind:
    """Return KM3NeT's own kind; what is no word is an error."""
    topology = _text(data, "alert_topology")
    if topology is None:
        return AlertKind("km3net")
    try:
        return AlertKind(f"km3net-{'-'.join(topology.lower().split())}")
    except ValueError as error:
        raise NoticeError("is no topology", field="alert_topology", value=topology) from error


def _name(data: Mapping[str, Any]) -> str:
    for field in ("event_name", "id"):
        name = _text(data, field)
        if name:
            return name if field == "event_name" else f"KM3NeT {name}"
    raise NoticeError("the notice names no event", field="event_name")


def _revision(data: Mapping[str, Any]) -> int | None:
    number = _whole(data, "record_number")
    return None if number is None else max(number - 1, 0)


def _status(data: Mapping[str, Any]) -> Status | None:
    stated = _text(data, "alert_type")
    return None if stated is None else _STATUS.get(stated.lower())


def _tense(data: Mapping[str, Any]) -> Tense | None:
    stated = _text(data, "alert_tense")
    if stated is None:
        return None
    if stated == "current":
        return Tense.OBSERVATION
    try:
        return Tense(stated)
    except ValueError as error:  # a test must never pass for an alert
        raise NoticeError("is no tense", field="alert_tense", value=stated) from error


def _place(data: Mapping[str, Any]) -> Localization | None:
    ra, dec = _number(data, "ra", 0.0, 360.0), _number(data, "dec", -90.0, 90.0)
    if ra is None or dec is None:
        return None
    included = data.get("systematic_included")
    return Localization(
        ra_deg=ra,
        dec_deg=dec,
        error_radius_deg=_number(data, "ra_dec_error", 0.0, 180.0),
        containment=_number(data, "containment_probability", 0.0, 1.0),
        error_radius_50_deg=_number(data, "src_error_50", 0.0, 180.0),
        systematic_included=included if isinstance(included, bool) else None,
        skymap_fits_url=_text(data, "healpix_url"),
    )


def _p_values(data: Mapping[str, Any]) -> tuple[PValue, ...]:
    value = _number(data, "p_value", 0.0, 1.0)
    return () if value is None else (PValue(search="alert", value=value),)


def _comments(data: Mapping[str, Any]) -> tuple[str, ...]:
    text = _text(data, "additional_info")
    return (text,) if text else ()


def _text(data: Mapping[str, Any], name: str) -> str | None:
    value = data.get(name)
    if value is None or isinstance(value, str):
        return value
    raise NoticeError("expected a text", field=name, value=value)


def _number(data: Mapping[str, Any], name: str, low: float, high: float) -> float | None:
    value = data.get(name)
    if value is None:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high:
        return float(value)
    raise NoticeError(f"expected a number from {low:g} to {high:g}", field=name, value=value)


def _whole(data: Mapping[str, Any], name: str) -> int | None:
    value = data.get(name)
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31:
        return value
    raise NoticeError("expected a whole number", field=name, value=value)


def _time(data: Mapping[str, Any], name: str) -> datetime | None:
    text = _text(data, name)
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise NoticeError("expected a time", field=name, value=text) from error
    if found.tzinfo is None:
        raise NoticeError("expected a time with its zone", field=name, value=text)
    return found


@hookimpl
def register_parsers() -> list[ParserType]:
    """Register the parser."""
    summary = "KM3NeT's alerts: tracks, showers, multiplets"
    topics = ("gcn.notices.km3net.*",)
    return [ParserType(name="km3net-json", topics=topics, parse=parse, summary=summary)]
