"""The sink ``webhook``: each record to a URL, as one signed POST.

The body is ``Record.to_json()``, or made of the option ``body``::

    body = '''{"text": $headline, "target": {"ra": $ra_deg, "dec": $dec_deg}, "id": $record_id}'''

where each ``$name`` stands for a JSON value (a text with its quotation marks; ``null`` is "not
stated"): ``$headline``, ``$record`` and the columns of a record (`icecube_plugin.alerts.columns`).
The headers::

    Content-Type: application/json
    Idempotency-Key: gold:137840_57034692:0:0123456789abcdef     the record's id
    webhook-id: msg_5f3c...                                      a digest of that id
    webhook-timestamp: 1700000000                                Unix time of this attempt [s]
    webhook-signature: v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=

The last three follow Standard Webhooks (https://www.standardwebhooks.com): the signature is the
Base64 of HMAC-SHA256 over ``id.timestamp.body``, and the libraries of that specification check
it. The key is the secret's bytes; of a secret ``whsec_...``, the Base64 after that. Without a
secret nothing is signed.

Conventions
-----------
- At least once: a record may be posted again, after an error or a restart, under the same
  ``Idempotency-Key``. A receiver drops such a repetition by that key, or by ``id`` in the body,
  which is signed. What this process has delivered, among the last ten thousand, it does not send
  again.
- No answer, 408, 425, 429 and 500 and more: the host tries again. Anything else but 200 to 299 is
  final; a redirect is not followed.
- See `icecube_plugin.sinks._http` for addresses that are refused, deadlines, and what is not shown.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import time
from collections.abc import Callable, Mapping, Sequence
from string import Template
from typing import Any, Final

import msgspec

from icecube_hooks import ConfigError, Record, SinkType, hookimpl
from icecube_plugin.alerts.columns import RECORD
from icecube_plugin.alerts.headline import headline

from ._http import Endpoint, refusal
from ._options import Seconds, Text, secret_text
from .delivered import Delivered

__all__ = ["Webhook", "signature"]


class Webhook:
    """Post each record to a URL.

    Parameters
    ----------
    url, url_env, url_file : str
        Where to, itself or the environment variable or file that holds it; exactly one of them.
    secret, secret_env, secret_file : str, optional
        What the signature is made with; at most one of them.
    body : str, optional
        What is posted in place of the record: JSON in which ``$name`` stands for a value.
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
        url: str | None = None,
        url_env: str | None = None,
        url_file: str | os.PathLike[str] | None = None,
        secret: str | None = None,
        secret_env: str | None = None,
        secret_file: str | os.PathLike[str] | None = None,
        body: Text | None = None,
        allow_private: bool = False,
        connect_timeout_s: Seconds = 5.0,
        timeout_s: Seconds = 30.0,
    ) -> None:
        address = secret_text(url, url_env, url_file, "url")
        if address is None:
            raise ConfigError("is required", key="url", hint="or url_env, or url_file")
        text = secret_text(secret, secret_env, secret_file, "secret")
        self._key = None if text is None else _key(text)
        self._endpoint = Endpoint.of(
            address,
            "url",
            allow_private=allow_private,
            connect_timeout_s=connect_timeout_s,
            timeout_s=timeout_s,
            secrets=(text,),
        )
        self._body = None if body is None else _template(body)
        self._delivered = Delivered()

    def write(self, records: Sequence[Record], /) -> None:
        """Post a batch, one request per record.

        Raises
        ------
        RetryLater
            If the server does not answer, or says that its trouble may pass.
        RefusedForGood
            If it refuses, or its address is not allowed.
        """
        with contextlib.closing(self._endpoint):
            for record in self._delivered.new(records):
                self._post(record)
                self._delivered.add(record)

    def _post(self, record: Record) -> None:
        body = (record.to_json() if self._body is None else _filled(self._body, record)).encode()
        reply = self._endpoint.request("POST", body, self._headers(record.id, body))
        if not reply.is_ok:
            raise refusal(reply, self._endpoint.shown)

    def _headers(self, record_id: str, body: bytes) -> dict[str, str]:
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": record_id,
            "webhook-id": _message_id(record_id),
            "webhook-timestamp": str(int(time.time())),
        }
        if self._key is not None:
            message = headers["webhook-id"], headers["webhook-timestamp"]
            headers["webhook-signature"] = signature(self._key, *message, body)
        return headers


def signature(key: bytes, message_id: str, timestamp: str, body: bytes) -> str:
    """Return the value of ``webhook-signature``, see the module.

    Examples
    --------
    >>> key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    >>> body = b'{"test": 2432232314}'
    >>> signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", body)
    'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='
    """
    import hashlib
    import hmac

    content = f"{message_id}.{timestamp}.".encode() + body
    digest = hmac.new(key, content, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def _message_id(record_id: str) -> str:
    """Return an id without the dots that separate what is signed."""
    from hashlib import sha256

    return f"msg_{sha256(record_id.encode()).hexdigest()[:32]}"


def _key(secret: str) -> bytes:
    if not secret.startswith("whsec_"):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        raise ConfigError("is not Base64 after whsec_", key="secret") from None


def _template(text: str) -> Template:
    """Return the template of a body.

    Raises
    ------
    ConfigError
        If it has an unknown name, or is not JSON when it is filled.
    """
    template = Template(text)
    if not template.is_valid():
        raise ConfigError("has a $ that begins no name", key="body", hint="write $$ for a $")
    names = template.get_identifiers()
    for name in names:
        if name not in _VALUES:
            from icecube_hooks.host import nearest  # which hosts of pluggy alone do without

            raise ConfigError(f"unknown name ${name}", key="body", hint=nearest(name, _VALUES))
    try:
        msgspec.json.decode(template.substitute(dict.fromkeys(names, "null")))
    except msgspec.DecodeError as error:
        hint = "a name stands for a value with its quotation marks"
        raise ConfigError(
            f"is not JSON when it is filled: {error}", key="body", hint=hint
        ) from None
    return template


def _filled(template: Template, record: Record) -> str:
    names = template.get_identifiers()
    values = {name: msgspec.json.encode(_VALUES[name](record)).decode() for name in names}
    return template.substitute(values)


_VALUES: Final[Mapping[str, Callable[[Record], Any]]] = {
    **{column.name: column.get for column in RECORD},
    "headline": headline,
    "record": lambda record: msgspec.Raw(record.to_json().encode()),
}


@hookimpl
def register_sinks() -> list[SinkType]:
    """Register the sink ``webhook``."""
    return [
        SinkType(
            name="webhook",
            make=Webhook,
            summary="a signed POST per record to a URL",
            after_journal=True,
        )
    ]
