"""The sink ``voevent``: a VOEvent 2.0 packet per record, in files and, if asked for, to a broker.

The parts of a packet::

    <voe:VOEvent ivorn="ivo://example.org/neutrinos#gold+142000_1234567+1+6f1c..."
                 role="observation" version="2.0" ...>
      <Who> <AuthorIVORN/> <Date/> (when this packet was made) </Who>
      <What> <Param name="event_key"/> ... <Group name="alert"/> ... </What>
      <WhereWhen> (UTC, ICRS; circle of Error2Radius, NaN where there is none) </WhereWhen>
      <How/> <Why> <Inference probability="(signalness)"/> </Why>
      <Citations> <EventIVORN cite="supersedes">ivo://example.org/...</EventIVORN> </Citations>
    </voe:VOEvent>

Conventions
-----------
- The packet is yours, not IceCube's: its identifier is under your own authority. It has none of
  the parameters by which readers know GCN's packets (``Packet_Type``), so that no reader, ours
  included, takes it for one.
- The identifier is made of the record's id: another revision or format is another packet, the same
  record is the same packet. The first one stays.
- Role: ``test`` for whatever is not real (tests, injections, simulations, mock events),
  ``prediction`` for what is planned, else ``observation``.
- Position and circle are those of the notice; the containment of the circle is the parameter
  ``containment``. The schema demands a radius with a position: ``NaN`` says that none is stated, or
  that the region is no circle; then it is in the group ``localization``.
- Citations are to packets of the same event that this folder holds: an older revision or LVK notice
  is superseded; a retraction retracts all; the same revision in another format, and what has no
  revision (circulars), is followed up; a newer one is not cited. The original notice, where it was
  a VOEvent, is followed up. Tests and real events never cite each other.
- A value that is not stated has no parameter. Text is cleaned of control characters.

Sending is the VOEvent Transport Protocol 2.0 (length and packet, answered by ``ack`` or ``nak``;
https://www.ivoa.net/documents/Notes/VOEventTransport/): plain TCP, no encryption, no password. A
``nak`` for a packet that the broker knows counts as delivered: the answer to an earlier attempt was
lost. Files in ``.sent`` say what is delivered.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from icecube_hooks import (
    Alert,
    ConfigError,
    Localization,
    Record,
    RefusedForGood,
    RetryLater,
    Significance,
    SinkType,
    Status,
    Tense,
    hookimpl,
)

from ._files import absolute, locked_folder, made_folder, replace_file, sync_folder, wrong
from ._text import clean
from .json_files import file_name

if TYPE_CHECKING:
    from socket import socket

    from lxml.etree import _Element as Element

__all__ = ["Citation", "VOEvents", "packet", "send"]

ANSWER_WAIT_S: Final = 20.0
"""How long to wait for a broker: Comet gives up after as long."""

ANSWER_BYTES: Final = 100_000

_NAMESPACE: Final = "http://www.ivoa.net/xml/VOEvent/v2.0"
_XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
_SCHEMA: Final = f"{_NAMESPACE} http://www.ivoa.net/xml/VOEvent/VOEvent-v2.0.xsd"
_FRAME: Final = "UTC-ICRS-TOPO"

# IVOA Identifiers 2.0, sections 2.3.1 and 2.3.3.
_STREAM: Final = r"ivo://[A-Za-z0-9][A-Za-z0-9._~*'()-]{2,}(/(?!\.{1,2}(/|$))[A-Za-z0-9._~*'()-]+)+"
_IVORN: Final = r"ivo://[!-;=?-~]+"

_Param = tuple[str, str, str, str, str]
"""Name, attribute, UCD (IVOA UCD1+), unit, description."""

_IDENTITY: Final[tuple[_Param, ...]] = (
    ("notice_id", "notice_id", "meta.id", "", "kind:event:revision, the same in every format"),
    ("event_key", "event_key", "meta.id;meta.main", "", "what all notices of one event share"),
    ("kind", "kind", "meta.code.class", "", "gold, bronze, cascade, lvk-search, ..."),
    ("revision", "revision", "meta.version", "", "revision of the notice, from 0"),
    ("status", "status", "meta.code.status", "", "initial, subsequent, update or retraction"),
    ("tense", "tense", "meta.code", "", "observation, test, ..."),
)
_ALERT: Final[tuple[_Param, ...]] = (
    ("format", "format", "meta.code", "", "form of the original notice"),
    ("run_id", "run_id", "meta.id", "", "IceCube's run number"),
    ("event_id", "event_id", "meta.id", "", "IceCube's event number"),
    ("amon_id", "amon_id", "meta.id", "", "AMON's number"),
    ("stream", "stream", "meta.id", "", "AMON's stream number"),
    ("circular_number", "circular_number", "meta.id", "", "number of the GCN Circular"),
    ("notice_time", "notice_time", "time", "", "when the original notice was made, UTC"),
    ("energy", "energy_tev", "phys.energy", "TeV", "most probable neutrino energy"),
    ("signalness", "signalness", "stat.probability", "", "probability of astrophysical origin"),
    ("far", "far_hz", "arith.rate", "Hz", "rate of background alerts at least this signal-like"),
    ("charge", "charge_pe", "phot.count", "", "deposited charge in photo-electrons"),
    ("signal_trackness", "signal_trackness", "stat.probability", "", "how track-like it is"),
    ("n_events", "n_events", "meta.number", "", "number of events that make up the alert"),
    ("delta_t", "delta_t_s", "time.duration", "s", "time window of the coincidence"),
    ("sigma_t", "sigma_t_s", "stat.error;time", "s", "uncertainty of the time"),
    ("n_coincident", "n_coincident", "meta.number", "", "number of coincident neutrinos"),
    ("observation_start", "observation_start", "time.start", "", "searched time, UTC"),
    ("observation_stop", "observation_stop", "time.end", "", "searched time, UTC"),
    ("livetime", "livetime_s", "time.duration", "s", "live time inside of the searched time"),
)
_PLACE: Final[tuple[_Param, ...]] = (
    ("ra", "ra_deg", "pos.eq.ra;meta.main", "deg", "right ascension, ICRS"),
    ("dec", "dec_deg", "pos.eq.dec;meta.main", "deg", "declination, ICRS"),
    ("error_radius", "error_radius_deg", "stat.error;pos", "deg", "radius of the error circle"),
    ("containment", "containment", "stat.probability", "", "that the error region has the source"),
    ("error_radius_50", "error_radius_50_deg", "stat.error;pos", "deg", "at 50 % containment"),
    ("systematic_included", "systematic_included", "meta.code", "", "in the error region"),
    ("semi_major", "ellipse.semi_major_deg", "stat.error;pos", "deg", "error ellipse"),
    ("semi_minor", "ellipse.semi_minor_deg", "stat.error;pos", "deg", "error ellipse"),
    ("position_angle", "ellipse.position_angle_deg", "pos.posAng", "deg", "north through east"),
    ("ra_minus", "asymmetric.ra_minus_deg", "stat.error;pos.eq.ra", "deg", "no cos(dec) in it"),
    ("ra_plus", "asymmetric.ra_plus_deg", "stat.error;pos.eq.ra", "deg", "no cos(dec) in it"),
    ("dec_minus", "asymmetric.dec_minus_deg", "stat.error;pos.eq.dec", "deg", "error box"),
    ("dec_plus", "asymmetric.dec_plus_deg", "stat.error;pos.eq.dec", "deg", "error box"),
    ("box_angle", "asymmetric.position_angle_deg", "pos.posAng", "deg", "north through east"),
    ("skymap_fits", "skymap_fits_url", "meta.ref.url", "", "sky map, FITS"),
    ("skymap_png", "skymap_png_url", "meta.ref.url", "", "sky map, picture"),
)
_SEARCH: Final[tuple[_Param, ...]] = (
    ("superevent_id", "gw.superevent_id", "meta.id", "", "gravitational-wave event"),
    ("gw_notice_number", "gw.notice_number", "meta.version", "", "number of the LVK notice"),
    ("gw_notice_type", "gw.notice_type", "meta.code", "", "Preliminary, Initial, Update"),
    ("gw_reference", "gw.reference", "meta.ref", "", "reference as sent"),
    ("probable_ra", "most_probable_direction.ra_deg", "pos.eq.ra", "deg", "most probable, ICRS"),
    ("probable_dec", "most_probable_direction.dec_deg", "pos.eq.dec", "deg", "most probable, ICRS"),
    ("sensitivity_low", "flux_sensitivity.low_gev_cm2", "phys.energy", "GeV.cm-2", "E^2 dN/dE"),
    ("sensitivity_high", "flux_sensitivity.high_gev_cm2", "phys.energy", "GeV.cm-2", "E^2 dN/dE"),
    ("energy_low", "flux_sensitivity.energy_low_gev", "phys.energy", "GeV", "of the sensitivity"),
    ("energy_high", "flux_sensitivity.energy_high_gev", "phys.energy", "GeV", "of the sensitivity"),
)
_NEUTRINO: Final[tuple[_Param, ...]] = (
    ("delta_t", "delta_t_s", "time.interval", "s", "neutrino time minus GW time"),
    ("run_id", "run_id", "meta.id", "", "IceCube's run number"),
    ("event_id", "event_id", "meta.id", "", "IceCube's event number"),
    *((name, f"localization.{path}", ucd, unit, text) for name, path, ucd, unit, text in _PLACE),
)
_SIGNIFICANCE: Final[tuple[_Param, ...]] = (
    ("provider", "provider", "meta.id", "", "who assessed it"),
    ("quantity", "quantity", "meta.code", "", "what was assessed"),
    ("sided", "sided", "meta.code", "", "convention of the sigmas: one-sided or two-sided"),
    ("p_value", "p_value", "stat.probability", "", "before trials"),
    ("sigma", "sigma", "stat.value", "", "before trials"),
    ("is_limit", "is_limit", "meta.code", "", "the p-value is an upper limit"),
    ("n_trials", "n_trials", "meta.number", "", "independent looks that are accounted for"),
    ("trials_source", "trials_source", "meta.note", "", "where the number of trials is from"),
    ("p_value_post", "p_value_post", "stat.probability", "", "after trials"),
    ("sigma_post", "sigma_post", "stat.value", "", "after trials"),
    ("far_per_year", "far_per_year", "arith.rate", "yr-1", "by chance, per year of 365 days"),
    ("far_source", "far_source", "meta.note", "", "which rate that uses"),
    ("verdict", "verdict", "meta.code", "", "band of the p-value after trials"),
)


class Citation(NamedTuple):
    """An identifier, and how it is cited: ``followup``, ``supersedes`` or ``retraction``."""

    ivorn: str
    how: str


class _Written(NamedTuple):
    """What of a packet in the folder matters to later ones of its event."""

    ivorn: str
    event: tuple[str, bool] | None
    order: int | None
    is_retraction: bool


class VOEvents:
    """Write a VOEvent packet for each record.

    Parameters
    ----------
    ivorn : str
        Your authority and stream, ``ivo://example.org/neutrinos``: identifiers begin with it.
    folder : str or path
        Where the packets go; made if it is not there.
    send_to : str, optional
        ``host:port`` of a broker to which each packet is sent.

    Raises
    ------
    ConfigError
        If the folder cannot be made or written into, or an option has a wrong value.
    """

    def __init__(
        self,
        *,
        ivorn: str,
        folder: str | os.PathLike[str] = "icecube-alerts-data/voevent",
        send_to: str | None = None,
    ) -> None:
        if not isinstance(ivorn, str) or not re.fullmatch(_STREAM, ivorn):
            hint = "ivo://example.org/neutrinos: an authority of three characters or more, a stream"
            raise ConfigError(f"expected an identifier, got {ivorn!r}", key="ivorn", hint=hint)
        self.ivorn = ivorn
        self.address = None if send_to is None else _address(send_to)
        self.folder = made_folder(absolute(folder, "folder"), "folder")
        self._written: dict[str, _Written | None] = {}

    def write(self, records: Sequence[Record], /) -> None:
        """Write the packets of a batch, and send those that are not sent.

        Raises
        ------
        RetryLater
            If the system refuses (full disk, missing rights), another process is at work for too
            long, or the broker does not answer.
        RefusedForGood
            If the broker refuses a packet.
        """
        if not records:
            return
        try:
            with locked_folder(self.folder):
                self._look()
                for record in records:
                    self._write_one(record)
                sync_folder(self.folder)
            for record in records if self.address is not None else ():
                self._send_one(record)
        except OSError as error:
            raise wrong(error, self.folder) from error

    def path(self, record: Record) -> Path:
        """Return the path of the packet of `record`."""
        return self.folder / file_name(record, "xml")

    def _look(self) -> None:
        """Note the packets that are there."""
        names = {name for name in os.listdir(self.folder) if _is_packet(name)}  # noqa: PTH208  # names
        self._written = {
            name: self._written[name] if name in self._written else _noted(self.folder / name)
            for name in sorted(names)
        }

    def _write_one(self, record: Record) -> None:
        path = self.path(record)
        if path.name in self._written:
            return
        ivorn = f"{self.ivorn}#{path.stem}"
        written = [one for one in self._written.values() if one is not None]
        data = packet(record, ivorn, _citations(record.alert, written), datetime.now(UTC))
        replace_file(path, data, sync=True)
        alert, is_retraction = record.alert, record.alert.status is Status.RETRACTION
        self._written[path.name] = _Written(ivorn, _event(alert), _order(alert), is_retraction)

    def _send_one(self, record: Record) -> None:
        path = self.path(record)
        sent = self.folder / ".sent" / path.name
        if self.address is not None and not sent.exists():
            send(path.read_bytes(), *self.address)
            sent.parent.mkdir(exist_ok=True)
            replace_file(sent, b"", sync=True)
            sync_folder(sent.parent)


def packet(
    record: Record, ivorn: str, citations: Sequence[Citation] = (), date: datetime | None = None
) -> bytes:
    """Return a VOEvent 2.0 packet.

    Parameters
    ----------
    record : Record
    ivorn : str
        Identifier of the packet; the part before ``#`` is that of its author.
    citations : sequence of Citation
        Earlier packets of the author.
    date : datetime, optional
        When the packet is made; now, unless given [UTC].
    """
    from lxml import etree

    alert = record.alert
    made = (date or datetime.now(UTC)).astimezone(UTC)
    root = etree.Element(f"{{{_NAMESPACE}}}VOEvent", nsmap={"voe": _NAMESPACE, "xsi": _XSI})
    root.attrib.update({"version": "2.0", "ivorn": ivorn, "role": _role(alert)})
    root.set(f"{{{_XSI}}}schemaLocation", _SCHEMA)
    who = _child(root, "Who")
    _child(who, "AuthorIVORN", ivorn.partition("#")[0])
    _child(who, "Date", f"{made:%Y-%m-%dT%H:%M:%S}")
    _what(_child(root, "What"), record)
    if alert.trigger_time is not None or alert.localization is not None:
        _where_when(_child(root, "WhereWhen"), alert)
    text = f"Made of an alert of IceCube by icecube-plugin, from the {alert.format} notice"
    _child(_child(root, "How"), "Description", text)
    _why(_child(root, "Why"), alert)
    if alert.ivorn is not None and re.fullmatch(_IVORN, alert.ivorn):
        citations = [*citations, Citation(alert.ivorn, "followup")]
    if citations:
        cited = _child(root, "Citations")
        for one in citations:
            _child(cited, "EventIVORN", one.ivorn).set("cite", one.how)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def send(data: bytes, host: str, port: int) -> None:
    """Send a packet to a broker by the VOEvent Transport Protocol.

    Raises
    ------
    RetryLater
        If there is no connection, or no answer that the protocol knows.
    RefusedForGood
        If the broker refuses the packet, and not because it has it.
    """
    from socket import create_connection

    place = f"{host}:{port}"
    try:
        with create_connection((host, port), ANSWER_WAIT_S) as connection:
            connection.sendall(len(data).to_bytes(4, "big") + data)
            answer = _received(connection, int.from_bytes(_received(connection, 4), "big"))
    except (OSError, EOFError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise RetryLater(f"cannot send to {place}: {reason}") from error
    role, text = _answered(answer, place)
    if role == "ack" or (role == "nak" and "previously seen" in text.lower()):
        return
    if role == "nak":
        raise RefusedForGood(f"{place} refused the packet: {clean(text)}")
    raise RetryLater(f"{place} did not answer by ack or nak")


def _received(connection: socket, length: int) -> bytes:
    if length > ANSWER_BYTES:
        raise EOFError(f"the answer is longer than {ANSWER_BYTES} bytes")
    data = b""
    while len(data) < length:
        more = connection.recv(length - len(data))
        if not more:
            raise EOFError("the broker closed the connection unanswered")
        data += more
    return data


def _answered(answer: bytes, place: str) -> tuple[str | None, str]:
    """Return the role of a transport message, and its text."""
    root = _parsed(answer)
    if root is None:
        raise RetryLater(f"{place} did not answer in XML")
    return root.get("role"), (root.findtext("Meta/Result") or "").strip()


def _address(text: object) -> tuple[str, int]:
    host, _, port = text.rpartition(":") if isinstance(text, str) else ("", "", "")
    if not host or not re.fullmatch(r"\d{1,5}", port, re.ASCII) or not 0 < int(port) < 65536:
        raise ConfigError(f"expected 'host:port', got {text!r}", key="send_to")
    return host.strip("[]"), int(port)


# --- what is cited ------------------------------------------------------------------------------


def _is_packet(name: str) -> bool:
    return name.endswith(".xml") and not name.startswith(".")


def _noted(path: Path) -> _Written | None:
    """Return what matters of a packet; ``None`` if the file is none of ours."""
    root = _parsed(path.read_bytes())
    if root is None:
        return None
    params = {p.get("name"): p.get("value", "") for p in root.iterfind("What/Param")}
    if "record_id" not in params or "is_real" not in params:
        return None
    event = params.get("event_key")
    order = params.get("order")
    return _Written(
        root.get("ivorn", ""),
        None if event is None else (event, params["is_real"] == "true"),
        None if order is None else int(order),
        params.get("status") == Status.RETRACTION,
    )


def _event(alert: Alert) -> tuple[str, bool] | None:
    return None if alert.event_key is None else (_text(alert.event_key), alert.is_real)


def _order(alert: Alert) -> int | None:
    """Return the place of a notice among those of its event."""
    if alert.revision is not None:
        return alert.revision
    return None if alert.gw is None else alert.gw.notice_number


def _citations(alert: Alert, written: Sequence[_Written]) -> list[Citation]:
    event, order = _event(alert), _order(alert)
    if event is None:
        return []
    cited = ((one, _how(alert.status, order, one)) for one in written if one.event == event)
    return [Citation(one.ivorn, how) for one, how in cited if how is not None]


def _how(status: Status | None, order: int | None, earlier: _Written) -> str | None:
    """Return how a notice cites another one of its event that was written before."""
    if status is Status.RETRACTION and not earlier.is_retraction:
        return "retraction"
    if order is None or earlier.order is None or order == earlier.order:
        return "followup"
    return "supersedes" if earlier.order < order else None


# --- the parts of a packet ----------------------------------------------------------------------


def _role(alert: Alert) -> str:
    if alert.is_real:
        return "observation"
    return "prediction" if alert.tense in (Tense.PLANNED, Tense.COMMANDED) else "test"


def _what(what: Element, record: Record) -> None:
    alert = record.alert
    _param(what, "record_id", record.id, "meta.id", "", "same notice, same bytes, same id")
    _params(what, alert, _IDENTITY)
    _param(what, "is_real", alert.is_real, "meta.code", "", "no test, injection, mock event")
    _param(what, "order", _order(alert), "meta.version", "", "among the notices of the event")
    group = _child(what, "Group", name="alert")
    for number, name in enumerate(alert.event_names, start=1):
        _param(group, f"event_name_{number}", name, "meta.id", "", "public name")
    _params(group, alert, _ALERT)
    _p_values(group, alert.p_values)
    _group(what, "localization", alert.localization, _PLACE)
    _group(what, "search", alert, _SEARCH)
    for number, neutrino in enumerate(alert.coincident_events, start=1):
        group = _child(what, "Group", name=f"coincident_event_{number}")
        _param(group, "number", number, "meta.number", "", "as the notice lists them")
        _params(group, neutrino, _NEUTRINO)
        _p_values(group, neutrino.p_values)
    for number, significance in enumerate(record.significances, start=1):
        _significance(_child(what, "Group", name=f"significance_{number}"), significance)
    for text in (*alert.comments, *(f"{doubt.field}: {doubt.why}" for doubt in alert.concerns)):
        _child(what, "Description", _text(text))


def _significance(group: Element, significance: Significance) -> None:
    _params(group, significance, _SIGNIFICANCE)
    for number, note in enumerate(significance.notes, start=1):
        _param(group, f"note_{number}", note, "meta.note", "", "for a reader")


def _p_values(group: Element, p_values: Sequence[Any]) -> None:
    for p in p_values:
        name = f"p_value_{clean(p.search)}"
        _param(group, name, p.value, "stat.probability", "", "of this search, before trials")


def _where_when(parent: Element, alert: Alert) -> None:
    data = _child(parent, "ObsDataLocation")
    _child(data, "ObservatoryLocation", id="IceCube")
    observed = _child(data, "ObservationLocation")
    _child(observed, "AstroCoordSystem", id=_FRAME)
    coords = _child(observed, "AstroCoords", coord_system_id=_FRAME)
    if alert.trigger_time is not None:
        instant = _child(_child(coords, "Time", unit="s"), "TimeInstant")
        _child(instant, "ISOTime", _iso(alert.trigger_time))
    if alert.localization is not None:
        _position(_child(coords, "Position2D", unit="deg"), alert.localization)
    if alert.gw is not None:
        _child(parent, "Description", "The time is that of the gravitational wave")


def _position(position: Element, place: Localization) -> None:
    _child(position, "Name1", "RA")
    _child(position, "Name2", "Dec")
    values = _child(position, "Value2")
    _child(values, "C1", _float(place.ra_deg))
    _child(values, "C2", _float(place.dec_deg))
    _child(position, "Error2Radius", _float(place.error_radius_deg))


def _float(value: float | None) -> str:
    """Return a number as XML Schema writes it, which has no other word for "not stated"."""
    return "NaN" if value is None else repr(value).replace("inf", "INF").replace("nan", "NaN")


def _why(why: Element, alert: Alert) -> None:
    for name in alert.event_names:
        _child(why, "Name", _text(name))
    _child(why, "Concept", f"neutrino; {alert.kind}")
    if alert.signalness is not None and 0.0 <= alert.signalness <= 1.0:
        inference = _child(why, "Inference", probability=repr(alert.signalness))
        _child(inference, "Concept", "neutrino of astrophysical origin")


def _group(parent: Element, name: str, value: object, table: Sequence[_Param]) -> None:
    """Add a group, unless nothing of it is stated: the schema wants a group to have a part."""
    group = _child(parent, "Group", name=name)
    _params(group, value, table)
    if not len(group):
        parent.remove(group)


def _params(parent: Element, value: object, table: Sequence[_Param]) -> None:
    for name, path, ucd, unit, text in table:
        _param(parent, name, _attribute(value, path), ucd, unit, text)


def _attribute(value: Any, path: str) -> Any:
    """Return an attribute of an attribute; ``None`` where one on the way is not stated."""
    for name in path.split("."):
        value = None if value is None else attrgetter(name)(value)
    return value


def _param(parent: Element, name: str, value: Any, ucd: str, unit: str, text: str) -> None:
    """Add a parameter, unless its value is not stated."""
    if value is None:
        return
    kind = {int: "int", float: "float"}.get(type(value), "string")
    param = _child(parent, "Param", name=name, value=_value(value), dataType=kind, ucd=ucd)
    if unit:
        param.set("unit", unit)
    _child(param, "Description", text)


def _value(value: Any) -> str:
    if isinstance(value, datetime):
        return _iso(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return _text(value) if isinstance(value, str) else repr(value)


def _text(text: str) -> str:
    """Return text that may stand in XML, on one line."""
    return clean(text, 10_000)


def _iso(time: datetime) -> str:
    """Return a time as VOEvent has it, without a zone."""
    return f"{time.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}"


def _child(parent: Element, tag: str, text: str | None = None, **attributes: str) -> Element:
    from lxml import etree

    child = etree.SubElement(parent, tag, attrib=attributes)
    child.text = text
    return child


def _parsed(data: bytes) -> Element | None:
    """Parse XML that may be hostile; ``None`` if it is none."""
    from lxml import etree

    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
    )
    try:
        return etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError):
        return None


@hookimpl
def register_sinks() -> list[SinkType]:
    """Register the sink ``voevent``."""
    summary = "VOEvent 2.0 packets: files, and to a broker"
    return [SinkType(name="voevent", make=VOEvents, summary=summary)]
