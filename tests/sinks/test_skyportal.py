"""Against a stand-in that takes and gives what SkyPortal's handlers do.

It follows ``post_gcnevent_from_dictionary``, ``GcnEventAliasesHandler.post``, ``GcnEventHandler``
and ``CommentHandler.post`` of https://github.com/skyportal/skyportal, and ``from_cone``,
``from_ellipse`` and ``from_url`` of its ``utils/gcn.py``.
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
import re
import tomllib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from icecube_hooks import (
    Alert,
    AlertKind,
    ConfigError,
    Ellipse,
    Record,
    RefusedForGood,
    RetryLater,
    Sink,
    Status,
    Tense,
    WireFormat,
)
from icecube_hooks.host import load_plugins
from icecube_hooks.testing import (
    SinkConformance,
    example_records,
    make_localization,
    make_record,
)
from icecube_plugin import read
from icecube_plugin.host import SinkConfig
from icecube_plugin.host.filters import make_filter
from icecube_plugin.sinks.memory import event_of, notice_of
from icecube_plugin.sinks.skyportal import MARK, SkyPortal, _dateobs
from tests.sinks.http_server import Answer, HttpServer, Request, http_server

TOKEN = "0a1b2c3d-token"  # noqa: S105  # of the stand-in


def success(data: object) -> Answer:
    return Answer(200, json.dumps({"status": "success", "data": data}).encode())


def error(message: str, status: int = 400) -> Answer:
    return Answer(status, json.dumps({"status": "error", "message": message, "data": {}}).encode())


class Portal:
    """The part of SkyPortal that the sink speaks to."""

    def __init__(self) -> None:
        self.events: dict[str, dict[str, Any]] = {}
        self.posts: list[dict[str, Any]] = []
        self.no_maps = False
        """Whether it cannot fetch maps."""

    def __call__(self, request: Request) -> Answer:
        if request.headers["authorization"] != f"token {TOKEN}":
            return error("Invalid token", 401)
        path = request.path.removeprefix("/api/gcn_event")
        if request.method == "GET":
            return self.get(path.removeprefix("/"))
        data = json.loads(request.body)
        if not path:
            return self.post_event(data)
        if path.endswith("/alias"):
            return self.post_alias(path.split("/")[1], data)
        return self.post_comment(path, data)

    def get(self, dateobs: str) -> Answer:
        datetime.strptime(dateobs, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)
        event = self.events.get(dateobs)
        if event is None:
            return error("GCN event not found", 404)
        return success({**event, "tags": sorted(set(event["tags"]))})

    def post_event(self, data: dict[str, Any]) -> Answer:
        """As the source: names at the first post only, tags and properties each time anew."""
        assert set(data) <= {"dateobs", "trigger_id", "aliases", "tags", "properties", "skymap"}
        number = data.get("trigger_id")
        found = [e for e in self.events.values() if number and e["trigger_id"] == number]
        new = {
            "id": len(self.events) + 7, "dateobs": data["dateobs"], "trigger_id": number,
            "aliases": data.get("aliases") or [], "tags": [], "properties": [],
            "localizations": [], "comments": [],
        }  # fmt: skip
        event = found[0] if found else self.events.setdefault(data["dateobs"], new)
        event["tags"] += data.get("tags", [])
        if "properties" in data:
            event["properties"].insert(0, {"data": data["properties"]})
        self.posts.append(data)
        if "skymap" in data:
            name = self.name_of(data["skymap"])
            if name is None:
                return error("Cannot post event: HTTP Error 404: Not Found")
            if name not in [one["localization_name"] for one in event["localizations"]]:
                event["localizations"].append({"localization_name": name})
        dateobs = datetime.fromisoformat(event["dateobs"]).isoformat()
        return success({"gcnevent_id": event["id"], "dateobs": dateobs, "notice_id": None})

    def name_of(self, skymap: str | dict[str, Any]) -> str | None:
        if isinstance(skymap, str):
            return None if self.no_maps else skymap.rpartition("/")[2]
        if set(skymap) == {"ra", "dec", "error"}:
            return f"{skymap['ra']:.5f}_{skymap['dec']:.5f}_{skymap['error']:.5f}"
        assert set(skymap) == {"localization_name", "ra", "dec", "amaj", "amin", "phi"}
        return str(skymap["localization_name"])

    def post_alias(self, dateobs: str, data: dict[str, Any]) -> Answer:
        names = self.events[dateobs]["aliases"]
        if data["alias"] in names:
            return error(f"{data['alias']} already in {dateobs} aliases.")
        names.append(data["alias"])
        return success({})

    def post_comment(self, path: str, data: dict[str, Any]) -> Answer:
        _, number, last = path.split("/")
        assert last == "comments"
        assert set(data) <= {"text", "group_ids"}
        (event,) = (one for one in self.events.values() if one["id"] == int(number))
        event["comments"].append({"id": 1, **data})
        return success({"comment_id": 1})

    def comments(self) -> list[str]:
        return [one["text"] for event in self.events.values() for one in event["comments"]]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def server() -> Iterator[HttpServer]:
    with http_server() as running:
        yield running


@pytest.fixture
def portal(server: HttpServer) -> Portal:
    portal = Portal()
    server.answer = portal
    return portal


WAVES = (AlertKind.LVK_SEARCH, AlertKind.LVK_GW)
"""Kinds whose event SkyPortal has by itself."""


def make(server: HttpServer, **options: Any) -> SkyPortal:
    return SkyPortal(**{"url": server.url, "token": TOKEN, "allow_private": True, **options})


def fits(record: Record) -> bool:
    """Whether SkyPortal has a place for it: it knows events by time, and GW events by itself."""
    alert = record.alert
    return alert.trigger_time is not None and alert.kind not in WAVES


class TestSkyPortal(SinkConformance):
    factory = SkyPortal
    keeps_order = False  # comments stand under their events
    bad_options = (
        {},
        {"url": "https://x.org"},
        {"token": "t"},
        {"url": "x.org", "token": "t"},
        {"url": "http://127.0.0.1", "token": "t"},
        {"url": "https://x.org", "token": "a\nb"},
        {"url": "https://x.org", "token": 5},
        {"url": "https://x.org", "token": "t", "token_env": "HOME"},
        {"url": "https://x.org", "token": "t", "group_ids": 5},
        {"url": "https://x.org", "token": "t", "group_ids": ["1"]},
        {"url": "https://x.org", "token": "t", "tests": "no"},
    )

    @pytest.fixture(autouse=True)
    def place(self, server: HttpServer, portal: Portal) -> None:
        self.server, self.portal = server, portal
        self.given: dict[str, Record] = {}

    def make_sink(self) -> SkyPortal:
        given = self.given

        class Listening(SkyPortal):
            def write(self, records: Sequence[Record], /) -> None:
                given.update((record.id, record) for record in records)
                super().write(records)

        return Listening(url=self.server.url, token=TOKEN, allow_private=True, tests=True)

    def records(self) -> tuple[Record, ...]:
        return tuple(record for record in example_records() if fits(record))

    def written_ids(self, sink: Sink) -> Sequence[str]:
        """Return those of the notices that have a comment, in whatever format."""
        del sink
        said = [text.rpartition(MARK)[2] for text in self.portal.comments()]
        told = {self.notice(self.given[one]) for one in said}
        assert len(told) == len(said)
        return [one for one, record in self.given.items() if self.notice(record) in told]

    def notice(self, record: Record) -> str:
        story = [one.alert for one in self.given.values() if one is not record]
        return notice_of(record, event_of(record.alert, story))

    @contextlib.contextmanager
    def trouble(self, sink: Sink) -> Iterator[None]:
        del sink
        self.server.answer = Answer(502, b"<html>Bad Gateway</html>")
        yield
        self.server.answer = self.portal


def test_requests_for_a_new_event(server: HttpServer, portal: Portal) -> None:
    record = make_record(trigger_time=datetime(2023, 4, 16, 5, 22, 26, 150_000, tzinfo=UTC))
    make(server, group_ids=[3, 4]).write([record])
    asked = [(request.method, request.path) for request in server.requests]
    time = "2023-04-16T05:22:26"
    assert asked == [
        ("GET", f"/api/gcn_event/{time}"),
        ("POST", "/api/gcn_event"),
        ("GET", f"/api/gcn_event/{time}"),
        ("POST", "/api/gcn_event/7/comments"),
    ]
    (event,) = portal.posts
    alert = record.alert
    assert event == {
        "dateobs": time,
        "trigger_id": "137840_57034692",
        "aliases": ["IceCube-230416A", "137840_57034692"],
        "tags": ["IceCube", "Neutrino", "Gold"],
        "properties": {
            "signalness": alert.signalness,
            "energy": alert.energy_tev,
            "FAR": alert.far_hz,
        },
        "skymap": {"ra": 345.82, "dec": 9.14, "error": pytest.approx(0.61 / 2.14597, rel=1e-5)},
    }
    (comment,) = portal.events[time]["comments"]
    assert comment["group_ids"] == [3, 4]
    assert comment["text"].startswith("GOLD IC230416A r0: RA 345.82 Dec +9.14 +-0.61 deg (90 %), ")
    assert comment["text"].endswith(f"\n\nrecord {record.id}")


def test_cone_holds_what_the_notice_says(server: HttpServer, portal: Portal) -> None:
    """SkyPortal draws exp(-(d / error)^2 / 2): within the notice's radius lies its containment."""
    make(server).write([make_record()])
    sigma = portal.posts[0]["skymap"]["error"]
    inside = 1 - math.exp(-0.5 * (0.61 / sigma) ** 2)
    assert inside == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("place", "has_cone"),
    [
        (make_localization(), True),
        (make_localization(containment=None), False),
        (make_localization(containment=1.0), False),
        (make_localization(error_radius_deg=None), False),
        (
            make_localization(
                error_radius_deg=None, ellipse=Ellipse(semi_major_deg=2.0, semi_minor_deg=1.0)
            ),
            True,
        ),
        (None, False),
    ],
)
def test_no_cone_is_invented(
    server: HttpServer, portal: Portal, place: Any, has_cone: bool
) -> None:
    make(server).write([make_record(localization=place)])
    assert ("skymap" in portal.posts[0]) is has_cone


