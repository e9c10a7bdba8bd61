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
from functools import cache
from typing import Any, ClassVar, Final

from msgspec import UNSET, field
from msgspec.json import Decoder

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
    Tense,
    WireFormat,
    hookimpl,
)

from ._draft import Draft
from ._values import iso_time, within
from ._wire import (
    Get,
    Number,
    Numbers,
    PNumber,
    Region,
    Text,
    Texts,
    Time,
    Whole,
    Wire,
    is_about_icecube,
    one_or_more,
    p_values,
    read_region,
    read_status,
    read_wire,
)

__all__ = ["EVENT_LIMIT", "TOPICS", "parse", "register_parsers"]

TOPICS: Final = (
    "gcn.notices.icecube.lvk_nu_track_search",
    "gcn.notices.icecube.test.lvk_nu_track_search",
)
EVENT_LIMIT: Final = 10_000
"""Largest number of coincident events in one notice; real ones have under 20."""

_TYPE: Final = "IceCube LVK Alert Nu Track Search"
_MARKS: Final = (_TYPE.encode(), b'"pval_generic"', b'"pval_bayesian"', b'"ref_ID"')
_REFERENCE = re.compile(
    r"(?P<id>(?:MS|TS|S|GW)\d{6}[A-Za-z0-9_]{0,12})(?:-(?P<number>\d{1,6}))?(?:-(?P<type>[A-Za-z]{1,30}))?",
    re.ASCII,
)
_ID = re.compile(r"(\d{1,18})_(\d{1,18})(?:_\d{1,9})?", re.ASCII)


class Event(Region):
    """A coincident event: its position stands in `localization`, or beside it (schema text)."""

    VITAL: ClassVar = Region.VITAL | {
        *("event_dt", "id", "localization", "event_pval_generic", "event_pval_bayesian")
    }

    event_dt: Number = None
    id: Texts = None
    localization: Region | None = None
    event_pval_generic: PNumber = UNSET
    event_pval_bayesian: PNumber = UNSET


class Reference(Wire):
    """The notice of the gravitational-wave event; v1 gave a number."""

    alert: Any = field(name="gcn.notices.LVK.alert", default=None)


class Towards(Wire):
    """The most probable direction."""

    VITAL: ClassVar = frozenset({"ra", "dec"})

    ra: Number = None
    dec: Number = None


class Sensitivity(Wire):
    """The range of the flux sensitivity; older notices list the larger value first."""

    flux_sensitivity: Numbers = None
    sensitive_energy_range: Numbers = None


class Search(Wire):
    """The notice."""

    VITAL: ClassVar = frozenset(
        {"event_name", "ref_ID", "ref_id", "trigger_time", "pval_generic", "pval_bayesian"}
        | {"n_events_coincident", "coincident_events", "most_probable_direction"}
        | {"alert_type", "alert_tense"}
    )

    schema: Any = field(name="$schema", default=None)
    type: Any = None
    mission: Any = None
    instrument: Any = None
    messenger: Any = None
    ref_type: Any = None
    ref_instrument: Any = None
    alert_type: Text = None
    alert_tense: Text = None
    event_name: Texts = None
    reference: Reference | None = None
    ref_ID: Text = None  # noqa: N815  # as the notice spells it
    ref_id: Text = None
    alert_datetime: Time = None
    trigger_time: Time = None
    observation_start: Time = None
    observation_stop: Time = None
    observation_livetime: Number = None
    pval_generic: PNumber = UNSET
    pval_bayesian: PNumber = UNSET
    n_events_coincident: Whole = None
    coincident_events: tuple[Event, ...] | None = None
    most_probable_direction: Towards | None = None
    neutrino_flux_sensitivity_range: Sensitivity | None = None


@cache
def _decoder() -> Decoder[Search]:
    return Decoder(Search)


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
    draft = Draft(kind=AlertKind.LVK_SEARCH, format=WireFormat.JSON)
    search = read_wire(message, _decoder(), TOPICS, _MARKS, _is_search, draft)
    if search is None:
        return None
    if search.alert_type or search.alert_tense:
        read_status(search.alert_type, search.alert_tense, draft)
    _read_reference(search, draft)
    _read_times(search, draft)
    if search.pval_generic is search.pval_bayesian is UNSET:
        draft.doubt("pval_generic, pval_bayesian", "not stated", None, "a search without p-values")
    values = draft.values
    values["p_values"] = p_values("pval_", search.pval_generic, search.pval_bayesian)
    _read_coincidences(search, draft)
    if search.most_probable_direction is not None:
        draft.put("most_probable_direction", _direction(search.most_probable_direction))
    if search.neutrino_flux_sensitivity_range is not None:
        flux = draft.attempt(_flux_sensitivity, search.neutrino_flux_sensitivity_range)
        draft.put("flux_sensitivity", flux)
    return draft.alert(message)


