from __future__ import annotations

import base64
import contextlib
import json
import logging
import socket
import sqlite3
import stat
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from icecube_hooks import (
    Alert,
    AlertKind,
    ConfigError,
    Record,
    RetryLater,
    Sink,
    Status,
    Tense,
    WireFormat,
)
from icecube_hooks.host import load_plugins
from icecube_hooks.testing import (
    TRIGGER,
    SinkConformance,
    make_localization,
    make_message,
    make_record,
)
from icecube_plugin import read
from icecube_plugin.host.config import SinkConfig
from icecube_plugin.host.filters import make_filter
from icecube_plugin.sinks import memory
from icecube_plugin.sinks.memory import event_of, notice_of
from icecube_plugin.sinks.notify import Notify
from tests.kafka_broker.broker import free_ports
from tests.sinks.http_server import Answer, HttpServer, byte_server, http_server

# Apprise imports it for a library of its own, where Python still has it.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

SECRETS = ("pa55word", "T0KEN12345")


@pytest.fixture
def server() -> Iterator[HttpServer]:
    with http_server() as running:
        yield running


def make(folder: Path, *urls: str, **options: Any) -> Notify:
    return Notify(urls=urls, state=folder / "state" / "notify.sqlite", **options)


def json_url(server: HttpServer, path: str = "a") -> str:
    return f"json://me:pa55word@{server.host}/T0KEN12345/{path}?cto=30&rto=30"


def told(server: HttpServer, path: str = "a") -> list[dict[str, Any]]:
    return [json.loads(one.body) for one in server.requests if one.path.endswith(f"/{path}")]


def titles(server: HttpServer, path: str = "a") -> list[str]:
    return [one["title"] for one in told(server, path)]


class _Listening(Notify):
    """Keeps what it is given, by id."""

    given: dict[str, Record]

    def write(self, records: Sequence[Record], /) -> None:
        self.given.update((record.id, record) for record in records)
        super().write(records)


class TestNotify(SinkConformance):
    """A message about a notice stands for all records of that notice, in whatever format."""

    factory = Notify
    keeps_order = False  # a notice in a second format is told with the first
    bad_options = (
        {},
        {"urls": "json://localhost"},
        {"urls": [5]},
        {"urls": [""]},
        {"urls": ["no-such-service://x"]},
        {"urls_env": "NO_SUCH_VARIABLE"},
        {"urls_file": "/no/such/file"},
        {"urls": ["json://localhost"], "state": "/dev/null/x"},
        {"urls": ["json://localhost"], "state": "/"},
        {"urls": ["json://localhost"], "site": {"lat_deg": 100, "lon_deg": 0}},
        {"urls": ["json://localhost"], "tests": 1},
        {"urls": ["json://localhost"], "limit_chars": 10},
        {"urls": ["json://localhost"], "page_url": "ftp://x.org"},
        {"urls": ["json://localhost"], "limit_chars": True},
    )

    @pytest.fixture(autouse=True)
    def place(self, tmp_path: Path, server: HttpServer) -> None:
        self.folder, self.server = tmp_path, server

    def make_sink(self) -> Notify:
        sink = _Listening(urls=[json_url(self.server)], state=self.folder / "s", tests=True)
        sink.given = {}
        return sink

    def written_ids(self, sink: Sink) -> Sequence[str]:
        assert isinstance(sink, _Listening)
        if not (self.folder / "s").exists():
            return []
        with contextlib.closing(sqlite3.connect(self.folder / "s")) as state:
            notices = [row[0] for row in state.execute("SELECT notice FROM sent")]
        assert len(notices) == len(told(self.server))
        given = sink.given.values()

        def notice(record: Record) -> str:
            story = [one.alert for one in given if one is not record]
            return notice_of(record, event_of(record.alert, story))

        return [one for one, record in sink.given.items() if notice(record) in notices]

    @contextlib.contextmanager
    def trouble(self, sink: Sink) -> Iterator[None]:
        del sink
        self.server.answer = Answer(500)
        yield
        self.server.requests.clear()
        self.server.answer = Answer()


