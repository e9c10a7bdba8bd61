from __future__ import annotations

import contextlib
import ipaddress
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from icecube_hooks import ConfigError, RefusedForGood, RetryLater
from icecube_plugin.sinks._http import Endpoint, Reply, refusal
from icecube_plugin.sinks._options import secret_text
from tests.sinks.http_server import Answer, HttpServer, byte_server, http_server

PLACE = "https://user:p%40ss@example.org:8443/hook/T0KEN12345?key=QUERY12345"


@pytest.fixture
def server() -> Iterator[HttpServer]:
    with http_server() as running:
        yield running


def ask(url: str, *, body: bytes = b"{}", **options: Any) -> Reply:
    place = Endpoint.of(url, "url", **{"allow_private": True, **options})
    with contextlib.closing(place):
        return place.request("POST", body, {"X-Header": "1"})


def test_request_as_the_server_sees_it(server: HttpServer) -> None:
    server.answer = Answer(201, b"thanks\n")
    reply = ask(f"http://me:p%40ss@{server.host}/a b/\u00e9?q=%20x", body=b"{1}")
    assert (reply.status, reply.body, reply.said, reply.is_ok) == (201, b"thanks\n", "thanks", True)
    (request,) = server.requests
    assert (request.method, request.path) == ("POST", "/a%20b/%C3%A9?q=%20x")
    assert request.body == b"{1}"
    assert request.headers["host"] == server.host
    assert request.headers["authorization"] == "Basic bWU6cEBzcw=="
    assert request.headers["x-header"] == "1"


def test_one_connection_serves_many_requests(server: HttpServer) -> None:
    place = Endpoint.of(server.url, "url", allow_private=True)
    for _ in range(3):
        assert place.request("POST", b"", {}).is_ok
    assert len(server.requests) == 3
    assert len({request.client for request in server.requests}) == 1
    place.close()


def test_connection_closed_by_the_server_is_opened_again(server: HttpServer) -> None:
    server.answer = Answer(headers={"Connection": "close"})
    place = Endpoint.of(server.url, "url", allow_private=True)
    assert [place.request("POST", b"", {}).status for _ in range(3)] == [200] * 3


def test_huge_answer_is_read_in_part(server: HttpServer) -> None:
    server.answer = Answer(500, b"x" * 5_000_000)
    place = Endpoint.of(server.url, "url", allow_private=True)
    reply = place.request("POST", b"", {})
    assert len(reply.body) == 65_536
    assert len(reply.said) == 200
    assert place.request("POST", b"", {}).status == 500  # not the rest of the first


def test_redirect_is_not_followed(server: HttpServer) -> None:
    server.answer = Answer(302, headers={"Location": f"{server.url}/elsewhere"})
    reply = ask(server.url)
    assert reply.status == 302
    assert len(server.requests) == 1
    assert isinstance(refusal(reply, "x"), RefusedForGood)


@pytest.mark.parametrize(
    ("status", "error"),
    [(status, RetryLater) for status in (408, 425, 429, 500, 502, 503, 504, 599)]
    + [(status, RefusedForGood) for status in (301, 307, 400, 401, 403, 404, 409, 410, 413, 422)],
)
def test_what_a_refusal_stands_for(status: int, error: type[Exception]) -> None:
    reply = Reply(status=status, body=b"", retry_after=None, said="")
    assert type(refusal(reply, "https://x")) is error


def test_refusal_in_words(server: HttpServer) -> None:
    server.answer = Answer(429, b"slow\r\ndown\x1b[2J\xff", {"Retry-After": "120"})
    text = str(refusal(ask(server.url), "http://x"))
    expected = "http://x answered 429, try again after 120: slow down\\x1b[2J\ufffd"
    assert text == expected


def test_answer_that_tells_our_secrets_is_shown_without_them(server: HttpServer) -> None:
    echo = b"no hook/T0KEN12345 QUERY12345 p@ss p%40ss s3cret here"
    server.answer = Answer(404, echo, {"Retry-After": "p@ss"})
    url = f"http://user:p%40ss@{server.host}/hook/T0KEN12345?key=QUERY12345"
    place = Endpoint.of(url, "url", allow_private=True, secrets=("s3cret", "QUERY12345", None))
    with contextlib.closing(place):
        reply = place.request("POST", b"", {})
    assert reply.said == "no hook/*** *** *** *** *** here"
    assert reply.retry_after == "***"


def hang(connection: socket.socket) -> None:
    connection.settimeout(120)
    while connection.recv(1000):
        pass


