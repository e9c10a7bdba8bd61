"""Requests to a service that the configuration names, and what its answers mean.

Conventions
-----------
- Only ``http`` and ``https``. Redirects are not followed and proxies not used: what is asked is the
  host that the user named. Certificates are checked against the system's authorities
  (``SSL_CERT_FILE`` names others).
- A private address is taken only with ``allow_private = true``, so that a URL that somebody else
  has put into a configuration does not reach into a network by mistake.
- Secrets: paths, queries, user names and passwords stay out of every text. A place is shown as
  ``https://host:port``; what a server answers is quoted without our own secrets, cleaned and short.
- Connecting and each wait for the server have a limit. At most 64 kB of an answer are read, unless
  a sink needs more.
"""

from __future__ import annotations

import base64
import ipaddress
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import SplitResult, quote, unquote, urlsplit

from icecube_hooks import ConfigError, RefusedForGood, RetryLater
from icecube_plugin.alerts.words import clean

from ._options import text_option

if TYPE_CHECKING:
    from http.client import HTTPConnection, HTTPResponse

__all__ = ["Endpoint", "Reply", "refusal"]

LONGEST_REPLY: Final = 65_536
QUOTED_CHARACTERS: Final = 200
TOKEN_LENGTH: Final = 8
"""Pieces of path and query from this length on may be tokens: an answer is shown without them."""
PORTS: Final = {"http": 80, "https": 443}
PASSING: Final = frozenset((408, 425, 429))
"""Refusals that may pass; so may all of 500 and more."""

_AS_IT_IS: Final = "/?#[]@!$&'()*+,;=:%-._~"


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered.

    Attributes
    ----------
    status : int
    body : bytes
        Its start, where it is longer than what was to be read.
    retry_after : str or None
        That header, cleaned.
    said : str
        The start of the body for an error, cleaned, without our secrets.
    """

    status: int
    body: bytes = field(repr=False)
    retry_after: str | None
    said: str

    @property
    def is_ok(self) -> bool:
        """Whether the request was accepted."""
        return 200 <= self.status < 300


@dataclass(frozen=True, repr=False)
class Endpoint:
    """A URL from the configuration, checked, with the connection to it. Make it with `of`.

    Attributes
    ----------
    shown : str
        ``https://host:port``, all that is told of it.
    """

    scheme: str
    host: str
    port: int
    target: str
    headers: Mapping[str, str]
    secrets: tuple[str, ...]
    connect_timeout_s: float
    timeout_s: float

    @classmethod
    def of(
        cls,
        url: object,
        key: str,
        *,
        allow_private: bool = False,
        connect_timeout_s: float = 5.0,
        timeout_s: float = 30.0,
        secrets: tuple[str | None, ...] = (),
    ) -> Endpoint:
        """Check a URL.

        Raises
        ------
        ConfigError
            If it is none, or names a private address that is not allowed.
        """
        parts, port = _parts(text_option(url, key), key)
        host = _ascii_host(parts, key)
        if not allow_private and _is_private(host):
            reason = f"{clean(host, 80)} is a private address"
            raise ConfigError(reason, key=key, hint="allow_private = true allows it")
        query = f"?{quote(parts.query, safe=_AS_IT_IS)}" if parts.query else ""
        return cls(
            scheme=parts.scheme,
            host=host,
            port=port,
            target=quote(parts.path or "/", safe=_AS_IT_IS) + query,
            headers={"User-Agent": "icecube-alerts", **_login(parts)},
            secrets=_secrets_of(parts, secrets),
            connect_timeout_s=connect_timeout_s,
            timeout_s=timeout_s,
        )

    def __repr__(self) -> str:
        return f"Endpoint({self.shown!r})"

    @property
    def shown(self) -> str:
        """The place, for people."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if self._is_usual_port else f":{self.port}")

    @property
    def _is_usual_port(self) -> bool:
        return self.port == PORTS[self.scheme]

    def request(
        self,
        method: str,
        body: bytes | None,
        headers: Mapping[str, str],
        target: str | None = None,
        longest: int = LONGEST_REPLY,
    ) -> Reply:
        """Ask, and return the answer, whatever its status.

        `target` stands instead of the endpoint's path and query. At most `longest` bytes are read.
        The connection stays open for the next request, until `close`.

        Raises
        ------
        RetryLater
            If there is no answer, or none in time.
        """
        from http.client import HTTPException

        try:
            self._connection.request(
                method, target or self.target, body, {**self.headers, **headers}
            )
            return self._reply(self._connection.getresponse(), longest)
        except (OSError, HTTPException, ValueError) as error:
            self.close()
            raise RetryLater(f"{self.shown}: {_trouble(error)}") from None

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        connection = vars(self).pop("_connection", None)
        if connection is not None:
            connection.close()

    @cached_property
    def _connection(self) -> HTTPConnection:
        # Not urllib3 or httpx: both log the path of a request, which is a secret of many webhooks.
        from http.client import HTTPConnection, HTTPSConnection

        kind = HTTPConnection if self.scheme == "http" else HTTPSConnection
        connection = kind(self.host, self.port, timeout=self.connect_timeout_s)
        try:
            connection.connect()
        except BaseException:
            connection.close()
            raise
        connection.sock.settimeout(self.timeout_s)
        return connection

    def _reply(self, response: HTTPResponse, longest: int) -> Reply:
        from http.client import IncompleteRead

        data = response.read(longest)
        if response.length and len(data) < longest:
            raise IncompleteRead(data, response.length)
        if not response.isclosed():  # what is left would be taken for the next answer
            self.close()
        text = self._without_secrets(data[: 4 * QUOTED_CHARACTERS].decode("utf-8", "replace"))
        after = response.getheader("Retry-After")
        return Reply(
            status=response.status,
            body=data,
            retry_after=None if after is None else clean(self._without_secrets(after), 40),
            said=clean(" ".join(text.split()), QUOTED_CHARACTERS),
        )

    def _without_secrets(self, text: str) -> str:
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return text