def test_message_of_a_notice(tmp_path: Path, server: HttpServer) -> None:
    make(tmp_path, json_url(server)).write([make_record()])
    (message,) = told(server)
    assert message["title"].startswith("GOLD IC230416A r0: RA 345.82")
    assert message["type"] == "warning"
    assert "RA 345.8200 deg, Dec +9.1400 deg" in message["message"]
    assert "Aladin: https://" in message["message"]


def test_quiet_for_tests_unless_asked(tmp_path: Path, server: HttpServer) -> None:
    records = [make_record(tense=tense) for tense in (Tense.TEST, Tense.INJECTION)]
    make(tmp_path, json_url(server)).write(records)
    assert told(server) == []
    make(tmp_path, json_url(server), tests=True).write(records)
    assert [title.partition(":")[0] for title in titles(server)] == [
        "TEST, NOT REAL",
        "INJECTION, NOT REAL",
    ]


def test_quiet_for_the_same_notice_again_and_in_another_format(
    tmp_path: Path, server: HttpServer
) -> None:
    first = make_record()
    sink = make(tmp_path, json_url(server))
    sink.write([first, first])
    sink.write([make_record(format=WireFormat.VOEVENT), make_record(format=WireFormat.BINARY)])
    make(tmp_path, json_url(server)).write([first])  # after a restart
    assert len(told(server)) == 1


def test_revision_and_retraction_are_told_with_what_changed(
    tmp_path: Path, server: HttpServer
) -> None:
    moved = make_localization(ra_deg=346.0, error_radius_deg=0.3)
    sink = make(tmp_path, json_url(server))
    sink.write([make_record()])
    sink.write([make_record(revision=1, status=Status.UPDATE, localization=moved)])
    sink.write([make_record(revision=1, status=Status.RETRACTION, raw=b"gone")])
    assert [title.split()[0] for title in titles(server)] == ["GOLD", "GOLD", "RETRACTED:"]
    assert [one["type"] for one in told(server)] == ["warning", "warning", "failure"]
    update = told(server)[1]["message"]
    assert "since revision 0 (json): status from initial to update; moved by" in update
    assert "error shrank from 0.61 deg (0.9 containment) to 0.3 deg" in update


def test_story_of_an_event_in_its_own_formats(
    tmp_path: Path, server: HttpServer, fixtures: Path
) -> None:
    """Text, VOEvent and JSON of two revisions and a circular that has both number and name."""
    sink = make(tmp_path, json_url(server))
    found = sorted(fixtures.rglob("136565_2186969_*"))
    records = sorted((read(path) for path in found), key=lambda record: record.alert.revision or 0)
    assert len(records) > 4
    sink.write(records)
    assert [title.partition(":")[0] for title in titles(server)] == [
        "GOLD 136565_2186969 r0",
        "GOLD IC220424A r1",
    ]
    assert "moved by 0.353 deg" in told(server)[1]["message"]


def test_a_circular_is_news_and_knows_the_notice_by_its_name(
    tmp_path: Path, server: HttpServer
) -> None:
    circular = make_record(
        format=WireFormat.CIRCULAR, circular_number=33633, run_id=None, event_id=None,
        revision=None, energy_tev=150.0,
    )  # fmt: skip
    sink = make(tmp_path, json_url(server))
    sink.write([make_record(), circular, circular])
    assert len(told(server)) == 2
    assert "since revision 0 (json): energy from" in told(server)[1]["message"]


def test_late_notice_says_that_it_is_late(tmp_path: Path, server: HttpServer) -> None:
    sink = make(tmp_path, json_url(server))
    sink.write([make_record(revision=1), make_record()])
    assert "late: revision 1 (json) came before this one" in told(server)[1]["message"]


