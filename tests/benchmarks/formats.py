"""From the bytes of a notice to an `Alert`, beside the floor of each format and its peers.

The floor is the fastest parser that makes typed values with the same bounds: msgspec for JSON,
lxml and ``find`` for VOEvent, a loop over lines with ``str.partition`` for text. The peers are what
people use today: hop-client's models, voevent-parse's getters, pygcn's root element, ElementTree or
JSON into a pydantic model (gcn-notice-parser's way; the package itself reads no IceCube notices),
and ``email.parser``, which GCN's documentation shows for text.

Every side must produce the values of `EXPECTED` before it is timed. They take turns; times are CPU
times of this process [us per notice]. Ours does more than each of them: it also keeps the bytes,
finds doubtful values, keys stated twice and unread fields.

Run it from the root of a checkout, with ``pip install -e '.[benchmark]'``::

    python -m tests.benchmarks.formats
"""

# The peers are written as their users write, who check nothing and ignore types.
# mypy: ignore-errors
from __future__ import annotations

import argparse
import contextlib
import email.parser
import json
import math
import platform
import re
import statistics
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final

import gcn.handlers
import hop.models
import lxml.etree
import msgspec
import orjson
import pydantic
import voeventparse

from icecube_hooks import Alert, Message
from icecube_plugin.notices import lvk, text, track, voevent

FIXTURES: Final = Path(__file__).parents[2] / "fixtures"
YEAR_S: Final = 365 * 86_400.0

Values = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Way:
    """One way to read a format.

    Attributes
    ----------
    name : str
    read : callable
        What is timed.
    values : callable
        Takes what `read` gives to the values that are compared; not timed.
    at_least, at_most : float or None
        Bar for its time over ours (a peer), or for ours over its (a floor).
    """

    name: str
    read: Callable[[bytes], Any]
    values: Callable[[Any], Values]
    at_least: float | None = None
    at_most: float | None = None


# --- a neutrino in JSON -------------------------------------------------------------------------

P = Annotated[float, msgspec.Meta(ge=0, le=1)]
Ra = Annotated[float, msgspec.Meta(ge=0, le=360)]
Dec = Annotated[float, msgspec.Meta(ge=-90, le=90)]
Above0 = Annotated[float, msgspec.Meta(gt=0)]
Count = Annotated[int, msgspec.Meta(ge=0)]
EventId = Annotated[str, msgspec.Meta(pattern=r"^\d{1,18}_\d{1,18}(_\d{1,9})?$")]
Reference = Annotated[
    str, msgspec.Meta(pattern=r"^(MS|TS|S|GW)\d{6}\w{0,12}-\d{1,6}-[A-Za-z]{1,30}$")
]


class TrackStruct(msgspec.Struct):
    """A notice of a neutrino; bounds as ours, ids by pattern."""

    mission: str
    instrument: str
    messenger: str
    pipeline: str
    record_number: Count
    event_name: list[str]
    id: list[EventId]
    alert_datetime: datetime
    alert_type: str
    alert_tense: str
    alert_topology: str
    number_of_events: Count
    ra: Ra
    dec: Dec
    ra_dec_error: Above0
    containment_probability: P
    systematic_included: bool
    trigger_time: datetime
    nu_energy: Above0
    p_astro: P
    far: Above0


class TrackModel(pydantic.BaseModel):
    """The same for pydantic."""

    mission: str
    instrument: str
    messenger: str
    pipeline: str
    record_number: Annotated[int, pydantic.Field(ge=0)]
    event_name: list[str]
    id: list[Annotated[str, pydantic.Field(pattern=r"^\d{1,18}_\d{1,18}(_\d{1,9})?$")]]
    alert_datetime: datetime
    alert_type: str
    alert_tense: str
    alert_topology: str
    number_of_events: Annotated[int, pydantic.Field(ge=0)]
    ra: Annotated[float, pydantic.Field(ge=0, le=360)]
    dec: Annotated[float, pydantic.Field(ge=-90, le=90)]
    ra_dec_error: Annotated[float, pydantic.Field(gt=0)]
    containment_probability: Annotated[float, pydantic.Field(ge=0, le=1)]
    systematic_included: bool
    trigger_time: datetime
    nu_energy: Annotated[float, pydantic.Field(gt=0)]
    p_astro: Annotated[float, pydantic.Field(ge=0, le=1)]
    far: Annotated[float, pydantic.Field(gt=0)]


