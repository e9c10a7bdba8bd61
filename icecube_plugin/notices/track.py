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
"""

from __future__ import annotations

import re
from typing import Final

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

from ._draft import TENSES, Draft, kind_from_words
from ._json_fields import Fields, decode, read_region
from ._quick import late

__all__ = ["TENSES", "TOPICS", "parse", "register_parsers"]

TOPICS: Final = (
    "gcn.notices.icecube.gold_bronze_track_alerts",
    "gcn.notices.icecube.test.gold_bronze_track_alerts",
    "gcn.notices.icecube.*cascade*",
    "gcn.notices.icecube.single_neutrino_alerts",
)

_MARKS: Final = (b'"nu_energy"', b'"pipeline"', b'"additional_info"')
_KIND_FIELDS: Final = ("pipeline", "additional_info", "analysis_pipeline", "type")
_CONSTANTS: Final = (
    "analysis_pipeline",
    "$schema",
    "mission",
    "instrument",
    "messenger",
    "alert_topology",
    "type",
)
_ID = re.compile(r"(\d{1,18})_(\d{1,18})(?:_(\d{1,9}))?", re.ASCII)
_KINDS: Final = (AlertKind.GOLD, AlertKind.BRONZE, AlertKind.CASCADE)


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
    return late("_usual").track_alert(message) or parse_any(message)


def parse_any(message: Message) -> Alert | None:
    """Read a notice of any form, as `parse` does with those that are not of the usual one."""
    fields = decode(message, _MARKS)
    kind = None if fields is None else _kind(fields)
    if fields is None or kind is None:
        return None
    draft = Draft(kind=kind, format=WireFormat.JSON)
    draft.doubt_repeated(fields.repeated)
    _read_identity(fields, draft)
    read_region(fields, draft)
    _read_physics(fields, draft)
    draft.unread = fields.unread()
    return draft.alert(message)


def _kind(fields: Fields) -> AlertKind | None:
    """Find the kind in the pipeline's name, or in the sentence that older versions send."""
    for name in _KIND_FIELDS:
        words = fields.data.get(name)
        kind = kind_from_words(words) if isinstance(words, str) else None
        if kind in _KINDS:
            return kind
    return None


def _read_identity(fields: Fields, draft: Draft) -> None:
    _read_id(fields, draft)
    draft.put("event_names", fields.texts("event_name") or None)
    draft.put("n_events", draft.attempt(fields.integer, "number_of_events"))
    draft.put("notice_time", draft.attempt(fields.time, "alert_datetime", "datetime_of_notice"))
    draft.put("trigger_time", fields.time("trigger_time"))
    if "trigger_time" not in draft.values:
        raise NoticeError("the notice states no time of the event", field="trigger_time")
    _read_alert_type(fields, draft)
    info = draft.attempt(fields.text, "additional_info")
    draft.put("comments", None if info is None else (info,))
    fields.take("pipeline")
    for name in _CONSTANTS:
        fields.take(name)


def _read_id(fields: Fields, draft: Draft) -> None:
    ids = fields.texts("id")
    match = _ID.fullmatch("_".join(ids)) if len(ids) in (1, 2) else None
    if match is None:
        raise NoticeError("expected run_event", field="id", value=ids)
    draft.run_id, draft.event_id = int(match[1]), int(match[2])
    draft.revision = fields.integer("record_number")
    suffix = None if match[3] is None else int(match[3])
    if draft.revision is None:
        draft.revision = suffix
    elif suffix is not None:
        draft.compare_ids("id", draft.run_id, draft.event_id, suffix)


def _read_alert_type(fields: Fields, draft: Draft) -> None:
    kind, tense = fields.text("alert_type"), fields.text("alert_tense")
    try:
        draft.status = None if kind is None else Status(kind)
    except ValueError:
        draft.doubt("alert_type", kind, None, "no type that the GCN schema knows")
    if draft.status is Status.INITIAL and draft.revision:
        draft.doubt("alert_type", kind, kind, f"but this is revision {draft.revision}")
    draft.tense = TENSES.get(tense or "")
    if tense is not None and draft.tense is None:
        draft.doubt("alert_tense", tense, None, "no tense that the GCN schema knows")
    schema = fields.data.get("$schema")
    if draft.tense is None and isinstance(schema, str) and "/test/" in schema:
        why = "names the test topic; the notice itself does not say what it is"
        draft.doubt("$schema", schema, None, why)


def _read_physics(fields: Fields, draft: Draft) -> None:
    energy = draft.attempt(fields.number, "nu_energy")
    signalness = draft.attempt(fields.number, "p_astro", "signalness")
    far = draft.attempt(fields.number, "far")
    if energy is not None:
        draft.put("energy_tev", draft.positive(energy, "nu_energy"))
    if signalness is not None:
        draft.put("signalness", draft.unit_interval(signalness, "p_astro"))
    if far is not None:
        draft.put("far_hz", draft.positive(far, "far"))