def refusal(reply: Reply, shown: str) -> RetryLater | RefusedForGood:
    """Return the error that an answer outside of 200 to 299 stands for.

    408, 425, 429 and 500 and more may pass. All else will not; redirects are not followed.
    """
    after = "" if reply.retry_after is None else f", try again after {reply.retry_after}"
    said = f": {reply.said}" if reply.said else ""
    text = f"{shown} answered {reply.status}{after}{said}"
    if reply.status in PASSING or reply.status >= 500:
        return RetryLater(text)
    return RefusedForGood(text)


def _parts(url: str, key: str) -> tuple[SplitResult, int]:
    try:
        parts = urlsplit(url)
        port = parts.port or PORTS.get(parts.scheme, 0)
    except ValueError:
        raise ConfigError("is not a URL", key=key) from None
    if parts.scheme not in PORTS or not parts.hostname:
        raise ConfigError("expected an address http://... or https://...", key=key)
    return parts, port


def _ascii_host(parts: SplitResult, key: str) -> str:
    host = parts.hostname or ""
    try:
        found = host if host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError:
        found = ""
    if not found or any(not c.isprintable() or c.isspace() for c in found):
        raise ConfigError("the host's name is not valid", key=key)
    return found


def _secrets_of(parts: SplitResult, more: tuple[str | None, ...]) -> tuple[str, ...]:
    """Return what of a URL may be a secret, as it stands there and as meant, longest first."""
    pieces = re.split(r"[/&=;]", f"{parts.path}&{parts.query}")
    tokens = [piece for piece in pieces if len(piece) >= TOKEN_LENGTH]
    said = [text for piece in (parts.password or "", *tokens) for text in (piece, unquote(piece))]
    return tuple(sorted({text for text in (*more, *said) if text}, key=len, reverse=True))


def _is_private(host: str) -> bool:
    """Whether a host is private without asking anybody."""
    try:
        ip: Any = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
    inner = getattr(ip, "ipv4_mapped", None) or ip
    return not inner.is_global or inner.is_multicast


def _login(parts: SplitResult) -> dict[str, str]:
    if parts.username is None:
        return {}
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def _trouble(error: Exception) -> str:
    """Say what went wrong, without what a server or a URL may have put into the text."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, socket.gaierror):
        return "the host's name is not known"
    if isinstance(error, OSError) and error.strerror:
        return clean(error.strerror)
    return f"no valid answer ({type(error).__name__})"