def _is_search(fields: Get, on_own_topic: bool) -> bool:
    if fields.get("type", None) == _TYPE or any(
        fields.get(name, UNSET) is not UNSET for name in ("pval_generic", "pval_bayesian")
    ):
        return True
    stated = on_own_topic or fields.get("ref_ID", None) is not None
    return stated and fields.get("id", None) is None and is_about_icecube(fields, on_own_topic)


def _read_reference(search: Search, draft: Draft) -> None:
    """Find superevent and sequence in ``ref_ID`` and ``reference``, in all their forms."""
    names = one_or_more(search.event_name)
    name = search.ref_ID or search.ref_id or (names[0] if names else None)
    if name is None:
        raise NoticeError("the notice names no gravitational-wave event", field="ref_ID")
    reference = None if search.reference is None else _reference(search.reference.alert, draft)
    match = _REFERENCE.fullmatch(name)
    sequence = (None if reference is None else _REFERENCE.fullmatch(reference)) or match
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
    elif match is not None and draft.tense is None:
        draft.tense = Tense.OBSERVATION


def _reference(found: object, draft: Draft) -> str | None:
    if isinstance(found, str | int) and not isinstance(found, bool):
        return str(found)
    if found is not None:
        draft.doubt("reference", found, None, "expected a text or a number")
    return None


def _read_times(search: Search, draft: Draft) -> None:
    if search.trigger_time is None:
        raise NoticeError("the notice states no time of the event", field="trigger_time")
    draft.put("trigger_time", iso_time(search.trigger_time, "trigger_time"))
    draft.put_time("notice_time", search.alert_datetime, "alert_datetime")
    draft.put_time("observation_start", search.observation_start, "observation_start")
    draft.put_time("observation_stop", search.observation_stop, "observation_stop")
    livetime = search.observation_livetime
    if livetime is not None:
        draft.put("livetime_s", draft.positive(livetime, "observation_livetime"))


def _read_coincidences(search: Search, draft: Draft) -> None:
    found = search.coincident_events or ()
    if len(found) > EVENT_LIMIT:
        raise NoticeError(f"more than {EVENT_LIMIT} events", field="coincident_events")
    events = [
        _coincident_event(event, f"coincident_events[{number}].", draft)
        for number, event in enumerate(found)
    ]
    stated = search.n_events_coincident
    if stated is not None and stated != len(events):
        why = "is not the number of events that are listed"
        draft.doubt("n_events_coincident", stated, stated, f"{why} ({len(events)})")
    draft.put("n_coincident", stated)
    draft.put("coincident_events", tuple(events))


def _coincident_event(event: Event, path: str, draft: Draft) -> CoincidentEvent:
    ids = one_or_more(event.id)
    match = _ID.fullmatch("_".join(ids)) if ids else None
    if ids and match is None:
        draft.doubt(f"{path}id", ids, None, "expected run_event")
    return CoincidentEvent(
        delta_t_s=event.event_dt,
        localization=_localization(event, path, draft),
        p_values=p_values(
            f"{path}event_pval_", event.event_pval_generic, event.event_pval_bayesian
        ),
        run_id=None if match is None else int(match[1]),
        event_id=None if match is None else int(match[2]),
    )


def _localization(event: Event, path: str, draft: Draft) -> Localization | None:
    """Read the position of one coincident event, nested or flat."""
    inner = event.localization
    path = path if inner is None else f"{path}localization."
    place = Draft(kind=draft.kind, format=draft.format, concerns=draft.concerns, path=path)
    read_region(event if inner is None else inner, place)
    return place.localization()


def _direction(found: Towards) -> Direction | None:
    if found.ra is None or found.dec is None:
        return None
    return Direction(
        ra_deg=within(found.ra, 0.0, 360.0, "most_probable_direction.ra") % 360.0,
        dec_deg=within(found.dec, -90.0, 90.0, "most_probable_direction.dec"),
    )


def _flux_sensitivity(found: Sensitivity) -> FluxSensitivity:
    flux = sorted(one_or_more(found.flux_sensitivity))
    energy = sorted(one_or_more(found.sensitive_energy_range))
    if len(flux) != 2 or len(energy) not in (0, 2) or min(flux + energy) < 0.0:
        raise NoticeError(
            "expected pairs of numbers of 0 or more",
            field="neutrino_flux_sensitivity_range",
            value=(flux, energy),
        )
    low, high = energy or (None, None)
    return FluxSensitivity(
        low_gev_cm2=flux[0], high_gev_cm2=flux[1], energy_low_gev=low, energy_high_gev=high
    )
