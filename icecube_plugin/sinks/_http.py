"""One HTTP request to a service that the configuration names, and what its answer means.

Conventions
-----------
- Only ``http`` and ``https``. Redirects are not followed and proxies not used: what is asked is the
  host that the user named. Certificates are checked against the system's authorities
  (``SSL_CERT_FILE`` names others).
- Unless private addresses are allowed, every address of the host must be a public one, and the
  connection goes to an address that was checked: a name that changes its address between check
  and connection (DNS rebinding) leads nowhere.
- Secrets: paths, queries, user names and passwords stay out of every text. A place is shown as
  ``https://host:port``; what a server answers is quoted without our own secrets, cleaned and short.
- A whole exchange has one deadline, so that a server that sends a byte per second does not hold the
  host up. At most 64 kB of an answer are read, unless a sink needs more.
- Standard library only.
"""

from __future__ import annotations

import base64
import contextlib
import ipaddress
import re
import socket
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import SplitResult, quote, unquote, urlsplit

from icecube_hooks import ConfigError, RefusedForGood, RetryLater
from icecube_plugin.alerts.words import clean

from ._options import positive_s, text_option

if TYPE_CHECKING:
    from http.client import HTTPConnection, HTTPResponse

__all__ = [
    "Connection",
    "Endpoint",
    "Reply",
    "refusal",
]

LONGEST_REPLY: Final = 65_536
QUOTED_CHARACTERS: Final = 200
TOKEN_LENGTH: Final = 8
"""Pieces of path and query from this length on may be tokens: an answer is shown without them."""
PORTS: Final = {"http": 80, "https": 443}
PASSING: Final = frozenset((408, 425, 429))
"""Refusals that may pass; so may all of 500 and more."""

_AS_IT_IS: Final = "/?#[]@!$&'()*+,;=:%-._~"
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")


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


