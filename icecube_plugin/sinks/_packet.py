"""A VOEvent 2.0 packet of a record, as the sink ``voevent`` writes it: see there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from icecube_hooks import Alert, Localization, Record, Tense
from icecube_plugin.alerts.columns import ALERT, NEUTRINO, RECORD, SIGNIFICANCE, Column
from icecube_plugin.alerts.words import clean

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

__all__ = ["Citation", "one_line", "order_of", "packet"]

_NAMESPACE: Final = "http://www.ivoa.net/xml/VOEvent/v2.0"
_XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
_SCHEMA: Final = f"{_NAMESPACE} http://www.ivoa.net/xml/VOEvent/VOEvent-v2.0.xsd"
_FRAME: Final = "UTC-ICRS-TOPO"

# IVOA Identifiers 2.0, section 2.3.
_IVORN: Final = r"ivo://[!-;=?-~]+"


class Citation(NamedTuple):
    """An identifier, and how it is cited: ``followup``, ``supersedes`` or ``retraction``."""

    ivorn: str
    how: str


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
    whose = one_line(alert.observatory)
    text = f"Made of an alert of {whose} by icecube-plugin, from the {alert.format} notice"
    _child(_child(root, "How"), "Description", text)
    _why(_child(root, "Why"), alert)
    if alert.ivorn is not None and re.fullmatch(_IVORN, alert.ivorn):
        citations = [*citations, Citation(alert.ivorn, "followup")]
    if citations:
        cited = _child(root, "Citations")
        for one in citations:
            _child(cited, "EventIVORN", one.ivorn).set("cite", one.how)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def order_of(alert: Alert) -> int | None:
    """Return the place of a notice among those of its event."""
    if alert.revision is not None:
        return alert.revision
    return None if alert.gw is None else alert.gw.notice_number


def _role(alert: Alert) -> str:
    if alert.is_real:
        return "observation"
    return "prediction" if alert.tense in (Tense.PLANNED, Tense.COMMANDED) else "test"


def _what(what: Element, record: Record) -> None:
    alert = record.alert
    _params(what, record, RECORD[:1])
    _group(what, alert, "")
    _param(what, "order", order_of(alert), "meta.version", "", "among the notices of the event")
    _p_values(_group(what, alert, "alert"), alert.p_values)
    for name in ("localization", "search"):
        group = _group(what, alert, name)
        if not len(group):  # the schema wants a group to have a part
            what.remove(group)
    for number, neutrino in enumerate(alert.coincident_events, start=1):
        group = _child(what, "Group", name=f"coincident_event_{number}")
        _param(group, "number", number, "meta.number", "", "as the notice lists them")
        _params(group, neutrino, [column for column in NEUTRINO if column.group is not None])
        _p_values(group, neutrino.p_values)
    for number, significance in enumerate(record.significances, start=1):
        group = _child(what, "Group", name=f"significance_{number}")
        _params(group, significance, SIGNIFICANCE)
        for place, note in enumerate(significance.notes, start=1):
            _param(group, f"note_{place}", note, "meta.note", "", "for a reader")
    for text in (*alert.comments, *(f"{doubt.field}: {doubt.why}" for doubt in alert.concerns)):
        _child(what, "Description", one_line(text))


def _group(what: Element, alert: Alert, name: str) -> Element:
    """Add the columns of a group, which is `what` itself where they are in none."""
    group = _child(what, "Group", name=name) if name else what
    _params(group, alert, [column for column in ALERT if column.group == name])
    return group


def _p_values(group: Element, p_values: Sequence[Any]) -> None:
    for p in p_values:
        name = f"p_value_{clean(p.search)}"
        _param(group, name, p.value, "stat.probability", "", "of this search, before trials")


def _where_when(parent: Element, alert: Alert) -> None:
    data = _child(parent, "ObsDataLocation")
    _child(data, "ObservatoryLocation", id=one_line(alert.observatory))
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
        _child(why, "Name", one_line(name))
    _child(why, "Concept", f"neutrino; {alert.kind}")
    if alert.signalness is not None and 0.0 <= alert.signalness <= 1.0:
        inference = _child(why, "Inference", probability=repr(alert.signalness))
        _child(inference, "Concept", "neutrino of astrophysical origin")


def _params(parent: Element, thing: object, columns: Iterable[Column]) -> None:
    for column in columns:
        value = column.get(thing)
        _param(parent, column.short, value, column.ucd, column.unit, column.text)


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
    return one_line(value) if isinstance(value, str) else repr(value)


def one_line(text: str) -> str:
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