TRACK_FIELDS: Final = ("ra", "dec", "ra_dec_error", "nu_energy", "p_astro", "far", "trigger_time")


def track_values(found: Any) -> Values:
    values = {name: getattr(found, name) for name in TRACK_FIELDS}
    run, _, event = found.id[0].partition("_")
    return values | {"run": int(run), "event": int(event), "revision": found.record_number}


def track_of_alert(alert: Alert) -> Values:
    place = alert.localization
    assert place is not None
    return {
        "ra": place.ra_deg,
        "dec": place.dec_deg,
        "ra_dec_error": place.error_radius_deg,
        "nu_energy": alert.energy_tev,
        "p_astro": alert.signalness,
        "far": alert.far_hz,
        "trigger_time": alert.trigger_time,
        "run": alert.run_id,
        "event": alert.event_id,
        "revision": alert.revision,
    }


def track_of_dict(data: Values) -> Values:
    moment = datetime.fromisoformat(data["trigger_time"])
    found = {name: data[name] for name in TRACK_FIELDS} | {"trigger_time": moment}
    run, _, event = data["id"][0].partition("_")
    return found | {"run": int(run), "event": int(event), "revision": data["record_number"]}


# --- a search in JSON ---------------------------------------------------------------------------


class PlaceStruct(msgspec.Struct):
    """Position of one neutrino."""

    ra: Ra
    dec: Dec
    ra_dec_error: Above0
    containment_probability: P
    systematic_included: bool


class EventStruct(msgspec.Struct):
    """One coincident neutrino."""

    event_dt: float
    localization: PlaceStruct
    event_pval_generic: P | None
    event_pval_bayesian: P | None
    id: list[EventId] = []


class ReferenceStruct(msgspec.Struct):
    """The gravitational-wave notice."""

    alert: Reference = msgspec.field(name="gcn.notices.LVK.alert")


class DirectionStruct(msgspec.Struct):
    """A point on the sky."""

    ra: Ra
    dec: Dec


class SensitivityStruct(msgspec.Struct):
    """Sensitivity."""

    flux_sensitivity: list[Above0]
    sensitive_energy_range: list[Above0]


class SearchStruct(msgspec.Struct):
    """A search around a gravitational wave."""

    type: str
    reference: ReferenceStruct
    ref_ID: str  # noqa: N815  # as the notice spells it
    alert_datetime: datetime
    trigger_time: datetime
    observation_start: datetime
    observation_stop: datetime
    observation_livetime: Above0
    pval_generic: P | None
    pval_bayesian: P | None
    n_events_coincident: Count
    coincident_events: list[EventStruct] = []
    most_probable_direction: DirectionStruct | None = None
    neutrino_flux_sensitivity_range: SensitivityStruct | None = None


PydanticP = Annotated[float, pydantic.Field(ge=0, le=1)]


class PlaceModel(pydantic.BaseModel):
    """Position of one neutrino."""

    ra: Annotated[float, pydantic.Field(ge=0, le=360)]
    dec: Annotated[float, pydantic.Field(ge=-90, le=90)]
    ra_dec_error: Annotated[float, pydantic.Field(gt=0)]
    containment_probability: PydanticP
    systematic_included: bool


class EventModel(pydantic.BaseModel):
    """One coincident neutrino."""

    event_dt: float
    localization: PlaceModel
    id: list[str]
    event_pval_generic: PydanticP | None
    event_pval_bayesian: PydanticP | None