@dataclass(frozen=True, slots=True, repr=False)
class Endpoint:
    """A URL from the configuration, checked. Make it with `of`.

    Attributes
    ----------
    shown : str
        ``https://host:port``, all that is told of it.
    """

    scheme: str
    host: str
    port: int
    target: str
    authorization: str | None
    secrets: tuple[str, ...]
    allow_private: bool
    connect_timeout_s: float
    timeout_s: float

    @classmethod
    def of(
        cls,
        url: object,
        key: str,
        *,
        allow_private: object = False,
        connect_timeout_s: object = 5.0,
        timeout_s: object = 30.0,
        secrets: tuple[str | None, ...] = (),
    ) -> Endpoint:
        """Check a URL.

        Raises
        ------
        ConfigError
            If it is none, or leads to a private address that is not allowed.
        """
        parts, port = _parts(text_option(url, key), key)
        host = _ascii_host(parts, key)
        if not isinstance(allow_private, bool):
            raise ConfigError("expected true or false", key="allow_private")
        if not allow_private and _is_private_host(host):
            reason = f"{clean(host, 80)} is a private address"
            raise ConfigError(reason, key=key, hint="allow_private = true allows it")
        target = quote(parts.path or "/", safe=_AS_IT_IS)
        query = f"?{quote(parts.query, safe=_AS_IT_IS)}" if parts.query else ""
        pieces = re.split(r"[/&=;]", f"{parts.path}&{parts.query}")
        tokens = (text for piece in pieces if len(piece) >= TOKEN_LENGTH for text in _both(piece))
        found = (*secrets, *_both(parts.password or ""), *tokens)
        return cls(
            scheme=parts.scheme,
            host=host,
            port=port,
            target=target + query,
            authorization=_basic(parts),
            secrets=tuple(sorted({text for text in found if text}, key=len, reverse=True)),
            allow_private=allow_private,
            connect_timeout_s=positive_s(connect_timeout_s, "connect_timeout_s"),
            timeout_s=positive_s(timeout_s, "timeout_s"),
        )

    def __repr__(self) -> str:
        return f"Endpoint({self.shown!r})"

    @property
    def shown(self) -> str:
        """The place, for people."""
        return f"{self.scheme}://{self._netloc}"

    @property
    def _netloc(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @contextlib.contextmanager
    def connection(self) -> Iterator[Connection]:
        """Yield a connection for a few requests; it opens with the first."""
        from http.client import HTTPConnection

        connection = Connection(self, HTTPConnection(self.host, self.port))
        try:
            yield connection
        finally:
            connection.http.close()

    def connect(self) -> socket.socket:
        """Connect to a checked address of the host."""
        sock = _connected(self._addresses(), self.connect_timeout_s)
        sock.settimeout(self.timeout_s)
        if self.scheme == "http":
            return sock
        import ssl

        try:
            return ssl.create_default_context().wrap_socket(sock, server_hostname=self.host)
        except BaseException:
            sock.close()
            raise

    def _addresses(self) -> list[Any]:
        found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        private = [str(one[4][0]) for one in found if _is_private(str(one[4][0]))]
        if private and not self.allow_private:
            reason = f"{self.shown} has the private address {private[0]}"
            raise RefusedForGood(f"{reason}; allow_private = true allows it")
        return found

    def without_secrets(self, text: str) -> str:
        """Return `text` with our own secrets starred out."""
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return text


@dataclass(slots=True)
class Connection:
    """A connection to an endpoint, kept open from one request to the next."""

    endpoint: Endpoint
    http: HTTPConnection

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

        Raises
        ------
        RetryLater
            If there is no answer, or none in time.
        RefusedForGood
            If the host has a private address that is not allowed.
        """
        from http.client import HTTPException

        place = self.endpoint
        try:
            if self.http.sock is None:
                self.http.sock = place.connect()
            with _deadline(self.http.sock, place.timeout_s) as is_late:
                try:
                    reply = self._exchange(method, body, headers, target, longest)
                finally:
                    if is_late():  # what was cut can look like a whole answer
                        raise TimeoutError
            return reply
        except (OSError, HTTPException, ValueError) as error:
            self.http.close()
            raise RetryLater(f"{place.shown}: {_trouble(error)}") from None

    def _exchange(
        self,
        method: str,
        body: bytes | None,
        headers: Mapping[str, str],
        target: str | None,
        longest: int,
    ) -> Reply:
        from http.client import IncompleteRead

        own = {"Host": self.endpoint._netloc, "User-Agent": "icecube-alerts"}
        if self.endpoint.authorization is not None:
            own["Authorization"] = self.endpoint.authorization
        self.http.request(method, target or self.endpoint.target, body, {**own, **headers})
        response = self.http.getresponse()
        data = response.read(longest)
        if response.length and len(data) < longest:
            raise IncompleteRead(data, response.length)
        if not response.isclosed():  # what is left would be taken for the next answer
            self.http.close()
        return _reply(response, data, self.endpoint)


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


def _reply(response: HTTPResponse, data: bytes, place: Endpoint) -> Reply:
    text = place.without_secrets(data[: 4 * QUOTED_CHARACTERS].decode("utf-8", "replace"))
    after = response.getheader("Retry-After")
    return Reply(
        status=response.status,
        body=data,
        retry_after=None if after is None else clean(place.without_secrets(after), 40),
        said=clean(" ".join(text.split()), QUOTED_CHARACTERS),
    )


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


def _both(text: str) -> tuple[str, str]:
    """Return a piece of a URL as it stands there, and as it is meant."""
    return text, unquote(text)


def _basic(parts: SplitResult) -> str | None:
    if parts.username is None:
        return None
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


def _is_private_host(host: str) -> bool:
    """Whether a host is private without asking anybody."""
    try:
        return _is_private(host)
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _is_private(address: str) -> bool:
    """Whether an address is no public one, also where it is wrapped in an IPv6 one.

    Raises
    ------
    ValueError
        If it is none.
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    inner = _wrapped(ip) if isinstance(ip, ipaddress.IPv6Address) else None
    return not ip.is_global or ip.is_multicast or (inner is not None and not inner.is_global)


def _wrapped(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if ip in _NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)
    return ip.ipv4_mapped or ip.sixtofour


def _connected(addresses: list[Any], timeout_s: float) -> socket.socket:
    """Connect to the first address that answers."""
    trouble: OSError = OSError("no address")
    for family, kind, protocol, _, address in addresses:
        sock = socket.socket(family, kind, protocol)
        sock.settimeout(timeout_s)
        try:
            sock.connect(address)
            # Headers and body are sent one after the other; the second must not wait for an answer.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            sock.close()
            trouble = error
        else:
            return sock
    raise trouble


@contextlib.contextmanager
def _deadline(sock: socket.socket, seconds: float) -> Iterator[Any]:
    """Cut the connection after some seconds; yield a function that tells whether it was."""
    fired = threading.Event()

    def cut() -> None:
        fired.set()
        with contextlib.suppress(OSError):
            # Not ssl's own shutdown, which changes what the reading thread is using.
            socket.socket.shutdown(sock, socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield fired.is_set
    finally:
        timer.cancel()
        timer.join()


def _trouble(error: Exception) -> str:
    """Say what went wrong, without what a server or a URL may have put into the text."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, socket.gaierror):
        return "the host's name is not known"
    if isinstance(error, OSError) and error.strerror:
        return clean(error.strerror)
    return f"no valid answer ({type(error).__name__})"
