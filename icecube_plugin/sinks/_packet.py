"""A VOEvent 2.0 packet of a record, as the sink ``voevent`` writes it: see there."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from icecube_hooks import Alert, Localization, Record, Significance, Tense
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
    _param(what, "record_id", record.id, "meta.id", "", "same notice, same bytes, same id")
    _params(what, alert, _IDENTITY)
    _param(what, "is_real", alert.is_real, "meta.code", "", "no test, injection, mock event")
    _param(what, "order", order_of(alert), "meta.version", "", "among the notices of the event")
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
        _child(what, "Description", one_line(text))


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
        _child(why, "Name", one_line(name))
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