def test_revisions_become_localizations_and_comments_of_one_event(
    server: HttpServer, portal: Portal
) -> None:
    moved = make_localization(ra_deg=346.0)
    story = [
        make_record(),
        make_record(revision=1, status=Status.UPDATE, localization=moved),
        make_record(revision=2, status=Status.RETRACTION, localization=None),
        make_record(revision=3, status=Status.UPDATE, localization=moved),
    ]
    make(server).write(story)
    (event,) = portal.events.values()
    assert len(event["localizations"]) == 2
    assert len(event["comments"]) == 4
    assert event["tags"] == ["IceCube", "Neutrino", "Gold", "retracted"]  # each once
    assert len(event["properties"]) == 1
    assert len(portal.posts) == 3  # the last has nothing new but what it says
    assert portal.posts[1].keys() == {"dateobs", "trigger_id", "aliases", "skymap"}
    assert portal.posts[2].keys() == {"dateobs", "trigger_id", "aliases", "tags"}


def test_rounding_between_formats_makes_no_second_localization(
    server: HttpServer, portal: Portal
) -> None:
    rounded = make_localization(ra_deg=345.8201, dec_deg=9.14, error_radius_deg=0.6101)
    story = [make_record(), make_record(localization=rounded, energy_tev=127.31, raw=b"2")]
    make(server).write(story)
    (event,) = portal.events.values()
    assert (len(event["localizations"]), len(event["properties"])) == (1, 1)
    corrected = make_localization(ra_deg=345.9)
    make(server).write([make_record(localization=corrected, energy_tev=140.0, raw=b"3")])
    assert (len(event["localizations"]), len(event["properties"])) == (2, 2)


