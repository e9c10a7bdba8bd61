from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import logging
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from icecube_hooks import ConfigError, Record, RefusedForGood, RetryLater, Sink
from icecube_hooks.host import load_plugins
from icecube_hooks.testing import SinkConformance, example_records, make_alert, make_record
from icecube_plugin.alerts.columns import RECORD
from icecube_plugin.alerts.headline import headline
from icecube_plugin.sinks.webhook import Webhook, signature
from tests.sinks.http_server import Answer, HttpServer, Request, http_server

KEY = "whsec_" + base64.b64encode(b"k" * 32).decode()


@pytest.fixture
def server() -> Iterator[HttpServer]:
    with http_server() as running:
        yield running


class TestWebhook(SinkConformance):
    factory = Webhook
    bad_options = (
        {},
        {"url": 5},
        {"url": ""},
        {"url": "example.org"},
        {"url": "ftp://example.org"},
        {"url": "http://127.0.0.1/"},
        {"url": "http://example.org", "url_env": "HOME"},
        {"url_env": "NO_SUCH_VARIABLE"},
        {"url_file": "/no/such/file"},
        {"url": "http://example.org", "secret": ""},
        {"url": "http://example.org", "secret": "whsec_!"},
        {"url": "http://example.org", "secret": "a", "secret_env": "HOME"},
        {"url": "http://example.org", "allow_private": 1},
        {"url": "http://example.org", "timeout_s": 0},
        {"url": "http://example.org", "connect_timeout_s": "1"},
    )

    @pytest.fixture(autouse=True)
    def place(self, server: HttpServer) -> None:
        self.server = server

    def make_sink(self) -> Webhook:
        return Webhook(url=f"{self.server.url}/hook", secret=KEY, allow_private=True)

    def written_ids(self, sink: Sink) -> Sequence[str]:
        """What a receiver has that drops repetitions by their key, as it is told to."""
        del sink
        return list(dict.fromkeys(r.headers["idempotency-key"] for r in self.server.requests))

    @contextlib.contextmanager
    def trouble(self, sink: Sink) -> Iterator[None]:
        del sink
        self.server.answer = Answer(503)
        yield
        self.server.requests.clear()
        self.server.answer = Answer()


def test_request(server: HttpServer) -> None:
    record = make_record()
    Webhook(url=f"{server.url}/hook?a=1", secret=KEY, allow_private=True).write([record])
    (request,) = server.requests
    assert (request.method, request.path) == ("POST", "/hook?a=1")
    assert Record.from_dict(json.loads(request.body)) == record
    assert request.headers["content-type"] == "application/json"
    assert request.headers["idempotency-key"] == record.id
    assert abs(int(request.headers["webhook-timestamp"]) - time.time()) < 5
    assert request.headers["webhook-signature"] == expected_signature(request, b"k" * 32)


def test_a_body_of_ones_own(server: HttpServer) -> None:
    body = '{"text": $headline, "at": [$ra_deg, $dec_deg], "far": $far_hz, "t": $trigger_time}'
    record = make_record(alert=make_alert(event_names=('a "name"',), far_hz=None))
    Webhook(url=server.url, body=body, secret=KEY, allow_private=True).write([record])
    (request,) = server.requests
    place, time_ = record.alert.localization, record.alert.trigger_time
    assert place is not None
    assert time_ is not None
    assert json.loads(request.body) == {
        "text": headline(record),
        "at": [place.ra_deg, place.dec_deg],
        "far": None,
        "t": time_.isoformat().replace("+00:00", "Z"),
    }
    assert request.headers["webhook-signature"] == expected_signature(request, b"k" * 32)


def test_every_column_can_be_in_a_body(server: HttpServer) -> None:
    names = ("headline", "record", *(column.name for column in RECORD))
    body = "{" + ", ".join(f'"{name}": ${{{name}}}' for name in names) + "}"
    records = list(example_records())
    Webhook(url=server.url, body=body, allow_private=True).write(records)
    found = [json.loads(request.body) for request in server.requests]
    assert [set(one) for one in found] == [set(names)] * len(records)
    assert [Record.from_dict(one["record"]).id for one in found] == [r.id for r in records]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ('{"a": $headlin}', "body: unknown name $headlin (did you mean 'headline'?)"),
        ('{"a": "$headline"', "body: is not JSON when it is filled: "),
        ("$", "body: has a $ that begins no name (write $$ for a $)"),
    ],
)
def test_a_body_that_cannot_be(body: str, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Webhook(url="http://example.org", body=body)
    assert str(caught.value).startswith(text)


def expected_signature(request: Request, key: bytes) -> str:
    head = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}."
    digest = hmac.digest(key, head.encode() + request.body, hashlib.sha256)
    return f"v1,{base64.b64encode(digest).decode()}"