def test_a_test_is_no_earlier_notice_of_a_real_event(tmp_path: Path, server: HttpServer) -> None:
    sink = make(tmp_path, json_url(server), tests=True)
    sink.write([make_record(tense=Tense.TEST), make_record(revision=1)])
    assert "changed" not in told(server)[1]["message"]


def test_what_names_nothing_is_told_each(tmp_path: Path, server: HttpServer) -> None:
    alerts = [
        Alert(kind=make_record().alert.kind, format=WireFormat.TEXT, comments=(text,))
        for text in ("1", "2")
    ]
    records = [Record.of(make_message(), alert) for alert in alerts]
    make(tmp_path, json_url(server)).write([*records, *records])
    assert len(told(server)) == 2


def test_only_the_url_that_failed_is_tried_again(tmp_path: Path, server: HttpServer) -> None:
    records = [make_record(revision=number) for number in range(3)]
    server.answer = lambda request: Answer(503 if request.path.endswith("/b") else 200)
    sink = make(tmp_path, json_url(server, "a"), json_url(server, "b"), json_url(server, "c"))
    with pytest.raises(RetryLater) as caught:
        sink.write(records)
    assert str(caught.value) == "urls[1] (json) did not take the message (status 503)"
    assert [len(told(server, path)) for path in "abc"] == [3, 1, 3]  # b: not asked again at once
    server.answer = Answer()
    sink = make(tmp_path, json_url(server, "a"), json_url(server, "b"), json_url(server, "c"))
    sink.write(records)
    assert [len(told(server, path)) for path in "abc"] == [3, 4, 3]
    assert [title.split()[2] for title in titles(server, "b")[1:]] == ["r0:", "r1:", "r2:"]


def test_down_then_up(tmp_path: Path) -> None:
    with http_server() as server:
        url = json_url(server)
    sink = make(tmp_path, url)
    with pytest.raises(RetryLater, match=r"urls\[0\] \(json\) did not take the message$"):
        sink.write([make_record()])


def test_server_that_hangs(tmp_path: Path) -> None:
    def hang(connection: socket.socket) -> None:
        connection.settimeout(120)
        while connection.recv(1000):
            pass

    with byte_server(hang) as url:
        sink = make(tmp_path, f"{url.replace('http', 'json')}/?cto=0.3&rto=0.3")
        started = time.monotonic()
        with pytest.raises(RetryLater):
            sink.write([make_record()])
        assert time.monotonic() - started < 60


