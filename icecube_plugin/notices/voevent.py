"""Reader of VOEvent 1.1 and 2.0, as GCN makes them of IceCube and AMON notices, and AMON's own.

The parts that are read::

    <voe:VOEvent ivorn="ivo://nasa.gsfc.gcn/AMON#ICECUBE_GOLD_Event2026-05-02T04:00:00.25_24_142000_001234567_0"
                 role="observation" version="2.0" ...>
      <Who><Date>2026-05-02T04:05:06</Date></Who>
      <What>
        <Param name="Packet_Type" value="173" />
        <Param name="run_id" value="142000" />
        <Param name="src_error_90" value="0.6867" unit="deg" />
        <Group name="Trigger_ID"><Param name="Retraction" value="false" /></Group>
      </What>
      <WhereWhen>... <ISOTime>2026-05-02T04:00:00.25</ISOTime> ... <C1>103.5000</C1> ...

Conventions
-----------
- Times without a zone are UTC. ``Who/Date`` is the time of the notice, not of the event.
- Position: C1, C2 of the first position, which must be named RA and Dec.
- A number is in the unit that stands beside it, and in that of GCN's description (TeV, per year,
  deg) where none does. In June 2019 GCN wrote GeV beside energies in TeV: where that gives less
  than any alert has, TeV is taken, with a concern.
- Names of parameters are compared regardless of case, for GCN writes ``signalness`` and
  ``Signalness``, ``run_id`` and ``Run_ID``. AMON's coincidences with gamma rays (NU_EM) have radii
  ``src_err_90`` and ``src_err_50`` in arcmin, run 0, and a name made of ``Event_Date``.
- ``Error2Radius`` is the 90 % radius in some packets and the 50 % radius in others.
- ``RADec_valid`` is "false" in every packet, also beside a good position; that is a concern.

Security: no DTD, no entities, no network, bounded size and depth (lxml's own limits).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from icecube_hooks import (
    Alert,
    AlertKind,
    Concern,
    Message,
    NoticeError,
    ParserType,
    Status,
    Tense,
    WireFormat,
    hookimpl,
)

from ._draft import NO_ID, PACKET_KINDS, Draft, nuem_name
from ._fields import Fields, ratio
from ._values import decimal, integer, iso_time, tjd_time
from ._xml import ROLES, Params, author_of, is_voevent, params_of, read_xml, where_when
from .units import ANGLE, FRACTION, RATE, TIME

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

__all__ = ["TOPICS", "parse", "parse_element", "register_parsers"]

TOPICS: Final = ("gcn.classic.voevent.ICECUBE_*", "gcn.classic.voevent.AMON_*")

NOT_VALID: Final = Concern(
    field="RADec_valid",
    found="false",
    taken="position",
    why="every packet says so, also beside a good position; the position is taken",
)
"""The concern that every packet gives."""

_IVORN_TAIL = re.compile(r"_(\d{1,18})_(\d{1,18})_(\d{1,9})$", re.ASCII)
_FLAGS: Final = "Trigger_ID"
_YES: Final = frozenset({"true", "1", "yes"})
_FRAMES: Final = ("ICRS", "FK5")


@hookimpl
def register_parsers() -> list[ParserType]:
    """Register the parser ``voevent``."""
    summary = "VOEvent 1.1 and 2.0: gold, bronze, cascade, HESE, EHE, COINC, NU_EM, AMON's own"
    return [ParserType(name="voevent", topics=TOPICS, parse=parse, summary=summary)]


def parse(message: Message) -> Alert | None:
    """Read a VOEvent notice.

    Returns
    -------
    Alert or None
        ``None`` if the content is no VOEvent of IceCube or AMON.

    Raises
    ------
    NoticeError
        If it is one, and broken.
    """
    root = read_xml(message)
    return None if root is None else parse_element(root, message)


def parse_element(root: Element, message: Message) -> Alert | None:
    """Read a VOEvent that somebody has parsed already, such as Comet or pygcn.

    Parameters
    ----------
    root : lxml element
        The ``VOEvent`` element.
    message : Message
        Its ``value`` should be the bytes that `root` was made from.
    """
    if not is_voevent(root):
        return None
    params, groups = params_of(root)
    author, made = author_of(root)
    kind = _kind(root, author, params)
    if kind is None:
        return None
    draft = Draft(kind=kind, format=WireFormat.VOEVENT)
    packet = Fields({name: p.get("value", "") for name, p in params.items()}, draft, params)
    when, system, place = where_when(root)
    _read_identity(root, packet, draft)
    _read_flags(root, groups, packet, bool(place), draft)
    draft.put_time("notice_time", made, "Who/Date")
    _read_time(when, system, packet, draft)
    _read_position(place, params, packet, draft)
    _read_physics(packet, draft)
    draft.unread = _unread(packet, groups)
    return draft.alert(message)


def _kind(root: Element, author: str, params: Params) -> AlertKind | None:
    packet = params.get("packet_type")
    if packet is not None:
        return PACKET_KINDS.get(integer(packet.get("value", ""), "Packet_Type"))
    ivorn = root.get("ivorn", "").lower()
    is_amon = "amon" in ivorn or "icecube" in ivorn or "icecube" in author.lower()
    return AlertKind.AMON if is_amon and "false_pos" in params else None


_KNOWN: Final = ("packet_type", "pkt_ser_num", "trigger_id", "misc_flags", "psf_type")
"""Parameters that say nothing of their own."""


def _unread(packet: Fields, groups: dict[str, Params]) -> dict[str, Any]:
    """Return the parameters that nobody asked for."""
    for name in _KNOWN:
        packet.left.pop(name, None)
    left = packet.unread()
    for group, params in groups.items():
        if group != _FLAGS and params:
            left[group] = {param.get("name", ""): param.get("value") for param in params.values()}
    return left


def _read_identity(root: Element, packet: Fields, draft: Draft) -> None:
    draft.run_id = packet.integer("run_id")
    draft.event_id = packet.integer("event_id")
    draft.revision = packet.integer("rev")
    ivorn = root.get("ivorn", "").strip()
    draft.put("ivorn", ivorn or None)
    name = packet.text("event_name") or nuem_name(draft.kind, packet.text("event_date"))
    draft.put("event_names", (name,) if name else None)
    draft.put("stream", draft.attempt(packet.integer, "stream"))
    if (draft.run_id is None) != (draft.event_id is None):
        missing = "run_id" if draft.run_id is None else "event_id"
        raise NoticeError("run and event number belong together", field=missing)
    _read_amon_id(packet, draft)
    tail = _IVORN_TAIL.search(ivorn)
    if tail is not None and draft.run_id is not None:
        draft.compare_ids("ivorn", *(int(number) for number in tail.groups()))


def _read_amon_id(packet: Fields, draft: Draft) -> None:
    """Keep AMON's number where it is more than the digits of run and event."""
    amon = packet.text("amon_id", "trigid", "id")
    run, event = draft.run_id, draft.event_id
    if amon is None or (run is not None and amon in (f"{run}{event}", f"{event}{run}", str(event))):
        return
    if amon == str(NO_ID):
        draft.doubt("TrigID", amon, None, "the largest 32-bit integer stands for no number")
    elif run is not None:
        draft.doubt("AMON_ID", amon, f"{run}_{event}", "is not made of run and event number")
    elif draft.kind is not AlertKind.AMON:
        draft.put("amon_id", amon)