def test_signature_of_the_specification() -> None:
    """The example in the documentation of Svix, who began Standard Webhooks."""
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    found = signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", body)
    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_plain_secret_is_its_own_key_and_none_is_no_signature(server: HttpServer) -> None:
    Webhook(url=server.url, secret=KEY[6:], allow_private=True).write([make_record()])
    Webhook(url=server.url, allow_private=True).write([make_record()])
    signed, unsigned = server.requests
    assert signed.headers["webhook-signature"] == expected_signature(signed, KEY[6:].encode())
    assert "webhook-signature" not in unsigned.headers


def test_ids_of_messages_have_no_dot_and_differ(server: HttpServer) -> None:
    Webhook(url=server.url, allow_private=True).write(example_records())
    ids = {request.headers["webhook-id"] for request in server.requests}
    assert len(ids) == len(example_records())
    assert not any("." in one for one in ids)


def test_url_and_secret_from_file_and_environment(
    server: HttpServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "url").write_text(f"{server.url}/from/file\n")
    monkeypatch.setenv("HOOK_SECRET", "plain")
    file = str(tmp_path / "url")
    sink = Webhook(url_file=file, secret_env="HOOK_SECRET", allow_private=True)  # noqa: S106  # a name
    sink.write([make_record()])
    (request,) = server.requests
    assert request.path == "/from/file"
    assert request.headers["webhook-signature"] == expected_signature(request, b"plain")


def test_what_was_delivered_is_not_sent_again_when_the_rest_is(server: HttpServer) -> None:
    records = [make_record(event_id=number) for number in range(4)]
    sink = Webhook(url=server.url, allow_private=True)

    def third_fails(request: Request) -> Answer:
        return Answer(503 if request.headers["idempotency-key"] == records[2].id else 200)

    server.answer = third_fails
    with pytest.raises(RetryLater, match="answered 503"):
        sink.write(records)
    server.answer = Answer()
    sink.write(records)
    sent = [request.headers["idempotency-key"] for request in server.requests]
    assert sent == [records[number].id for number in (0, 1, 2, 2, 3)]


def test_refused_for_good(server: HttpServer) -> None:
    server.answer = Answer(410, b"gone")
    with pytest.raises(RefusedForGood) as caught:
        Webhook(url=server.url, allow_private=True).write([make_record()])
    assert str(caught.value) == f"{server.url} answered 410: gone"


def test_down() -> None:
    with http_server() as server:
        sink = Webhook(url=server.url, allow_private=True, connect_timeout_s=1)
        sink.write([make_record()])
    with pytest.raises(RetryLater, match="Connection refused"):
        sink.write([make_record(event_id=1)])


@pytest.mark.parametrize("status", [400, 503])
def test_no_secret_is_told(
    server: HttpServer, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    secrets = ["pa55word", "T0KEN12345", "QUERY12345", "s1gnature-key"]
    server.answer = Answer(status, " ".join(secrets).encode())
    sink = Webhook(
        url=f"http://user:pa55word@{server.host}/T0KEN12345?k=QUERY12345",
        secret=secrets[3],
        allow_private=True,
    )
    with caplog.at_level(logging.DEBUG), pytest.raises((RetryLater, RefusedForGood)) as caught:
        sink.write([make_record()])
    assert str(status) in str(caught.value)
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
    shown = f"{caplog.text} {caught.value!r} {caught.value} {sink!r} {sink._endpoint!r}"
    assert not [secret for secret in secrets if secret in shown]


def test_config_errors_tell_no_secret() -> None:
    cases: tuple[dict[str, Any], ...] = (
        {"url": "http://user:pa55word@127.0.0.1/T0KEN12345"},
        {"url": "ftp://user:pa55word@example.org/T0KEN12345"},
        {"url": "http://user:pa55word@example.org:x/T0KEN12345"},
        {"url": "http://example.org", "secret": "whsec_pa55word!"},
    )
    for options in cases:
        with pytest.raises(ConfigError) as caught:
            Webhook(**options)
        assert "pa55word" not in str(caught.value)
        assert "T0KEN12345" not in str(caught.value)


def test_it_is_a_plugin() -> None:
    assert load_plugins(allow=("sink-webhook",)).sinks["webhook"].make is Webhook
