"""Reader of the JSON of single-neutrino alerts: gold, bronze and cascade, v1 to v7.

Such a notice, in the form of the current schema::

    {"mission": "IceCube", "pipeline": "Gold Track Alert", "record_number": 0,
     "event_name": ["IceCube-260502A"], "id": ["142000_1234567"],
     "alert_datetime": "2026-05-02T04:05:06Z", "alert_type": "initial",
     "alert_tense": "current", "ra": 103.5, "dec": 5.25, "ra_dec_error": 0.69,
     "containment_probability": 0.9, "systematic_included": false,
     "trigger_time": "2026-05-02T04:00:00.25Z", "nu_energy": 171.2,
     "p_astro": 0.48, "far": 3.805e-08}

Conventions
-----------
- ``far`` is in Hz, ``nu_energy`` in TeV, angles in deg (ICRS).
- ``id`` is ``["run", "event"]`` (v1 to v4.2), ``["run_event_revision"]`` (v4.3) or
  ``["run_event"]``.
- ``$schema`` is not trusted: producers send stale ones.
- Without ``record_number`` the revision is the one in ``id``, or not stated.
- ``ra_dec_error`` of a track stands for an asymmetric region: until May 2026 it was the quadrature
  sum of both mean errors, sqrt((dRA cos Dec)^2 + dDec^2), since then their geometric mean,
  sqrt(dRA cos Dec * dDec). The older radii are larger by a factor of 1.41 where both errors are
  alike, and by more where they are not. The radius is taken as it is stated.
- Without ``containment_probability`` a region has the schema's default, 0.9, with a concern.
- A retraction may state no more than what it is, whose, and its ``id``: its kind is then `TRACK`.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any, ClassVar, Final

from msgspec import field
from msgspec.json import Decoder

from icecube_hooks import (
    Alert,
    AlertKind,
    Message,
    NoticeError,
    ParserType,
    Status,
    WireFormat,
    hookimpl,
)

from ._draft import Draft, kind_from_words
from ._values import iso_time
from ._wire import (
    Get,
    Number,
    Region,
    Text,
    Texts,
    Time,
    Whole,
    is_about_icecube,
    one_or_more,
    read_region,
    read_status,
    read_wire,
)

__all__ = ["TOPICS", "parse", "register_parsers"]

TOPICS: Final = (
    "gcn.notices.icecube.gold_bronze_track_alerts",
    "gcn.notices.icecube.test.gold_bronze_track_alerts",
    "gcn.notices.icecube.*cascade*",
    "gcn.notices.icecube.single_neutrino_alerts",
)

_MARKS: Final = (b'"nu_energy"', b'"pipeline"', b'"additional_info"', b'"IceCube"')
_KIND_FIELDS: Final = ("pipeline", "additional_info", "analysis_pipeline", "type")
_OF_SEARCHES: Final = ("ref_ID", "ref_id", "pval_generic", "pval_bayesian")
_ID = re.compile(r"(\d{1,18})_(\d{1,18})(?:_(\d{1,9}))?", re.ASCII)
_KINDS: Final = (AlertKind.GOLD, AlertKind.BRONZE, AlertKind.CASCADE)


class Neutrino(Region):
    """The notice."""

    VITAL: ClassVar = Region.VITAL | {
        *("id", "record_number", "event_name", "trigger_time", "alert_type", "alert_tense")
    }

    schema: Any = field(name="$schema", default=None)
    mission: Any = None
    instrument: Any = None
    messenger: Any = None
    type: Any = None
    pipeline: Any = None
    additional_info: Text = None
    analysis_pipeline: Any = None
    record_number: Whole = None
    event_name: Texts = None
    id: Texts = None
    alert_datetime: Time = None
    datetime_of_notice: Time = None
    alert_type: Text = None
    alert_tense: Text = None
    alert_topology: Any = None
    number_of_events: Whole = None
    trigger_time: Time = None
    nu_energy: Number = None
    p_astro: Number = None
    signalness: Number = None
    far: Number = None


@cache
def _decoder() -> Decoder[Neutrino]:
    return Decoder(Neutrino)


@hookimpl
def register_parsers() -> list[ParserType]:
    """Register the parser ``track-json``."""
    summary = "JSON of gold, bronze and cascade alerts, schema v1 to v7"
    return [ParserType(name="track-json", topics=TOPICS, parse=parse, summary=summary)]


def parse(message: Message) -> Alert | None:
    """Read a gold, bronze or cascade alert in JSON.

    Returns
    -------
    Alert or None
        ``None`` if the content is no such notice.

    Raises
    ------
    NoticeError
        If it is one, and broken.
    """
    draft = Draft(kind=AlertKind.TRACK, format=WireFormat.JSON)
    notice = read_wire(message, _decoder(), TOPICS, _MARKS, _is_alert, draft)
    if notice is None:
        return None
    kind = _kind(notice)
    if kind is None:
        why = "nothing says which selection (gold, bronze, cascade) it is of"
        draft.doubt("pipeline", notice.pipeline or "not stated", AlertKind.TRACK, why)
    draft.kind = kind or AlertKind.TRACK
    _read_identity(notice, draft)
    read_region(notice, draft)
    _read_physics(notice, draft)
    return draft.alert(message)


def _is_alert(fields: Get, on_own_topic: bool) -> bool:
    """Whether this is an alert: by its kind; without one a retraction, or any on an own topic."""
    if _kind(fields) is not None:
        return True
    if any(fields.get(name, None) is not None for name in _OF_SEARCHES):
        return False
    is_short = fields.get("alert_type", None) == Status.RETRACTION and not fields.get(
        "pipeline", None
    )
    return (on_own_topic or is_short) and is_about_icecube(fields, on_own_topic)


def _kind(fields: Get) -> AlertKind | None:
    """Find the kind in the pipeline's name, or in the sentence that older versions send."""
    for name in _KIND_FIELDS:
        words = fields.get(name, None)
        kind = kind_from_words(words) if isinstance(words, str) else None
        if kind in _KINDS:
            return kind
    return None