class SearchModel(pydantic.BaseModel):
    """A search around a gravitational wave."""

    type: str
    reference: dict[str, str]
    ref_ID: str  # noqa: N815  # as the notice spells it
    alert_datetime: datetime
    trigger_time: datetime
    observation_start: datetime
    observation_stop: datetime
    observation_livetime: float
    pval_generic: PydanticP | None
    pval_bayesian: PydanticP | None
    n_events_coincident: int
    coincident_events: list[EventModel] = []
    most_probable_direction: dict[str, float] | None = None
    neutrino_flux_sensitivity_range: dict[str, list[float]] | None = None


def search_values(found: Any) -> Values:
    events = [
        (e.event_dt, e.localization.ra, e.event_pval_generic) for e in found.coincident_events
    ]
    return {
        "event": found.ref_ID,
        "p": (found.pval_generic, found.pval_bayesian),
        "trigger_time": found.trigger_time,
        "events": events,
    }


def search_of_alert(alert: Alert) -> Values:
    events = [
        (e.delta_t_s, e.localization and e.localization.ra_deg, e.p_value("generic"))
        for e in alert.coincident_events
    ]
    return {
        "event": alert.event_key,
        "p": (alert.p_value("generic"), alert.p_value("bayesian")),
        "trigger_time": alert.trigger_time,
        "events": events,
    }


def search_of_dict(data: Values) -> Values:
    events = [
        (e["event_dt"], e["localization"]["ra"], e["event_pval_generic"])
        for e in data["coincident_events"]
    ]
    return {
        "event": data["ref_ID"],
        "p": (data["pval_generic"], data["pval_bayesian"]),
        "trigger_time": datetime.fromisoformat(data["trigger_time"]),
        "events": events,
    }


def json_ways(
    parse: Callable[[Message], Alert | None], topic: str, kind: Any, model: Any, values: Any
) -> list[Way]:
    """Return the ways to read JSON; ours first, its floor second."""
    of_alert, of_struct, of_dict = values
    decode = msgspec.json.Decoder(kind).decode
    return [
        ours(parse, topic, of_alert),
        Way(name="msgspec, typed and bounded", read=decode, values=of_struct, at_most=4.0),
        Way(name="pydantic", read=model.model_validate_json, values=of_struct, at_least=2.0),
        Way(name="json.loads, then pydantic", values=of_struct, at_least=2.0,
            read=lambda value: model.model_validate(json.loads(value))),
        Way(name="hop-client JSONBlob (untyped)", values=lambda blob: of_dict(blob.content),
            read=hop.models.JSONBlob.deserialize),
        Way(name="json.loads (untyped)", read=json.loads, values=of_dict),
        Way(name="orjson (untyped)", read=orjson.loads, values=of_dict),
    ]  # fmt: skip


def ours(
    parse: Callable[[Message], Alert | None], topic: str, values: Callable[[Alert], Values]
) -> Way:
    """Return our way."""
    return Way(
        name="ours", values=values, read=lambda value: parse(Message(value=value, topic=topic))
    )


# --- VOEvent ------------------------------------------------------------------------------------

ASTRO: Final = "WhereWhen/ObsDataLocation/ObservationLocation/AstroCoords"


@dataclass(slots=True)
class XmlNotice:
    """What a VOEvent of a track states."""

    ivorn: str
    role: str
    packet_type: int
    run_id: int
    event_id: int
    amon_id: str
    revision: int
    stream: int
    notice_time: datetime
    trigger_time: datetime
    ra_deg: float
    dec_deg: float
    circle_deg: float
    error_90_deg: float
    error_50_deg: float
    signalness: float
    far_per_year: float
    energy_tev: float
    tjd: int
    sod: float
    is_test: bool
    is_retraction: bool


class XmlModel(pydantic.BaseModel):
    """The same for pydantic."""

    ivorn: str
    role: str
    packet_type: int
    run_id: int
    event_id: int
    amon_id: str
    revision: int
    stream: int
    notice_time: datetime
    trigger_time: datetime
    ra_deg: float
    dec_deg: float
    circle_deg: float
    error_90_deg: float
    error_50_deg: float
    signalness: float
    far_per_year: float
    energy_tev: float
    tjd: int
    sod: float
    is_test: bool
    is_retraction: bool