MAP = "https://roc.icecube.wisc.edu/public/run1.fits.gz"
ELLIPSE = Ellipse(semi_major_deg=2.0, semi_minor_deg=1.0, position_angle_deg=200.0)


def test_the_map_where_there_is_one(server: HttpServer, portal: Portal) -> None:
    make(server).write([make_record(localization=make_localization(skymap_fits_url=MAP))])
    assert portal.posts[0]["skymap"] == MAP
    moved = make_localization(ra_deg=346.0, skymap_fits_url=MAP)  # SkyPortal knows that name
    make(server).write([make_record(revision=1, localization=moved)])
    (event,) = portal.events.values()
    assert portal.posts[1]["skymap"]["ra"] == 346.0
    assert len(event["localizations"]) == 2


def test_a_map_that_cannot_be_fetched(
    server: HttpServer, portal: Portal, caplog: pytest.LogCaptureFixture
) -> None:
    portal.no_maps = True
    make(server).write([make_record(localization=make_localization(skymap_fits_url=MAP))])
    (event,) = portal.events.values()
    assert [one["localization_name"] for one in event["localizations"]] == [
        "345.82000_9.14000_0.28425"
    ]
    assert (event["tags"], len(event["comments"])) == (["IceCube", "Neutrino", "Gold"], 1)
    assert "SkyPortal did not take its map" in caplog.text


