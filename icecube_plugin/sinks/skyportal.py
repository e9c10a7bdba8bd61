"""The sink ``skyportal``: an event with a localization, and a comment per notice, in a SkyPortal.

Format
------
SkyPortal's REST interface, as ``skyportal/handlers/api/gcn.py`` and ``comment.py``, and
``skyportal/utils/gcn.py`` of https://github.com/skyportal/skyportal have it. Each request has the
header ``Authorization: token ...``; each answer is ``{"status": "success", "data": ...}`` or
``{"status": "error", "message": ...}``.

1. ``GET /api/gcn_event/2023-04-16T05:22:26``: an event is known by its time [UTC, s]. One that is
   not there is 404; its ``data`` has ``id``, ``tags``, ``localizations`` and ``comments``.
2. ``POST /api/gcn_event`` with what is new: tags, properties and a localization that are not there
   yet, differences of rounding between formats apart::

       {"dateobs": "2023-04-16T05:22:26", "trigger_id": "137840_57034692",
        "aliases": ["IceCube-230416A", "137840_57034692"],
        "tags": ["IceCube", "Neutrino", "Gold"],
        "properties": {"signalness": 0.34, "energy": 127.3, "FAR": 8.0e-08},
        "skymap": {"ra": 345.82, "dec": 9.14, "error": 0.2842}}

   It finds the event by ``trigger_id``, which it keeps from the event's first post, or else by
   time, and answers with the time under which it has it.
   ``skymap`` is, of what the notice states, the first of: the address of a map, which SkyPortal
   fetches (where it cannot, the next one is posted); an ellipse with its angle, which it fills
   evenly, ``{"localization_name": ..., "ra", "dec", "amaj", "amin", "phi"}``; a cone.
   SkyPortal makes the cone a Gaussian with ``error`` as its standard deviation, and calls it
   ``345.82000_9.14000_0.28420``. So the notice's radius is scaled to 39.3 % containment, as for a
   circular Gaussian; of an ellipse without an angle or a box, that of the circle of the same area.
   Without a stated containment there is no cone.
3. ``POST /api/gcn_event/2023-04-16T05:22:26/alias`` for names that came later.
4. ``POST /api/gcn_event/ID/comments`` with the message for people; it ends with the record's id.

Conventions
-----------
- SkyPortal knows events by their time, `icecube_plugin.alerts` which notice is of which event: a
  circular that rounds the time, or takes an event back by its name, goes to the time under which
  the event was posted first. What was posted where stands in the state, one SQLite file.
- A notice has one comment, in whatever formats it comes; a correction is news, as for `notify`.
  A comment that is there is not posted again. Two processes at the same time may post two.
- A search around a gravitational wave becomes a comment on the event of that wave, which SkyPortal
  receives by itself; it never makes that event. Where there is none, the search is passed over.
- Events without a trigger time have no place there; they, and, unless ``tests = true``, those that
  are not real, are passed over.
- The token needs the permission to comment. An event that another user posted can only be updated
  by a token with rights to it.
- No network address of a private network, see `icecube_plugin.sinks._http`.
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from icecube_hooks import (
    Alert,
    AlertKind,
    Localization,
    Record,
    RefusedForGood,
    RetryLater,
    SinkType,
    Status,
    hookimpl,
)
from icecube_plugin.alerts import Event, changes
from icecube_plugin.alerts.links import web_address
from icecube_plugin.alerts.names import run_event
from icecube_plugin.alerts.waves import OF_WAVES
from icecube_plugin.alerts.words import clean
from icecube_plugin.disk import absolute, usable_file
from icecube_plugin.sky import circularised_radius_deg, scale_radius

from ._http import Endpoint, Reply, refusal
from ._options import Seconds, token_text
from .memory import Memory, key_of, notice_of, opened

__all__ = ["SkyPortal"]

log = logging.getLogger(__name__)

LONGEST_EVENT: Final = 16_000_000
"""An event comes with the outlines of all its localizations [bytes]."""
ONE_SIGMA: Final = 1.0 - math.exp(-0.5)
"""Containment of one standard deviation of a circular Gaussian."""
COMMENT_CHARACTERS: Final = 6_000
MOST_ALIASES: Final = 20
MARK: Final = "\n\nrecord "
COMMENTED: Final = "comments"
"""Who was told, in the state, of a notice that has its comment."""

_IS_THERE: Final = (b"already exists", b" already in ")
_NUMBERS: Final = ("ra", "dec", "error", "amaj", "amin", "phi")
_TAGS: Final = {AlertKind.HESE: "HESE", AlertKind.EHE: "EHE", AlertKind.NU_EM: "NuEM"}


class SkyPortal:
    """Post events and comments to a SkyPortal.

    Parameters
    ----------
    url : str
        Address of the SkyPortal, such as ``https://fritz.science``.
    token, token_env, token_file : str
        A token of it, or the environment variable or file that holds one; exactly one of them.
    group_ids : list of int, optional
        Groups that may see the comments; by default all groups of the token's user.
    state : str or path
        File that remembers which event was posted under which time.
    tests : bool
        Whether notices that are not real are posted, too.
    allow_private : bool
        Whether the host may have a private, loopback or link-local address.
    connect_timeout_s, timeout_s : float
        How long connecting to one address, and one whole exchange, may take [s].

    Raises
    ------
    ConfigError
        With the option, if one is wrong.
    """

    def __init__(
        self,
        *,
        url: str,
        token: str | None = None,
        token_env: str | None = None,
        token_file: str | os.PathLike[str] | None = None,
        group_ids: tuple[int, ...] = (),
        state: str | os.PathLike[str] = "icecube-alerts-data/skyportal.sqlite",
        tests: bool = False,
        allow_private: bool = False,
        connect_timeout_s: Seconds = 5.0,
        timeout_s: Seconds = 60.0,
    ) -> None:
        secret = token_text(token, token_env, token_file)
        self.tests = tests
        self.group_ids = tuple(group_ids)
        self._token = secret
        self.state = usable_file(absolute(state, "state"), "state")
        self._endpoint = Endpoint.of(
            url,
            "url",
            allow_private=allow_private,
            connect_timeout_s=connect_timeout_s,
            timeout_s=timeout_s,
            secrets=(secret,),
        )

    def write(self, records: Sequence[Record], /) -> None:
        """Post a batch, in order.

        Raises
        ------
        RetryLater
            If the server does not answer, not in its format, or says that its trouble may pass.
        RefusedForGood
            If it refuses, or its address is not allowed.
        """
        wanted = [record for record in records if self.tests or record.alert.is_real]
        if not wanted:
            return
        try:
            with contextlib.closing(self._endpoint), opened(self.state) as memory:
                for record in wanted:
                    self._tell(record, memory)
                memory.forget()
        except OSError as error:
            raise RetryLater(f"cannot write {self.state}: {error}") from error

    def _tell(self, record: Record, memory: Memory) -> None:
        """Post a record under the time of its event."""
        event, earlier = memory.event(record.alert)
        memory.keep(record.alert)
        told = [time for key in earlier for time in memory.who_was_told(key)]
        time = record.alert.trigger_time or event.latest("trigger_time")
        if not told and time is None:
            log.info("%s: no trigger time, which SkyPortal knows events by", record.id)
            return
        dateobs = told[0] if told else _dateobs(time)
        api, notice = _Api(self._endpoint, self._token), notice_of(record, event)
        dateobs, there = self._post(api, record, event, dateobs)
        memory.told(dateobs, key_of(record.alert))
        if there is not None and not memory.was_told(COMMENTED, notice):
            self._comment(api, record, there)
            memory.told(COMMENTED, notice)

    def probe(self) -> None:
        """Ask for an event of this moment: SkyPortal answers, and knows the token.

        Errors are those of `write`.
        """
        with contextlib.closing(self._endpoint):
            _Api(self._endpoint, self._token).event(_dateobs(datetime.now(UTC)))

    def _post(
        self, api: _Api, record: Record, event: Event, dateobs: str
    ) -> tuple[str, _Event | None]:
        """Post what is new; return the time of the event, and what is there."""
        there = api.event(dateobs)
        if record.alert.kind in OF_WAVES:  # SkyPortal has its event by itself
            if there is None:
                log.warning("%s: SkyPortal has no event at %s", record.id, dateobs)
            return dateobs, there
        if news := _news(record.alert, event, there):
            dateobs = self._post_event(api, record, {"dateobs": dateobs, **_named(event), **news})
            there = api.event(dateobs)
        if there is None:
            raise RetryLater(f"{self._endpoint.shown}: the event that was posted is not there")
        for name in _named(event)["aliases"]:
            if name not in there.aliases:
                api.post(f"gcn_event/{dateobs}/alias", {"alias": name})
        return dateobs, there

    def _comment(self, api: _Api, record: Record, there: _Event) -> None:
        """Post the message, unless it is there."""
        if not any(text.endswith(MARK + record.id) for text in there.comments):
            comment: dict[str, Any] = {"text": _comment(record)}
            if self.group_ids:
                comment["group_ids"] = list(self.group_ids)
            api.post(f"gcn_event/{there.id}/comments", comment)

    def _post_event(self, api: _Api, record: Record, posted: dict[str, Any]) -> str:
        """Post an event; a map that SkyPortal cannot fetch gives way to the stated region."""
        try:
            answer = api.post("gcn_event", posted)
        except RefusedForGood as error:
            if not isinstance(posted.get("skymap"), str):
                raise
            log.warning("%s: SkyPortal did not take its map: %s", record.id, error)
            region = _region(record.alert.localization)
            again = {name: posted[name] for name in posted.keys() & {"dateobs", "trigger_id"}}
            if region is not None:
                again["skymap"] = region
            answer = api.post("gcn_event", again)
        return _time_of(answer) or posted["dateobs"]


class _Event(NamedTuple):
    """What SkyPortal has of an event."""

    id: int
    tags: frozenset[str]
    localizations: frozenset[str]
    comments: tuple[str, ...]
    aliases: frozenset[str]
    properties: Mapping[str, Any]
    """The newest."""


class _Api:
    """Requests, and what is understood of the answers."""

    def __init__(self, endpoint: Endpoint, token: str) -> None:
        self.endpoint = endpoint
        self.token = token

    def event(self, dateobs: str) -> _Event | None:
        """Return the event of a time."""
        reply = self._request("GET", f"gcn_event/{dateobs}", None)
        if reply.status == 404 or (reply.status == 400 and b"GCN event not found" in reply.body):
            return None
        return self._understood(reply)

    def post(self, path: str, data: Mapping[str, Any]) -> Any:
        """Post, and return the answer; ``None`` where it is there already, which is no error."""
        reply = self._request("POST", path, json.dumps(data).encode())
        if reply.status == 400 and any(sign in reply.body for sign in _IS_THERE):
            return None
        return self._data(reply)

    def _request(self, method: str, path: str, body: bytes | None) -> Reply:
        headers = {"Authorization": f"token {self.token}", "Content-Type": "application/json"}
        base = self.endpoint.target.partition("?")[0].rstrip("/")
        return self.endpoint.request(
            method, body, headers, f"{base}/api/{path}", longest=LONGEST_EVENT
        )

    def _understood(self, reply: Reply) -> _Event:
        data = self._data(reply)
        try:
            return _Event(
                id=int(data["id"]),
                tags=frozenset(str(tag) for tag in data["tags"]),
                localizations=frozenset(
                    str(one["localization_name"]) for one in data["localizations"]
                ),
                comments=tuple(str(one["text"]) for one in data["comments"]),
                aliases=frozenset(map(str, data.get("aliases") or ())),
                properties=next((dict(p["data"]) for p in data.get("properties") or ()), {}),
            )
        except (KeyError, TypeError, ValueError):
            raise self._not_skyportal() from None

    def _data(self, reply: Reply) -> Any:
        """Return ``data`` of an answer, or raise what the answer stands for."""
        if not reply.is_ok:
            raise refusal(reply, self.endpoint.shown)
        try:
            answer = json.loads(reply.body)
            if answer["status"] == "success":
                return answer["data"]
        except (ValueError, KeyError, TypeError, RecursionError):
            pass
        raise self._not_skyportal()

    def _not_skyportal(self) -> RetryLater:
        return RetryLater(f"{self.endpoint.shown}: not an answer of SkyPortal")


def _dateobs(time: datetime) -> str:
    """Return the time that names an event: to the nearest second, as SkyPortal rounds it."""
    return f"{time.astimezone(UTC) + timedelta(seconds=0.5):%Y-%m-%dT%H:%M:%S}"


def _time_of(answer: Any) -> str | None:
    """Return the time under which SkyPortal says that it has an event."""
    try:
        return _dateobs(datetime.fromisoformat(answer["dateobs"]).replace(tzinfo=UTC))
    except (KeyError, TypeError, ValueError):
        return None


def _named(event: Event) -> dict[str, Any]:
    """Return the number of an event, where it has one, and all its names as they are stated."""
    said = [clean(name, 120) for alert in event.alerts for name in alert.event_names]
    names = list(dict.fromkeys(said))[:MOST_ALIASES]
    for one in event.alerts:
        if one.run_id is not None and one.event_id is not None:
            number = run_event(one.run_id, one.event_id)
            return {"trigger_id": number, "aliases": [*names, number]}
    return {"aliases": names}


def _news(alert: Alert, event: Event, there: _Event | None) -> dict[str, Any]:
    """Return what an alert states that SkyPortal does not have of its event."""
    numbers = {"signalness": alert.signalness, "energy": alert.energy_tev, "FAR": alert.far_hz}
    stated = {name: value for name, value in numbers.items() if value is not None}
    if there is None:
        news = {"tags": _tags(alert), "properties": stated, "skymap": _skymap(alert, frozenset())}
        return {name: value for name, value in news.items() if value is not None}
    news = {
        "tags": [tag for tag in _tags(alert) if tag not in there.tags],
        "properties": {} if _is_said(stated, there.properties) else stated,
        "skymap": _skymap(alert, there.localizations) if _is_elsewhere(alert, event, there) else {},
    }
    return {name: value for name, value in news.items() if value}


def _is_said(stated: Mapping[str, float], there: Mapping[str, Any]) -> bool:
    """Whether these numbers are there, as they are but for rounding."""
    return all(
        isinstance(known := there.get(name), int | float)
        and math.isclose(known, value, rel_tol=1e-3)
        for name, value in stated.items()
    )


def _is_elsewhere(alert: Alert, event: Event, there: _Event) -> bool:
    """Whether no localization that is there is that of an alert, but for rounding."""
    if alert.localization is None:
        return False
    others = [one for one in event.alerts if one is not alert and _skymap(one, frozenset())]
    return not (there.localizations and any(_is_same_place(one, alert) for one in others))


def _is_same_place(old: Alert, new: Alert) -> bool:
    return not any(change.field in ("position", "error") for change in changes(old, new))


def _skymap(alert: Alert, known: frozenset[str]) -> str | dict[str, Any] | None:
    """Return the map of an alert, unless there is one of its name, or else its region."""
    place = alert.localization
    url = None if place is None else web_address(place.skymap_fits_url)
    if url is not None and PurePosixPath(urlsplit(url).path).name not in known:
        return url
    region = _region(place)
    return None if region is None or _region_name(region) in known else region


def _region(place: Localization | None) -> dict[str, Any] | None:
    """Return an ellipse, or the cone that SkyPortal draws; ``None`` where none is stated."""
    if place is None:
        return None
    shape, at = place.ellipse, {"ra": place.ra_deg, "dec": place.dec_deg}
    if shape is None or shape.position_angle_deg is None:
        return _cone(place)
    axes = {"amaj": shape.semi_major_deg, "amin": shape.semi_minor_deg}
    ellipse = {**at, **axes, "phi": shape.position_angle_deg % 180.0}
    return {"localization_name": _region_name(ellipse), **ellipse}


def _region_name(region: Mapping[str, Any]) -> str:
    """Return the name of a localization: a cone's as SkyPortal makes it."""
    return "_".join(f"{region[key]:.5f}" for key in _NUMBERS if key in region)