def lxml_find(value: bytes) -> XmlNotice:
    """Read with lxml and ``find``."""
    root = lxml.etree.fromstring(value, LXML)
    return typed(root, {p.get("name"): p.get("value") for p in root.iterfind("What/Param")})


def typed(root: Any, params: dict[str, str]) -> XmlNotice:
    """Find and convert."""
    flags = {
        p.get("name"): p.get("value") for p in root.iterfind("What/Group[@name='Trigger_ID']/Param")
    }
    astro = root.find(ASTRO)
    position = astro.find("Position2D")
    return XmlNotice(
        ivorn=root.get("ivorn"),
        role=root.get("role"),
        packet_type=int(params["Packet_Type"]),
        run_id=int(params["run_id"]),
        event_id=int(params["event_id"]),
        amon_id=params["AMON_ID"],
        revision=int(params["Rev"]),
        stream=int(params["Stream"]),
        notice_time=datetime.fromisoformat(root.findtext("Who/Date")).replace(tzinfo=UTC),
        trigger_time=datetime.fromisoformat(astro.findtext("Time/TimeInstant/ISOTime")).replace(
            tzinfo=UTC
        ),
        ra_deg=float(position.findtext("Value2/C1")),
        dec_deg=float(position.findtext("Value2/C2")),
        circle_deg=float(position.findtext("Error2Radius")),
        error_90_deg=float(params["src_error_90"]),
        error_50_deg=float(params["src_error_50"]),
        signalness=float(params["signalness"]),
        far_per_year=float(params["FAR"]),
        energy_tev=float(params["energy"]),
        tjd=int(params["Event_TJD"]),
        sod=float(params["Event_SOD"]),
        is_test=flags["Test"] == "true",
        is_retraction=flags["Retraction"] == "true",
    )


LXML: Final = lxml.etree.XMLParser(resolve_entities=False, no_network=True)


def lxml_checked(value: bytes) -> XmlNotice:
    """Do what `lxml_find` does, and check what ours checks."""
    root = lxml.etree.fromstring(value, LXML)
    if root.getroottree().docinfo.internalDTD is not None:
        raise ValueError(value)
    elements = {p.get("name"): p for p in root.iterfind("What/Param")}
    params = {name: element.get("value").strip() for name, element in elements.items()}
    if not all(NUMBER.fullmatch(params[name]) for name in XML_NUMBERS):
        raise ValueError(value)
    notice = typed(root, params)
    tail = IVORN.search(notice.ivorn)
    if tail and tuple(map(int, tail.groups())) != (
        *(notice.run_id, notice.event_id, notice.revision),
    ):
        raise ValueError(value)
    day = datetime(1968, 5, 24, tzinfo=UTC) + timedelta(days=notice.tjd, seconds=notice.sod)
    if abs((day - notice.trigger_time).total_seconds()) > 0.02:
        raise ValueError(value)
    words = (elements["src_error_90"].findtext("Description") or "").lower()
    systematic = "systematic" in words and "statistical only" not in words
    units = elements["energy"].get("unit"), elements["signalness"].get("unit")
    good = (
        0 <= notice.ra_deg < 360 and -90 <= notice.dec_deg <= 90 and 0 <= notice.signalness <= 1
    ) and (notice.far_per_year > 0 and notice.energy_tev > 0 and 0 < notice.error_90_deg <= 180)
    if not good or units != ("TeV", "dn") or systematic:
        raise ValueError(value)
    if abs(notice.circle_deg - notice.error_90_deg) > 1e-4 or set(params) - XML_KNOWN:
        raise ValueError(value)
    return notice


