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
- Energies are TeV and rates per year, whatever ``unit`` says: in June 2019 it said GeV.
- ``RADec_valid`` is "false" in every packet, also beside a good position; that is a concern.

Security: no DTD, no entities, no network, bounded size and depth (lxml's own limits).
"""

from __future__ import annotations

import re
from functools import cache
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

from ._draft import NO_ID, NOTICE_LIMIT, PACKET_KINDS, Draft, check_size
from ._quick import late
from ._values import decimal, integer, iso_time, tjd_time

if TYPE_CHECKING:
    from lxml.etree import XMLParser
    from lxml.etree import _Element as Element

__all__ = ["TOPICS", "parse", "parse_any", "parse_element", "register_parsers"]

TOPICS: Final = ("gcn.classic.voevent.ICECUBE_*", "gcn.classic.voevent.AMON_*")

_ROLES: Final = {
    "observation": Tense.OBSERVATION,
    "test": Tense.TEST,
    "prediction": Tense.PLANNED,
    "sim": Tense.SIMULATION,
}
NOT_VALID: Final = Concern(
    field="RADec_valid",
    found="false",
    taken="position",
    why="every packet says so, also beside a good position; the position is taken",
)
"""The concern that every packet gives."""

_IVORN_TAIL = re.compile(r"_(\d{1,18})_(\d{1,18})_(\d{1,9})$", re.ASCII)
_ASTRO = "WhereWhen/ObsDataLocation/ObservationLocation/AstroCoords"
_FLAGS: Final = "Trigger_ID"

Params = dict[str, "Element"]


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
    if message.value.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] != b"<" or b"VOEvent" not in message.value:
        return None
    return late("_usual_voevent").voevent_alert(message) or parse_any(message)


def parse_any(message: Message) -> Alert | None:
    """Read a VOEvent notice of any form, as `parse`."""
    check_size(message, NOTICE_LIMIT)
    return parse_element(_element(message.value), message)


def parse_element(root: Element, message: Message) -> Alert | None:
    """Read a VOEvent that somebody has parsed already, such as Comet or pygcn.

    Parameters
    ----------
    root : lxml element
        The ``VOEvent`` element.
    message : Message
        Its ``value`` should be the bytes that `root` was made from.
    """
    if not isinstance(root.tag, str) or root.tag.rpartition("}")[2] != "VOEvent":
        return None
    params, groups = _params(root)
    kind = _kind(root, params)
    if kind is None:
        return None
    draft = Draft(kind=kind, format=WireFormat.VOEVENT)
    packet = _Packet(params, draft)
    astro = _find(root, _ASTRO)
    position = None if astro is None else _find(astro, "Position2D")
    _read_identity(root, packet)
    _read_flags(root, groups, position, draft)
    _read_time(root, astro, packet)
    _read_position(position, packet)
    _read_physics(packet)
    draft.unread = packet.unread(groups)
    return draft.alert(message)


def _element(value: bytes) -> Element:
    """Parse XML that may be hostile."""
    from lxml import etree

    try:
        root = etree.fromstring(value.lstrip(), _parser())
    except (etree.XMLSyntaxError, ValueError) as error:
        raise NoticeError(f"not well-formed XML ({error})") from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise NoticeError("a VOEvent has no document type; this one is not read", field="DOCTYPE")
    return root


@cache
def _parser() -> XMLParser:
    """Make the parser once: that takes as long as parsing a third of a notice."""
    from lxml import etree

    return etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True,
        remove_pis=True, huge_tree=False,
    )  # fmt: skip


def _params(root: Element) -> tuple[Params, dict[str, Params]]:
    """Return the parameters outside of groups, and those in each group."""
    params: Params = {}
    groups: dict[str, Params] = {}
    for what in root.iterchildren("What"):
        for child in what.iterchildren("Param"):
            params.setdefault(child.get("name", ""), child)
        for child in what.iterchildren("Group"):
            group = groups.setdefault(child.get("name", ""), {})
            for param in child.iterchildren("Param"):
                group.setdefault(param.get("name", ""), param)
    return params, groups


def _find(root: Element, path: str) -> Element | None:
    """Do what ``root.find(path)`` does, in a quarter of the time if the first children lead on."""
    tags = path.split("/")
    found = root
    for tag in tags:
        child = next(found.iterchildren(tag), None)
        if child is None:
            return root.find(path) if len(tags) > 1 else None
        found = child
    return found


def _text(root: Element, path: str) -> str | None:
    """Do what ``root.findtext(path)`` does."""
    element = _find(root, path)
    return None if element is None else element.text or ""


def _kind(root: Element, params: Params) -> AlertKind | None:
    packet = params.get("Packet_Type")
    if packet is not None:
        return PACKET_KINDS.get(integer(packet.get("value", ""), "Packet_Type"))
    ivorn = root.get("ivorn", "").lower()
    author = (_text(root, "Who/AuthorIVORN") or "").lower()
    is_amon = "amon" in ivorn or "icecube" in ivorn or "icecube" in author
    return AlertKind.AMON if is_amon and "false_pos" in params else None


class _Packet:
    """The parameters of one VOEvent; remembers which were read."""

    __slots__ = ("draft", "left", "params")

    KNOWN: Final = frozenset(("Packet_Type", "Pkt_Ser_Num", "Trigger_ID", "Misc_flags", "psf_type"))

    def __init__(self, params: Params, draft: Draft) -> None:
        self.params = params
        self.draft = draft
        self.left = dict.fromkeys([name for name in params if name not in self.KNOWN])

    def text(self, *names: str) -> str | None:
        """Return the value of the first parameter that is there."""
        for name in names:
            param = self.params.get(name)
            if param is not None:
                self.left.pop(name, None)
                return param.get("value", "").strip()
        return None

    def integer(self, *names: str) -> int | None:
        """Return an integer; raises for anything else but a whole number such as ``0.0``."""
        text = self.text(*names)
        return None if text is None else integer(text.removesuffix(".0"), names[0])

    def number(self, *names: str) -> float | None:
        """Return a number; what is none is a concern."""
        text = self.text(*names)
        return None if text is None else self.draft.number(text, names[0])

    def unread(self, groups: dict[str, Params]) -> dict[str, Any]:
        """Return the parameters that nobody asked for."""
        left: dict[str, Any] = {name: self.params[name].get("value") for name in self.left}
        for group, params in groups.items():
            if group != _FLAGS and params:
                left[group] = {name: param.get("value") for name, param in params.items()}
        return left


def _read_identity(root: Element, packet: _Packet) -> None:
    draft = packet.draft
    draft.run_id = packet.integer("run_id")
    draft.event_id = packet.integer("event_id")
    draft.revision = packet.integer("Rev", "rev")
    ivorn = root.get("ivorn", "").strip()
    draft.put("ivorn", ivorn or None)
    name = packet.text("event_name")
    draft.put("event_names", (name,) if name else None)
    draft.put("stream", draft.attempt(packet.integer, "Stream", "stream"))
    if (draft.run_id is None) != (draft.event_id is None):
        missing = "run_id" if draft.run_id is None else "event_id"
        raise NoticeError("run and event number belong together", field=missing)
    _read_amon_id(packet)
    tail = _IVORN_TAIL.search(ivorn)
    if tail is not None and draft.run_id is not None:
        draft.compare_ids("ivorn", *(int(number) for number in tail.groups()))


def _read_amon_id(packet: _Packet) -> None:
    """Keep AMON's number where it is more than the digits of run and event."""
    draft = packet.draft
    amon = packet.text("AMON_ID", "amon_id", "TrigID", "id")
    run, event = draft.run_id, draft.event_id
    usual = (f"{run}{event}", f"{event}{run}", str(event))
    if amon is None or (run is not None and amon in usual):
        return
    if amon == str(NO_ID):
        draft.doubt("TrigID", amon, None, "the largest 32-bit integer stands for no number")
    elif run is not None:
        draft.doubt("AMON_ID", amon, f"{run}_{event}", "is not made of run and event number")
    elif draft.kind is not AlertKind.AMON:
        draft.put("amon_id", amon)


def _read_flags(
    root: Element, groups: dict[str, Params], position: Element | None, draft: Draft
) -> None:
    role = root.get("role", "observation")
    draft.tense = _ROLES.get(role)
    if draft.tense is None:
        draft.doubt("role", role, None, "no role that VOEvent knows")
    flags = {name: param.get("value") == "true" for name, param in groups.get(_FLAGS, {}).items()}
    if flags.get("Test") or flags.get("InternalTest"):
        draft.tense = Tense.TEST
    if flags.get("Retraction"):
        draft.status = Status.RETRACTION
    if flags.get("RADec_valid") is False and position is not None:
        draft.concerns.append(NOT_VALID)


def _read_time(root: Element, astro: Element | None, packet: _Packet) -> None:
    draft = packet.draft
    made = _text(root, "Who/Date")
    if made is not None:
        draft.put("notice_time", draft.attempt(iso_time, made, "Who/Date"))
    when = None if astro is None else _text(astro, "Time/TimeInstant/ISOTime")
    if when is None:
        raise NoticeError("the notice states no time of the event", field="ISOTime")
    draft.put("trigger_time", iso_time(when, "ISOTime"))
    tjd, sod = packet.text("Event_TJD"), packet.text("Event_SOD")
    if tjd is not None and sod is not None:
        found = draft.attempt(_tjd_sod, tjd, sod)
        if found is not None:
            draft.compare_time("Event_TJD, Event_SOD", found, 0.02)


def _tjd_sod(tjd: str, sod: str) -> Any:
    seconds = decimal(sod, "Event_SOD")
    return tjd_time(integer(tjd, "Event_TJD"), round(seconds * 1e6), "Event_TJD")


def _read_position(position: Element | None, packet: _Packet) -> None:
    draft = packet.draft
    if position is not None:
        _read_coordinates(position, draft)
    radius = packet.number("src_error_90")
    if radius is not None:
        draft.error_radius_deg, draft.containment = radius, 0.9
    half = packet.number("src_error_50")
    draft.error_radius_50_deg = half
    circle = None if position is None else _text(position, "Error2Radius")
    if circle is not None:
        _read_circle(circle, draft)
    draft.systematic_included = _systematics(packet.params)
    draft.skymap_fits_url = draft.url(packet.text("skymap_fits", "SKYMAP_URL"), "skymap_fits")
    draft.skymap_png_url = draft.url(packet.text("skymap_png"), "skymap_png")


def _read_coordinates(position: Element, draft: Draft) -> None:
    names = (_text(position, "Name1") or "").strip(), (_text(position, "Name2") or "").strip()
    if names != ("RA", "Dec"):
        raise NoticeError("expected the coordinates RA and Dec", field="Name1, Name2", value=names)
    draft.ra_deg = decimal((_text(position, "Value2/C1") or "").strip(), "C1")
    draft.dec_deg = decimal((_text(position, "Value2/C2") or "").strip(), "C2")


def _read_circle(text: str, draft: Draft) -> None:
    """Read ``Error2Radius``: the only radius of some packets, a repetition in others."""
    radius = draft.number(text.strip(), "Error2Radius")
    if radius is None:
        return
    if draft.error_radius_deg is None:
        draft.error_radius_deg, draft.containment = radius, _CIRCLE_CONTAINMENT.get(draft.kind)
        if draft.containment == 0.5:
            draft.error_radius_50_deg = radius
    elif abs(radius - draft.error_radius_deg) > 1e-4:
        why = "disagrees with the 90 % radius"
        draft.doubt("Error2Radius", radius, draft.error_radius_deg, why)


_CIRCLE_CONTAINMENT: Final = {AlertKind.HESE: 0.9, AlertKind.EHE: 0.5, AlertKind.AMON: 0.5}
"""What ``Error2Radius`` contains where the packet has no other radius (GCN's AMON page)."""


def _systematics(params: Params) -> bool | None:
    """Tell from the words beside the radius whether it covers systematic effects."""
    param = params.get("src_error_90")
    words = "" if param is None else (_text(param, "Description") or "").lower()
    if "systematic" in words and "statistical only" not in words:
        return True
    return False if "statistical only" in words else None


def _read_physics(packet: _Packet) -> None:
    draft = packet.draft
    energy, far = packet.number("energy"), packet.number("FAR")
    signalness, charge = packet.number("signalness"), packet.number("charge")
    p_value, trackness = packet.number("pvalue"), packet.number("signal_trackness", "signal_t")
    if energy is not None:
        unit = packet.params["energy"].get("unit")
        if unit not in ("TeV", None):
            draft.doubt("energy", unit, "TeV", "the unit is always TeV in these notices")
        draft.put("energy_tev", draft.positive(energy, "energy"))
    if far is not None:
        draft.put_rate_per_year(far, "FAR")
    if signalness is not None:
        if packet.params["signalness"].get("unit") == "pe":
            draft.doubt("signalness", "pe", signalness, "a probability has no unit")
        draft.put("signalness", draft.unit_interval(signalness, "signalness"))
    if trackness is not None:
        draft.put("signal_trackness", draft.unit_interval(trackness, "signal_trackness"))
    draft.put_charge(charge, "charge")
    if p_value is not None:
        found = draft.p_value("amon", p_value, "pvalue")
        draft.put("p_values", (found,) if found else None)
    draft.put("n_events", draft.attempt(packet.integer, "Nevents", "nevents"))
    draft.put("delta_t_s", packet.number("deltaT"))
    draft.put("sigma_t_s", packet.number("sigmaT"))