def test_many_urls_from_all_places(
    tmp_path: Path, server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALERT_URLS", f"{json_url(server, 'b')}\n {json_url(server, 'c')}")
    file = tmp_path / "urls"
    file.write_text(f"# ours\n\n{json_url(server, 'd')}\n{json_url(server, 'a')}\n")
    sink = make(tmp_path, json_url(server, "a"), urls_env="ALERT_URLS", urls_file=str(file))
    sink.write([make_record()])
    assert [len(told(server, path)) for path in "abcd"] == [
        1,
        1,
        1,
        1,
    ]  # a once, though twice given


def test_limit_is_kept_and_our_page_stays(tmp_path: Path, server: HttpServer) -> None:
    make(tmp_path, json_url(server), limit_chars=200, page_url="https://x.org/ice").write(
        [make_record()]
    )
    text = told(server)[0]["message"]
    assert len(text) <= 200
    assert text.startswith(
        "page: https://x.org/ice/events/137840_57034692.html\nposition: RA 345.82"
    )
    assert text.endswith("...")


def test_a_picture_is_attached(tmp_path: Path, server: HttpServer) -> None:
    pytest.importorskip("matplotlib")
    sink = make(tmp_path, json_url(server), picture=True)
    sink.write([make_record(), make_record(event_id=7, event_names=(), localization=None)])
    first, second = told(server)
    (file,) = first["attachments"]
    assert base64.b64decode(file["base64"]).startswith(b"\x89PNG")
    assert second["attachments"] == []


def test_matrix_shows_no_number_sign_and_html(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is handed to Apprise: the headline is no title, which it would write after a ``#``."""
    import apprise

    given: list[dict[str, Any]] = []

    def take(_: object, **one: Any) -> bool:
        given.append(one)
        return True

    monkeypatch.setattr(apprise.Apprise, "notify", take)
    make(
        tmp_path,
        "matrixs://u:p@localhost/room",
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ",
    ).write([make_record()])
    matrix, slack = given
    assert (matrix["title"], slack["title"][:4]) == ("", "GOLD")
    assert matrix["body"].startswith("<b>GOLD IC230416A r0")
    assert (matrix["body_format"], slack["body_format"]) == ("html", "text")
    assert slack["body"].startswith("position: RA 345.8200 deg")


def test_site_is_looked_from(tmp_path: Path, server: HttpServer) -> None:
    site = {"name": "Paranal", "lat_deg": -24.627, "lon_deg": -70.404, "height_m": 2635}
    make(tmp_path, json_url(server), site=site).write([make_record()])
    assert "from here: Paranal: altitude" in told(server)[0]["message"]


def all_loggers() -> list[str]:
    return [name for name in logging.root.manager.loggerDict if not name.startswith("_pytest")]


@pytest.mark.parametrize("status", [200, 401, 503])
def test_no_secret_in_log_error_or_repr(
    tmp_path: Path, server: HttpServer, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    server.answer = Answer(status, b"you sent pa55word and T0KEN12345")
    failure = ""
    with contextlib.ExitStack() as levels:
        for name in ("", *all_loggers(), "apprise", "urllib3.connectionpool", "requests"):
            levels.enter_context(caplog.at_level(1, name or None))
        sink = make(tmp_path, json_url(server))
        try:
            sink.write([make_record()])
        except RetryLater as error:
            failure = f"{error!r} {error} {error.__cause__} {error.__context__}"
    assert bool(failure) is (status != 200)
    shown = f"{caplog.text} {failure} {sink!r} {sink._targets!r}"
    assert not [secret for secret in SECRETS if secret in shown]
    state = (tmp_path / "state" / "notify.sqlite").read_bytes()
    assert not [secret for secret in SECRETS if secret.encode() in state]


def test_the_same_log_has_the_secret_without_us(
    server: HttpServer, caplog: pytest.LogCaptureFixture
) -> None:
    """The test above would see one: Apprise by itself lets it through."""
    import apprise

    with caplog.at_level(1), caplog.at_level(1, "apprise"):
        one = apprise.Apprise(asset=apprise.AppriseAsset(async_mode=False))
        one.add(json_url(server))
        one.notify(body="x")
    assert "T0KEN12345" in caplog.text


def test_config_error_has_no_secret(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for url in ("jsno://me:pa55word@host/T0KEN12345", "slack://pa55word", "json://:pa55word@:x"):
        with (
            caplog.at_level(1),
            caplog.at_level(1, "apprise"),
            pytest.raises(ConfigError) as caught,
        ):
            make(tmp_path, url)
        assert str(caught.value) == "urls[0]: is not a URL that Apprise knows"
        assert caught.value.__context__ is None
    assert not [secret for secret in SECRETS if secret in caplog.text]


def test_apprise_that_raises(
    tmp_path: Path, server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    import apprise

    def broken(self: object, **_: object) -> bool:
        raise ValueError("json://me:pa55word@host")

    sink = make(tmp_path, json_url(server))
    monkeypatch.setattr(apprise.Apprise, "notify", broken)
    with pytest.raises(RetryLater) as caught:
        sink.write([make_record()])
    assert str(caught.value) == "urls[0] (json) did not take the message: ValueError"
    assert logging.getLogger("apprise").filters == []


def test_state_is_private_and_bounded(
    tmp_path: Path, server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "KEPT_SENT", 4)
    monkeypatch.setattr(memory, "KEPT_ALERTS", 3)
    make(tmp_path, json_url(server)).write([make_record(event_id=n) for n in range(7)])
    path = tmp_path / "state" / "notify.sqlite"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with contextlib.closing(sqlite3.connect(path)) as state:
        assert state.execute("SELECT count(*) FROM sent").fetchone() == (4,)
        assert state.execute("SELECT count(*) FROM alerts").fetchone() == (3,)


def test_state_that_is_none(tmp_path: Path, server: HttpServer) -> None:
    (tmp_path / "state").mkdir()
    path = tmp_path / "state" / "notify.sqlite"
    path.write_bytes(b"no database at all, but long enough to look at" * 30)
    sink = make(tmp_path, json_url(server))
    with pytest.raises(RetryLater, match=r"cannot write .*: file is not a database$"):
        sink.write([make_record()])
    assert told(server) == []


def test_state_of_another_version(tmp_path: Path, server: HttpServer) -> None:
    sink = make(tmp_path, json_url(server))
    sink.write([make_record()])
    with contextlib.closing(sqlite3.connect(sink.state, isolation_level=None)) as state:
        state.execute("UPDATE alerts SET alert = '{}'")
    sink.write([make_record(revision=1)])
    assert "changed" not in told(server)[1]["message"]


def test_apprise_is_an_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "apprise", None)
    with pytest.raises(ConfigError, match=r"pip install 'apprise>="):
        make(tmp_path, "json://localhost")


class Postman:
    """What aiosmtpd hands the mail to."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:  # noqa: N802
        del server, session
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        return "250 OK"


@pytest.fixture
def postman() -> Iterator[tuple[Postman, int]]:
    """A mail server of its own; it takes whatever comes."""
    from aiosmtpd.controller import Controller

    (port,) = free_ports(1)
    handler = Postman()
    running = Controller(handler, hostname="127.0.0.1", port=port)
    running.start()
    yield handler, port
    running.stop()


def mail_url(port: int, options: str = "") -> str:
    return f"mailto://127.0.0.1:{port}?from=alerts@example.org&to=shift@example.org&mode=insecure{options}"


def test_it_is_a_plugin() -> None:
    assert load_plugins(allow=("sink-notify",)).sinks["notify"].make is Notify


@pytest.mark.parametrize("form", ["", "&format=text"])
def test_mail(tmp_path: Path, postman: tuple[Postman, int], form: str) -> None:
    handler, port = postman
    make(tmp_path, mail_url(port, form)).write([make_record()])
    (mail,) = handler.mails
    assert mail["subject"].startswith("GOLD IC230416A r0: RA 345.82 Dec +9.14")
    body = mail.get_body(("plain", "html"))
    assert body is not None
    text = body.get_content().replace("&nbsp;", " ").replace("\xa0", " ")
    assert "RA 345.8200 deg" in text


def test_a_message_cannot_write_headers_of_a_mail(
    tmp_path: Path, postman: tuple[Postman, int]
) -> None:
    handler, port = postman
    name = "x\r\nBcc: thief@example.org\r\n\r\nbody\u202e\x00"
    record = make_record(event_names=(name,), run_id=None, comments=(name,))
    make(tmp_path, mail_url(port)).write([record])
    (mail,) = handler.mails
    assert mail["bcc"] is None
    assert mail["subject"].startswith("GOLD x Bcc: thief(at)example.org")


def test_a_chain_is_told_to_its_end_each_time_with_what_changed(
    tmp_path: Path, server: HttpServer
) -> None:
    """Only the first notice passes the filter; who got it gets all that follows of its event."""
    circular: dict[str, Any] = {
        "format": WireFormat.CIRCULAR, "circular_number": 35001, "revision": None,
        "status": None, "signalness": None,
    }  # fmt: skip
    moved = make_localization(ra_deg=346.9)
    chain = [
        make_record(signalness=0.9, event_names=()),
        make_record(signalness=0.2, revision=1, localization=moved, event_names=()),
        make_record(**circular, localization=moved, energy_tev=150.0),
        make_record(
            **circular,
            localization=make_localization(ra_deg=349.0),
            energy_tev=150.0,
            notice_time=TRIGGER + timedelta(hours=1),
        ),
        make_record(
            **circular | {"circular_number": 35002, "status": Status.RETRACTION},
            localization=None,
            run_id=None,
            notice_time=TRIGGER + timedelta(hours=2),
        ),
    ]
    other = make_record(event_id=7, event_names=(), signalness=0.2)
    config = SinkConfig(name="s", type="notify", when="signalness > 0.5")
    sink = make(tmp_path, json_url(server))
    for record in [other, *chain, *chain]:
        if make_filter(config, tmp_path)(record):  # the host starts anew each time
            sink.write([record])
    texts = [one["message"] for one in told(server)]
    assert len(texts) == 5
    assert "changed" not in texts[0]
    assert "since revision 0 (json): moved by 1.07 deg; signalness from 0.9 to 0.2" in texts[1]
    assert "energy from 127.3 to 150 TeV" in texts[2]
    assert "since circular 35001 (circular): moved by 2.07 deg" in texts[3]
    assert "retracted" in texts[4]
    assert titles(server)[4].startswith("RETRACTED: GOLD IC230416A")


def test_a_real_chain_is_told_to_its_end(tmp_path: Path, server: HttpServer, corpus: Path) -> None:
    """GCN 26832 and 26874, with the two notices before them; a correction is made of the first."""

    def circular(number: int, *, moved_deg: float = 0.0, later_h: int = 0) -> Record:
        (path,) = (corpus / "circulars").glob(f"*_{number}.txt")
        value, record = path.read_bytes(), read(path)
        if not moved_deg:
            return record
        place, sent = record.alert.localization, record.alert.notice_time
        assert place is not None
        assert sent is not None
        alert = record.alert.replace(
            localization=place.replace(ra_deg=place.ra_deg + moved_deg),
            notice_time=sent + timedelta(hours=later_h),
        )
        return Record.of(record.message.replace(value=value + b" "), alert, record.significances)

    told_first = circular(26832)
    place, time = told_first.alert.localization, told_first.alert.trigger_time
    assert place is not None
    assert time is not None
    numbers: dict[str, Any] = {"run_id": 133644, "event_id": 43767651, "event_names": ()}
    early = {"kind": AlertKind.BRONZE, "trigger_time": time, **numbers}
    chain = [
        make_record(**early, signalness=0.9, localization=place.replace(ra_deg=place.ra_deg + 3)),
        make_record(**early, signalness=0.33, revision=1, localization=place),
        told_first,
        circular(26832, moved_deg=1.5, later_h=1),
        circular(26874),
    ]
    config = SinkConfig(name="s", type="notify", when="signalness > 0.5")
    sink, accepts = make(tmp_path, json_url(server)), make_filter(config, tmp_path)
    for record in [*chain, *chain]:
        if accepts(record):
            sink.write([record])
    texts = [one["message"] for one in told(server)]
    assert len(texts) == 5
    assert "changed:" not in texts[0]
    assert "signalness from 0.9 to 0.33" in texts[1]
    assert "circular 26832" in texts[2]
    assert "since circular 26832 (circular): moved by " in texts[3]
    assert titles(server)[4] == "RETRACTED: TRACK IC200120A circular 26874"


def test_a_correction_of_the_same_revision_is_told(tmp_path: Path, server: HttpServer) -> None:
    first = make_record(localization=make_localization(ra_deg=162.0, dec_deg=27.0))
    later = TRIGGER + timedelta(minutes=5)
    second = make_record(
        localization=make_localization(ra_deg=200.0, dec_deg=-10.0), notice_time=later
    )
    sink = make(tmp_path, json_url(server))
    sink.write([first, second, first, second])
    assert len(told(server)) == 2
    assert "since revision 0 (json): moved by 52.2 deg" in told(server)[1]["message"]