NUMBER: Final = re.compile(
    r"[+-]?(?:\d{1,40}\.?\d{0,40}|\.\d{1,40})(?:[eE][+-]?\d{1,3})?", re.ASCII
)
IVORN: Final = re.compile(r"_(\d{1,18})_(\d{1,18})_(\d{1,9})$", re.ASCII)
XML_NUMBERS: Final = (
    *("run_id", "event_id", "Rev", "Stream", "Event_TJD", "Event_SOD", "signalness", "FAR"),
    *("energy", "src_error_90", "src_error_50"),
)
XML_KNOWN: Final = {
    *("Packet_Type", "Pkt_Ser_Num", "AMON_ID", "Trigger_ID", "Misc_flags", *XML_NUMBERS)
}


def et_pydantic(value: bytes) -> XmlModel:
    """Read with ElementTree into a pydantic model."""
    root = ET.fromstring(value)  # noqa: S314  # a peer
    params = {p.get("name"): p.get("value") for p in root.iterfind("What/Param")}
    flags = {
        p.get("name"): p.get("value") for p in root.iterfind("What/Group[@name='Trigger_ID']/Param")
    }
    position = f"{ASTRO}/Position2D"
    return XmlModel.model_validate(
        {
            "ivorn": root.get("ivorn"),
            "role": root.get("role"),
            "packet_type": params["Packet_Type"],
            "run_id": params["run_id"],
            "event_id": params["event_id"],
            "amon_id": params["AMON_ID"],
            "revision": params["Rev"],
            "stream": params["Stream"],
            "notice_time": f"{root.findtext('Who/Date')}Z",
            "trigger_time": f"{root.findtext(f'{ASTRO}/Time/TimeInstant/ISOTime')}Z",
            "ra_deg": root.findtext(f"{position}/Value2/C1"),
            "dec_deg": root.findtext(f"{position}/Value2/C2"),
            "circle_deg": root.findtext(f"{position}/Error2Radius"),
            "error_90_deg": params["src_error_90"],
            "error_50_deg": params["src_error_50"],
            "signalness": params["signalness"],
            "far_per_year": params["FAR"],
            "energy_tev": params["energy"],
            "tjd": params["Event_TJD"],
            "sod": params["Event_SOD"],
            "is_test": flags["Test"],
            "is_retraction": flags["Retraction"],
        }
    )


def voevent_parse(value: bytes) -> Values:
    """Read with voevent-parse's convenience functions."""
    event = voeventparse.loads(value)
    position = voeventparse.get_event_position(event)
    params = voeventparse.get_toplevel_params(event)
    voeventparse.get_grouped_params(event)
    return {
        "run": int(params["run_id"]["value"]),
        "event": int(params["event_id"]["value"]),
        "ra": position.ra,
        "dec": position.dec,
        "energy": float(params["energy"]["value"]),
        "far": float(params["FAR"]["value"]),
        "time": voeventparse.get_event_time_as_utc(event),
    }


def pygcn_way(value: bytes) -> Values:
    """Read as a handler of pygcn does, that is given the root element."""
    root = lxml.etree.fromstring(value)
    gcn.handlers.get_notice_type(root)
    params = {p.attrib["name"]: p.attrib["value"] for p in root.findall("./What/Param")}
    moment = root.find(f"./{ASTRO}/Time/TimeInstant/ISOTime").text
    return {
        "run": int(params["run_id"]),
        "event": int(params["event_id"]),
        "ra": float(root.find(f"./{ASTRO}/Position2D/Value2/C1").text),
        "dec": float(root.find(f"./{ASTRO}/Position2D/Value2/C2").text),
        "energy": float(params["energy"]),
        "far": float(params["FAR"]),
        "time": datetime.fromisoformat(moment).replace(tzinfo=UTC),
    }


def hop_voevent(event: hop.models.VOEvent) -> Values:
    params = {p["name"]: p["value"] for p in event.What["Param"]}
    astro = event.WhereWhen["ObsDataLocation"]["ObservationLocation"]["AstroCoords"]
    moment = datetime.fromisoformat(astro["Time"]["TimeInstant"]["ISOTime"]).replace(tzinfo=UTC)
    value = astro["Position2D"]["Value2"]
    return {
        "run": int(params["run_id"]),
        "event": int(params["event_id"]),
        "ra": float(value["C1"]),
        "dec": float(value["C2"]),
        "energy": float(params["energy"]),
        "far": float(params["FAR"]),
        "time": moment,
    }


