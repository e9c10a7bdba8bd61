"""What LVK's own alerts say, in whichever format, and what is made of it.

Names are those of the JSON (``igwn-gwalert-schema``), which says most; a VOEvent is put into the
same struct, and so is judged alike. Conventions: see `icecube_plugin.notices.gw`.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar, Final

from msgspec import UNSET, UnsetType

from icecube_hooks import (
    Alert,
    ExternalCoincidence,
    GWCandidate,
    GWReference,
    Message,
    NoticeError,
    SkyMapFile,
    Status,
    Tense,
)

from ._draft import Draft
from ._values import iso_time
from ._wire import Flag, NamedNumbers, Number, Numbers, Text, Texts, Time, Wire, one_or_more

__all__ = ["OBSERVATORY", "Candidate", "External", "Notice", "alert_of"]

OBSERVATORY: Final = "LIGO/Virgo/KAGRA"

_SUPEREVENT: Final = re.compile(r"(?:MS|TS|S|GW)\d{6}[A-Za-z0-9_]{0,12}", re.ASCII)
_FILE: Final = re.compile(r"sha256:([0-9a-f]{64}) (\d{1,12}) bytes", re.ASCII)

_STATUS: Final = {
    "EARLYWARNING": Status.INITIAL,
    "PRELIMINARY": Status.INITIAL,
    "INITIAL": Status.INITIAL,
    "UPDATE": Status.UPDATE,
    "RETRACTION": Status.RETRACTION,
}


class ChirpMass(Wire):
    """Bins of the chirp mass in the source's frame [solar masses]."""

    bin_edges: Numbers = None
    probabilities: Numbers = None


class Candidate(Wire):
    """The candidate."""

    VITAL: ClassVar = frozenset({"time"})

    time: Time = None
    far: Number = None
    significant: Flag = None
    instruments: Texts = None
    group: Text = None
    pipeline: Text = None
    search: Text = None
    properties: NamedNumbers = None
    classification: NamedNumbers = None
    mchirp_source: ChirpMass | None = None
    duration: Number = None
    central_frequency: Number = None
    skymap: str | UnsetType | None = UNSET


class External(Wire):
    """The other event of a coincidence that RAVEN found."""

    gcn_notice_id: Any = None
    ivorn: Text = None
    observatory: Text = None
    search: Text = None
    time_difference: Number = None
    time_coincidence_far: Number = None
    time_sky_position_coincidence_far: Number = None
    combined_skymap: str | UnsetType | None = UNSET


class Notice(Wire):
    """The notice."""

    VITAL: ClassVar = frozenset({"superevent_id", "alert_type", "event"})

    alert_type: Text = None
    time_created: Time = None
    superevent_id: Text = None
    urls: Any = None
    event: Candidate | None = None
    external_coinc: External | None = None


def alert_of(notice: Notice, draft: Draft, message: Message) -> Alert:
    """Judge a notice and make the alert.

    Raises
    ------
    NoticeError
        If it is broken.
    """
    _read_reference(notice, draft)
    draft.put_time("notice_time", notice.time_created, "time_created")
    candidate = _candidate(notice, draft)
    alert = draft.alert(message)
    return alert.replace(gw_candidate=candidate, observatory=OBSERVATORY)


def _read_reference(notice: Notice, draft: Draft) -> None:
    """Find the superevent and what kind of notice it is."""
    name, alert_type = notice.superevent_id, notice.alert_type
    if name is None:
        raise NoticeError("the notice names no superevent", field="superevent_id")
    if _SUPEREVENT.fullmatch(name) is None:
        draft.doubt("superevent_id", name, name, "does not look like the name of a superevent")
    gw = GWReference(superevent_id=name, notice_type=alert_type)
    draft.put("gw", gw)
    draft.tense = Tense.TEST if gw.is_mock else draft.tense or Tense.OBSERVATION
    draft.status = _STATUS.get((alert_type or "").upper())
    if draft.status is None:
        draft.doubt("alert_type", alert_type, None, "no type that LVK's schema knows")


def _candidate(notice: Notice, draft: Draft) -> GWCandidate | None:
    event, external = notice.event, _external(notice.external_coinc, draft)
    if event is None:
        if draft.status is not Status.RETRACTION:
            raise NoticeError("the notice says nothing of its event", field="event")
        return None if external is None else GWCandidate(external=external)
    if event.time is None:
        raise NoticeError("the notice states no time of the event", field="event.time")
    draft.put("trigger_time", iso_time(event.time, "event.time"))
    draft.put("far_hz", _rate(event.far, "event.far", draft))
    edges, shares = _chirp_mass(event.mchirp_source, draft)
    return GWCandidate(
        significant=event.significant,
        instruments=one_or_more(event.instruments),
        group=event.group,
        pipeline=event.pipeline,
        search=event.search,
        classification=_probabilities(event.classification, "event.classification", draft),
        properties=_probabilities(event.properties, "event.properties", draft),
        chirp_mass_edges_msun=edges,
        chirp_mass_probabilities=shares,
        duration_s=_rate(event.duration, "event.duration", draft),
        central_frequency_hz=_rate(event.central_frequency, "event.central_frequency", draft),
        skymap=_map_file(event.skymap, "event.skymap", draft),
        external=external,
    )


def _external(found: External | None, draft: Draft) -> ExternalCoincidence | None:
    if found is None:
        return None
    path, number = "external_coinc", found.gcn_notice_id
    sky_far = found.time_sky_position_coincidence_far
    return ExternalCoincidence(
        observatory=found.observatory,
        search=found.search,
        notice_id=str(number) if isinstance(number, str | int) else None,
        ivorn=found.ivorn,
        time_difference_s=found.time_difference,
        time_far_hz=_rate(found.time_coincidence_far, f"{path}.time_coincidence_far", draft),
        time_sky_far_hz=_rate(sky_far, f"{path}.time_sky_position_coincidence_far", draft),
        skymap=_map_file(found.combined_skymap, f"{path}.combined_skymap", draft),
    )


def _rate(value: float | None, field: str, draft: Draft) -> float | None:
    return None if value is None else draft.positive(value, field)


def _probabilities(found: NamedNumbers, path: str, draft: Draft) -> dict[str, float]:
    checked = {n: draft.unit_interval(v, f"{path}.{n}") for n, v in (found or {}).items()}
    return {name: value for name, value in checked.items() if value is not None}


def _chirp_mass(
    found: ChirpMass | None, draft: Draft
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    if found is None:
        return (), ()
    edges, shares = one_or_more(found.bin_edges), one_or_more(found.probabilities)
    are_good = min(edges, default=0.0) >= 0.0 and all(0.0 <= share <= 1.0 for share in shares)
    if edges and len(edges) == len(shares) + 1 and are_good:
        return edges, shares
    why = "expected edges of 0 or more, and one probability fewer"
    draft.doubt("event.mchirp_source", (edges, shares), None, why)
    return (), ()


def _map_file(text: str | UnsetType | None, field: str, draft: Draft) -> SkyMapFile | None:
    if not text:
        return None
    match = _FILE.fullmatch(text)
    if match is None:
        draft.doubt(field, text[:80], None, "no FITS file in base64; left in the message")
        return None
    return SkyMapFile(sha256=match[1], n_bytes=int(match[2]))