def _read_flags(
    root: Element, groups: Mapping[str, Params], packet: Fields, has_position: bool, draft: Draft
) -> None:
    role = root.get("role", "observation")
    draft.tense = ROLES.get(role)
    if draft.tense is None:
        draft.doubt("role", role, None, "no role that VOEvent knows")
    found = {name: param.get("value", "") for name, param in groups.get(_FLAGS, {}).items()}
    flags = {name for name, value in found.items() if value.lower() in _YES}
    if packet.flag("private") or "privateflag" in flags:
        draft.doubt("private", "true", None, "the notice calls itself one for AMON's members only")
    if flags & {"test", "internaltest"}:
        draft.tense = Tense.TEST
    if packet.flag("retraction") or any("retract" in name for name in flags):
        draft.status = Status.RETRACTION
    if has_position and "radec_valid" in found and "radec_valid" not in flags:
        draft.concerns.append(NOT_VALID)


def _read_time(when: str | None, system: str, packet: Fields, draft: Draft) -> None:
    if when is None:
        raise NoticeError("the notice states no time of the event", field="ISOTime")
    if system and system.partition("-")[0].upper() != "UTC":
        draft.doubt("coord_system_id", f"{when} in {system}", None, "expected a time in UTC")
    else:
        draft.put("trigger_time", iso_time(when, "ISOTime"))
    tjd, sod = packet.text("event_tjd"), packet.text("event_sod")
    if tjd is not None and sod is not None:
        found = draft.attempt(_tjd_sod, tjd, sod)
        if found is not None:
            draft.compare_time("Event_TJD, Event_SOD", found, 0.02)


def _tjd_sod(tjd: str, sod: str) -> datetime:
    seconds = decimal(sod, "Event_SOD")
    return tjd_time(integer(tjd, "Event_TJD"), round(seconds * 1e6), "Event_TJD")