def test_an_ellipse_is_one(server: HttpServer, portal: Portal) -> None:
    place = make_localization(error_radius_deg=None, ellipse=ELLIPSE)
    make(server).write([make_record(localization=place)])
    assert portal.posts[0]["skymap"] == {
        "localization_name": "345.82000_9.14000_2.00000_1.00000_20.00000",
        "ra": 345.82,
        "dec": 9.14,
        "amaj": 2.0,
        "amin": 1.0,
        "phi": 20.0,
    }


def test_names_that_come_later(server: HttpServer, portal: Portal) -> None:
    """An event that SkyPortal has from elsewhere, and a name that a circular gives."""
    make(server).write([make_record(event_names=())])
    (event,) = portal.events.values()
    event["aliases"].clear()
    make(server).write([make_record(event_names=()), make_record(revision=1)])
    assert sorted(event["aliases"]) == ["137840_57034692", "IceCube-230416A"]


def test_an_event_that_is_there_under_another_time(
    server: HttpServer, portal: Portal, tmp_path: Path
) -> None:
    """The state was lost, and the revised time is another one: SkyPortal knows the number."""
    make(server).write([make_record()])
    time = make_record().alert.trigger_time
    assert time is not None
    late = make_record(revision=1, trigger_time=time + timedelta(seconds=3))
    make(server, state=tmp_path / "new.sqlite").write([late])
    (event,) = portal.events.values()
    assert len(event["comments"]) == 2


def test_kill_between_event_and_comment(server: HttpServer, portal: Portal) -> None:
    server.answer = lambda request: (
        error("down", 503) if request.path.endswith("comments") else portal(request)
    )
    sink = make(server)
    with pytest.raises(RetryLater, match="answered 503"):
        sink.write([make_record()])
    server.answer = portal
    make(server).write([make_record()])
    assert (len(portal.posts), len(portal.comments())) == (1, 1)


