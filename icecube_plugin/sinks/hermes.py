"""The sink ``hermes``: a message for each piece of news, on Hopskotch by way of HERMES.

Format
------
HERMES (https://hermes.lco.global) takes messages by REST, as ``hermes/serializers.py`` and
``views.py`` of https://github.com/LCOGT/hermes have it. Each request has the header
``Authorization: Token ...``::

    POST /api/v0/submit_message/
    {"topic": "hermes.test", "title": "GOLD IC230416A r0: RA 345.82 ...",
     "submitter": "A. Shifter", "authors": "A. Shifter (My Institute)",
     "message_text": "position: RA 345.8200 deg, ...",
     "data": {
       "targets": [{"name": "IceCube-230416A", "ra": 345.82, "dec": 9.14,
                    "aliases": ["137840_57034692"], "comments": "radius 0.61 deg, ..."}],
       "references": [{"source": "gcn_circular", "citation": "33633", "url": "https://..."}],
       "event_id": "S230914ak",
       "icecube": {"record_id": "gold:...", "kind": "gold", "signalness": 0.34, ...}}}

Its answer has the ``uuid`` of the message. ``data`` keeps what HERMES does not know: ``icecube``
has the columns of the record (`icecube_plugin.alerts.columns`), without what is not stated.

Conventions
-----------
- One message for each piece of news, as the sink ``notify`` has it: not for a second format.
- Nothing is sent on to GCN, TNS or the MPC, which HERMES would do if it was asked.
- ``ra_error`` and ``dec_error`` stay out: HERMES does not say of which containment they are. The
  region is in words, and in ``icecube``.
- ``event_id`` is for searches around a gravitational wave only: an event that HERMES does not have
  it makes a gravitational wave, and would then not take IceCube's own notice of that neutrino.
- A retraction is a message of its own: others' messages are not ours to withdraw.
- What was sent stands in the state, one SQLite file. Between sending and noting it down a kill
  leads to a second message: at least once.

Traps of HERMES
---------------
- A user without a credential of SCiMMA gets 200 and an ``error``; nothing was sent then.
- Trouble of Kafka is 400 with an ``error``; what is wrong with a message is 400 without one.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from icecube_hooks import (
    Alert,
    Localization,
    Record,
    RefusedForGood,
    RetryLater,
    SinkType,
    hookimpl,
)
from icecube_plugin.alerts import Event
from icecube_plugin.alerts.columns import RECORD
from icecube_plugin.alerts.links import circular_url
from icecube_plugin.alerts.words import clean, error_text
from icecube_plugin.disk import absolute, usable_file

from ._http import Endpoint, Reply, refusal
from ._options import Seconds, Text, token_text
from .memory import Memory, around, notice_of, opened

__all__ = ["Hermes"]

DAY_S: Final = 86_400.0
PUBLIC: Final = "https://hermes.lco.global"
TEXT_CHARACTERS: Final = 20_000
NAME_CHARACTERS: Final = 120
EVENT_CHARACTERS: Final = 64


class Hermes:
    """Send messages by HERMES.

    Parameters
    ----------
    token, token_env, token_file : str
        The API token of your HERMES profile, or the environment variable or file that holds it;
        exactly one of them.
    topic : str
        Topic of Hopskotch that you may write to, such as ``hermes.test``.
    submitter : str
        Who sends.
    authors : str
        All authors, as in a circular.
    url : str
        Address of HERMES.
    state : str or path
        File that remembers what was sent.
    tests : bool
        Whether notices that are not real are sent, too.
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
        topic: Text,
        submitter: Text,
        token: str | None = None,
        token_env: str | None = None,
        token_file: str | os.PathLike[str] | None = None,
        authors: str = "",
        url: str = PUBLIC,
        state: str | os.PathLike[str] = "icecube-alerts-data/hermes.sqlite",
        tests: bool = False,
        allow_private: bool = False,
        connect_timeout_s: Seconds = 5.0,
        timeout_s: Seconds = 60.0,
    ) -> None:
        secret = token_text(token, token_env, token_file)
        self.topic, self.submitter, self.authors = topic, submitter, authors
        self.tests = tests
        self.state = usable_file(absolute(state, "state"), "state")
        self._headers = {"Authorization": f"Token {secret}", "Content-Type": "application/json"}
        self._endpoint = Endpoint.of(
            url,
            "url",
            allow_private=allow_private,
            connect_timeout_s=connect_timeout_s,
            timeout_s=timeout_s,
            secrets=(secret,),
        )

    def write(self, records: Sequence[Record], /) -> None:
        """Send a batch, in order.

        Raises
        ------
        RetryLater
            If HERMES does not answer, not in its format, or says that it could not send.
        RefusedForGood
            If it refuses the message, or the token.
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

    def probe(self) -> None:
        """Ask for the profile: HERMES answers, knows the token, and lets it write to the topic.

        Errors are those of `write`.
        """
        with contextlib.closing(self._endpoint):
            reply = self._request("GET", "profile", None)
            topics = _understood(reply, self._endpoint.shown).get("writable_topics")
        if topics and self.topic not in topics:  # none at all: it could not ask SCiMMA
            known = clean(", ".join(map(str, topics)), 300)
            raise RefusedForGood(f"this user may not write to {self.topic}, but to {known}")

    def _tell(self, record: Record, memory: Memory) -> None:
        event, _ = memory.event(record.alert)
        memory.keep(record.alert)
        notice = notice_of(record, event)
        if memory.was_told(self.topic, notice):
            return
        body = json.dumps(self._message(record, event), default=datetime.isoformat).encode()
        reply = self._request("POST", "submit_message", body)
        if "uuid" not in _understood(reply, self._endpoint.shown):
            raise RetryLater(f"{self._endpoint.shown} has not sent it: {reply.said}")
        memory.told(self.topic, notice)

    def _request(self, method: str, path: str, body: bytes | None) -> Reply:
        base = self._endpoint.target.partition("?")[0].rstrip("/")
        return self._endpoint.request(method, body, self._headers, f"{base}/api/v0/{path}/")

    def _message(self, record: Record, event: Event) -> dict[str, Any]:
        from icecube_plugin.views.message import compose

        before, after = around(record.alert, event)
        said = compose(
            record, now=datetime.now(UTC), earlier=before, later=after, doubts=event.concerns
        )
        return {
            "topic": self.topic,
            "title": said.title,
            "submitter": self.submitter,
            "authors": self.authors,
            "message_text": said.text(TEXT_CHARACTERS),
            "data": _data(record, event),
        }


def _understood(reply: Reply, shown: str) -> dict[str, Any]:
    """Return an answer, or raise what it stands for."""
    try:
        answer = json.loads(reply.body)
    except (ValueError, RecursionError):
        answer = None
    if reply.status == 400 and isinstance(answer, dict) and "error" in answer:
        raise RetryLater(f"{shown} has not sent it: {reply.said}")
    if not reply.is_ok:
        raise refusal(reply, shown)
    if not isinstance(answer, dict):
        raise RetryLater(f"{shown}: not an answer of HERMES")
    return answer


def _data(record: Record, event: Event) -> dict[str, Any]:
    alert = record.alert
    stated = ((column.name, column.get(record)) for column in RECORD)
    found: dict[str, Any] = {"icecube": {n: value for n, value in stated if value is not None}}
    if targets := list(_targets(alert, event)):
        found["targets"] = targets
    if alert.gw is not None and alert.gw.superevent_id is not None:
        found["event_id"] = clean(alert.gw.superevent_id, EVENT_CHARACTERS)
    if (number := alert.circular_number) is not None:
        circular = {"source": "gcn_circular", "citation": str(number), "url": circular_url(number)}
        found["references"] = [circular]
    return found


def _targets(alert: Alert, event: Event) -> Iterator[dict[str, Any]]:
    """Yield where an alert points, or where the neutrinos of a search do; each name once."""
    if alert.localization is not None:
        others = [one for one in event.names if one.casefold() != event.title.casefold()]
        yield _target(event.title, alert.localization, others)
    for number, neutrino in enumerate(alert.coincident_events, 1):
        if neutrino.localization is not None:
            yield _target(f"{event.key} neutrino {number}", neutrino.localization, ())


def _target(name: str, place: Localization, aliases: Sequence[str]) -> dict[str, Any]:
    found = {
        "name": clean(name, NAME_CHARACTERS),
        "ra": place.ra_deg,
        "dec": place.dec_deg,
        "aliases": [clean(one, NAME_CHARACTERS) for one in aliases],
        "comments": error_text(place),
    }
    return {name: value for name, value in found.items() if value not in ("", [])}


@hookimpl
def register_sinks() -> list[SinkType]:
    """Register the sink ``hermes``."""
    return [
        SinkType(
            name="hermes",
            make=Hermes,
            summary="messages on Hopskotch, by way of HERMES",
            after_journal=True,
            skip_older_than_s=DAY_S,
        )
    ]
