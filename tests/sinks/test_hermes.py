"""Against a stand-in that takes and refuses what HERMES does.

It follows ``HermesMessageSerializer``, ``GenericHermesDataSerializer``, ``TargetDataSerializer``
and ``ReferenceDataSerializer`` of https://github.com/LCOGT/hermes, the view that creates a message
(``SubmitHermesMessageViewSet.create``), and ``ProfileSerializer``.
"""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from icecube_hooks import (
    AlertKind,
    Record,
    RefusedForGood,
    RetryLater,
    Sink,
    Status,
    Tense,
    WireFormat,
)
from icecube_hooks.host import load_plugins
from icecube_hooks.testing import SinkConformance, make_localization, make_record
from icecube_plugin import read
from icecube_plugin.sinks.hermes import Hermes
from icecube_plugin.sinks.memory import event_of, notice_of
from tests.sinks.http_server import Answer, HttpServer, Request, http_server

TOKEN = "0a1b2c3d4e5f"  # noqa: S105  # of the stand-in
KNOWN = {"references", "event_id", "targets", "photometry", "spectroscopy", "astrometry"}


def answer(status: int, data: object) -> Answer:
    return Answer(status, json.dumps(data).encode())


class Service:
    """The part of HERMES that the sink speaks to."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.topics: list[str] = ["hermes.test"]
        self.has_credential = True
        self.kafka_is_up = True

    def __call__(self, request: Request) -> Answer:
        if request.headers["authorization"] != f"Token {TOKEN}":
            return answer(401, {"detail": "Invalid token."})
        if (request.method, request.path) == ("GET", "/api/v0/profile/"):
            return answer(200, {"email": "a@example.org", "writable_topics": self.topics})
        assert (request.method, request.path) == ("POST", "/api/v0/submit_message/")
        data = json.loads(request.body, parse_constant=float)
        if wrong := errors_of(data):
            return answer(400, wrong)
        if not self.has_credential:
            text = "User account does not have an associated SCIMMA auth credential."
            return answer(200, {"error": text})
        if not self.kafka_is_up:
            return answer(400, {"error": "Error posting message to kafka: timed out"})
        self.sent.append(data)
        return answer(200, {**data, "uuid": f"00000000-0000-0000-0000-{len(self.sent):012}"})

    def ids(self) -> list[str]:
        return [message["data"]["icecube"]["record_id"] for message in self.sent]


def errors_of(message: dict[str, Any]) -> dict[str, Any]:
    """Return what the serializers say is wrong."""
    required = ("title", "topic", "submitter")
    found: dict[str, Any] = {
        name: ["This field may not be blank."]
        for name in required
        if not str(message.get(name, "")).strip()
    }
    for text in (message.get(name, "") for name in (*required, "message_text", "authors")):
        if not isinstance(text, str) or "\0" in text:
            found["non_field_errors"] = ["Null characters are not allowed."]
    data = message.get("data", {})
    names = [target.get("name") for target in data.get("targets", ())]
    if len(set(names)) < len(names) or not all(names):
        found["targets"] = ["The target name must be unique within the submission"]
    for target in data.get("targets", ()):
        ra, dec = float(target["ra"]), float(target["dec"])
        if not (math.isfinite(ra) and abs(dec) <= 90):
            found["targets"] = ["Value must be finite"]
    for one in data.get("references", ()):
        if not (one.get("source") and one.get("citation")) and not one.get("url"):
            found["references"] = ["Must set source/citation or url"]
    return found


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def server() -> Iterator[HttpServer]:
    with http_server() as running:
        yield running


@pytest.fixture
def service(server: HttpServer) -> Service:
    service = Service()
    server.answer = service
    return service


def options(server: HttpServer, **more: Any) -> dict[str, Any]:
    place = {"url": server.url, "allow_private": True, "token": TOKEN}
    return {**place, "topic": "hermes.test", "submitter": "A. Shifter", **more}


def make(server: HttpServer, **more: Any) -> Hermes:
    return Hermes(**options(server, **more))


class TestHermes(SinkConformance):
    """A message about a notice stands for all records of that notice, in whatever format."""

    factory = Hermes
    keeps_order = False  # a notice in a second format is told with the first
    bad_options = (
        {},
        {"topic": "a", "submitter": "b"},
        {"topic": "", "submitter": "b", "token": "t"},
        {"topic": "a", "submitter": " ", "token": "t"},
        {"topic": "a", "submitter": "b", "token": "a\nb"},
        {"topic": "a", "submitter": "b", "token": "t", "token_env": "HOME"},
        {"topic": "a", "submitter": "b", "token": "t", "authors": 5},
        {"topic": "a", "submitter": "b", "token": "t", "url": "http://127.0.0.1"},
        {"topic": "a", "submitter": "b", "token": "t", "state": "/"},
        {"topic": "a", "submitter": "b", "token": "t", "tests": 1},
    )

    @pytest.fixture(autouse=True)
    def place(self, server: HttpServer, service: Service) -> None:
        self.server, self.service = server, service
        self.given: dict[str, Record] = {}

    def make_sink(self) -> Hermes:
        given = self.given

        class Listening(Hermes):
            def write(self, records: Sequence[Record], /) -> None:
                given.update((record.id, record) for record in records)
                super().write(records)

        return Listening(**options(self.server, tests=True))

    def written_ids(self, sink: Sink) -> Sequence[str]:
        del sink
        sent = self.service.ids()
        told = {self.notice(self.given[one]) for one in sent}
        assert len(told) == len(sent)
        return [one for one, record in self.given.items() if self.notice(record) in told]

    def notice(self, record: Record) -> str:
        story = [one.alert for one in self.given.values() if one is not record]
        return notice_of(record, event_of(record.alert, story))

    @contextlib.contextmanager
    def trouble(self, sink: Sink) -> Iterator[None]:
        del sink
        self.server.answer = Answer(502, b"<html>Bad Gateway</html>")
        yield
        self.server.answer = self.service


def test_a_message(server: HttpServer, service: Service) -> None:
    record = make_record()
    make(server, authors="A. Shifter (My Institute)").write([record])
    (message,) = service.sent
    values = message["data"].pop("icecube")
    text = message.pop("message_text")
    assert message == {
        "topic": "hermes.test",
        "title": message["title"],
        "submitter": "A. Shifter",
        "authors": "A. Shifter (My Institute)",
        "data": {
            "targets": [
                {
                    "name": "IceCube-230416A",
                    "ra": 345.82,
                    "dec": 9.14,
                    "aliases": ["137840_57034692"],
                    "comments": "radius 0.61 deg, 90 % containment, statistical only",
                }
            ]
        },
    }
    assert message["title"].startswith("GOLD IC230416A r0: RA 345.82 Dec +9.14 +-0.61 deg (90 %)")
    assert "\nsignalness: " in text
    assert values["record_id"] == record.id
    assert values["containment"] == 0.9
    assert values["trigger_time"].startswith("2023-04-16T")
    assert None not in values.values()


def test_a_second_format_is_no_news_and_a_revision_is(server: HttpServer, service: Service) -> None:
    first = make_record()
    again = make_record(format=WireFormat.VOEVENT, raw=b"2")
    moved = make_localization(ra_deg=346.0)
    later = make_record(revision=1, status=Status.UPDATE, localization=moved)
    gone = make_record(revision=2, status=Status.RETRACTION, localization=None)
    make(server).write([first, again, later])
    make(server).write([first, gone])
    assert service.ids() == [first.id, later.id, gone.id]
    assert "changed: since revision 0" in service.sent[1]["message_text"]
    assert "RETRACTED" in service.sent[2]["title"]
    assert "targets" not in service.sent[2]["data"]


def test_a_search_is_of_its_wave(server: HttpServer, service: Service, fixtures: Path) -> None:
    record = read(fixtures / "gcn.notices.icecube.lvk_nu_track_search/S241225c-3-Initial.json")
    make(server).write([record])
    (message,) = service.sent
    assert message["data"]["event_id"] == "S241225c"
    assert [one["name"] for one in message["data"]["targets"]] == [
        f"S241225c neutrino {number}" for number, _ in enumerate(record.alert.coincident_events, 1)
    ]
    assert "authors" in message


def test_a_circular_is_cited(server: HttpServer, service: Service, fixtures: Path) -> None:
    make(server).write([read(fixtures / "gcn.circulars/track_33633.txt")])
    (message,) = service.sent
    assert message["data"]["references"] == [
        {
            "source": "gcn_circular",
            "citation": "33633",
            "url": "https://gcn.nasa.gov/circulars/33633",
        }
    ]


def test_tests_stay_here_unless_they_are_wanted(server: HttpServer, service: Service) -> None:
    record = make_record(tense=Tense.TEST)
    make(server).write([record])
    assert service.sent == []
    make(server, tests=True).write([record])
    assert "TEST" in service.sent[0]["title"]


@pytest.mark.parametrize("kind", AlertKind)
def test_every_kind_is_taken(server: HttpServer, service: Service, kind: AlertKind) -> None:
    make(server).write([make_record(kind=kind)])
    assert len(service.sent) == 1


def test_an_error_with_a_good_status(server: HttpServer, service: Service) -> None:
    service.has_credential = False
    with pytest.raises(RetryLater, match=r"has not sent it: .*does not have an associated SCIMMA"):
        make(server).write([make_record()])
    service.has_credential = True
    make(server).write([make_record()])
    assert len(service.sent) == 1


def test_trouble_of_kafka_may_pass(server: HttpServer, service: Service) -> None:
    service.kafka_is_up = False
    with pytest.raises(RetryLater, match="Error posting message to kafka"):
        make(server).write([make_record()])


def test_what_is_refused(server: HttpServer, service: Service) -> None:
    with pytest.raises(RefusedForGood, match=r"answered 401: .*Invalid token"):
        make(server, token="another").write([make_record()])  # noqa: S106  # of the stand-in
    server.answer = answer(400, {"topic": ["Hermes Dev can only submit to a test topic."]})
    with pytest.raises(RefusedForGood, match="only submit to a test topic"):
        make(server).write([make_record()])
    assert service.sent == []


def test_the_token_is_in_no_text(server: HttpServer, service: Service) -> None:
    del service
    server.answer = answer(403, {"detail": f"no {TOKEN}"})
    with pytest.raises(RefusedForGood, match=r"no \*\*\*"):
        make(server).write([make_record()])


def test_probe(server: HttpServer, service: Service) -> None:
    make(server).probe()
    assert service.sent == []
    with pytest.raises(RefusedForGood, match=r"may not write to a.b, but to hermes.test"):
        make(server, topic="a.b").probe()
    service.topics = []
    make(server, topic="a.b").probe()
    with pytest.raises(RefusedForGood, match="answered 401"):
        make(server, token="another").probe()  # noqa: S106  # of the stand-in
    server.answer = Answer(200, b"<html>Welcome</html>")
    with pytest.raises(RetryLater, match="not an answer of HERMES"):
        make(server).probe()


def test_it_is_a_plugin() -> None:
    found = load_plugins(allow=["icecube-plugin"]).sinks["hermes"]
    assert found.after_journal
    assert found.skip_older_than_s == 86_400.0