def _read_identity(notice: Neutrino, draft: Draft) -> None:
    _read_id(notice, draft)
    draft.put("event_names", one_or_more(notice.event_name) or None)
    draft.put("n_events", notice.number_of_events)
    made = notice.datetime_of_notice if notice.alert_datetime is None else notice.alert_datetime
    draft.put_time("notice_time", made, "alert_datetime")
    read_status(notice.alert_type, notice.alert_tense, draft)
    schema = notice.schema
    if draft.tense is None and isinstance(schema, str) and "/test/" in schema:
        why = "names the test topic; the notice itself does not say what it is"
        draft.doubt("$schema", schema, None, why)
    if notice.trigger_time is not None:
        draft.put("trigger_time", iso_time(notice.trigger_time, "trigger_time"))
    elif draft.status is not Status.RETRACTION:
        raise NoticeError("the notice states no time of the event", field="trigger_time")
    if notice.additional_info:
        draft.put("comments", (notice.additional_info,))


def _read_id(notice: Neutrino, draft: Draft) -> None:
    ids = one_or_more(notice.id)
    match = _ID.fullmatch("_".join(ids)) if len(ids) in (1, 2) else None
    if match is None:
        raise NoticeError("expected run_event", field="id", value=ids)
    draft.run_id, draft.event_id = int(match[1]), int(match[2])
    draft.revision = notice.record_number
    suffix = None if match[3] is None else int(match[3])
    if draft.revision is None:
        draft.revision = suffix
    elif suffix is not None:
        draft.compare_ids("id", draft.run_id, draft.event_id, suffix)


def _read_physics(notice: Neutrino, draft: Draft) -> None:
    signalness = notice.signalness if notice.p_astro is None else notice.p_astro
    if notice.nu_energy is not None:
        draft.put("energy_tev", draft.positive(notice.nu_energy, "nu_energy"))
    if signalness is not None:
        draft.put("signalness", draft.unit_interval(signalness, "p_astro"))
    if notice.far is not None:
        draft.put("far_hz", draft.positive(notice.far, "far"))