def classic_of_alert(alert: Alert) -> Values:
    place = alert.localization
    assert place is not None
    return {
        "run": alert.run_id,
        "event": alert.event_id,
        "ra": place.ra_deg,
        "dec": place.dec_deg,
        "energy": alert.energy_tev,
        "far": alert.far_per_year,
        "time": alert.trigger_time,
    }


def classic_of_typed(found: Any) -> Values:
    return {
        "run": found.run_id,
        "event": found.event_id,
        "ra": found.ra_deg,
        "dec": found.dec_deg,
        "energy": found.energy_tev,
        "far": found.far_per_year,
        "time": found.trigger_time,
    }


def naive_is_utc(values: Values) -> Values:
    return values | {"time": values["time"].replace(tzinfo=UTC)}


def xml_ways(topic: str) -> list[Way]:
    """Return the ways to read VOEvent."""
    return [
        ours(voevent.parse, topic, classic_of_alert),
        Way(name="lxml and find, typed", read=lxml_find, values=classic_of_typed, at_most=1.3),
        Way(name="lxml and find, typed, cross-checked", read=lxml_checked,
            values=classic_of_typed, at_most=1.3),
        Way(name="ElementTree, then pydantic", read=et_pydantic, values=classic_of_typed,
            at_least=1.5),
        Way(name="voevent-parse and its getters", read=voevent_parse, values=naive_is_utc,
            at_least=1.5),
        Way(name="hop-client VOEvent (untyped)", read=hop.models.VOEvent.deserialize,
            values=hop_voevent, at_least=1.5),
        Way(name="pygcn's root and its README (7 fields)", read=pygcn_way, values=dict),
        Way(name="lxml.etree.fromstring alone", read=lxml.etree.fromstring, values=lambda root: {}),
    ]  # fmt: skip


# --- text ---------------------------------------------------------------------------------------


@dataclass(slots=True)
class TextNotice:
    """What a text notice of a track states."""

    notice_type: str
    notice_time: datetime
    stream: int
    run_id: int
    event_id: int
    revision: int
    trigger_time: datetime
    ra_deg: float
    dec_deg: float
    error_90_deg: float
    error_50_deg: float
    energy_tev: float
    signalness: float
    far_per_year: float
    comments: list[str]


MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def partition_loop(value: bytes) -> TextNotice:
    """Read with ``str.partition``, into types and within bounds."""
    fields: dict[str, str] = {}
    comments = []
    for line in value.decode().splitlines():
        if line[:1] == " ":
            continue
        key, colon, rest = line.partition(":")
        if key == "COMMENTS":
            comments.append(rest.strip())
        elif colon and key not in fields:
            fields[key] = rest.strip()
    _, day, month, year, clock, _ = fields["NOTICE_DATE"].split()
    made = datetime.fromisoformat(f"20{year}-{MONTHS.index(month) + 1:02}-{day}T{clock}+00:00")
    written = fields["DISCOVERY_DATE"].split()[4].replace("/", "-")
    of_day = fields["DISCOVERY_TIME"].partition("{")[2].partition("}")[0]
    notice = TextNotice(
        notice_type=fields["NOTICE_TYPE"],
        notice_time=made,
        stream=int(fields["STREAM"]),
        run_id=int(fields["RUN_NUM"]),
        event_id=int(fields["EVENT_NUM"]),
        revision=int(fields["REVISION"]),
        trigger_time=datetime.fromisoformat(f"20{written}T{of_day}+00:00"),
        ra_deg=float(fields["SRC_RA"].partition("d")[0]),
        dec_deg=float(fields["SRC_DEC"].partition("d")[0]),
        error_90_deg=float(fields["SRC_ERROR"].partition(" ")[0]) / 60,
        error_50_deg=float(fields["SRC_ERROR50"].partition(" ")[0]) / 60,
        energy_tev=float(fields["ENERGY"].partition(" ")[0]),
        signalness=float(fields["SIGNALNESS"].partition(" ")[0]),
        far_per_year=float(fields["FAR"].partition(" ")[0]),
        comments=comments,
    )
    if not (
        0 <= notice.ra_deg < 360 and -90 <= notice.dec_deg <= 90 and 0 <= notice.signalness <= 1
    ):
        raise ValueError(value)
    if notice.energy_tev <= 0 or notice.far_per_year <= 0 or notice.error_90_deg <= 0:
        raise ValueError(value)
    return notice