def test_search_comments_on_the_gw_event_and_never_makes_one(
    server: HttpServer, portal: Portal, fixtures: Path, caplog: pytest.LogCaptureFixture
) -> None:
    record = read(fixtures / "gcn.notices.icecube.lvk_nu_track_search/S241225c-3-Initial.json")
    make(server).write([record])
    assert portal.events == {}
    assert "SkyPortal has no event at 2024-12-25T04:25:53" in caplog.text
    event = {"id": 5, "tags": ["GW"], "localizations": [], "comments": []}
    portal.events["2024-12-25T04:25:53"] = event
    make(server).write([record])
    assert portal.posts == []
    assert len(portal.comments()) == 1


def test_the_cut_of_the_page_is_that_of_skyportal(fixtures: Path) -> None:
    """Which keeps searches up to 0.05 (``services/gcn_service``), and all other kinds."""
    page = Path(__file__).parents[2] / "docs" / "skyportal.md"
    _, block = re.findall(r"```toml\n(.*?)```", page.read_text(), re.DOTALL)
    when = tomllib.loads(block)["sinks"]["fritz"]["when"]
    wanted = make_filter(SinkConfig(name="fritz", type="skyportal", when=when))
    folder = fixtures / "gcn.notices.icecube.lvk_nu_track_search"
    searches = [read(file) for file in sorted(folder.glob("*.json"))]
    stated = [record.alert.p_value("bayesian") for record in searches]
    assert [wanted(record) for record in searches] == [p is not None and p <= 0.05 for p in stated]
    assert {None if p is None else p <= 0.05 for p in stated} == {True, False, None}
    assert wanted(make_record())
    assert not wanted(make_record(localization=make_localization(error_radius_deg=4.0)))


def test_passed_over(server: HttpServer, portal: Portal) -> None:
    make(server).write([make_record(tense=Tense.TEST), make_record(trigger_time=None)])
    assert portal.events == {}
    make(server, tests=True).write([make_record(tense=Tense.TEST)])
    assert "test" in portal.posts[0]["tags"]


@pytest.mark.parametrize("kind", AlertKind)
def test_every_kind_has_a_tag(server: HttpServer, portal: Portal, kind: AlertKind) -> None:
    make(server).write([make_record(kind=kind)])
    assert [len(post["tags"]) for post in portal.posts] == [3] * (kind not in WAVES)


@pytest.mark.parametrize(
    ("microsecond", "expected"),
    [(0, "05:22:26"), (499_999, "05:22:26"), (500_000, "05:22:27"), (999_999, "05:22:27")],
)
def test_time_is_rounded_to_the_second(microsecond: int, expected: str) -> None:
    time = datetime(2023, 4, 16, 5, 22, 26, microsecond, tzinfo=UTC)
    assert _dateobs(time) == f"2023-04-16T{expected}"


def test_already_there(server: HttpServer, portal: Portal) -> None:
    """Another client was faster: SkyPortal refuses the same event, which is there by then."""

    def answer(request: Request) -> Answer:
        found = portal(request)
        is_event = request.method == "POST" and request.path.endswith("gcn_event")
        return error("Cannot post event: it already exists") if is_event else found

    server.answer = answer
    make(server).write([make_record()])
    assert len(portal.comments()) == 1


def test_mentions_of_a_message_mention_nobody(server: HttpServer, portal: Portal) -> None:
    make(server).write([make_record(comments=("ask @admin",))])
    assert "@" not in portal.comments()[0]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>sign in</html>",
        b"[]",
        b'"x"',
        b"{}",
        b'{"status": "error", "message": "x"}',
        b'{"status": "success"}',
        b'{"status": "success", "data": null}',
        b'{"status": "success", "data": {"id": "x", "tags": 5}}',
        b'{"status": "success", "data": {"id": 1, "tags": [], "localizations": {"a": 1}}}',
        b"[" * 100_000,
        b"\xff\xfe",
    ],
)
def test_malformed_answer_may_pass(server: HttpServer, body: bytes) -> None:
    server.answer = Answer(200, body)
    with pytest.raises(RetryLater) as caught:
        make(server).write([make_record()])
    assert str(caught.value) == f"{server.url}: not an answer of SkyPortal"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (error("Cannot post event: Insufficient permissions"), RefusedForGood),
        (error("Invalid token", 401), RefusedForGood),
        (error("Slow down", 429), RetryLater),
        (error("Internal error", 500), RetryLater),
    ],
)
def test_refusals(server: HttpServer, answer: Answer, kind: type[Exception]) -> None:
    server.answer = answer
    with pytest.raises(kind, match=f"answered {answer.status}: "):
        make(server).write([make_record()])