def _tags(alert: Alert) -> list[str]:
    """Return the tags that SkyPortal gives to such notices, and our own marks."""
    kind = _TAGS.get(alert.kind, alert.kind.capitalize())
    tags = [alert.observatory[:40], "Neutrino", kind]
    if alert.status is Status.RETRACTION:
        tags.append("retracted")
    return tags if alert.is_real else [*tags, "test"]


def _cone(place: Localization) -> dict[str, float] | None:
    """Return the Gaussian that SkyPortal draws, or ``None`` if the notice does not tell it."""
    if place.containment is None or not 0 < place.containment < 1:
        return None
    radius = circularised_radius_deg(place)
    if radius is None:
        return None
    error = scale_radius(radius, place.containment, ONE_SIGMA)
    return {"ra": place.ra_deg, "dec": place.dec_deg, "error": error}


def _comment(record: Record) -> str:
    from icecube_plugin.views.message import compose

    message = compose(record, now=datetime.now(UTC))
    return f"{message.title}\n\n{message.text(COMMENT_CHARACTERS)}{MARK}{record.id}"


@hookimpl
def register_sinks() -> list[SinkType]:
    """Register the sink ``skyportal``."""
    return [
        SinkType(
            name="skyportal",
            make=SkyPortal,
            summary="events and comments in a SkyPortal",
            after_journal=True,
        )
    ]