DATE_0: Final = date(1968, 5, 24)


def text_checked(value: bytes) -> TextNotice:
    """Do what `partition_loop` does, and hold the repeated statements of a notice together.

    As ours does: TJD, day of year and date; seconds of day and clock; decimal and sexagesimal of
    both coordinates; units and containment of both errors.
    """
    notice = partition_loop(value)
    lines = value.decode().splitlines()
    fields = dict(line.partition(":")[::2] for line in lines if line[:1] != " ")
    tjd, _, doy, _, written, _ = fields["DISCOVERY_DATE"].split()
    day = DATE_0 + timedelta(days=int(tjd))
    if day.timetuple().tm_yday != int(doy) or day.strftime("%y/%m/%d") != written:
        raise ValueError(value)
    sod = float(fields["DISCOVERY_TIME"].split()[0])
    moment = notice.trigger_time
    if abs(moment.hour * 3600 + moment.minute * 60 + moment.second - sod) > 1.5:
        raise ValueError(value)
    for key, found, scale in (("SRC_RA", notice.ra_deg, 15), ("SRC_DEC", notice.dec_deg, 1)):
        written = fields[key].partition("{")[2].partition("}")[0]
        first, second, third = NUMBERS.findall(written)
        angle = scale * (int(first) + int(second) / 60 + int(third) / 3600)
        if abs(math.copysign(angle, -1 if written[0] == "-" else 1) - found) > 0.005:
            raise ValueError(value)
    for key in ("SRC_ERROR", "SRC_ERROR50"):
        if "arcmin" not in fields[key] or "% containment" not in fields[key]:
            raise ValueError(value)
    return notice


NUMBERS: Final = re.compile(r"\d+")


def of_text_fields(fields: Values) -> Values:
    found = {key.lower(): str(value) for key, value in fields.items()}
    written = found["discovery_date"].split()[4].replace("/", "-")
    clock = found["discovery_time"].partition("{")[2].partition("}")[0]
    return {
        "run": int(found["run_num"]),
        "event": int(found["event_num"]),
        "ra": float(found["src_ra"].partition("d")[0]),
        "dec": float(found["src_dec"].partition("d")[0]),
        "energy": float(found["energy"].split()[0]),
        "far": float(found["far"].split()[0]),
        "time": datetime.fromisoformat(f"20{written}T{clock}+00:00"),
    }


def text_ways(topic: str) -> list[Way]:
    """Return the ways to read text."""
    return [
        ours(text.parse, topic, classic_of_alert),
        Way(name="partition loop, typed", read=partition_loop, values=classic_of_typed,
            at_most=1.5),
        Way(name="partition loop, typed, cross-checked", read=text_checked,
            values=classic_of_typed, at_most=1.5),
        Way(name="hop-client GCNTextNotice (untyped)", read=hop.models.GCNTextNotice.deserialize,
            values=lambda found: of_text_fields(found.fields), at_least=2.0),
        Way(name="email.parser (untyped)", values=of_text_fields, at_least=2.0,
            read=lambda value: dict(email.parser.BytesParser().parsebytes(value))),
    ]  # fmt: skip


# --- measuring ----------------------------------------------------------------------------------