def test_event_with_many_outlines(server: HttpServer, portal: Portal) -> None:
    make(server).write([make_record()])
    (event,) = portal.events.values()
    event["localizations"][0]["contour"] = "x" * 3_000_000
    make(server).write([make_record(), make_record(revision=1)])
    assert len(portal.comments()) == 2


def test_url_with_a_path(server: HttpServer) -> None:
    server.answer = error("GCN event not found", 404)
    with pytest.raises(RefusedForGood):
        make(server, url=f"{server.url}/portal/").write([make_record()])
    assert server.requests[0].path.startswith("/portal/api/gcn_event/")


def test_no_secret_is_told(server: HttpServer, caplog: pytest.LogCaptureFixture) -> None:
    server.answer = error(f"token {TOKEN} is not known", 401)
    sink = make(server)
    with caplog.at_level(logging.DEBUG), pytest.raises(RefusedForGood) as caught:
        sink.write([make_record()])
    assert "token *** is not known" in str(caught.value)
    assert TOKEN not in f"{caplog.text} {caught.value!r} {sink!r} {caught.value.__context__}"
    with pytest.raises(ConfigError) as wrong:
        make(server, token=f"{TOKEN}\u00e4")
    assert TOKEN not in str(wrong.value)


def test_token_from_the_environment(
    server: HttpServer, portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKYPORTAL_TOKEN", TOKEN)
    make(server, token=None, token_env="SKYPORTAL_TOKEN").write([make_record()])  # noqa: S106  # a name
    assert len(portal.comments()) == 1


def test_our_notices(server: HttpServer, portal: Portal, fixtures: Path) -> None:
    """All of 2022-04-24: two revisions in four formats are one event."""
    records = [read(path) for path in sorted(fixtures.rglob("136565_2186969_*"))]
    make(server).write(records)
    assert list(portal.events) == ["2022-04-24T01:06:24"]
    assert len(portal.comments()) == 2  # a notice each, in four formats


def test_hostile_numbers(server: HttpServer, portal: Portal) -> None:
    alert: Alert = make_record().alert.replace(far_hz=5e-324, energy_tev=1e300)
    make(server).write([make_record().replace(alert=alert)])
    assert portal.posts[0]["properties"]["FAR"] == 5e-324


def test_it_is_a_plugin() -> None:
    assert load_plugins(allow=("sink-skyportal",)).sinks["skyportal"].make is SkyPortal


def test_an_event_stays_under_its_time(server: HttpServer, portal: Portal) -> None:
    """A circular rounds the time; a retraction gives the name only."""
    first = make_record()
    time = first.alert.trigger_time
    assert time is not None
    told: dict[str, Any] = {"format": WireFormat.CIRCULAR, "kind": AlertKind.TRACK}
    rounded = make_record(
        **told, raw=b"1", circular_number=35001, run_id=None, event_id=None, revision=None,
        trigger_time=time + timedelta(seconds=1.4),
    )  # fmt: skip
    retraction = make_record(
        **told, raw=b"2", circular_number=35002, run_id=None, event_id=None, revision=None,
        trigger_time=None, localization=None, status=Status.RETRACTION,
    )  # fmt: skip
    for record in (first, rounded, retraction):  # each by a sink that starts anew
        make(server).write([record])
    (event,) = portal.events.values()
    assert len(event["comments"]) == 3
    assert "retracted" in event["tags"]
