"""GCN Classic's VOEvent of LVK's own alerts (packet types 150 to 152, 163 and 164).

The parts that are read::

    <voe:VOEvent ivorn="ivo://gwnet/LVC#S260502ab-4-Update" role="observation" version="2.0" ...>
      <Who><Date>2026-05-02T04:30:00Z</Date> ... </Who>
      <What>
        <Param name="GraceID" value="S260502ab" />
        <Param name="AlertType" value="Update" />
        <Param name="Instruments" value="H1,L1" />
        <Param name="FAR" value="9.5e-10" unit="Hz" />
        <Param name="Significant" value="1" />
        <Group name="GW_SKYMAP"><Param name="skymap_fits" value="https://..." /></Group>
        <Group name="Classification"><Param name="BBH" value="0.98" /> ... </Group>
      </What>
      <WhereWhen>... <ISOTime>2026-05-02T04:00:00.500000Z</ISOTime> ... </WhereWhen>

Conventions
-----------
- What is made of it is what the JSON of the same alert gives, field by field, so that the two are
  one notice: the sequence number, which the JSON has not, stays in the ivorn, and the time of the
  event that a retraction repeats is left out.
- The sky map is an address: the VOEvent does not carry it.
- ``role`` says that a real superevent's alert is a test; ``HardwareInj`` is 1 for a signal that was
  put into the detectors on purpose.
- Alerts of O3 state no ``Significant``, and have the class ``MassGap``.

Source: the public alerts' user guide, https://emfollow.docs.ligo.org/userguide/content.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from icecube_hooks import Alert, AlertKind, GWCandidate, Message, NoticeError, Tense, WireFormat

from ._draft import Draft
from ._fields import Fields
from ._gw import Candidate, External, Notice, alert_of
from ._values import integer
from ._xml import ROLES, Params, author_of, params_of, where_when
from .units import FRACTION, RATE, TIME

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

__all__ = ["read_packet"]

_PACKETS: Final = frozenset({150, 151, 152, 163, 164})
_EXTERNAL: Final = "External Coincidence"
_KNOWN: Final = ("packet_type", "pkt_ser_num", "internal", "openalert", "eventpage")
"""Parameters that say nothing of their own, or what the ivorn says."""


def read_packet(root: Element, message: Message) -> Alert | None:
    """Read a VOEvent; ``None`` if it is no alert of LVK's.

    Raises
    ------
    NoticeError
        If it is one, and broken.
    """
    params, groups = params_of(root)
    if not _is_alert(params):
        return None
    draft = Draft(kind=AlertKind.LVK_GW, format=WireFormat.VOEVENT)
    packet = _fields(params, draft)
    others = {name: _fields(group, draft) for name, group in groups.items()}
    external = others.pop(_EXTERNAL, None)
    skymap_url = _map_url(others, draft)
    _read_role(root, packet, draft)
    alert_type = (packet.text("alerttype") or "").upper()
    notice = Notice(
        superevent_id=packet.text("graceid"),
        alert_type=alert_type,
        time_created=author_of(root)[1],
        event=None if alert_type == "RETRACTION" else _event(root, packet, others, draft),
        external_coinc=None if external is None else _external(external),
    )
    draft.put("ivorn", root.get("ivorn", "").strip() or None)
    joint_url = None if external is None else _url(external, "joint_skymap_fits", draft)
    draft.unread = _unread(packet, others | ({} if external is None else {_EXTERNAL: external}))
    alert = alert_of(notice, draft, message)
    return alert.replace(gw_candidate=_with_maps(alert.gw_candidate, skymap_url, joint_url))


def _is_alert(params: Params) -> bool:
    packet = params.get("packet_type")
    known = packet is None or integer(packet.get("value", ""), "Packet_Type") in _PACKETS
    return known and "graceid" in params and "alerttype" in params


def _fields(params: Params, draft: Draft) -> Fields:
    return Fields({name: p.get("value", "") for name, p in params.items()}, draft, params)


def _read_role(root: Element, packet: Fields, draft: Draft) -> None:
    role = root.get("role", "observation")
    draft.tense = ROLES.get(role)
    if draft.tense is None:
        draft.doubt("role", role, None, "no role that VOEvent knows")
    if packet.flag("hardwareinj"):
        draft.tense = Tense.INJECTION


def _event(root: Element, packet: Fields, groups: dict[str, Fields], draft: Draft) -> Candidate:
    """Return what the JSON has as ``event``."""
    when, system, _ = where_when(root)
    if when is None or (system and system.partition("-")[0].upper() != "UTC"):
        raise NoticeError("the notice states no time of the event in UTC", field="ISOTime")
    instruments = (packet.text("instruments") or "").split(",")
    return Candidate(
        time=when,
        far=packet.number("far", unit="Hz", kind=RATE),
        significant=packet.flag("significant") if "significant" in packet.left else None,
        instruments=tuple(name.strip() for name in instruments if name.strip()),
        group=packet.text("group"),
        pipeline=packet.text("pipeline"),
        search=packet.text("search"),
        properties=_probabilities(groups.get("Properties")),
        classification=_probabilities(groups.get("Classification")),
        duration=packet.number("duration", unit="s", kind=TIME),
        central_frequency=packet.number("central_frequency", "centralfreq", unit="Hz", kind=RATE),
    )


def _probabilities(group: Fields | None) -> dict[str, float]:
    if group is None:
        return {}
    found = {group.spelt(name): group.number(name, kind=FRACTION) for name in list(group.left)}
    return {name: value for name, value in found.items() if value is not None}


def _external(group: Fields) -> External:
    return External(
        gcn_notice_id=group.text("external_gcn_notice_id"),
        ivorn=group.text("external_ivorn"),
        observatory=group.text("external_observatory"),
        search=group.text("external_search"),
        time_difference=group.number("time_difference", unit="s", kind=TIME),
        time_coincidence_far=group.number("time_coincidence_far", unit="Hz", kind=RATE),
        time_sky_position_coincidence_far=group.number(
            "time_sky_position_coincidence_far", unit="Hz", kind=RATE
        ),
    )


def _map_url(groups: dict[str, Fields], draft: Draft) -> str | None:
    """Return where the sky map is; its group bore the name of the method in 2019."""
    found = (_url(group, "skymap_fits", draft) for group in groups.values())
    return next((url for url in found if url is not None), None)


def _url(group: Fields, name: str, draft: Draft) -> str | None:
    return draft.url(group.text(name), group.spelt(name))


def _with_maps(
    candidate: GWCandidate | None, skymap_url: str | None, joint_url: str | None
) -> GWCandidate | None:
    if candidate is None:
        return None
    external = candidate.external
    if external is not None:
        external = external.replace(skymap_url=joint_url)
    return candidate.replace(skymap_url=skymap_url, external=external)


def _unread(packet: Fields, groups: dict[str, Fields]) -> dict[str, Any]:
    """Return the parameters that nobody asked for."""
    for name in _KNOWN:
        packet.left.pop(name, None)
    left = {name: fields.unread() for name, fields in groups.items()}
    return packet.unread() | {name: fields for name, fields in left.items() if fields}