TRACK_TOPIC: Final = "gcn.notices.icecube.gold_bronze_track_alerts"
LVK_TOPIC: Final = "gcn.notices.icecube.lvk_nu_track_search"
XML_TOPIC: Final = "gcn.classic.voevent.ICECUBE_ASTROTRACK_GOLD"
TEXT_TOPIC: Final = "gcn.classic.text.ICECUBE_ASTROTRACK_GOLD"


def cases() -> dict[str, tuple[bytes, list[Way]]]:
    """Return the notice and the ways of each format."""
    of_track = (track_of_alert, track_values, track_of_dict)
    of_search = (search_of_alert, search_values, search_of_dict)
    return {
        "JSON, a neutrino": (
            notice(TRACK_TOPIC, "132792_60166398_0.json"),
            json_ways(track.parse, TRACK_TOPIC, TrackStruct, TrackModel, of_track),
        ),
        "JSON, a search": (
            notice(LVK_TOPIC, "MS260101a-1-Preliminary.json"),
            json_ways(lvk.parse, LVK_TOPIC, SearchStruct, SearchModel, of_search),
        ),
        "VOEvent": (notice(XML_TOPIC, "133092_52499868_0.xml"), xml_ways(XML_TOPIC)),
        "text": (notice(TEXT_TOPIC, "132707_54984442_0.txt"), text_ways(TEXT_TOPIC)),
    }


def notice(topic: str, name: str) -> bytes:
    """Return a fixture."""
    return (FIXTURES / topic / name).read_bytes()


def check(value: bytes, ways: Sequence[Way]) -> None:
    """Hold every way's values against ours."""
    expected = ways[0].values(ways[0].read(value))
    for way in ways[1:]:
        found = way.values(way.read(value))
        for name, one in found.items():
            assert same(one, expected[name]), f"{way.name}: {name} {one!r}, not {expected[name]!r}"


def same(one: Any, other: Any) -> bool:
    if isinstance(one, float):
        return math.isclose(one, other, rel_tol=1e-12)
    return bool(one == other)


def measure(value: bytes, ways: Sequence[Way], rounds: int, number: int) -> dict[str, list[float]]:
    """Return the CPU time of every round [us], the ways in turns."""
    taken: dict[str, list[float]] = {way.name: [] for way in ways}
    for _ in range(rounds):
        for way in ways:
            read = way.read
            began = time.process_time()
            for _ in range(number):
                read(value)
            taken[way.name].append((time.process_time() - began) / number * 1e6)
    return taken


def report(title: str, ways: Sequence[Way], taken: dict[str, list[float]]) -> bool:
    """Print one table; return whether every bar is met."""
    mine = min(taken[ways[0].name])
    print(f"\n{title:<40}  {'min':>7}  {'median':>7}  {'of ours':>7}  bar")
    met = True
    for way in ways:
        low = min(taken[way.name])
        bar = ""
        if way.at_most is not None:
            kept = mine <= way.at_most * low
            bar = f"ours {mine / low:.2f} x, at most {way.at_most:g}: {'met' if kept else 'MISSED'}"
            met &= kept
        elif way.at_least is not None:
            kept = low >= way.at_least * mine
            bar = f"at least {way.at_least:g}: {'met' if kept else 'MISSED'}"
            met &= kept
        median = statistics.median(taken[way.name])
        print(f"{way.name:<40}  {low:7.2f}  {median:7.2f}  {low / mine:7.2f}  {bar}".rstrip())
    return met


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark; return 1 if a bar is missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.formats")
    parser.add_argument("--rounds", type=int, default=25, metavar="N")
    parser.add_argument("--number", type=int, default=200, metavar="N", help="notices in a round")
    arguments = parser.parse_args(argv)
    print(f"CPU microseconds per notice, {arguments.rounds} rounds in turns", end="")
    print(f", Python {platform.python_version()}; values of all sides compared")
    met = True
    for title, (value, ways) in cases().items():
        with contextlib.redirect_stdout(sys.stderr):  # peers print
            check(value, ways)
        taken = measure(value, ways, arguments.rounds, arguments.number)
        met &= report(f"{title} ({len(value)} bytes)", ways, taken)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
