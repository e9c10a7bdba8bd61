"""JSON notices of the usual form, read in a tenth of the time.

`msgspec` decodes into the types below and checks their bounds on the way. Whatever is unusual
(another spelling, an older version, a placeholder, a key stated twice, a value out of range) is not
judged here: the answer is ``None``, and the readers of `lvk` and `track`, who know it all, read the
notice. What is read here they would read just so: ``tests/notices/test_usual.py`` compares the two.

Importing this module imports msgspec, so it is imported with the first notice.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Final

from msgspec import UNSET, Meta, MsgspecError, Struct, UnsetType, field
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
    PValue,
    Status,
    Tense,
    WireFormat,
)
from icecube_hooks._frozen import maker

from ._draft import ADDRESS, TENSES, tense_on
from ._values import EARLIEST, LATEST

__all__ = ["lvk_alert", "track_alert"]

SIZE_LIMIT: Final = 1 << 16

_P = Annotated[float, Meta(ge=0.0, le=1.0)]
_RA = Annotated[float, Meta(ge=0.0, le=360.0)]
_Dec = Annotated[float, Meta(ge=-90.0, le=90.0)]
_Radius = Annotated[float, Meta(gt=0.0, le=180.0)]
_Containment = Annotated[float, Meta(ge=1e-6, le=1.0)]
_Above0 = Annotated[float, Meta(gt=0.0)]
_From0 = Annotated[float, Meta(ge=0.0)]
_Count = Annotated[int, Meta(ge=0, lt=10_000)]

_REFERENCE = re.compile(
    r"((?:MS|TS|S|GW)\d{6}[A-Za-z0-9_]{0,12})-(\d{1,6})-([A-Za-z]{1,30})", re.ASCII
)
_ID = re.compile(r"(\d{1,18})_(\d{1,18})(?:_(\d{1,9}))?", re.ASCII)


class _Place(Struct, forbid_unknown_fields=True, gc=False):
    ra: _RA
    dec: _Dec
    ra_dec_error: _Radius
    containment_probability: _Containment
    systematic_included: bool


class _Event(Struct, forbid_unknown_fields=True, gc=False):
    event_dt: float
    localization: _Place
    event_pval_generic: _P | None
    event_pval_bayesian: _P | None
    id: tuple[str] | UnsetType = UNSET


class _Reference(Struct, forbid_unknown_fields=True, gc=False):
    alert: str = field(name="gcn.notices.LVK.alert")


class _Direction(Struct, forbid_unknown_fields=True, gc=False):
    ra: _RA
    dec: _Dec


class _Sensitivity(Struct, forbid_unknown_fields=True, gc=False):
    flux_sensitivity: tuple[_From0, _From0]
    sensitive_energy_range: tuple[_From0, _From0]


class _Search(Struct, forbid_unknown_fields=True, gc=False):
    type: str
    reference: _Reference
    ref_ID: str  # noqa: N815  # as the notice spells it
    alert_datetime: str
    trigger_time: str
    observation_start: str
    observation_stop: str
    observation_livetime: _Above0
    pval_generic: _P | None
    pval_bayesian: _P | None
    n_events_coincident: _Count
    schema: str = field(name="$schema")
    coincident_events: list[_Event] | UnsetType = UNSET
    neutrino_flux_sensitivity_range: _Sensitivity | UnsetType = UNSET
    most_probable_direction: _Direction | UnsetType = UNSET


class _Neutrino(Struct, forbid_unknown_fields=True, gc=False):
    mission: str
    instrument: str
    messenger: str
    pipeline: str
    record_number: _Count
    event_name: tuple[str, ...]
    id: tuple[str]
    alert_datetime: str
    alert_type: str
    alert_tense: str
    alert_topology: str
    number_of_events: _Count
    ra: _RA
    dec: _Dec
    ra_dec_error: _Radius
    containment_probability: _Containment
    systematic_included: bool
    trigger_time: str
    nu_energy: _Above0
    p_astro: _P
    far: _Above0
    schema: str = field(name="$schema")
    healpix_url: str | UnsetType | None = UNSET


_FIRST_YEAR: Final = EARLIEST.year
_NO_YEAR: Final = LATEST.year

_alert_of_search: Final = maker(
    Alert,
    *("kind", "format", "tense", "trigger_time", "notice_time", "p_values", "gw"),
    *("coincident_events", "n_coincident", "most_probable_direction", "flux_sensitivity"),
    *("observation_start", "observation_stop", "livetime_s", "raw"),
)
_coincident_event: Final = maker(
    CoincidentEvent, "delta_t_s", "localization", "p_values", "run_id", "event_id"
)
_direction: Final = maker(Direction)
_flux_sensitivity: Final = maker(FluxSensitivity)
_gw_reference: Final = maker(GWReference)
_localization: Final = maker(Localization)
_p_value: Final = maker(PValue)

_search = Decoder(_Search).decode
_neutrino = Decoder(_Neutrino).decode


class _Unusual(Exception):
    """The careful reader has to judge."""


def lvk_alert(message: Message) -> Alert | None:
    """Read the result of a search around a gravitational-wave event, or leave it to `lvk`."""
    if _is_not_plain(message.value):
        return None
    try:
        return _of_search(_search(message.value), message)
    except (MsgspecError, ValueError, RecursionError, _Unusual):
        return None


def track_alert(message: Message) -> Alert | None:
    """Read an alert of a single neutrino, or leave it to `track`."""
    if _is_not_plain(message.value):
        return None
    try:
        return _of_neutrino(_neutrino(message.value), message)
    except (MsgspecError, ValueError, KeyError, RecursionError, _Unusual):
        return None


def _is_not_plain(value: bytes) -> bool:
    """Whether a notice has escapes: what it says cannot be counted in its bytes then."""
    return len(value) > SIZE_LIMIT or b"\\" in value


def _of_search(found: _Search, message: Message) -> Alert:
    keys = 13  # that are there in any case
    events: tuple[CoincidentEvent, ...] = ()
    if found.coincident_events is not UNSET:
        events = tuple([_coincident(event) for event in found.coincident_events])
        keys += 1 + 9 * len(events) + sum([event.run_id is not None for event in events])
    towards = found.most_probable_direction
    if towards is not UNSET:
        keys += 3
    flux = found.neutrino_flux_sensitivity_range
    if flux is not UNSET:
        keys += 3
    if message.value.count(b":") != keys + 9:  # four times with two each, the schema's address
        raise _Unusual  # see `_of_neutrino`
    if found.n_events_coincident != len(events):
        raise _Unusual
    gw = _gw(found.ref_ID, found.reference.alert)
    return _alert_of_search(
        AlertKind.LVK_SEARCH,
        WireFormat.JSON,
        tense_on(message.topic, Tense.TEST if gw.is_mock else Tense.OBSERVATION),
        _time(found.trigger_time),
        _time(found.alert_datetime),
        _p_values(found.pval_generic, found.pval_bayesian),
        gw,
        events,
        found.n_events_coincident,
        None if towards is UNSET else _towards(towards),
        None if flux is UNSET else _sensitivity(flux),
        _time(found.observation_start),
        _time(found.observation_stop),
        found.observation_livetime,
        message.value,
    )


def _towards(found: _Direction) -> Direction:
    return _direction(ra_deg=found.ra % 360.0, dec_deg=found.dec)


def _sensitivity(found: _Sensitivity) -> FluxSensitivity:
    low, high = sorted(found.flux_sensitivity)
    energy_low, energy_high = sorted(found.sensitive_energy_range)
    return _flux_sensitivity(
        low_gev_cm2=low, high_gev_cm2=high, energy_low_gev=energy_low, energy_high_gev=energy_high
    )


def _gw(name: str, reference: str) -> GWReference:
    match = _REFERENCE.fullmatch(reference)
    if match is None or match[1] != name:
        raise _Unusual
    return _gw_reference(
        superevent_id=name, notice_number=int(match[2]), notice_type=match[3], reference=reference
    )


def _coincident(event: _Event) -> CoincidentEvent:
    run_id = event_id = None
    if event.id is not UNSET:
        match = _ID.fullmatch(event.id[0])
        if match is None:
            raise _Unusual
        run_id, event_id = int(match[1]), int(match[2])
    p_values = _p_values(event.event_pval_generic, event.event_pval_bayesian)
    return _coincident_event(event.event_dt, _place(event.localization), p_values, run_id, event_id)


def _place(found: _Place | _Neutrino, url: str | None = None) -> Localization:
    radius, containment = found.ra_dec_error, found.containment_probability
    kept = found.systematic_included
    # By position, which is quicker; no inner radius, ellipse or box.
    return _localization(
        found.ra % 360.0, found.dec, radius, containment, None, None, None, kept, url
    )


def _p_values(generic: float | None, bayesian: float | None) -> tuple[PValue, PValue]:
    return _p_value("generic", generic), _p_value("bayesian", bayesian)


_KINDS: Final = {
    "Gold Track Alert": AlertKind.GOLD,
    "Bronze Track Alert": AlertKind.BRONZE,
    "Cascade Alert": AlertKind.CASCADE,
}
_STATUS: Final = {status.value: status for status in Status}


_alert_of_neutrino: Final = maker(
    Alert,
    *("kind", "format", "event_names", "run_id", "event_id", "revision", "status", "tense"),
    *("trigger_time", "notice_time", "localization", "energy_tev", "signalness", "far_hz"),
    *("n_events", "raw"),
)


def _of_neutrino(found: _Neutrino, message: Message) -> Alert:
    match, kind = _ID.fullmatch(found.id[0]), _KINDS[found.pipeline]
    status, revision = _STATUS[found.alert_type], found.record_number
    if match is None or (revision and status is Status.INITIAL):
        raise _Unusual
    run_id, event_id, suffix = match.groups()
    if suffix is not None and int(suffix) != revision:
        raise _Unusual
    url = found.healpix_url
    colons = 22 + 5  # two times with two each, and the schema's address
    if url is not UNSET:
        colons += 1 if url is None else 2
    # JSON's decoders take the last of two equal keys in silence. Each key has its colon, so as
    # many as usual texts and keys hold are expected, and none for a second key.
    if message.value.count(b":") != colons:
        raise _Unusual
    if url is UNSET:
        url = None
    elif url is not None and ADDRESS.fullmatch(url) is None:
        raise _Unusual
    return _alert_of_neutrino(
        kind,
        WireFormat.JSON,
        found.event_name,
        int(run_id),
        int(event_id),
        revision,
        status,
        tense_on(message.topic, TENSES[found.alert_tense]),
        _time(found.trigger_time),
        _time(found.alert_datetime),
        _place(found, url),
        found.nu_energy,
        found.p_astro,
        found.far,
        found.number_of_events,
        message.value,
    )


_SHAPES: Final = frozenset(("--T::Z", "--T::."))
"""What stands between the digits of a time."""
_LENGTHS: Final = frozenset((20, *range(22, 33)))


def _time(text: str) -> datetime:
    """Read ``2026-05-02T04:05:06Z``, with or without a fraction."""
    if text[4:20:3] not in _SHAPES or text[-1] != "Z" or len(text) not in _LENGTHS:
        raise _Unusual  # such as a week in place of a month; a comma; no digit, or too many
    time = datetime.fromisoformat(text)
    if time.tzinfo is UTC and _FIRST_YEAR <= time.year < _NO_YEAR:
        return time
    raise _Unusual