def _read_position(place: Mapping[str, str], params: Params, packet: Fields, draft: Draft) -> None:
    factor = _read_coordinates(place, draft) if place else None
    radius = packet.number("src_error_90", "src_err_90", unit="deg", kind=ANGLE)
    if radius is not None:
        draft.error_radius_deg, draft.containment = radius, 0.9
    half = packet.number("src_error_50", "src_err_50", unit="deg", kind=ANGLE)
    draft.error_radius_50_deg = half
    if factor is not None and "Error2Radius" in place:
        _read_circle(place["Error2Radius"], factor, draft)
    draft.systematic_included = _systematics(params)
    draft.skymap_fits_url = draft.url(packet.text("skymap_fits", "skymap_url"), "skymap_fits")
    draft.skymap_png_url = draft.url(packet.text("skymap_png"), "skymap_png")


def _read_coordinates(place: Mapping[str, str], draft: Draft) -> float | None:
    """Read the position; return what turns its unit into degrees, ``None`` if it is not known."""
    names = place.get("Name1", ""), place.get("Name2", "")
    if names != ("RA", "Dec"):
        raise NoticeError("expected the coordinates RA and Dec", field="Name1, Name2", value=names)
    ra, dec = decimal(place.get("C1", ""), "C1"), decimal(place.get("C2", ""), "C2")
    unit, system = place["unit"].strip().partition("-")[0], place["system"]
    factor = 1.0 if unit in ("", "deg") else ratio(unit, "deg", ANGLE)
    if factor is None:
        draft.doubt("Position2D", f"{ra}, {dec} {unit}", None, "the unit is not one of angle")
        return None
    if system and not any(frame in system.upper() for frame in _FRAMES):
        why = "expected equatorial coordinates, FK5 or ICRS"
        draft.doubt("coord_system_id", f"{ra}, {dec} in {system}", None, why)
        return None
    draft.ra_deg, draft.dec_deg = ra * factor, dec * factor
    return factor


def _read_circle(text: str, factor: float, draft: Draft) -> None:
    """Read ``Error2Radius``: the only radius of some packets, a repetition in others."""
    radius = draft.number(text, "Error2Radius")
    if radius is None:
        return
    radius *= factor
    half = draft.error_radius_50_deg
    if half is not None and abs(radius - half) <= 1e-4:
        if draft.error_radius_deg is None:
            draft.error_radius_deg, draft.containment = half, 0.5
    elif draft.error_radius_deg is None:
        draft.error_radius_deg, draft.containment = radius, _CIRCLE_CONTAINMENT.get(draft.kind)
        if draft.containment == 0.5:
            draft.error_radius_50_deg = radius
    elif abs(radius - draft.error_radius_deg) > 1e-4:
        why = "disagrees with the 90 % radius"
        draft.doubt("Error2Radius", radius, draft.error_radius_deg, why)


_CIRCLE_CONTAINMENT: Final = {
    AlertKind.HESE: 0.9,
    AlertKind.EHE: 0.5,
    AlertKind.AMON: 0.5,
    AlertKind.NU_EM: 0.5,
}
"""What ``Error2Radius`` contains where the packet has no other radius (GCN's AMON page)."""


def _systematics(params: Params) -> bool | None:
    """Tell from the words beside the radius whether it covers systematic effects."""
    param = params.get("src_error_90", params.get("src_err_90"))
    described = None if param is None else next(param.iterchildren("Description"), None)
    words = "" if described is None else (described.text or "").lower()
    if "systematic" in words and "statistical only" not in words:
        return True
    return False if "statistical only" in words else None


def _read_physics(packet: Fields, draft: Draft) -> None:
    energy = packet.energy_tev("energy")
    far = packet.number("far", unit="yr^-1", kind=RATE)
    signalness = packet.number("signalness", kind=FRACTION, wrong="pe")
    charge = packet.number("charge", unit="pe")
    p_value = packet.number("pvalue", kind=FRACTION)
    trackness = packet.number("signal_trackness", "signal_t", kind=FRACTION)
    if energy is not None:
        draft.put("energy_tev", draft.positive(energy, "energy"))
    if far is not None:
        draft.put_rate_per_year(far, "FAR")
    if signalness is not None:
        draft.put("signalness", draft.unit_interval(signalness, "signalness"))
    if trackness is not None:
        draft.put("signal_trackness", draft.unit_interval(trackness, "signal_trackness"))
    draft.put_charge(charge, "charge")
    if p_value is not None:
        found = draft.p_value("amon", p_value, "pvalue")
        draft.put("p_values", (found,) if found else None)
    draft.put("n_events", draft.attempt(packet.integer, "nevents"))
    draft.put("delta_t_s", packet.number("deltat", unit="sec", kind=TIME))
    draft.put("sigma_t_s", packet.number("sigmat", unit="sec", kind=TIME))
