"""Reader of the JSON of IceCube's searches around gravitational waves, v1 to v7.

Such a notice::

    {"type": "IceCube LVK Alert Nu Track Search",
     "reference": {"gcn.notices.LVK.alert": "S260502ab-2-Preliminary"},
     "ref_ID": "S260502ab", "alert_datetime": "2026-05-02T04:30:00Z",
     "trigger_time": "2026-05-02T04:00:00Z", "observation_livetime": 1000,
     "pval_generic": 0.012, "pval_bayesian": null, "n_events_coincident": 1,
     "coincident_events": [{"event_dt": -12.5, "id": ["142000_1234567"],
        "localization": {"ra": 103.5, "dec": 5.25, "ra_dec_error": 0.69,
                         "containment_probability": 0.9},
        "event_pval_generic": 0.012}]}

Conventions
-----------
- A p-value of null means that this search was not run: on low-significance gravitational-wave
  alerts only the Bayesian one is. An absent key means not stated.
- Positions of coincident events stand in ``localization`` (notices) or beside it (schema text).
- ``event_dt`` is neutrino time minus gravitational-wave time [s].
- There is no record number: the sequence of the gravitational-wave notice orders revisions.
- Mock events (``MS...``) are tests.
"""

from __future__ import annotations

import re
from typing import Final

from icecube_hooks import (
    Alert,
    AlertKind,
    CoincidentEvent,
    Direction,
    FluxSensitivity,
    GWReference,
    Localization,
    Message,
    NoticeError,
    ParserType,
    PValue,
    Tense,
    WireFormat,
    hookimpl,
)

from ._draft import Draft
from ._json_fields import Fields, decode, p_value, read_region
from ._quick import late
from ._values import within

__all__ = ["EVENT_LIMIT", "TOPICS", "parse", "register_parsers"]

TOPICS: Final = (
    "gcn.notices.icecube.lvk_nu_track_search",
    "gcn.notices.icecube.test.lvk_nu_track_search",
)
EVENT_LIMIT: Final = 10_000
"""Largest number of coincident events in one notice; real ones have under 20."""

_MARKS: Final = (b"IceCube LVK Alert Nu Track Search", b'"pval_generic"', b'"pval_bayesian"')
_SEARCHES: Final = ("generic", "bayesian")
_CONSTANTS: Final = ("$schema", "type", "mission", "instrument", "messenger")
_REFERENCE = re.compile(
    r"(?P<id>(?:MS|TS|S|GW)\d{6}[A-Za-z0-9_]{0,12})(?:-(?P<number>\d{1,6}))?(?:-(?P<type>[A-Za-z]{1,30}))?",
    re.ASCII,
)
_ID = re.compile(r"(\d{1,18})_(\d{1,18})(?:_\d{1,9})?", re.ASCII)


@hookimpl
def register_parsers() -> list[ParserType]:
    """Register the parser ``lvk-json``."""
    summary = "JSON of neutrino searches around gravitational waves, schema v1 to v7"
    return [ParserType(name="lvk-json", topics=TOPICS, parse=parse, summary=summary)]


def parse(message: Message) -> Alert | None:
    """Read the result of a search around a gravitational-wave event.

    Returns
    -------
    Alert or None
        ``None`` if the content is no such notice.

    Raises
    ------
    NoticeError
        If it is one, and broken.
    """
    return late("_usual").lvk_alert(message) or parse_any(message)


def parse_any(message: Message) -> Alert | None:
    """Read a notice of any form, as `parse` does with those that are not of the usual one."""
    fields = decode(message, _MARKS)
    if fields is None or not _is_search(fields):
        return None
    draft = Draft(kind=AlertKind.LVK_SEARCH, format=WireFormat.JSON)
    draft.doubt_repeated(fields.repeated)
    _read_reference(fields, draft)
    _read_times(fields, draft)
    draft.put("p_values", _p_values(fields, "pval_", draft))
    _read_coincidences(fields, draft)
    _read_direction(fields, draft)
    draft.put("flux_sensitivity", draft.attempt(_flux_sensitivity, fields))
    for name in _CONSTANTS:
        fields.take(name)
    draft.unread |= fields.unread()
    return draft.alert(message)


def _is_search(fields: Fields) -> bool:
    return any(name in fields.data for name in ("pval_generic", "pval_bayesian")) or (
        fields.data.get("type") == "IceCube LVK Alert Nu Track Search"
    )


