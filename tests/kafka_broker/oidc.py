"""A token endpoint, and a Kafka broker that takes its tokens: what GCN has, on localhost.

The endpoint knows one client and signs JSON web tokens (HS256, RFC 7519) that the broker's own
OAUTHBEARER validator checks with the key in a JWKS file. Clients log in by SASL, without TLS.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

from .broker import KafkaBroker, free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

__all__ = ["OidcKafka", "TokenEndpoint"]

CLIENT_ID = "somebody"
CLIENT_SECRET = "hush"  # noqa: S105  # of a client that exists for a test

SETTINGS = """\
listeners=PLAINTEXT://127.0.0.1:{{port}},CONTROLLER://127.0.0.1:{{controller_port}},OIDC://127.0.0.1:{oidc_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{{port}},CONTROLLER://127.0.0.1:{{controller_port}},OIDC://127.0.0.1:{oidc_port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,OIDC:SASL_PLAINTEXT
listener.name.oidc.sasl.enabled.mechanisms=OAUTHBEARER
listener.name.oidc.oauthbearer.sasl.server.callback.handler.class={security}.OAuthBearerValidatorCallbackHandler
listener.name.oidc.oauthbearer.sasl.jaas.config={security}.OAuthBearerLoginModule required ;
listener.name.oidc.oauthbearer.sasl.oauthbearer.jwks.endpoint.url={keys}
listener.name.oidc.oauthbearer.sasl.oauthbearer.clock.skew.seconds=1
listener.name.oidc.oauthbearer.connections.max.reauth.ms=60000
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
allow.everyone.if.no.acl.found=true
"""


class TokenEndpoint:
    """Gives tokens for a client's id and secret (OAuth 2, client credentials).

    Attributes
    ----------
    given, refused : int
        Tokens given, and requests refused, so far.
    valid_s : float
        For how long the next token is valid [s].
    skew_s : float
        How far the clock that stamps tokens goes wrong [s].
    signing_key : bytes
        Another than `key` makes tokens that the broker does not take.
    """

    def __init__(self) -> None:
        self.key = secrets.token_bytes(32)
        self.signing_key = self.key
        self.given = self.refused = 0
        self.valid_s = 3600.0
        self.skew_s = 0.0
        self.status = 200
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Where tokens are asked for."""
        return f"http://127.0.0.1:{self._server.server_port}/oauth2/token"

    def keys(self) -> dict[str, Any]:
        """Return the JSON web key set that checks the tokens."""
        return {"keys": [{"kty": "oct", "kid": "k", "alg": "HS256", "k": _base64(self.key)}]}

    def answer(self, authorization: str) -> tuple[int, dict[str, Any]]:
        """Return HTTP status and body for a request with that ``Authorization``."""
        credentials = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if self.status != 200 or authorization != f"Basic {credentials}":
            self.refused += 1
            return (self.status, {}) if self.status != 200 else (401, {"error": "invalid_client"})
        self.given += 1
        token = {"access_token": self.token(), "token_type": "Bearer", "expires_in": self.valid_s}
        return 200, token

    def token(self) -> str:
        """Return a signed token."""
        now = time.time() + self.skew_s
        claims = {"iss": "tests", "sub": CLIENT_ID, "iat": int(now), "exp": int(now + self.valid_s)}
        head = {"alg": "HS256", "typ": "JWT", "kid": "k"}
        signed = ".".join(_base64(json.dumps(part).encode()) for part in (head, claims))
        mark = hmac.new(self.signing_key, signed.encode(), hashlib.sha256).digest()
        return f"{signed}.{_base64(mark)}"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status, answer = endpoint.answer(self.headers.get("Authorization", ""))
                body = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler


class OidcKafka:
    """The broker, its endpoint, and where clients log in."""

    def __init__(self, broker: KafkaBroker, endpoint: TokenEndpoint, port: int) -> None:
        self.broker = broker
        self.endpoint = endpoint
        self.bootstrap_servers = f"127.0.0.1:{port}"

    @classmethod
    @contextmanager
    def running(cls, folder: Path) -> Iterator[Self]:
        """Start both; the key set goes into `folder`."""
        with TokenEndpoint() as endpoint:
            keys = folder / "keys.json"
            keys.write_text(json.dumps(endpoint.keys()))
            (port,) = free_ports(1)
            settings = SETTINGS.format(
                oidc_port=port,
                keys=keys.as_uri(),
                security="org.apache.kafka.common.security.oauthbearer",
            )
            allowed = f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={keys.as_uri()}"
            with KafkaBroker(settings=settings, java_options=[allowed]) as broker:
                yield cls(broker, endpoint, port)


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