def test_server_that_does_not_answer() -> None:
    with byte_server(hang) as url:
        started = time.monotonic()
        with pytest.raises(RetryLater, match=r"127\.0\.0\.1:\d+: no answer in time$"):
            ask(url, timeout_s=0.3)
        assert time.monotonic() - started < 60


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\x00\xff" * 100,
        b"SSH-2.0-OpenSSH_9.2p1\r\n",
        b"HTTP/1.1 999999 what\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nx",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
    ],
)
def test_malformed_answer_may_pass(answer: bytes) -> None:
    def speak(connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(answer)

    with byte_server(speak) as url, pytest.raises(RetryLater) as caught:
        ask(url)
    assert str(caught.value).startswith(url)
    assert caught.value.__cause__ is None


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(RetryLater) as caught:
        ask(f"http://user:pass@127.0.0.1:{port}/token12345")
    assert str(caught.value) == f"http://127.0.0.1:{port}: Connection refused"


def test_host_that_nobody_knows() -> None:
    with pytest.raises(RetryLater, match=r"https://no-such-host\.invalid: the host's name is not"):
        ask("https://no-such-host.invalid/")


PRIVATE = [
    "127.0.0.1",
    "127.1.2.3",
    "0.0.0.0",  # noqa: S104  # not bound to
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1",
    "fc00::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_private_address_is_refused(address: str) -> None:
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(ConfigError, match="is a private address \\(allow_private = true"):
        Endpoint.of(f"http://{host}/", "url")


@pytest.mark.parametrize("host", ["localhost", "a.localhost", "LOCALHOST"])
def test_names_of_this_machine_are_private(host: str) -> None:
    with pytest.raises(ConfigError, match="is a private address"):
        Endpoint.of(f"http://{host}/", "url")


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:4700::1", "64:ff9b::808:808"])
def test_public_address_is_allowed(address: str) -> None:
    assert ipaddress.ip_address(address)
    host = f"[{address}]" if ":" in address else address
    assert Endpoint.of(f"https://{host}/", "url").shown == f"https://{host}"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (5, "expected text, not int"),
        ("", "is empty"),
        ("example.org", "expected an address http"),
        ("file:///etc/passwd", "expected an address http"),
        ("ftp://example.org", "expected an address http"),
        ("https://", "expected an address http"),
        ("https://example.org:99999", "is not a URL"),
        ("https://[::1", "is not a URL"),
        ("https://exa\tmple .org", "name is not valid"),
        ("https://" + "\u00e4" * 100, "name is not valid"),
    ],
)
def test_wrong_url(url: object, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        Endpoint.of(url, "url")


def test_nothing_secret_is_shown() -> None:
    place = Endpoint.of(PLACE, "url", secrets=("hmac-secret",))
    assert repr(place) == "Endpoint('https://example.org:8443')"
    assert place.shown == "https://example.org:8443"
    assert Endpoint.of("https://\u00e4rger.example", "url").shown == "https://xn--rger-koa.example"


def test_secret_from_option_environment_or_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "token"
    file.write_text(" from file\n")
    monkeypatch.setenv("TOKEN_HERE", "from env")
    assert secret_text("given", None, None, "token") == "given"
    assert secret_text(None, "TOKEN_HERE", None, "token") == "from env"
    assert secret_text(None, None, str(file), "token") == "from file"
    assert secret_text(None, None, None, "token") is None
    cases: tuple[tuple[tuple[object, object, object], str], ...] = (
        (("a", "B", None), "token: give one of token, token_env and token_file"),
        ((None, "NOT_SET", None), "token_env: the environment variable NOT_SET is not set"),
        ((None, None, str(tmp_path / "x")), f"token_file: cannot read {tmp_path}/x: No such file"),
        ((5, None, None), "token: expected text, not int"),
    )
    for options, text in cases:
        with pytest.raises(ConfigError) as caught:
            secret_text(*options, "token")
        assert str(caught.value).startswith(text)


def test_certificate_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TLS: an unknown certificate is refused, a known one is taken, a wrong name is not."""
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command.split(), *names, *files], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    def speak(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            while b"{}" not in secure.recv(1000):  # headers, then the body
                pass
            secure.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    with byte_server(speak) as url:
        port = url.rpartition(":")[2]
        with pytest.raises(RetryLater, match=r"no valid answer|certificate"):
            ask(f"https://localhost:{port}/")
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert ask(f"https://localhost:{port}/").body == b"ok"
        with pytest.raises(RetryLater):
            ask(f"https://127.0.0.1:{port}/")