def _read_reference(fields: Fields, draft: Draft) -> None:
    """Find superevent and sequence in ``ref_ID`` and ``reference``, in all their forms."""
    names = fields.texts("event_name")
    name = fields.text("ref_ID", "ref_id") or (names[0] if names else None)
    if name is None:
        raise NoticeError("the notice names no gravitational-wave event", field="ref_ID")
    reference = _reference(fields, draft)
    match = _REFERENCE.fullmatch(name)
    sequence = _REFERENCE.fullmatch(reference or "") or match
    if match is None:
        draft.doubt("ref_ID", name, name, "does not look like the name of a superevent")
    superevent = name if match is None else match["id"]
    if sequence is not None and sequence["id"] != superevent:
        draft.doubt("reference", reference, superevent, "names another event than ref_ID")
        sequence = None
    number = None if sequence is None else sequence["number"]
    gw = GWReference(
        superevent_id=superevent,
        notice_number=None if number is None else int(number),
        notice_type=None if sequence is None else sequence["type"],
        reference=reference or (name if number is not None else None),
    )
    draft.put("gw", gw)
    if gw.is_mock:
        draft.tense = Tense.TEST
    elif match is not None:
        draft.tense = Tense.OBSERVATION


def _reference(fields: Fields, draft: Draft) -> str | None:
    value = draft.attempt(fields.object, "reference")
    if value is None:
        return None
    reference = value.take("gcn.notices.LVK.alert")
    draft.unread |= value.unread()
    if isinstance(reference, str | int) and not isinstance(reference, bool):
        return str(reference)
    if reference is not None:
        draft.doubt("reference", reference, None, "expected a text or a number")
    return None


def _read_times(fields: Fields, draft: Draft) -> None:
    draft.put("trigger_time", fields.time("trigger_time"))
    if "trigger_time" not in draft.values:
        raise NoticeError("the notice states no time of the event", field="trigger_time")
    draft.put("notice_time", draft.attempt(fields.time, "alert_datetime"))
    draft.put("observation_start", draft.attempt(fields.time, "observation_start"))
    draft.put("observation_stop", draft.attempt(fields.time, "observation_stop"))
    livetime = draft.attempt(fields.number, "observation_livetime")
    if livetime is not None:
        draft.put("livetime_s", draft.positive(livetime, "observation_livetime"))


def _p_values(fields: Fields, prefix: str, draft: Draft) -> tuple[PValue, ...]:
    found = (p_value(fields, search, prefix + search, draft) for search in _SEARCHES)
    return tuple(p for p in found if p is not None)


def _read_coincidences(fields: Fields, draft: Draft) -> None:
    events: list[CoincidentEvent] = []
    for item in fields.objects("coincident_events"):
        if len(events) == EVENT_LIMIT:
            raise NoticeError(f"more than {EVENT_LIMIT} events", field="coincident_events")
        events.append(_coincident_event(item, draft))
    stated = fields.integer("n_events_coincident")
    if stated is not None and stated != len(events):
        why = "is not the number of events that are listed"
        draft.doubt("n_events_coincident", stated, stated, f"{why} ({len(events)})")
    draft.put("n_coincident", stated)
    draft.put("coincident_events", tuple(events))


def _coincident_event(item: Fields, draft: Draft) -> CoincidentEvent:
    ids = item.texts("id")
    match = _ID.fullmatch("_".join(ids)) if ids else None
    if ids and match is None:
        draft.doubt(item.at("id"), ids, None, "expected run_event")
    event = CoincidentEvent(
        delta_t_s=item.number("event_dt"),
        localization=_localization(item, draft),
        p_values=_p_values(item, "event_pval_", draft),
        run_id=None if match is None else int(match[1]),
        event_id=None if match is None else int(match[2]),
    )
    draft.unread |= item.unread()
    return event


def _localization(item: Fields, draft: Draft) -> Localization | None:
    """Read the position of one coincident event, nested or flat."""
    inner = item.object("localization")
    place = Draft(kind=draft.kind, format=draft.format, concerns=draft.concerns)
    read_region(item if inner is None else inner, place)
    if inner is not None:
        draft.unread |= inner.unread()
    return place.localization()


def _read_direction(fields: Fields, draft: Draft) -> None:
    item = fields.object("most_probable_direction")
    ra, dec = (None, None) if item is None else (item.number("ra"), item.number("dec"))
    if item is None or ra is None or dec is None:
        return
    draft.put("most_probable_direction", Direction(
        ra_deg=within(ra, 0.0, 360.0, item.at("ra")) % 360.0,
        dec_deg=within(dec, -90.0, 90.0, item.at("dec")),
    ))  # fmt: skip
    draft.unread |= item.unread()


def _flux_sensitivity(fields: Fields) -> FluxSensitivity | None:
    """Read the sensitivity; older notices list the larger value first."""
    item = fields.object("neutrino_flux_sensitivity_range")
    if item is None:
        return None
    flux = sorted(item.numbers("flux_sensitivity"))
    energy = sorted(item.numbers("sensitive_energy_range"))
    if len(flux) != 2 or len(energy) not in (0, 2) or min(flux + energy) < 0.0:
        reason = "expected pairs of numbers of 0 or more"
        raise NoticeError(reason, field=item.path, value=item.data)
    low, high = energy or (None, None)
    return FluxSensitivity(
        low_gev_cm2=flux[0], high_gev_cm2=flux[1], energy_low_gev=low, energy_high_gev=high
    )
